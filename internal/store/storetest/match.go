package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
)

// wall is a time near to the store's own, as stores keep it.
func wall(ago time.Duration) time.Time { return time.Now().Add(-ago).UTC().Truncate(time.Millisecond) }

// madeMatch is a match of founder 7 that its lobby has made, and the fence after that.
func madeMatch(t *testing.T, s Store, node, id int64) (registry.Fence, match.Match) {
	t.Helper()
	f := fence(claimed(t, s, key(id), node))
	m := match.Match{
		ID: id, UUID: fmt.Sprint("uuid", id), ServerUUID: "77b0", Founder: 7, Lobby: id, Map: "Tabula", Created: wall(2 * time.Hour),
	}
	must(t, s.CreateMatch(t.Context(), f, m))
	f.Writes++
	return f, m
}

// startedMatch is one that runs, with players 11 and 12.
func startedMatch(t *testing.T, s Store, node, id int64, ago time.Duration) (registry.Fence, match.Start) {
	t.Helper()
	f, m := madeMatch(t, s, node, id)
	m.Started, m.Tags, m.EngineVersion, m.GameVersion = wall(ago), map[string]string{"game/x": "ü"}, "105", "BAR"
	m.Queue, m.Passworded = 3, true
	start := match.NewStart(m, []match.Player{{User: 12, Team: 1, Party: "p"}, {User: 11}}, 5)
	must(t, s.StartMatch(t.Context(), f, start))
	f.Writes++
	return f, start
}

// endedMatch is one that has ended.
func endedMatch(t *testing.T, s Store, node, id int64, ago time.Duration) match.Match {
	t.Helper()
	f, start := startedMatch(t, s, node, id, ago+10*time.Minute)
	m := start.Match
	m.Finished = wall(ago)
	must(t, s.StopMatch(t.Context(), f, match.Stop{ID: id, At: m.Finished, Next: match.Match{ID: id + 1000, UUID: "next", Founder: 7, Lobby: id}}))
	return m
}

func wantMatch(t *testing.T, s Store, want match.Match) {
	t.Helper()
	got, err := s.MatchByID(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("match (-want +got):\n%s", diff)
	}
}

func testMatchLife(t *testing.T, s Store) {
	node := joined(t, s, "a")
	_, err := s.InsertUser(t.Context(), newUser(11, "Alice"))
	must(t, err)
	f, m := madeMatch(t, s, node, 1)
	m.Started, m.Tags, m.Bots = wall(time.Hour), map[string]string{"a": "b"}, []match.Bot{{Name: "BARb", Owner: 7, AI: "x"}}
	start := match.NewStart(m, []match.Player{{User: 12, Team: 1, Party: "p"}, {User: 11}}, 5)
	stale := f
	for range 2 { // the same again is the same
		must(t, s.StartMatch(t.Context(), f, start))
		f.Writes++
	}
	if err := s.StartMatch(t.Context(), stale, start); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("started by an old owner: %v", err)
	}
	wantMatch(t, s, start.Match)
	members, err := s.Memberships(t.Context(), 1)
	must(t, err)
	want := []match.Membership{{User: 11, Name: "Alice"}, {User: 12, Team: 1, Party: "p"}}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	for _, user := range []int64{11, 12} {
		if v, ok, err := s.Stat(t.Context(), user, match.StatLastMatch); v != "1" || !ok || err != nil {
			t.Errorf("last match of %d: %q, %v, %v", user, v, ok, err)
		}
	}
	if last, err := s.LastStarted(t.Context(), 7, wall(2*time.Hour)); err != nil || last == nil || last.ID != 1 {
		t.Errorf("last started: %+v, %v", last, err)
	}
	if last, err := s.LastStarted(t.Context(), 7, wall(time.Minute)); err != nil || last != nil {
		t.Errorf("last started since a minute: %+v, %v", last, err)
	}

	stop := match.Stop{ID: 1, At: wall(30 * time.Minute), Next: match.Match{ID: 2, UUID: "next", Founder: 7, Lobby: 1, Created: wall(0)}}
	must(t, s.StopMatch(t.Context(), f, stop))
	f.Writes++
	again := stop
	again.At = wall(0)
	must(t, s.StopMatch(t.Context(), f, again))
	f.Writes++
	if ended, err := s.FinishMatch(t.Context(), 1, wall(0)); ended || err != nil {
		t.Errorf("finished twice: %v, %v", ended, err)
	}
	// Nothing starts a match that has ended, not even a record that comes late.
	late := match.NewStart(m, []match.Player{{User: 13}}, 5)
	must(t, s.StartMatch(t.Context(), f, late))
	start.Match.Finished = stop.At
	wantMatch(t, s, start.Match)
	if members, _ := s.Memberships(t.Context(), 1); len(members) != 2 {
		t.Errorf("members %+v after a late start", members)
	}
	wantMatch(t, s, stop.Next)

	// A match whose lobby is gone ends as well, once, and only if it has started.
	startedMatch(t, s, node, 5, time.Hour)
	if ended, err := s.FinishMatch(t.Context(), 5, wall(0)); !ended || err != nil {
		t.Errorf("not finished: %v", err)
	}
	if ended, err := s.FinishMatch(t.Context(), 2, wall(0)); ended || err != nil {
		t.Errorf("finished before it began: %v", err)
	}
}

