package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
	"teiserver/internal/telemetry"
)

// JobStore is a store of jobs and telemetry.
type JobStore interface {
	Store
	job.Store
	telemetry.Store
	Maintain(ctx context.Context) error
}

// RunJobs runs the suite of jobs and telemetry.
func RunJobs(t *testing.T, open func(t *testing.T) JobStore) {
	for name, run := range map[string]func(t *testing.T, s JobStore){
		"effect and mark":      testEffectAndMark,
		"paused in the middle": testPausedJob,
		"counted once":         testCountedOnce,
		"states":               testJobStates,
		"rows":                 testRows,
		"activity":             testActivity,
		"told":                 testTold,
		"old":                  testOld,
		"maintenance":          func(t *testing.T, s JobStore) { ok(t, s.Maintain(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t))
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func markOf(name, period, node string) job.Mark {
	return job.Mark{Job: name, Period: period, Node: node, Incarnation: 1}
}

// own joins as a node and claims a key.
func own(t *testing.T, s JobStore, name, class string) registry.Fence {
	t.Helper()
	m, err := s.Join(t.Context(), lease.Candidate{Name: name})
	ok(t, err)
	o, err := s.Claim(t.Context(), registry.NewKey("job", class), m.Incarnation)
	ok(t, err)
	return registry.Fence{Key: o.Key, Incarnation: m.Incarnation, Epoch: o.Epoch, Writes: o.Writes}
}

// Of many who do a period at once one does it; the others change nothing.
func testEffectAndMark(t *testing.T, s JobStore) {
	ctx := t.Context()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		done []string
	)
	for i := range 12 {
		wg.Go(func() {
			node := fmt.Sprint("n", i)
			err := s.PutRow(ctx, markOf("server-day", "2026-10-03", node), "day", []byte(`"`+node+`"`), "", "")
			switch {
			case err == nil:
				mu.Lock()
				done = append(done, node)
				mu.Unlock()
			case !errors.Is(err, job.ErrDone):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	rows, err := s.Rows(ctx, "day", "", "3")
	ok(t, err)
	if len(done) != 1 || len(rows) != 1 || string(rows[0].Data) != `"`+done[0]+`"` {
		t.Errorf("done by %v, rows %v", done, rows)
	}
	if err := s.PutMark(ctx, markOf("server-day", "2026-10-03", "x")); !errors.Is(err, job.ErrDone) {
		t.Errorf("marked again: %v", err)
	}
	ok(t, s.PutMark(ctx, markOf("server-day", "2026-10-04", "x")))
	ok(t, s.PutMark(ctx, markOf("server-week", "2026-10-03", "x")))
	periods, err := s.DonePeriods(ctx, "server-day", "2026-10-04")
	ok(t, err)
	if diff := cmp.Diff([]string{"2026-10-04"}, periods); diff != "" {
		t.Error(diff)
	}
}

// A node that was paused in the middle of a long job, and lost it, does not write.
func testPausedJob(t *testing.T, s JobStore) {
	ctx := t.Context()
	f := own(t, s, "a", "cleanup")
	ok(t, s.PutActivity(ctx, f, "2026-10-03", []telemetry.Activity{{User: 1, Player: 5}}))
	f.Writes++
	ok(t, s.Leave(ctx, f.Incarnation)) // given up
	g := own(t, s, "b", "cleanup")
	if err := s.PutActivity(ctx, f, "2026-10-03", []telemetry.Activity{{User: 2}}); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a step of the old owner: %v", err)
	}
	if err := s.PutFencedMark(ctx, f, markOf("activity-day", "2026-10-03", "a")); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("the mark of the old owner: %v", err)
	}
	if err := s.CountActivity(ctx, f, []telemetry.Activity{{Day: "2026-10-03", User: 1, Player: 5}}); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a count of the old owner: %v", err)
	}
	if err := s.DropOld(ctx, f, telemetry.OldEvents, time.Hour, 10); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a clean-up of the old owner: %v", err)
	}
	if last, err := s.LastActivity(ctx, "2026-10-03"); last != 1 || err != nil {
		t.Errorf("activity up to %d, %v", last, err)
	}
	ok(t, s.PutFencedMark(ctx, g, markOf("activity-day", "2026-10-03", "b")))
	g.Writes++
	ok(t, s.PutFencedMark(ctx, g, markOf("activity-day", "2026-10-03", "b"))) // it stays
}

func testCountedOnce(t *testing.T, s JobStore) {
	ctx := t.Context()
	minute := func(period string, now, gone []telemetry.Counted) error {
		return s.PutMinute(ctx, markOf("server-minute", period, "a"), []byte("{}"), now, gone)
	}
	ok(t, minute("2026-10-03T14:00", []telemetry.Counted{{Life: 1, Counters: map[string]int64{"n": 5}}, {Life: 2, Counters: map[string]int64{"n": 1}}}, nil))
	// Somebody who knows nothing of that, or something older, writes nothing, also no mark.
	for _, stale := range []telemetry.Counted{{Life: 1, Counters: map[string]int64{"n": 9}}, {Life: 1, Version: 7}} {
		if err := minute("2026-10-03T14:01", []telemetry.Counted{stale}, nil); !errors.Is(err, telemetry.ErrStale) {
			t.Errorf("stale: %v", err)
		}
	}
	if err := minute("2026-10-03T14:01", nil, []telemetry.Counted{{Life: 1, Version: 7}}); !errors.Is(err, telemetry.ErrStale) {
		t.Errorf("stale end: %v", err)
	}
	ok(t, s.PutFinal(ctx, 2, map[string]int64{"n": 3}))
	if err := minute("2026-10-03T14:01", []telemetry.Counted{{Life: 2, Version: 1}}, nil); !errors.Is(err, telemetry.ErrStale) {
		t.Errorf("who left meanwhile: %v", err)
	}
	before, err := s.Counted(ctx)
	ok(t, err)
	if len(before) != 2 || before[0].Final != nil || before[1].Final["n"] != 3 || before[1].Version != 2 || before[0].At.IsZero() {
		t.Errorf("counted %+v", before)
	}
	ok(t, minute("2026-10-03T14:01", []telemetry.Counted{{Life: 1, Version: 1, Counters: map[string]int64{"n": 8}}}, before[1:]))
	before, err = s.Counted(ctx)
	ok(t, err)
	if len(before) != 1 || before[0].Counters["n"] != 8 || before[0].Version != 2 {
		t.Errorf("counted %+v", before)
	}
	days, err := s.MinuteDays(ctx)
	ok(t, err)
	periods, err := s.Periods(ctx, "minute", "2026-10-03T14:01", "2026-10-03T15:00")
	ok(t, err)
	if diff := cmp.Diff([][]string{{"2026-10-03"}, {"2026-10-03T14:01"}}, [][]string{days, periods}); diff != "" {
		t.Error(diff)
	}
}

func testJobStates(t *testing.T, s JobStore) {
	ctx := t.Context()
	ok(t, s.NoteFailure(ctx, "a", "first"))
	ok(t, s.NoteFailure(ctx, "a", strings.Repeat("ä", 400)))
	states, err := s.JobStatuses(ctx)
	ok(t, err)
	if len(states) != 1 || states[0].Failures != 2 || !states[0].Done.IsZero() || states[0].Failed.IsZero() || len(states[0].Error) > 500 {
		t.Errorf("%+v", states)
	}
	ok(t, s.PutMark(ctx, markOf("a", "2", "n1")))
	states, err = s.JobStatuses(ctx)
	ok(t, err)
	if k := states[0]; k.Failures != 0 || k.Error != "" || k.Period != "2" || k.Node != "n1" || k.Done.IsZero() {
		t.Errorf("%+v", k)
	}
	f := own(t, s, "n", "cleanup")
	ok(t, s.PutMark(ctx, markOf("a", "1", "n1")))
	if oldest, err := s.OldestMark(ctx, "a"); oldest != "1" || err != nil {
		t.Error(oldest, err)
	}
	ok(t, s.TrimMarks(ctx, f, "a", "2"))
	if oldest, err := s.OldestMark(ctx, "a"); oldest != "2" || err != nil {
		t.Error(oldest, err)
	}
	if oldest, err := s.OldestMark(ctx, "none"); oldest != "" || err != nil {
		t.Error(oldest, err)
	}
	if n, err := s.GiveBack(ctx, []string{"node:1"}); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func testRows(t *testing.T, s JobStore) {
	ctx := t.Context()
	for d := 1; d <= 9; d++ {
		minute := fmt.Sprintf("2026-10-0%dT23:59", d)
		ok(t, s.PutMinute(ctx, markOf("server-minute", minute, "a"), []byte("{}"), nil, nil))
	}
	ok(t, s.PutRow(ctx, markOf("server-day", "2026-10-08", "a"), "day", []byte(`{"x":1}`), "minute", "2026-10-05T00:00"))
	days, err := s.MinuteDays(ctx)
	ok(t, err)
	if diff := cmp.Diff([]string{"2026-10-05", "2026-10-06", "2026-10-07", "2026-10-08", "2026-10-09"}, days); diff != "" {
		t.Error(diff)
	}
	// One that is done trims nothing.
	if err := s.PutRow(ctx, markOf("server-day", "2026-10-08", "a"), "day", []byte(`{}`), "minute", "2026-11"); !errors.Is(err, job.ErrDone) {
		t.Error(err)
	}
	if again, _ := s.MinuteDays(ctx); len(again) != len(days) {
		t.Errorf("days %v", again)
	}
	if first, err := s.FirstMatch(ctx); !first.IsZero() || err != nil {
		t.Error(first, err)
	}
	if list, err := s.Matches(ctx, time.Unix(0, 0), time.Now()); len(list) != 0 || err != nil {
		t.Error(list, err)
	}
	_, err = s.InsertUser(ctx, &account.User{ID: 1, Name: "A", Created: time.Unix(1_700_000_000, 0)})
	ok(t, err)
	for from, want := range map[int64]int64{1_699_999_999: 1, 1_700_000_000: 1, 1_700_000_001: 0} {
		if n, err := s.Created(ctx, time.Unix(from, 0), time.Unix(1_800_000_000, 0)); n != want || err != nil {
			t.Error(from, n, err)
		}
	}
}

func testActivity(t *testing.T, s JobStore) {
	ctx := t.Context()
	for id := range int64(3) {
		_, err := s.InsertUser(ctx, &account.User{ID: id + 1, Name: fmt.Sprint("U", id+1), PlayMinutes: 100})
		ok(t, err)
	}
	f := own(t, s, "n", "activity")
	rows := []telemetry.Activity{
		{Day: "2026-10-03", User: 1, Menu: 1, Lobby: 2, Spectator: 3, Player: 4},
		{Day: "2026-10-03", User: 2, Menu: 7}, {Day: "2026-10-03", User: 9, Player: 1},
	}
	ok(t, s.PutActivity(ctx, f, "2026-10-03", rows))
	f.Writes++
	ok(t, s.PutActivity(ctx, f, "2026-10-04", []telemetry.Activity{{User: 1, Player: 10}}))
	f.Writes++
	if users, players, err := s.Active(ctx, "2026-10-03", "2026-10-04"); users != 3 || players != 2 || err != nil {
		t.Error(users, players, err)
	}
	if users, players, err := s.Active(ctx, "2026-10-01", "2026-11-01"); users != 3 || players != 2 || err != nil {
		t.Error(users, players, err)
	}
	due, err := s.DueActivity(ctx, "2026-10-04", 10)
	ok(t, err)
	if diff := cmp.Diff(rows, due); diff != "" {
		t.Error(diff)
	}
	before, err := s.UserByID(ctx, 1)
	ok(t, err)
	from, err := s.LastChange(ctx)
	ok(t, err)
	ok(t, s.CountActivity(ctx, f, due))
	f.Writes++
	after, err := s.UserByID(ctx, 1)
	ok(t, err)
	changes, err := s.Changes(ctx, from, 10)
	ok(t, err)
	i := slices.IndexFunc(changes, func(c cache.Change) bool { return c.Table == account.TableUser && c.Key == "1" })
	if after.PlayMinutes != 104 || after.SpectateMinutes != 3 || i < 0 || after.Version != changes[i].Version {
		t.Errorf("%d and %d minutes, version %d, changes %+v", after.PlayMinutes, after.SpectateMinutes, after.Version, changes)
	}
	// Who has an old copy of the account does not take the minutes away.
	before.Rank = 3
	if _, err := s.UpdateUser(ctx, before); !errors.Is(err, account.ErrConflict) {
		t.Errorf("an old copy: %v", err)
	}
	if due, err = s.DueActivity(ctx, "2026-10-04", 10); len(due) != 0 || err != nil {
		t.Errorf("due again: %v, %v", due, err)
	}
	due, err = s.DueActivity(ctx, "2026-10-05", 10)
	ok(t, err)
	ok(t, s.CountActivity(ctx, f, due))
	if after, err = s.UserByID(ctx, 1); err != nil || after.PlayMinutes != 114 {
		t.Error(after.PlayMinutes, err)
	}
}

func testTold(t *testing.T, s JobStore) {
	ctx := t.Context()
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	e := telemetry.Event{Family: telemetry.FamilyClient, Name: "a", User: 1, Value: `{"x":1}`, Once: "1.1", At: now}
	for range 2 { // the answer was lost
		ok(t, s.PutEvents(ctx, []telemetry.Event{e, {Family: telemetry.FamilyServer, Name: "b", At: now}}))
	}
	ok(t, s.PutProperties(ctx, []telemetry.Property{{User: 1, Name: "cpu", Value: "new", At: now}, {Hash: "x", Name: "cpu", Value: "other", At: now}}))
	ok(t, s.PutProperties(ctx, []telemetry.Property{{User: 1, Name: "cpu", Value: "old", At: now.Add(-time.Second)}}))
	ok(t, s.PutInfolog(ctx, telemetry.Infolog{ID: 1, User: 1, Type: "x", Metadata: "{}", Contents: "text\nwith ünicode", At: now}))
	// Nothing of it is old, and all of it soon.
	f := own(t, s, "n", "cleanup")
	for sort, there := range map[telemetry.Old]bool{telemetry.OldEvents: true, telemetry.OldProperties: true, telemetry.OldInfologs: true, telemetry.OldChat: false} {
		if some, err := s.HasOld(ctx, sort, time.Hour); some || err != nil {
			t.Errorf("%s: old already: %v", sort, err)
		}
		if some, err := s.HasOld(ctx, sort, -time.Hour); some != there || err != nil {
			t.Errorf("%s: %v, %v", sort, some, err)
		}
		ok(t, s.DropOld(ctx, f, sort, -time.Hour, 1))
		f.Writes++
		if some, err := s.HasOld(ctx, sort, -time.Hour); some != (sort == telemetry.OldEvents) || err != nil {
			t.Errorf("%s: %v after one is gone, %v", sort, some, err)
		}
	}
}

// Accounts that were never verified go, and the caches hear of it.
func testOld(t *testing.T, s JobStore) {
	ctx := t.Context()
	old, young := time.Now().Add(-48*time.Hour), time.Now()
	for _, u := range []account.User{
		{ID: 1, Name: "Gone", Email: "a@b", Code: "1", Created: old}, {ID: 2, Name: "Verified", Created: old},
		{ID: 3, Name: "Young", Code: "1", Created: young}, {ID: 4, Name: "Seen", Code: "1", Created: old, LastLogin: old},
	} {
		_, err := s.InsertUser(ctx, &u)
		ok(t, err)
	}
	from, err := s.LastChange(ctx)
	ok(t, err)
	f := own(t, s, "n", "cleanup")
	ok(t, s.DropOld(ctx, f, telemetry.OldUnverified, 24*time.Hour, 20))
	if n, err := s.CountUsers(ctx); n != 3 || err != nil {
		t.Errorf("%d users, %v", n, err)
	}
	if _, err := s.UserByID(ctx, 1); !errors.Is(err, account.ErrNotFound) {
		t.Error(err)
	}
	changes, err := s.Changes(ctx, from, 10)
	ok(t, err)
	var said []string
	for _, c := range changes {
		said = append(said, c.Table+" "+c.Key)
	}
	if diff := cmp.Diff([]string{"user 1", "user_name gone", "user_email a@b"}, said); diff != "" {
		t.Error(diff)
	}
	if some, err := s.HasOld(ctx, telemetry.OldUnverified, 24*time.Hour); some || err != nil {
		t.Error(some, err)
	}
}
