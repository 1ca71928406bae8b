package achievement

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

const ending = "game_start:singleplayer:scenario_end"

var types = []Type{
	{ID: 1, Name: "001 - A (Normal)", Event: ending, Scenario: "a", Difficulty: Normal, Goal: 1},
	{ID: 2, Name: "001 - A (Brutal)", Event: ending, Scenario: "a", Difficulty: Brutal, Goal: 1},
	{ID: 3, Name: "016 - B (Normal)", Event: ending, Scenario: "b", Difficulty: Normal, Goal: 1},
	{ID: 4, Name: "017 - B too (Normal)", Event: ending, Scenario: "b", Difficulty: Normal, Goal: 1},
	{ID: 5, Name: "three lines", Event: "line", Goal: 3},
	{ID: 6, Name: "old", Event: "line", Goal: 3, Retired: true},
}

func TestEarned(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value string
		want        []int64
	}{
		{ending, `{"scenarioid":"a","difficulty":"Normal","won":true}`, []int64{1}},
		{ending, `{"scenarioid":"a","difficulty":"Hard","won":true}`, []int64{1}},
		{ending, `{"scenarioid":"a","difficulty":"Brutal","won":true}`, []int64{1, 2}},
		{ending, `{"scenarioid":"a","difficulty":"Brutal","won":false}`, nil},
		{ending, `{"scenarioid":"a","difficulty":"Brutal"}`, nil},
		{ending, `{"scenarioid":"a","difficulty":"Easy","won":true}`, nil},
		{ending, `{"scenarioid":"b","difficulty":"Normal","won":true}`, []int64{3, 4}},
		{ending, `{"scenarioid":"c","difficulty":"Normal","won":true}`, nil},
		{ending, `{"scenarioid":7,"won":"yes"}`, nil},
		{ending, `[]`, nil},
		{ending, ``, nil},
		{"line", ``, []int64{5}},
		{"line", `{"anything":1}`, []int64{5}},
		{"another", `{"scenarioid":"a","difficulty":"Normal","won":true}`, nil},
	} {
		if diff := cmp.Diff(tc.want, Earned(types, Event{Name: tc.name, Value: tc.value})); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tc.name, tc.value, diff)
		}
	}
}

var epoch = time.UnixMilli(1_700_000_000_000).UTC()

func apply(t testing.TB, s *State, at time.Duration, body any) process.Outcome {
	t.Helper()
	out, err := s.Apply(process.Command{Body: body, At: epoch.Add(at)})
	if err != nil {
		t.Fatalf("%T: %v", body, err)
	}
	return out
}

// again is the state as the next owner has it.
func again(t testing.TB, s *State) *State {
	t.Helper()
	b, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	next, err := Restore(b)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestReadsAgain: what is young is read again, as something may have come behind it; what
// is old is not.
func TestReadsAgain(t *testing.T) {
	t.Parallel()
	s, err := Restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	round := func(at time.Duration, after, last int64) {
		t.Helper()
		out := apply(t, s, at, look{})
		if diff := cmp.Diff([]any{read{after}}, out.Effects); diff != "" || len(out.Timers) != 1 {
			t.Errorf("at %v (-want +got):\n%s", at, diff)
		}
		apply(t, s, at, page{Last: last, Through: last})
		s = again(t, s)
	}
	round(0, 0, 100)
	round(time.Minute, 0, 150)
	round(settledAfter, 0, 200) // from here on 100 is settled
	round(settledAfter+time.Minute, 100, 250)
	round(2*settledAfter, 100, 300)
	round(3*settledAfter, 200, 300)
	if got := s.View(); got != any(View{Last: 300}) {
		t.Errorf("view %+v", got)
	}
}

// TestPages: pages follow each other at once, each in a record, and nothing is settled
// before the last one.
func TestPages(t *testing.T) {
	t.Parallel()
	s := &State{}
	apply(t, s, time.Hour, look{})
	awards := []Award{{Event: 4, User: 1, Types: []int64{5}}}
	out := apply(t, s, time.Hour, page{Events: []int64{4, 5}, Awards: awards, Last: 9, Through: 9, More: true})
	want := process.Outcome{Record: Counted{Events: []int64{4, 5}, Awards: awards}, Effects: []any{read{0}}}
	if diff := cmp.Diff(want, out); diff != "" || s.Seen != 0 {
		t.Errorf("seen %d (-want +got):\n%s", s.Seen, diff)
	}
	if out := apply(t, s, time.Hour, look{}); len(out.Effects) != 0 {
		t.Errorf("two pages at a time: %+v", out)
	}
	out = apply(t, s, time.Hour, page{Events: []int64{6}, Last: 9, Through: 9})
	if diff := cmp.Diff(process.Outcome{Record: Counted{Events: []int64{6}}}, out); diff != "" || s.Seen != 9 {
		t.Errorf("seen %d (-want +got):\n%s", s.Seen, diff)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	s := &State{}
	apply(t, s, 0, look{})
	if out := apply(t, s, 0, page{Failed: true}); out.Record != nil || !s.busy.IsZero() {
		t.Errorf("failed: %+v", out)
	}
	apply(t, s, 0, look{})
	if out := apply(t, s, stuckAfter, look{}); len(out.Effects) != 0 {
		t.Errorf("reads beside a read: %+v", out)
	}
	if out := apply(t, s, stuckAfter+time.Second, look{}); len(out.Effects) != 1 {
		t.Errorf("waits for ever for what is lost: %+v", out)
	}
	// While it is switched off nothing counts, neither later.
	if out := apply(t, s, time.Hour, page{Off: true, Last: 40}); out.Record != nil || s.Settled != 40 {
		t.Errorf("off: %+v, settled %d", out, s.Settled)
	}
	if _, err := s.Apply(process.Command{Body: 7}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("an unknown command: %v", err)
	}
	if _, err := Restore([]byte("no")); err == nil {
		t.Error("a broken snapshot is read")
	}
}

func TestNudges(t *testing.T) {
	t.Parallel()
	s := &State{}
	if out := apply(t, s, 0, Nudge{}); len(out.Timers) != 1 || out.Timers[0].After != afterNudge || len(out.Effects) != 0 {
		t.Errorf("nudged: %+v", out)
	}
	if out := apply(t, s, 0, Nudge{}); len(out.Timers) != 0 {
		t.Errorf("nudged twice: %+v", out)
	}
	if out := apply(t, s, 0, look{Nudged: true}); len(out.Timers) != 0 || len(out.Effects) != 1 {
		t.Errorf("a look that was nudged: %+v", out)
	}
	if out := apply(t, s, 0, Nudge{}); len(out.Timers) != 1 {
		t.Errorf("nudged later: %+v", out)
	}
}
