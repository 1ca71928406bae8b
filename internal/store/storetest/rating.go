package storetest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/match"
	"teiserver/internal/rating"
)

var ratingRules = rating.Rules{Season: 1, Tau: 1.0 / 3, Shortest: 90 * time.Second}

// matches makes the records of matches that were played, for a Rater to rate.
func played(t testing.TB, s Store, ids ...int64) {
	t.Helper()
	f := fence(claimed(t, s, key(ids[0]), joined(t, s, "a")))
	for _, id := range ids {
		m := match.Match{ID: id, Created: time.UnixMilli(1), Started: time.UnixMilli(1)}
		must(t, s.CreateMatch(t.Context(), f, m))
		f.Writes++
		must(t, s.StartMatch(t.Context(), f, match.Start{Match: m}))
		f.Writes++
	}
}

// gameOf is a match that these have won against those.
func gameOf(id int64, finished int64, winners, losers []int64) *rating.Game {
	g := &rating.Game{
		Match: id, Type: rating.LargeTeam, Processed: true, Won: true, TeamCount: 2, TeamSize: len(winners),
		Duration: time.Hour, Finished: time.UnixMilli(finished).UTC(),
	}
	for _, u := range winners {
		g.Players = append(g.Players, rating.Player{User: u, Team: 1, Win: true, Party: "p"})
	}
	for _, u := range losers {
		g.Players = append(g.Players, rating.Player{User: u, Team: 2})
	}
	return g
}

// rateIt rates as the processing of a match does.
func rateIt(ctx context.Context, s Store, g *rating.Game) (entries []rating.Entry, changes []cache.Change, err error) {
	_, err = s.ProcessMatch(ctx, g.Match, func(ctx context.Context, w match.Work) (match.Plan, error) {
		var err error
		entries, changes, err = s.RateIn(ctx, w.Tx, g, ratingRules)
		return match.Plan{Match: w.Match}, err
	})
	return entries, changes, err
}

func ratingOf(t testing.TB, s Store, user int64) rating.Rating {
	t.Helper()
	lists, err := s.Ratings(t.Context(), 1, 12345, user)
	must(t, err)
	if len(lists) != 2 || len(lists[0]) != 0 || len(lists[1]) != 1 {
		t.Fatalf("ratings of nobody and user %d: %v", user, lists)
	}
	return lists[1][0]
}

func testRatings(t *testing.T, s Store) {
	if lists, err := s.Ratings(t.Context(), 1); len(lists) != 0 || err != nil {
		t.Errorf("of nobody: %v, %v", lists, err)
	}
	played(t, s, 1, 2)
	entries, changes, err := rateIt(t.Context(), s, gameOf(1, 5000, []int64{9, 7}, []int64{8, 3}))
	must(t, err)
	var users []int64
	for _, e := range entries {
		users = append(users, e.User)
	}
	if diff := cmp.Diff([]int64{3, 7, 8, 9}, users); diff != "" {
		t.Error(diff)
	}
	var keys []string
	for _, c := range changes {
		if c.Table != rating.Table || c.Version == 0 {
			t.Errorf("change %+v", c)
		}
		keys = append(keys, c.Key)
	}
	if diff := cmp.Diff([]string{"3/1", "7/1", "8/1", "9/1"}, keys); diff != "" {
		t.Error(diff)
	}
	r := ratingOf(t, s, 9)
	if r.Matches != 1 || r.Wins != 1 || r.Skill <= 25 || !r.Updated.Equal(time.UnixMilli(5000)) || r.Type != rating.LargeTeam {
		t.Errorf("winner: %+v", r)
	}
	if r := ratingOf(t, s, 3); r.Matches != 1 || r.Wins != 0 || r.Skill >= 25 {
		t.Errorf("loser: %+v", r)
	}
	stored, err := s.Log(t.Context(), 1, 0, 0)
	must(t, err)
	if diff := cmp.Diff(entries, stored, cmpopts.EquateApprox(0, 1e-12), cmpopts.IgnoreFields(rating.Rating{}, "Updated")); diff != "" {
		t.Error(diff)
	}
	if stored[3].User != 9 || stored[3].Party != "p" || math.Abs(stored[3].Skill-stored[3].SkillChange-25) > 1e-9 {
		t.Errorf("log: %+v", stored[3])
	}

	// A match moves ratings once.
	g := gameOf(1, 5000, []int64{9}, []int64{8})
	g.Match = 1
	_, err = s.ProcessMatch(t.Context(), 2, func(ctx context.Context, w match.Work) (match.Plan, error) {
		_, _, err := s.RateIn(ctx, w.Tx, g, ratingRules)
		if !errors.Is(err, rating.ErrRated) {
			t.Errorf("rated twice: %v", err)
		}
		return match.Plan{Match: w.Match}, nil
	})
	must(t, err)
	if again := ratingOf(t, s, 9); again != r {
		t.Errorf("was %+v, is %+v", r, again)
	}
	if _, _, err := s.RateIn(t.Context(), nil, g, ratingRules); err == nil {
		t.Error("rated without a transaction")
	}
	if mine, err := s.Log(t.Context(), 0, 9, 5); err != nil || len(mine) != 1 || mine[0].Match != 1 {
		t.Errorf("log of a user: %+v, %v", mine, err)
	}
	if list, err := s.RatedUsers(t.Context(), 3, 2); err != nil || !cmp.Equal(list, []int64{7, 8}) {
		t.Errorf("rated users: %v, %v", list, err)
	}
}

