package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestClip(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line    string
		columns int
		want    string
	}{
		{"abc", 5, "abc"},
		{"abcdef", 3, "abc"},
		{"▸äöü", 2, "▸ä"},
		{red + "abc" + plain + "def", 4, red + "abc" + plain + "d" + plain},
		{"abc" + red + "def", 3, "abc" + red + plain},
	} {
		if got := clip(tc.line, tc.columns); got != tc.want {
			t.Errorf("%q to %d: %q, want %q", tc.line, tc.columns, got, tc.want)
		}
	}
}

// TestFrame: what is known is shown, and a picture has as many lines as the terminal.
func TestFrame(t *testing.T) {
	t.Parallel()
	j := newJournal()
	j.note("first event")
	for range 300 {
		j.note("another event")
	}
	j.warn("last event")
	f := frame{
		up: 83 * time.Second, dir: "/tmp/x", selected: 1, journal: j.last, out: 2,
		bodies: []body{{"n1", "runs"}, {"n2", "cut off"}, {"n3", "dead"}},
		stand:  make([]standing, 3),
		world: &world{
			at: time.Now(),
			rows: map[string]row{
				"n1": {Name: "n1", Incarnation: 7, State: "serving", Left: 2 * time.Second, Clients: 5, Processes: 3, Hears: []string{"n3"}},
				"n2": {Name: "n2", Incarnation: 8, State: "serving", Left: -time.Second},
			},
			owners: owned(t, `[
				{"key":{"kind":"lobby","id":"1"},"node":"n1","epoch":2,"state":"owned"},
				{"key":{"kind":"lobby","id":"2"},"node":"n2","epoch":3,"state":"owned","gone":true}]`),
			ready: map[string]string{"n1": ready, "n2": "draining"}, missing: []string{"coordinator/main"},
		},
		tallies: []tally{{said: 11, heard: 22}, {clean: wrongs{lost: 1}, touched: wrongs{lost: 12}}, {arrivals: 4, tookLast: time.Second, tookMost: 2 * time.Second}},
	}
	const columns, rows = 120, 40
	lines := f.lines(columns, rows)
	if len(lines) != rows {
		t.Errorf("%d lines, want %d", len(lines), rows)
	}
	text := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(strings.Join(lines, "\n"), "")
	for _, want := range []string{
		"up 1m23s", "▸ n2", "cut off", "unknown to the database", "expired", "draining", "lobby/1·2", "none lobby/2·3",
		"should run and does not: coordinator/main", "1+12", "4 (1.0 s, 2.0 s)", "2 bots are out", "! last event", "1-3 select",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not shown:\n%s", want, text)
		}
	}
	if strings.Contains(text, "first event") {
		t.Error("the oldest event is shown, not the newest")
	}
	if small := f.lines(20, 5); len(small) == 0 { // what is too much is cut by the terminal
		t.Error("nothing is shown on a small terminal")
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	got := strings.Join(wrap("  n1", []string{"lobby/1·1", "lobby/2·1", "x"}, 20), "|")
	if want := "  n1   lobby/1·1  |       lobby/2·1  x  "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