// A record that the clean-up was faster with is there again when its match starts.
func testMatchStartedLate(t *testing.T, s Store) {
	f, m := madeMatch(t, s, joined(t, s, "a"), 1)
	must(t, s.DeleteMatches(t.Context(), nil, []int64{1}))
	m.Started = wall(0)
	start := match.NewStart(m, []match.Player{{User: 11}}, 5)
	must(t, s.StartMatch(t.Context(), f, start))
	wantMatch(t, s, start.Match)
	if members, err := s.Memberships(t.Context(), 1); len(members) != 1 || err != nil {
		t.Errorf("members %+v, %v", members, err)
	}
}

func testMatchEnd(t *testing.T, s Store) {
	node := joined(t, s, "a")
	m := endedMatch(t, s, node, 1, time.Minute)
	save := func(e match.End) bool {
		t.Helper()
		saved, err := s.SaveEnd(t.Context(), e)
		must(t, err)
		return saved
	}
	data := json.RawMessage(`{"a":1}`)
	for name, e := range map[string]match.End{
		"of another host":    {Match: 1, By: 8, Data: data},
		"of no match":        {Match: 99, By: 7, Data: data},
		"of none at all":     {By: 7, Data: data},
		"of one not started": {Match: 1001, By: 7, Data: data},
		"without data":       {Match: 1, By: 7},
	} {
		if save(e) {
			t.Errorf("%s: saved", name)
		}
	}
	if !save(match.End{Match: 1, By: 7, Data: data}) || save(match.End{Match: 1, By: 7, Data: json.RawMessage(`{"a":2}`)}) {
		t.Error("not the first report, or not only the first, is saved")
	}
	got, err := s.MatchByID(t.Context(), 1)
	must(t, err)
	if string(got.End) != `{"a":1}` || got.EndAt.IsZero() {
		t.Errorf("end %s at %s", got.End, got.EndAt)
	}
	m.End, m.EndAt = got.End, got.EndAt
	wantMatch(t, s, m)
	endedMatch(t, s, node, 2, time.Minute)
	if !save(match.End{UUID: "uuid2", By: 7, Data: data}) {
		t.Error("not saved by its older name")
	}
}