// A match that fails after its rating leaves no trace of it.
func testRatingsRolledBack(t *testing.T, s Store) {
	played(t, s, 1)
	broken := errors.New("broken")
	_, err := s.ProcessMatch(t.Context(), 1, func(ctx context.Context, w match.Work) (match.Plan, error) {
		if _, _, err := s.RateIn(ctx, w.Tx, gameOf(1, 5000, []int64{1}, []int64{2}), ratingRules); err != nil {
			t.Errorf("rate: %v", err)
		}
		return match.Plan{}, broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("process: %v", err)
	}
	lists, err := s.Ratings(t.Context(), 1, 1)
	must(t, err)
	entries, err := s.Log(t.Context(), 1, 0, 0)
	must(t, err)
	if len(lists[0]) != 0 || len(entries) != 0 {
		t.Errorf("ratings %v, log %v", lists, entries)
	}
	must(t, second(rateIt(t.Context(), s, gameOf(1, 5000, []int64{1}, []int64{2}))))
}

func second(_ []rating.Entry, _ []cache.Change, err error) error { return err }

// Matches that end together and have players in common: no rating is lost, nobody waits
// for ever.
func testRatingRace(t *testing.T, s Store) {
	const games, people = 40, 6
	var ids []int64
	for i := range games {
		ids = append(ids, int64(i+1))
	}
	played(t, s, ids...)
	var mu sync.Mutex
	sum := map[int64]float64{}
	together(games, func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		var users []int64
		for _, u := range r.Perm(people)[:4] {
			users = append(users, int64(u+1))
		}
		entries, _, err := rateIt(background(), s, gameOf(ids[i], 5000, users[:2], users[2:]))
		if err != nil {
			t.Errorf("match %d: %v", ids[i], err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, e := range entries {
			sum[e.User] += e.SkillChange
		}
	})
	total := 0
	for u := int64(1); u <= people; u++ {
		r := ratingOf(t, s, u)
		total += r.Matches
		if math.Abs(r.Skill-25-sum[u]) > 1e-9 {
			t.Errorf("user %d: %g, its matches moved it by %g", u, r.Skill, sum[u])
		}
	}
	if total != games*4 {
		t.Errorf("%d players were counted, want %d", total, games*4)
	}
}

func testRatedAgain(t *testing.T, s Store) {
	played(t, s, 1)
	must(t, second(rateIt(t.Context(), s, gameOf(1, 5000, []int64{1, 2}, []int64{3, 4}))))
	// The other side has won, and one of them was somebody else.
	entries, changes, err := s.Rerate(t.Context(), gameOf(1, 5000, []int64{3, 5}, []int64{1, 2}), ratingRules)
	must(t, err)
	if len(entries) != 4 || len(changes) != 5 {
		t.Errorf("%d entries, %d changes", len(entries), len(changes))
	}
	near := cmpopts.EquateApprox(0, 1e-9)
	out := ratingOf(t, s, 4)
	if out.Matches != 0 || out.Wins != 0 || !cmp.Equal(out.Skill, 25.0, near) || !cmp.Equal(out.Uncertainty, 25.0/3, near) {
		t.Errorf("who was not there: %+v", out)
	}
	if r := ratingOf(t, s, 1); r.Matches != 1 || r.Wins != 0 || r.Skill >= 25 {
		t.Errorf("who had won: %+v", r)
	}
	if r := ratingOf(t, s, 3); r.Matches != 1 || r.Wins != 1 || r.Skill <= 25 {
		t.Errorf("who had lost: %+v", r)
	}
	stored, err := s.Log(t.Context(), 1, 0, 0)
	must(t, err)
	if len(stored) != 4 {
		t.Errorf("log: %+v", stored)
	}
	m, err := s.MatchByID(t.Context(), 1)
	must(t, err)
	if m.RatingType != string(rating.LargeTeam) {
		t.Errorf("the match is rated as %q", m.RatingType)
	}
}

func testLeaderboard(t *testing.T, s Store) {
	played(t, s, 1, 2)
	for id := int64(1); id <= 4; id++ {
		_, err := s.InsertUser(t.Context(), newUser(id, string(rune('a'+id))))
		must(t, err)
	}
	must(t, second(rateIt(t.Context(), s, gameOf(1, 5000, []int64{1}, []int64{2}))))
	must(t, second(rateIt(t.Context(), s, gameOf(2, 9000, []int64{3}, []int64{99})))) // nobody is called 99
	board := func(season int, since int64, most int) []rating.Place {
		t.Helper()
		list, err := s.Board(t.Context(), rating.LargeTeam, season, time.UnixMilli(since), most)
		must(t, err)
		return list
	}
	best := ratingOf(t, s, 1).Leaderboard()
	if best <= 0 {
		t.Fatalf("a winner's leaderboard rating is %g", best)
	}
	want := []rating.Place{{User: 1, Name: "b", Rating: best}, {User: 3, Name: "d", Rating: best}, {User: 2, Name: "c"}}
	if diff := cmp.Diff(want, board(1, 0, 100), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	if list := board(1, 0, 1); len(list) != 1 {
		t.Errorf("the best one: %v", list)
	}
	if list := board(1, 9000, 100); len(list) != 1 || list[0].User != 3 {
		t.Errorf("of late: %v", list)
	}
	if list := board(2, 0, 100); len(list) != 0 {
		t.Errorf("next season: %v", list)
	}
	for season, want := range map[int]int64{1: 9000, 2: 0} {
		last, err := s.LastPlayed(t.Context(), season)
		must(t, err)
		if got := last; want != 0 && got.UnixMilli() != want || want == 0 && !got.IsZero() {
			t.Errorf("season %d was last played %v", season, got)
		}
	}
}

func testUncertaintyReset(t *testing.T, s Store) {
	played(t, s, 1)
	must(t, second(rateIt(t.Context(), s, gameOf(1, 5000, []int64{1}, []int64{2}))))
	before := ratingOf(t, s, 1)
	entries, changes, err := s.ResetUncertainty(t.Context(), []int64{1, 2, 3}, 5, true)
	must(t, err)
	if len(entries) != 2 || changes != nil || ratingOf(t, s, 1) != before {
		t.Errorf("dry: %v, %v", entries, changes)
	}
	entries, changes, err = s.ResetUncertainty(t.Context(), []int64{2, 1, 3}, 5, false)
	must(t, err)
	if len(entries) != 2 || len(changes) != 2 {
		t.Errorf("entries %v, changes %v", entries, changes)
	}
	now := ratingOf(t, s, 1)
	if now.Uncertainty != rating.StartUncertainty || now.Skill != before.Skill || now.Updated != before.Updated || now.Matches != 1 {
		t.Errorf("was %+v, is %+v", before, now)
	}
	mine, err := s.Log(t.Context(), 0, 1, 5)
	must(t, err)
	if len(mine) != 2 || mine[0].Reason != rating.ReasonReset || mine[0].Match != 0 || mine[0].SkillChange != 0 || mine[0].UncertaintyChange <= 0 {
		t.Errorf("log: %+v", mine)
	}
	// A second time there is nothing to do: who was interrupted runs it again.
	entries, _, err = s.ResetUncertainty(t.Context(), []int64{1, 2}, 5, false)
	must(t, err)
	if len(entries) != 0 {
		t.Errorf("again: %v", entries)
	}
}
