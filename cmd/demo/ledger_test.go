package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLedger plays what one speaker says and what one listener hears of it. The plan is
// a list of words: say, hear:LIFE.SEQ, refuse:SEQ, echo:SEQ, again (the speaker
// reconnects), join (the listener comes), touch, rest (everything is settled).
func TestLedger(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		plan string
		want tally
	}{
		"all heard":              {"join say say hear:1.1 hear:1.2", tally{}},
		"one lost":               {"join say say say hear:1.1 hear:1.3", tally{clean: wrongs{lost: 1}}},
		"the first lost":         {"join say say hear:1.2", tally{clean: wrongs{lost: 1}}},
		"the last lost":          {"join say say hear:1.1", tally{clean: wrongs{lost: 1}}},
		"nothing heard":          {"join say say", tally{clean: wrongs{lost: 2}}},
		"came later":             {"say say join hear:1.2", tally{}},
		"doubled":                {"join say say hear:1.1 hear:1.1 hear:1.2", tally{clean: wrongs{doubled: 1}}},
		"doubled later":          {"join say say hear:1.1 hear:1.2 hear:1.1", tally{clean: wrongs{doubled: 1}}},
		"out of order":           {"join say say say hear:1.1 hear:1.3 hear:1.2", tally{clean: wrongs{disordered: 1}}},
		"older than the first":   {"say say join hear:1.2 hear:1.1", tally{clean: wrongs{disordered: 1}}},
		"refused":                {"join say say say refuse:2 hear:1.1 hear:1.3", tally{refused: 1}},
		"refused later":          {"join say say say hear:1.1 hear:1.3 refuse:2", tally{refused: 1}},
		"lost with connection":   {"join say say hear:1.1 echo:1 again say hear:2.1", tally{}},
		"acknowledged and lost":  {"join say say hear:1.1 echo:2 again say hear:2.1", tally{clean: wrongs{lost: 1}}},
		"of the life between":    {"join say hear:1.1 echo:1 again say echo:1 again say hear:3.1", tally{clean: wrongs{lost: 1}}},
		"an old life comes back": {"join say say hear:1.1 again say hear:2.1 hear:1.2", tally{clean: wrongs{disordered: 1}}},
		"next life from 2":       {"join say hear:1.1 echo:1 again say say hear:2.2", tally{clean: wrongs{lost: 1}}},
		"lost on a touched node": {"join touch say say hear:1.2", tally{touched: wrongs{lost: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(1, &trace{out: io.Discard})
			touched, now, life := false, time.Unix(0, 0), 1
			clean := func() bool { return !touched }
			speaker, listener := newEar("who", 0, clean), newEar("me", 0, clean)
			p := place{"room", "who"}
			for _, word := range strings.Fields(tc.plan) {
				now = now.Add(time.Millisecond)
				verb, arg, _ := strings.Cut(word, ":")
				switch verb {
				case "say":
					l.say(speaker, p, life, now)
				case "hear":
					n, ok := parseNumber(arg)
					if !ok {
						t.Fatalf("bad word %q", word)
					}
					l.hear(listener, p, n, false, now)
				case "echo":
					n, _ := parseNumber("1." + arg)
					l.hear(speaker, p, number{life, n.seq}, true, now)
				case "refuse":
					n, _ := parseNumber("1." + arg)
					l.refuse(speaker, p, life, n.seq)
				case "again":
					l.end("who", life)
					life++
				case "join":
					l.enter(listener, "room", now)
				case "touch":
					touched = true
				default:
					t.Fatalf("bad word %q", word)
				}
			}
			l.behind([]*ear{listener}, true, now)
			l.judge(now.Add(grace))
			got := l.tallied()[0]
			got.said, got.heard = 0, 0
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(tally{}, wrongs{})); diff != "" {
				t.Error(diff)
			}
			if len(l.gaps) != 0 {
				t.Errorf("%d gaps are left", len(l.gaps))
			}
		})
	}
}

// TestBehind: what is still on its way is not lost before it is judged.
func TestBehind(t *testing.T) {
	t.Parallel()
	l := newLedger(1, &trace{out: io.Discard})
	yes := func() bool { return true }
	e := newEar("who", 0, yes)
	now := time.Unix(0, 0)
	l.enter(e, "room", now)
	p := place{"room", "who"}
	for range 3 {
		l.say(e, p, 1, now.Add(1))
	}
	l.hear(e, p, number{1, 1}, true, now)
	l.hear(e, p, number{1, 3}, true, now)
	l.judge(now.Add(grace - 1))
	if w := l.tallied()[0].clean; w != (wrongs{}) {
		t.Errorf("judged too early: %+v", w)
	}
	l.refuse(e, p, 1, 2)
	l.judge(now.Add(grace))
	if w := l.tallied()[0].clean; w != (wrongs{}) {
		t.Errorf("a refused line counts: %+v", w)
	}
	l.say(e, p, 1, now)
	if n := l.behind([]*ear{e}, false, now); n != 1 {
		t.Errorf("%d lines behind, want 1", n)
	}
	l.leave(e, "room")
	if n := l.behind([]*ear{e}, false, now); n != 0 {
		t.Errorf("%d lines behind in a room that was left", n)
	}
}
