package faults

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The nodes of the histories below.
const (
	one = "127.77.0.1"
	two = "127.77.0.2"
)

// owner makes a row of an owner: who, epoch, writes, state.
func owner(incarnation, epoch, writes int64, place, state string, alive bool) *State {
	return &State{State: state, Incarnation: incarnation, Epoch: epoch, Writes: writes, Owner: place, Alive: alive}
}

func changed(at int64, key, table, by string, before, after *State) Event {
	action := "UPDATE"
	switch {
	case before == nil:
		action = "INSERT"
	case after == nil:
		action = "DELETE"
	}
	return Event{Kind: Row, At: at, Key: key, Change: &Change{Table: table, Action: action, By: by, Before: before, After: after}}
}

func did(at int64, node, key string, epoch, incarnation int64) Event {
	return Event{Kind: Act, At: at, Node: node, Key: key, Epoch: epoch, Incarnation: incarnation, What: "said"}
}

func heard(who string, conn int, line string) Event {
	return Event{Kind: Seen, Who: who, Conn: conn, Line: line}
}

func asked(what, arg, result string, start, end int64, line string) Event {
	return Event{Kind: Operation, What: what, Arg: arg, Result: result, Start: start, At: end, Line: line}
}

// whole is a history with nothing wrong: a lobby is claimed, written, taken over from a
// dead node, acts once too late, is handed back, claimed, closed; lines are said; names
// are registered, one of them with a lost answer.
var whole = []Event{
	changed(1, "node1", "node", one, nil, &State{State: "serving", Incarnation: 1, Owner: one, Left: 3000, Alive: true}),
	changed(2, "lobby/1", "owner", one, nil, owner(1, 1, 0, one, "owned", true)),
	changed(3, "lobby/1", "owner", one, owner(1, 1, 0, one, "owned", true), owner(1, 1, 1, one, "owned", true)),
	changed(3, "lobby/1", "snapshot", one, nil, owner(1, 1, 1, one, "owned", true)),
	did(4, "node1", "lobby/1", 1, 1),
	changed(10, "node1", "node", two, &State{State: "serving", Incarnation: 1, Owner: one, Left: -20, Alive: true}, &State{State: "gone", Incarnation: 1, Owner: one, Left: -20}),
	changed(11, "lobby/1", "owner", two, owner(1, 1, 1, one, "owned", false), owner(2, 2, 1, two, "owned", true)),
	did(12, "node1", "lobby/1", 1, 1), // the effect that it stood in front of
	did(13, "node2", "lobby/1", 2, 2),
	changed(14, "lobby/1", "owner", two, owner(2, 2, 1, two, "owned", true), owner(2, 2, 2, two, "released", true)),
	changed(15, "lobby/1", "owner", one, owner(2, 2, 2, two, "released", true), owner(3, 3, 2, one, "owned", true)),
	changed(16, "lobby/1", "owner", one, owner(3, 3, 3, one, "owned", true), owner(3, 3, 3, one, "closed", true)),
	asked("open", "1", OK, 1, 2, ""),
	heard("A", 1, "BATTLEOPENED 1 0 0 Host h 1 16 0 0 5 s"),
	heard("A", 1, "ADDUSER Host ?? 7 SPADS"),
	heard("A", 1, "SAID main B B:1"),
	heard("A", 2, "SAID main B B:4"),
	heard("A", 2, "SAIDPRIVATE B B:2"),
	heard("A", 2, "SETSCRIPTTAGS a=b\tserver/match/uuid=xyz\tc=d"),
	{Kind: Row, What: "match", Arg: "xyz", Key: "lobby/1"},
	asked("register", "New", Unknown, 1, 2, ""),
	asked("register", "New", Denied, 5, 6, "Username already taken"),
	asked("register", "Other", Denied, 5, 6, "please try again"),
	asked("register", "Other", OK, 7, 8, ""),
	asked("register", "Lost", Unknown, 7, 8, ""),
	asked("exists", "New", OK, 20, 21, ""),
	asked("exists", "Other", OK, 20, 21, ""),
	asked("exists", "Lost", Denied, 20, 21, "DENIED No user found for 'Lost'"),
	{Kind: Operation, What: "login", Who: "A", Conn: 1, Node: "node1", Result: OK},
	{Kind: Fault, At: 30e9, What: Cut, Line: "begins: cut node1 and node2"},
	{Kind: Fault, At: 31e9, What: Cut, Line: "ends: cut node1 and node2"},
	{Kind: Ended, At: 32e9, Who: "A", Conn: 1, Node: "node1"},
	// A standby that lagged takes over: what was done meanwhile is lost, and all nodes are
	// gone in its timeline, until they join it.
	asked("register", "Undone", OK, 100e9, 100e9, ""), asked("register", "Undone", Denied, 101e9, 101e9, "already taken"),
	{Kind: Fault, At: 100e9, What: LagDatabase, Line: "begins: lag"},
	heard("A", 1, "SAID main C C:1"),
	{Kind: Seen, At: 102e9, Who: "A", Conn: 2, Line: "SETSCRIPTTAGS server/match/uuid=gone"},
	changed(101e9, "lobby/1", "owner", one, owner(3, 3, 3, one, "closed", true), owner(3, 4, 3, one, "owned", true)),
	{Kind: Fault, Start: 99e9, At: 103e9, What: Lost},
	{Kind: Row, At: 104e9, Key: "node1", Change: &Change{Table: "node", Store: 1, Tx: 5, By: two,
		Before: &State{State: "serving", Incarnation: 3, Owner: one, Left: 100, Alive: true}, After: &State{State: "gone", Incarnation: 3, Owner: one}}},
	{Kind: Row, At: 104e9, Key: "timeline/2", Change: &Change{Table: "timeline", Store: 1, Tx: 5, By: two}},
	{Kind: Fault, At: 105e9, What: LagDatabase, Line: "ends: lag"},
	asked("register", "Undone", OK, 107e9, 107e9, ""),
	{Kind: Fault, Start: 200e9, At: 205e9, What: Slow},
	{Kind: Operation, What: "login", Who: "A", Conn: 3, Node: "node2", Result: OK},
	{Kind: Ended, At: 210e9, Who: "A", Conn: 3, Node: "node2", What: "given up"},
	asked("set", "a", OK, 1, 2, ""), asked("get", "a", OK, 3, 4, ""),
	asked("set", "b", Unknown, 5, 6, ""), asked("get", "a", OK, 7, 8, ""), asked("get", "b", OK, 9, 10, ""),
}

