package rating

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/match"
)

var rules = Rules{Season: 1, Tau: tau, Shortest: 90 * time.Second}

// played is a game of teams of this size; the first has won. Users count from 1.
func played(t Type, teams, size int) *Game {
	g := &Game{Match: 7, Type: t, Processed: true, Won: true, TeamCount: teams, TeamSize: size, Duration: time.Hour, Finished: time.Unix(1000, 0)}
	for i := range teams * size {
		g.Players = append(g.Players, Player{User: int64(i + 1), Team: i / size, Win: i < size})
	}
	return g
}

func TestRefusals(t *testing.T) {
	// Each has the fault and all that come after it: the first counts.
	g := played(Duel, 2, 1)
	g.Cheating = true
	steps := []struct {
		want error
		mend func()
	}{
		{ErrType, func() { g.Type = LargeTeam }},
		{ErrNotProcessed, func() { g.Processed = true }},
		{ErrNoWinner, func() { g.Won = true }},
		{ErrUneven, func() { g.Players = g.Players[:2] }},
		{ErrFewTeams, func() { g.TeamCount = 2 }},
		{ErrTooShort, func() { g.Duration = 90 * time.Second }},
		{ErrUnranked, func() { g.Unranked = false }},
		{ErrRated, nil},
		{ErrCheating, func() { g.Cheating = false }},
		{nil, func() {}},
	}
	g.Type, g.Processed, g.Won, g.TeamCount, g.Duration, g.Unranked = "Scavengers", false, false, 1, 89*time.Second, true
	g.Players = append(g.Players, Player{User: 3, Team: 1})
	rated := true
	for i, step := range steps {
		if err := CheckFirst(g, rules, rated); !errors.Is(err, step.want) || err != nil != (step.want != nil) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
		if err := Check(g, rules); i < 7 && !errors.Is(err, step.want) || i >= 7 && err != nil {
			t.Errorf("step %d, again: %v", i, err)
		}
		if step.mend == nil {
			rated = false
		} else {
			step.mend()
		}
	}
	if err := Check(nil, rules); !errors.Is(err, ErrNoMatch) {
		t.Errorf("no match: %v", err)
	}
	for name, players := range map[string][]Player{
		"one team":   {{User: 1, Team: 1, Win: true}, {User: 2, Team: 1}},
		"all win":    {{User: 1, Team: 1, Win: true}, {User: 2, Team: 2, Win: true}},
		"nobody won": {{User: 1, Team: 1}, {User: 2, Team: 2}},
		"nobody":     nil,
	} {
		g.Players = players
		if err := Check(g, rules); err == nil {
			t.Errorf("%s: is rated", name)
		}
	}
	for _, r := range reasons {
		if err := fmt.Errorf("rate: %w", r); !Refused(err) || Reason(err) != r.Error() {
			t.Errorf("%v is no refusal", r)
		}
	}
	if Refused(errors.New("the store is away")) || Refused(nil) {
		t.Error("any error is a refusal")
	}
}

func before(users int) map[int64]Rating {
	all := map[int64]Rating{}
	for i := range users {
		key := Key{int64(i + 1), Duel, 1}
		all[key.User] = Start(key)
	}
	return all
}

func TestRate(t *testing.T) {
	for name, tc := range map[string]struct {
		g          *Game
		win, lose  float64 // skills
		winU, losU float64 // uncertainties
	}{
		"two":   {played(Duel, 2, 1), 27.637760, 22.362240, 8.071826, 8.071826},
		"three": {played(FFA, 3, 1), 27.871630, 23.681120, 8.211336, 8.071826},
	} {
		entries := Rate(tc.g, rules, before(len(tc.g.Players)))
		if len(entries) != len(tc.g.Players) || !slices.IsSortedFunc(entries, func(a, b Entry) int { return int(a.User - b.User) }) {
			t.Fatalf("%s: %+v", name, entries)
		}
		for _, e := range entries {
			skill, uncertainty, wins := tc.lose, tc.losU, 0
			if tc.g.Players[e.User-1].Win {
				skill, uncertainty, wins = tc.win, tc.winU, 1
			}
			if !near(e.Skill, skill, 1e-5) || !near(e.Uncertainty, uncertainty, 1e-5) {
				t.Errorf("%s: user %d: %g, %g, want %g, %g", name, e.User, e.Skill, e.Uncertainty, skill, uncertainty)
			}
			if e.Matches != 1 || e.Wins != wins || !e.Updated.Equal(tc.g.Finished) || !e.At.Equal(tc.g.Finished) || e.Match != 7 {
				t.Errorf("%s: %+v", name, e)
			}
			was := Start(e.Key)
			if !near(e.Skill-e.SkillChange, was.Skill, 1e-9) || !near(e.Value()-e.ValueChange, was.Value(), 1e-9) ||
				!near(e.Uncertainty-e.UncertaintyChange, was.Uncertainty, 1e-9) {
				t.Errorf("%s: changes of %+v", name, e)
			}
			back := e.Undo(e.Rating)
			if back.Updated = was.Updated; !cmp.Equal(back, was, cmp.Comparer(func(a, b float64) bool { return near(a, b, 1e-9) })) {
				t.Errorf("%s: taken back %+v", name, back)
			}
		}
	}
}