// due lists the matches that are due after so long a wait.
func due(t *testing.T, s Store, wait time.Duration) (ids []int64) {
	t.Helper()
	list, err := s.DueMatches(t.Context(), wait, 0, 100)
	must(t, err)
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

// processed processes a match as its data says.
func processed(t *testing.T, s Store, id int64, ratingType string) bool {
	t.Helper()
	done, err := s.ProcessMatch(t.Context(), id, func(ctx context.Context, w match.Work) (match.Plan, error) {
		p := match.NewPlan(w.Match, w.Members, match.Report{})
		if p.Match.Finished.IsZero() {
			p.Match.Finished = w.Match.EndAt
		}
		p.Match.RatingType = ratingType
		return p, w.Settle(ctx, p)
	})
	must(t, err)
	return done
}

func testDueMatches(t *testing.T, s Store) {
	node := joined(t, s, "a")
	madeMatch(t, s, node, 1)
	startedMatch(t, s, node, 2, time.Hour)
	endedMatch(t, s, node, 3, time.Minute)    // waits for its data
	endedMatch(t, s, node, 4, 20*time.Minute) // has waited
	endedMatch(t, s, node, 5, time.Minute)    // has its data
	startedMatch(t, s, node, 6, time.Hour)    // has its data, and its end was not heard of
	for _, id := range []int64{5, 6} {
		if saved, err := s.SaveEnd(t.Context(), match.End{Match: id, By: 7, Data: json.RawMessage(`{}`)}); !saved || err != nil {
			t.Fatalf("end of %d: %v, %v", id, saved, err)
		}
	}
	if diff := cmp.Diff([]int64{4, 5}, due(t, s, 10*time.Minute)); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{3, 4, 5, 6}, due(t, s, -time.Minute)); diff != "" {
		t.Errorf("due without waiting (-want +got):\n%s", diff)
	}
	if list, err := s.DueMatches(t.Context(), 0, 4, 1); err != nil || len(list) != 1 || list[0].ID != 5 {
		t.Errorf("a page: %+v, %v", list, err)
	}
	// One that fails waits.
	must(t, s.FailMatch(t.Context(), 4, "broken \x00", time.Hour))
	if diff := cmp.Diff([]int64{5}, due(t, s, 10*time.Minute)); diff != "" {
		t.Errorf("due after a failure (-want +got):\n%s", diff)
	}
	must(t, s.FailMatch(t.Context(), 4, "broken", -time.Minute))
	list, err := s.DueMatches(t.Context(), 10*time.Minute, 0, 1)
	if err != nil || list[0] != (match.Due{ID: 4, Attempts: 2}) {
		t.Errorf("due again: %+v, %v", list, err)
	}
	// One processed for want of data is due again when the data comes.
	if !processed(t, s, 4, "") || processed(t, s, 4, "") || !processed(t, s, 6, "") {
		t.Error("not processed once")
	}
	if got := due(t, s, 10*time.Minute); !cmp.Equal(got, []int64{5}) {
		t.Errorf("due after processing: %v", got)
	}
	if m, err := s.MatchByID(t.Context(), 6); err != nil || m.Finished.IsZero() || m.Processed.IsZero() {
		t.Errorf("an end that was not heard of: %+v, %v", m, err)
	}
	if saved, err := s.SaveEnd(t.Context(), match.End{Match: 4, By: 7, Data: json.RawMessage(`{}`)}); !saved || err != nil {
		t.Errorf("late data: %v, %v", saved, err)
	}
	if got := due(t, s, 10*time.Minute); !cmp.Equal(got, []int64{4, 5}) {
		t.Errorf("due after late data: %v", got)
	}
	// But not one that was rated.
	endedMatch(t, s, node, 7, 20*time.Minute)
	processed(t, s, 7, "Duel")
	if saved, err := s.SaveEnd(t.Context(), match.End{Match: 7, By: 7, Data: json.RawMessage(`{}`)}); saved || err != nil {
		t.Errorf("data of a rated match: %v, %v", saved, err)
	}
}