func TestNothingIsFoundInAWholeHistory(t *testing.T) {
	if found := Check(whole); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// TestFound adds to the whole history what must not be.
func TestFound(t *testing.T) {
	last := owner(3, 3, 3, one, "owned", true)
	for name, tc := range map[string]struct {
		add  []Event
		want string
	}{
		"claimed from the living": {[]Event{changed(20, "lobby/2", "owner", two, owner(3, 1, 0, one, "owned", true), owner(2, 2, 0, two, "owned", true))}, "while its owner lives"},
		"claimed for another":     {[]Event{changed(20, "lobby/2", "owner", two, nil, owner(3, 1, 0, one, "owned", true))}, "for another node"},
		"epoch fell":              {[]Event{changed(20, "lobby/2", "owner", two, owner(3, 4, 0, one, "owned", false), owner(2, 3, 0, two, "owned", true))}, "epoch fell"},
		"row deleted":             {[]Event{changed(20, "lobby/2", "owner", one, last, nil)}, "was deleted"},
		"owner without an epoch":  {[]Event{changed(20, "lobby/2", "owner", two, owner(3, 4, 0, one, "owned", false), owner(2, 4, 0, two, "owned", true))}, "same epoch"},
		"write of another":        {[]Event{changed(20, "lobby/2", "owner", two, last, owner(3, 3, 4, one, "owned", true))}, "not the owner"},
		"write after the end":     {[]Event{changed(20, "lobby/2", "owner", one, owner(3, 3, 4, one, "closed", true), owner(3, 3, 5, one, "closed", true))}, "nobody owns"},
		"snapshot of another":     {[]Event{changed(20, "lobby/2", "snapshot", two, nil, last)}, "another node owns"},
		"condemned alive":         {[]Event{changed(20, "node1", "node", two, &State{State: "serving", Owner: one, Left: 10, Alive: true}, &State{State: "gone", Owner: one})}, "of its lease left"},
		"back from the dead":      {[]Event{changed(20, "node1", "node", one, &State{State: "gone", Owner: one}, &State{State: "serving", Owner: one, Alive: true})}, "come back"},
		"two act":                 {[]Event{did(20, "node1", "lobby/3", 1, 1), did(21, "node2", "lobby/3", 1, 2)}, "act under epoch 1"},
		"acts too late":           {[]Event{did(13, "node1", "lobby/1", 1, 1)}, "2 acts of node1 under epoch 1"},
		"acts when handed back":   {[]Event{did(20, "node2", "lobby/1", 2, 2), did(21, "node2", "lobby/1", 2, 2)}, "2 acts of node2 under epoch 2"},
		"battle twice":            {[]Event{asked("open", "1", OK, 20, 21, "")}, "battle 1 was opened by"},
		"battle of two":           {[]Event{heard("B", 3, "BATTLEOPENED 1 0 0 Other h 1 16 0 0 5 s")}, "the founder of battle 1"},
		"number of two":           {[]Event{heard("B", 3, "ADDUSER Other ?? 7 x")}, "the name of 7"},
		"two numbers":             {[]Event{heard("B", 3, "ADDUSER Host ?? 8 x")}, "the number of Host"},
		"heard twice":             {[]Event{heard("A", 3, "SAID main B B:1")}, "heard B:1 in main twice"},
		"heard out of order":      {[]Event{heard("A", 3, "SAID main B B:3")}, "after number 4"},
		"battle out of order":     {[]Event{heard("A", 3, "SAIDBATTLE B B:6"), heard("A", 3, "SAIDBATTLE B B:5")}, "heard B:5 in battle"},
		"account lost":            {[]Event{asked("register", "X", OK, 1, 2, ""), asked("exists", "X", Denied, 20, 21, "DENIED No user found for 'X'")}, "cannot log in"},
		"registered twice":        {[]Event{asked("register", "Other", OK, 9, 10, "")}, "Other: no order"},
		"taken by nobody":         {[]Event{asked("register", "Y", Denied, 1, 2, "Username already taken"), asked("register", "Y", OK, 3, 4, "")}, "Y: no order"},
		"setting fell back":       {[]Event{asked("set", "c", OK, 20, 21, ""), asked("get", "a", OK, 22, 23, "")}, "no order explains"},
		"client ended": {[]Event{
			{Kind: Operation, What: "login", Who: "B", Conn: 7, Node: "node3", Result: OK},
			{Kind: Ended, At: 32e9, Who: "B", Conn: 7, Node: "node3"},
		}, "connection 7, ended"},
		"client ended by a failover": {[]Event{
			{Kind: Operation, What: "login", Who: "B", Conn: 7, Node: "node2", Result: OK},
			{Kind: Ended, At: 104e9, Who: "B", Conn: 7, Node: "node2"},
		}, "connection 7, ended"},
		"client ended long after": {[]Event{
			{Kind: Operation, What: "login", Who: "B", Conn: 7, Node: "node2", Result: OK},
			{Kind: Ended, At: 240e9, Who: "B", Conn: 7, Node: "node2"},
		}, "connection 7, ended"},
		"client ended later": {[]Event{
			{Kind: Operation, What: "login", Who: "B", Conn: 7, Node: "node1", Result: OK},
			{Kind: Ended, At: 90e9, Who: "B", Conn: 7, Node: "node1"},
		}, "connection 7, ended"},
		"condemned with no timeline": {[]Event{{Kind: Row, At: 104e9, Key: "node1", Change: &Change{Table: "node", Store: 2, Tx: 5, By: two,
			Before: &State{State: "serving", Owner: one, Left: 100, Alive: true}, After: &State{State: "gone", Owner: one}}}}, "of its lease left"},
		"acts on the timeline before": {[]Event{
			changed(110e9, "lobby/1", "owner", two, owner(2, 3, 3, two, "closed", false), owner(9, 1_000_001, 3, two, "owned", true)),
			did(111e9, "node1", "lobby/1", 4, 3), did(112e9, "node1", "lobby/1", 4, 3),
		}, "2 acts of node1 under epoch 4"},
		"kept too long":     {[]Event{{Kind: Seen, At: 120e9, Who: "A", Conn: 2, Line: "SETSCRIPTTAGS server/match/uuid=gone"}}, "which is not stored"},
		"lost before":       {[]Event{asked("register", "Z", OK, 90e9, 91e9, ""), asked("exists", "Z", Denied, 120e9, 121e9, "DENIED No user found for 'Z'")}, "cannot log in"},
		"lost after":        {[]Event{asked("register", "Z", OK, 104e9, 105e9, ""), asked("exists", "Z", Denied, 120e9, 121e9, "DENIED No user found for 'Z'")}, "cannot log in"},
		"record of nothing": {[]Event{heard("A", 3, "SETSCRIPTTAGS server/match/uuid=abc")}, "which is not stored"},
		"record of two":     {[]Event{{Kind: Row, What: "match", Arg: "xyz", Key: "lobby/2"}}, "is of battles"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Check(append(append([]Event(nil), whole...), tc.add...))
			if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), tc.want) {
				t.Errorf("found %q, want something with %q", found, tc.want)
			}
		})
	}
}

