package matchmaking

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// two is a match of user 1 against users 2 and 3, who are a party and somebody's fate.
func two() Begin {
	return Begin{
		ID: "1-7", Spec: Spec{ID: 1, Name: "Duel", TeamSize: 2, TeamCount: 2}, At: start,
		Teams: [][]Party{{{Group: "a", Users: []int64{1}}, {Group: "b", Users: []int64{4}}}, {{Group: "p", Party: "P", Users: []int64{2, 3}}}},
	}
}

// run has a match execute commands, a second after another, and returns what came of the last.
func run(t *testing.T, commands ...any) (*Match, process.Outcome) {
	t.Helper()
	m := &Match{}
	out := apply(t, m, after(0), two())
	for i, c := range commands {
		out = apply(t, m, after(i+1), c)
	}
	return m, out
}

var (
	free  = claimed{Fates: map[string]Fate{}, Ready: 15 * time.Second, Room: 30 * time.Second}
	ready = []any{free, Ready{1}, Ready{2}, Ready{3}, Ready{4}}
	found = sought{Lobby: 5, Host: 50, Map: "m"}
)

func add(list []any, more ...any) []any { return append(slices.Clone(list), more...) }

func TestMatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		commands []any
		stage    Stage
		do       string // the effect of the last command
		fates    map[string]Fate
	}{
		"begun":            {nil, Claiming, "matchmaking.claim", nil},
		"claimed":          {[]any{free}, Asking, "matchmaking.pause", nil},
		"queue is silent":  {[]any{claimed{Unclear: true}}, Claiming, "", nil},
		"asked again":      {[]any{claimed{Unclear: true}, MatchTick{}, MatchTick{}}, Claiming, "", nil},
		"somebody is busy": {[]any{claimed{Fates: map[string]Fate{"a": FateLater}}}, Failed, "matchmaking.report", map[string]Fate{"a": FateLater}},
		"one is ready":     {[]any{free, Ready{1}, Ready{1}, Ready{9}}, Asking, "", nil},
		"all are ready":    {ready, Seeking, "matchmaking.seek", nil},
		"one declines":     {[]any{free, Ready{1}, Decline{3}}, Failed, "matchmaking.report", map[string]Fate{"p": FateOut}},
		"a stranger does":  {[]any{free, Decline{9}}, Asking, "", nil},
		"too late":         {add(ready, Decline{3}), Seeking, "", nil},
		"found":            {add(ready, found), Entering, "matchmaking.furnish", nil},
		"no room yet":      {add(ready, sought{}), Seeking, "", nil},
		"room is gone":     {add(ready, found, furnished{NoRoom: true}), Seeking, "matchmaking.seek", nil},
		"not all are in":   {add(ready, found, furnished{Lacking: []int64{4}}), Entering, "", nil},
		"all sit":          {add(ready, found, furnished{Done: true}), Made, "matchmaking.report", nil},
		"never asked for":  {[]any{Ready{1}}, Claiming, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, out := run(t, tc.commands...)
			do := ""
			for _, e := range out.Effects {
				do = fmt.Sprintf("%T", e)
			}
			if m.Stage != tc.stage || do != tc.do {
				t.Errorf("%s and does %q, want %s and %q", m.Stage, do, tc.stage, tc.do)
			}
			if diff := cmp.Diff(tc.fates, m.Fates); diff != "" {
				t.Errorf("fates (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSilent: who has not answered in time is out, with its party.
func TestSilent(t *testing.T) {
	t.Parallel()
	m, _ := run(t, free, Ready{1}, Ready{2})
	apply(t, m, after(15), MatchTick{})
	if m.Stage != Asking {
		t.Fatalf("%s before the time is over", m.Stage)
	}
	out := apply(t, m, after(16), MatchTick{})
	if diff := cmp.Diff(map[string]Fate{"b": FateOut, "p": FateOut}, m.Fates); diff != "" {
		t.Errorf("fates (-want +got):\n%s", diff)
	}
	want := report{Queue: 1, Settle: Settle{Match: "1-7", Fates: m.Fates}, Gone: []int64{4, 2, 3}, Free: []int64{1}}
	if diff := cmp.Diff([]any{want}, out.Effects, cmp.AllowUnexported(report{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v := m.Summary().(MatchView); !sameUsers(v.Out, []int64{2, 3, 4}) {
		t.Errorf("%+v", v)
	}
	apply(t, m, after(17), reported{})
	if out = apply(t, m, after(18), MatchTick{}); len(out.Effects) != 1 {
		t.Error("it is not reported again")
	}
	if out = apply(t, m, after(19), reported{OK: true}); !out.Close {
		t.Error("it goes on when all is said")
	}
}

// TestNoRoom: players who were ready for nothing keep their places.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	m, _ := run(t, add(ready, sought{})...)
	apply(t, m, after(34), MatchTick{})
	if m.Stage != Seeking {
		t.Fatalf("%s before the time is over", m.Stage)
	}
	apply(t, m, after(35), MatchTick{})
	if diff := cmp.Diff(map[string]Fate{"a": FateLater, "b": FateLater, "p": FateLater}, m.Fates); diff != "" {
		t.Errorf("%s (-want +got):\n%s", m.Stage, diff)
	}
}

// TestNotInTheRoom: who does not come, or has not got the map, is out.
func TestNotInTheRoom(t *testing.T) {
	t.Parallel()
	m, _ := run(t, add(ready, found)...)
	apply(t, m, after(7), furnished{Lacking: []int64{1, 4}})
	apply(t, m, after(40), MatchTick{})
	apply(t, m, after(41), furnished{Lacking: []int64{4}})
	if diff := cmp.Diff(map[string]Fate{"b": FateOut}, m.Fates); diff != "" {
		t.Errorf("%s (-want +got):\n%s", m.Stage, diff)
	}
}

// TestToldOnce: a host is told to start once, however often the queues must be told.
func TestToldOnce(t *testing.T) {
	t.Parallel()
	m, out := run(t, add(ready, found, furnished{Done: true})...)
	if r := out.Effects[0].(report); r.Host != 50 || !r.Settle.Made {
		t.Errorf("%+v", r)
	}
	apply(t, m, after(9), reported{Told: true})
	if out = apply(t, m, after(10), MatchTick{}); len(out.Effects) != 1 || out.Effects[0].(report).Host != 0 {
		t.Errorf("%+v", out.Effects)
	}
}

// TestStuck: a step that was lost with a panic is done again.
func TestStuck(t *testing.T) {
	t.Parallel()
	m, _ := run(t)
	if out := apply(t, m, after(59), MatchTick{}); len(out.Effects) != 0 {
		t.Errorf("while it is done: %v", out.Effects)
	}
	if out := apply(t, m, after(61), MatchTick{}); len(out.Effects) != 1 {
		t.Errorf("afterwards: %v", out.Effects)
	}
}

// TestUnknownMatch: one that its queue does not know asks nobody.
func TestUnknownMatch(t *testing.T) {
	t.Parallel()
	_, out := run(t, claimed{Unknown: true})
	if !out.Close || len(out.Effects) != 0 {
		t.Errorf("%+v", out)
	}
}

// TestMatchGoesOn: the next owner is where the last one was, and does its step again.
func TestMatchGoesOn(t *testing.T) {
	t.Parallel()
	all := add(ready, found, furnished{}, furnished{Done: true})
	want := []string{"matchmaking.claim", "", "", "", "", "matchmaking.seek", "matchmaking.furnish", "matchmaking.furnish", "matchmaking.report"}
	for n := range len(all) + 1 {
		m, _ := run(t, all[:n]...)
		raw, err := m.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		next, err := RestoreMatch(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.Summary(), next.Summary()); diff != "" {
			t.Errorf("after %d (-before +after):\n%s", n, diff)
		}
		out := apply(t, next, after(n+1), MatchTick{})
		do := ""
		for _, e := range out.Effects {
			do = fmt.Sprintf("%T", e)
		}
		if do != want[n] || len(out.Timers) != 1 {
			t.Errorf("after %d it does %q, want %q", n, do, want[n])
		}
	}
}

// TestAcknowledged: every stage, and who is ready, is stored before anybody hears of it.
func TestAcknowledged(t *testing.T) {
	t.Parallel()
	m := &Match{}
	for i, c := range add([]any{two()}, add(ready, found, furnished{Done: true})...) {
		if out := apply(t, m, after(i), c); out.Record == nil || len(out.Events) != 1 {
			t.Errorf("%T is not stored: %+v", c, out)
		}
	}
}

func TestMatchRefusals(t *testing.T) {
	t.Parallel()
	if _, err := (&Match{}).Apply(process.Command{Body: Ready{1}}); !refusal.Is(err, refusal.NotFound) {
		t.Errorf("before it begins: %v", err)
	}
	m, _ := run(t)
	if _, err := m.Apply(process.Command{Body: two()}); !refusal.Is(err, refusal.Taken) {
		t.Errorf("begun twice: %v", err)
	}
	if _, err := m.Apply(process.Command{Body: struct{}{}}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("something else: %v", err)
	}
}