func testProcessMatch(t *testing.T, s Store) {
	node := joined(t, s, "a")
	m := endedMatch(t, s, node, 1, time.Hour)
	team, left := 1, int64(77)
	work := func(ctx context.Context, w match.Work) (match.Plan, error) {
		if w.Now.IsZero() || w.Tx == nil || len(w.Members) != 2 {
			t.Errorf("work %+v", w)
		}
		p := match.Plan{Match: w.Match, Members: []match.Membership{{User: 12, Team: 1, Party: "p", Win: true, LeftAfter: &left}}, Leave: []int64{11}}
		p.Match.GameID, p.Match.GameDuration, p.Match.PlayerCount, p.Match.WinningTeam = "f00d", 600, 1, &team
		p.Match.RatingType, p.Match.Unrated = "Duel", ""
		return p, w.Settle(ctx, p)
	}
	// What fails leaves nothing behind.
	broken := errors.New("broken")
	done, err := s.ProcessMatch(t.Context(), 1, func(ctx context.Context, w match.Work) (match.Plan, error) {
		p, err := work(ctx, w)
		must(t, err)
		return p, broken
	})
	if done || !errors.Is(err, broken) {
		t.Errorf("a failure: %v, %v", done, err)
	}
	wantMatch(t, s, m)
	if members, _ := s.Memberships(t.Context(), 1); len(members) != 2 {
		t.Errorf("members after a failure: %+v", members)
	}
	if done, err := s.ProcessMatch(t.Context(), 1, work); !done || err != nil {
		t.Fatalf("%v, %v", done, err)
	}
	got, err := s.MatchByID(t.Context(), 1)
	must(t, err)
	if got.Processed.IsZero() {
		t.Error("not processed")
	}
	m.GameID, m.GameDuration, m.PlayerCount, m.WinningTeam, m.RatingType, m.Processed = "f00d", 600, 1, &team, "Duel", got.Processed
	wantMatch(t, s, m)
	members, err := s.Memberships(t.Context(), 1)
	must(t, err)
	if diff := cmp.Diff([]match.Membership{{User: 12, Team: 1, Party: "p", Win: true, LeftAfter: &left}}, members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	games, err := s.GamesOf(t.Context(), 12, 2*time.Hour, 10)
	must(t, err)
	if len(games) != 1 || games[0].Match != 1 || !games[0].Win || !games[0].Decided || games[0].Duration != 600 || *games[0].LeftAfter != 77 {
		t.Errorf("games %+v", games)
	}
	if games, err := s.GamesOf(t.Context(), 12, time.Minute, 10); len(games) != 0 || err != nil {
		t.Errorf("games of the last minute: %+v, %v", games, err)
	}
	must(t, s.ToldMatch(t.Context(), 1))
	if ids, err := s.UntoldMatches(t.Context(), 0, 10); len(ids) != 0 || err != nil {
		t.Errorf("untold %v, %v", ids, err)
	}
}

// Of many who process one match one does, and its effects are there once.
func testProcessRace(t *testing.T, s Store) {
	const workers, matches = 8, 4
	node := joined(t, s, "a")
	for id := range int64(matches) {
		endedMatch(t, s, node, id+1, time.Hour)
	}
	var done atomic.Int64
	together(workers, func(i int) {
		for id := range int64(matches) {
			ok, err := s.ProcessMatch(background(), id+1, func(ctx context.Context, w match.Work) (match.Plan, error) {
				p := match.NewPlan(w.Match, w.Members, match.Report{})
				p.Match.GameID = fmt.Sprint(i)
				return p, w.Settle(ctx, p)
			})
			if err != nil {
				t.Errorf("process: %v", err)
			}
			if ok {
				done.Add(1)
			}
		}
	})
	if done.Load() != matches {
		t.Errorf("%d matches were processed %d times", matches, done.Load())
	}
	if ids := due(t, s, 0); len(ids) != 0 {
		t.Errorf("left: %v", ids)
	}
}

func testStaleMatches(t *testing.T, s Store) {
	node := joined(t, s, "a")
	list := func(sort match.Stale, age time.Duration) []int64 {
		t.Helper()
		ids, err := s.StaleMatches(t.Context(), sort, age, 100)
		must(t, err)
		return ids
	}
	// The lobby of 1 is open; that of 2 is not.
	madeMatch(t, s, node, 1)
	f, _ := madeMatch(t, s, node, 2)
	must(t, s.CloseKey(t.Context(), f))
	endedMatch(t, s, node, 3, time.Hour)
	endedMatch(t, s, node, 4, time.Hour)
	processed(t, s, 3, "")
	processed(t, s, 4, "Duel")
	if got := list(match.Unplayed, time.Hour); !cmp.Equal(got, []int64{2}) {
		t.Errorf("unplayed %v", got)
	}
	if got := list(match.Unplayed, 3*time.Hour); len(got) != 0 {
		t.Errorf("unplayed for three hours: %v", got)
	}
	if got := list(match.Unrated, 30*time.Minute); !cmp.Equal(got, []int64{3}) {
		t.Errorf("unrated %v", got)
	}
	if got := list(match.Bulky, 30*time.Minute); !cmp.Equal(got, []int64{3, 4}) {
		t.Errorf("bulky %v", got)
	}
	must(t, s.StripMatches(t.Context(), nil, []int64{3, 4}))
	if got := list(match.Bulky, 30*time.Minute); len(got) != 0 {
		t.Errorf("bulky after stripping: %v", got)
	}
	if m, err := s.MatchByID(t.Context(), 4); err != nil || m.Tags != nil || m.RatingType != "Duel" {
		t.Errorf("stripped %+v, %v", m, err)
	}
	must(t, s.AddLobbyMessage(t.Context(), match.LobbyMessage{Match: 3, User: 1, Text: "x"}, ""))
	// Behind a fence, as a job does it; a rated match stays even if it is named.
	job := fence(claimed(t, s, registry.NewKey("job", "x"), node))
	stale := job
	must(t, s.DeleteMatches(t.Context(), &job, []int64{2, 3, 4}))
	if err := s.DeleteMatches(t.Context(), &stale, []int64{1}); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("by an old owner: %v", err)
	}
	for id, left := range map[int64]bool{1: true, 2: false, 3: false, 4: true} {
		_, err := s.MatchByID(t.Context(), id)
		members, _ := s.Memberships(t.Context(), id)
		if (err == nil) != left || (len(members) > 0) != (id == 4) {
			t.Errorf("match %d: %v, members %v", id, err, members)
		}
	}
}