// TestHistory: what was written is read again.
func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	h, err := NewHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range whole {
		h.Add(e)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got, err := ReadHistory(f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(whole, h.Events()); diff != "" {
		t.Error(diff)
	}
}

// TestPlan: a seed replays, and what a process suffers does not overlap.
func TestPlan(t *testing.T) {
	nodes := []string{"node1", "node2", "node3"}
	kinds := map[string]bool{}
	for seed := range uint64(50) {
		steps := Plan(seed, 15*time.Minute, nodes, "node4")
		if diff := cmp.Diff(steps, Plan(seed, 15*time.Minute, nodes, "node4")); diff != "" {
			t.Fatal(diff)
		}
		if len(steps) < 30 {
			t.Errorf("seed %d: %d steps in 15 minutes", seed, len(steps))
		}
		over := map[string]time.Duration{}
		for i, s := range steps {
			kinds[s.What] = true
			switch {
			case s.N != i+1 || s.For <= 0 || i > 0 && s.At < steps[i-1].At:
				t.Errorf("seed %d: step %+v", seed, s)
			case s.What == Kill || s.What == Pause || s.What == Leave || s.What == Drain:
				if s.At < over[s.Node] {
					t.Errorf("seed %d: %s before the one before is over", seed, s)
				}
				over[s.Node] = s.At + s.For
			case s.What == RestoreDatabase:
				alone(t, s, steps)
			case (s.What == Cut || s.What == CutOneWay) && (s.Other == s.Node || s.Other == ""):
				t.Errorf("seed %d: %s", seed, s)
			}
		}
	}
	for _, c := range choices {
		if !kinds[c.what] {
			t.Errorf("%s was never chosen", c.what)
		}
	}
	for _, kind := range []string{"postgres", "sqlite"} {
		for _, s := range Plan(1, time.Hour, nodes, "node4", Possible(kind)...) {
			if never := map[string][]string{"postgres": ofSQLite, "sqlite": ofPostgres}[kind]; slices.Contains(never, s.What) {
				t.Errorf("%s has %s", kind, s)
			}
		}
	}
	for _, s := range Plan(1, time.Minute, nodes, "", Kill, Join) {
		if s.What != Kill {
			t.Errorf("%s was not asked for", s)
		}
	}
}

// alone: nothing else is broken around a restore.
func alone(t *testing.T, restore Step, steps []Step) {
	t.Helper()
	for _, s := range steps {
		if s != restore && s.At+s.For > restore.At-again/2 && s.At < restore.At+restore.For+again {
			t.Errorf("%s beside %s", s, restore)
		}
	}
}