// Of more than two teams each loser pays its share, and the winners take what all of
// them together are worth.
func TestShares(t *testing.T) {
	for _, size := range []int{1, 2, 3} {
		g := played(TeamFFA, 4, size)
		all := before(len(g.Players))
		entries := Rate(g, rules, all)
		win, lose := make([]Estimate, size), make([]Estimate, size)
		for i := range size {
			win[i] = Estimate{StartSkill, StartUncertainty}
		}
		copy(lose, win)
		alone := Update(tau, win, lose)[1][0]
		want := StartSkill + (alone.Skill-StartSkill)/float64(3*size)
		if got := entries[len(entries)-1]; !near(got.Skill, want, 1e-9) || !near(got.Uncertainty, alone.Uncertainty, 1e-9) {
			t.Errorf("size %d: loser %g, %g, want %g, %g", size, got.Skill, got.Uncertainty, want, alone.Uncertainty)
		}
		if got, want := entries[0].Skill, Update(tau, win, lose, lose, lose)[0][0].Skill; !near(got, want, 1e-9) {
			t.Errorf("size %d: winner %g, want %g", size, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	r := Start(Key{})
	if !near(r.Value(), 16.67, 0.005) || !near(r.Leaderboard(), 0, 1e-9) {
		t.Errorf("new: %g, %g", r.Value(), r.Leaderboard())
	}
	r.Skill, r.Uncertainty = 3, 4
	if r.Value() != 0 || r.Leaderboard() != 0 {
		t.Errorf("below zero: %g, %g", r.Value(), r.Leaderboard())
	}
	r.Skill, r.Uncertainty = 40, 2
	if r.Value() != 38 || r.Leaderboard() != 34 {
		t.Errorf("good: %g, %g", r.Value(), r.Leaderboard())
	}
	if v, ok := r.Shown(2); v != 38 || !ok {
		t.Errorf("as certain as it must be: %g, %t", v, ok)
	}
	if v, ok := r.Shown(1.9); v != 0 || ok {
		t.Errorf("hidden: %g, %t", v, ok)
	}
}

func TestTypes(t *testing.T) {
	for _, tc := range []struct {
		teams, size  int
		is, balanced Type
	}{
		{2, 1, Duel, Duel}, {2, 2, SmallTeam, SmallTeam}, {2, 5, SmallTeam, SmallTeam}, {2, 6, LargeTeam, LargeTeam},
		{3, 1, FFA, FFA}, {8, 1, FFA, FFA}, {3, 2, TeamFFA, LargeTeam}, {1, 1, FFA, FFA},
	} {
		if got := TypeOf(tc.teams, tc.size, 5); got != tc.is {
			t.Errorf("%d teams of %d: %s", tc.teams, tc.size, got)
		}
		if got := BalanceType(tc.teams, tc.size, 5); got != tc.balanced {
			t.Errorf("%d teams of %d are balanced as %s", tc.teams, tc.size, got)
		}
		if got := match.TypeOf(nil, tc.teams, tc.size, 5); string(got) != string(tc.is) {
			t.Errorf("%d teams of %d are another type of match: %s", tc.teams, tc.size, got)
		}
	}
}

func TestResetUncertainty(t *testing.T) {
	day := 24 * time.Hour
	for _, tc := range []struct {
		was  float64
		days int
		want float64
	}{
		{3, 0, 5}, {6, 0, 6}, {3, 30, 5}, {3, 31, 5 + (31-365.0/12)*(25.0/3-5)/(365-365.0/12)},
		{3, 364, 5 + (364-365.0/12)*(25.0/3-5)/(365-365.0/12)}, {8, 100, 8}, {3, 365, 25.0 / 3}, {9, 364, 9}, {9, 400, 25.0 / 3},
	} {
		if got := ResetUncertainty(tc.was, time.Duration(tc.days)*day+23*time.Hour, 5); !near(got, tc.want, 1e-9) {
			t.Errorf("%g after %d days: %g, want %g", tc.was, tc.days, got, tc.want)
		}
	}
	now := time.Unix(1e9, 0)
	r := Start(Key{1, Duel, 1})
	r.Skill, r.Uncertainty, r.Updated, r.Matches, r.Wins = 20, 3, now.Add(-400*day), 9, 4
	e, ok := r.Reset(now, 5)
	if !ok || e.Reason != ReasonReset || e.Match != 0 || e.SkillChange != 0 || !e.At.Equal(now) || !e.Updated.Equal(r.Updated) || e.Matches != 9 {
		t.Errorf("%+v", e)
	}
	if e.Leaderboard() != 0 || !near(e.ValueChange, 25.0/3*-1+3, 1e-9) {
		t.Errorf("leaderboard %g, value moved by %g", e.Leaderboard(), e.ValueChange)
	}
	if _, ok := e.Reset(now, 5); ok {
		t.Error("reset twice")
	}
}

func TestGameOf(t *testing.T) {
	team := 1
	m := match.Match{
		ID: 5, GameType: match.SmallTeam, TeamCount: 2, TeamSize: 3, GameDuration: 600, WinningTeam: &team, Processed: time.Unix(9, 0),
		Finished: time.Unix(8, 0), Tags: map[string]string{UnrankedTag: "0"}, End: []byte(`{"cheating":1}`),
	}
	got := GameOf(m, []match.Membership{{User: 3, Team: 1, Win: true, Party: "p"}})
	want := &Game{
		Match: 5, Type: SmallTeam, Processed: true, Won: true, TeamCount: 2, TeamSize: 3, Duration: 10 * time.Minute,
		Finished: time.Unix(8, 0), Unranked: true, Cheating: true, Players: []Player{{3, 1, true, "p"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	m.Tags, m.End, m.WinningTeam, m.Processed = nil, nil, nil, time.Time{}
	if got := GameOf(m, nil); got.Unranked || got.Cheating || got.Won || got.Processed {
		t.Errorf("%+v", got)
	}
}