func testLobbyMessages(t *testing.T, s Store) {
	for i, once := range []string{"a", "a", "", "", "b"} {
		must(t, s.AddLobbyMessage(t.Context(), match.LobbyMessage{Match: 1, User: int64(i), Text: "a: x\x00\xff"}, once))
	}
	must(t, s.AddLobbyMessage(t.Context(), match.LobbyMessage{Match: 2, User: 9, Text: "another's"}, "a"))
	got, err := s.LobbyMessages(t.Context(), 1)
	must(t, err)
	var users []int64
	for _, m := range got {
		users = append(users, m.User)
		if m.Text != "a: x\uFFFD" || m.At.IsZero() || m.Match != 1 {
			t.Errorf("message %+v", m)
		}
	}
	if diff := cmp.Diff([]int64{0, 2, 3, 4}, users); diff != "" {
		t.Errorf("speakers (-want +got):\n%s", diff)
	}
}

func testStats(t *testing.T, s Store) {
	must(t, s.PutStats(t.Context(), 1, map[string]string{"a": "1", "b": "x"}))
	must(t, s.PutStats(t.Context(), 1, map[string]string{"b": "y", "c": ""}))
	must(t, s.PutStats(t.Context(), 1, nil))
	got, err := s.Stats(t.Context(), 1)
	must(t, err)
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "y", "c": ""}, got); diff != "" {
		t.Error(diff)
	}
	must(t, s.DropStat(t.Context(), 1, "c"))
	if _, ok, err := s.Stat(t.Context(), 1, "c"); ok || err != nil {
		t.Errorf("dropped: %v, %v", ok, err)
	}
	if v, ok, err := s.Stat(t.Context(), 1, "b"); v != "y" || !ok || err != nil {
		t.Errorf("b is %q, %v, %v", v, ok, err)
	}
	for _, tc := range []struct {
		key           string
		amount, least int64
		want          int64
	}{
		{"a", 5, -100, 6}, {"a", -10, 0, 0}, {"a", 3, 0, 3}, {"a", -10, -100, -7}, {"a", 2, -100, -5},
		{"new", 4, 0, 4}, {"newer", -4, 0, 0}, {"b", 9, 0, 9},
	} {
		if got, err := s.AddStat(t.Context(), 1, tc.key, tc.amount, tc.least); got != tc.want || err != nil {
			t.Errorf("%s plus %d: %d, %v, want %d", tc.key, tc.amount, got, err, tc.want)
		}
	}
	for i, odd := range []string{"-", "--3", "1-2", " 4", "1e5", "99999999999999999999", "٣"} {
		key := fmt.Sprint("odd", i)
		must(t, s.PutStats(t.Context(), 1, map[string]string{key: odd}))
		if got, err := s.AddStat(t.Context(), 1, key, 2, 0); got != 2 || err != nil {
			t.Errorf("%q plus 2: %d, %v", odd, got, err)
		}
	}
	// Of many who add at once each counts.
	const adders, each = 8, 10
	var mu sync.Mutex
	seen := map[int64]bool{}
	together(adders, func(int) {
		for range each {
			sum, err := s.AddStat(background(), 2, "sum", 1, 0)
			if err != nil {
				t.Errorf("add: %v", err)
			}
			mu.Lock()
			seen[sum] = true
			mu.Unlock()
		}
	})
	if v, _, _ := s.Stat(t.Context(), 2, "sum"); v != fmt.Sprint(adders*each) || len(seen) != adders*each {
		t.Errorf("sum %s, %d different answers", v, len(seen))
	}
}

func testKeepState(t *testing.T, s Store) {
	node := joined(t, s, "a")
	k := registry.NewKey("match_monitor", "main")
	f := fence(claimed(t, s, k, node))
	f.Snapshot = []byte("state")
	must(t, s.KeepState(t.Context(), f))
	if err := s.KeepState(t.Context(), f); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("with an old fence: %v", err)
	}
	if o := claimed(t, s, k, node); string(o.Snapshot) != "state" {
		t.Errorf("the next owner has %q", o.Snapshot)
	}
}
