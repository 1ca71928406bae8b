package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// world is the cluster as its database and its health checks tell of it.
type world struct {
	at      time.Time
	rows    map[string]row // the newest life of each name
	owners  map[string]owner
	missing []string
	ready   map[string]string // "ready", or why not
	trouble string            // why the database could not be asked
}

// row is a node in `cluster status --json`.
type row struct {
	Name        string        `json:"name"`
	Incarnation int64         `json:"incarnation"`
	State       string        `json:"state"`
	Left        time.Duration `json:"left"`
	Hears       []string      `json:"hears"`
	Clients     int           `json:"clients"`
	Processes   int           `json:"processes"`
}

// shown is the state with what its lease says of it.
func (r row) shown() string {
	if r.State == "serving" && r.Left < 0 {
		return "expired"
	}
	return r.State
}

// owner is a process in `cluster processes --json`.
type owner struct {
	Key struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
	} `json:"key"`
	Node  string `json:"node"`
	Epoch int64  `json:"epoch"`
	State string `json:"state"`
	Gone  bool   `json:"gone"`
	Since int64  `json:"since"` // unix milliseconds
}

func (o owner) name() string { return o.Key.Kind + "/" + o.Key.ID }

// runs reports whether somebody runs it, as far as the database knows.
func (o owner) runs() bool { return o.State == "owned" && !o.Gone }

// owned lists what a node owns; "" lists what nobody does.
func (w *world) owned(node string) (list []string) {
	for name, o := range w.owners {
		if o.runs() && o.Node == node || !o.runs() && node == "" {
			list = append(list, fmt.Sprintf("%s·%d", name, o.Epoch))
		}
	}
	slices.Sort(list)
	return list
}

// news is what has changed between two looks.
type news struct {
	bad  bool
	text string
}

// changes compares two looks. blow says what was done to a node last, and when.
func changes(before, now *world, blow func(node string) (string, time.Time)) (list []news) {
	tell := func(bad bool, format string, args ...any) {
		list = append(list, news{bad, fmt.Sprintf(format, args...)})
	}
	if before.trouble == "" && now.trouble != "" {
		tell(true, "the database cannot be asked: %s", now.trouble)
	}
	if now.trouble == "" {
		for _, name := range slices.Sorted(maps.Keys(now.rows)) {
			rowChanges(before.rows[name], now.rows[name], tell)
		}
		moves(before, now, blow, tell)
	}
	for _, name := range slices.Sorted(maps.Keys(now.ready)) {
		if was, is := before.ready[name], now.ready[name]; was != is {
			if is == ready {
				tell(false, "%s is ready", name)
			} else {
				tell(false, "%s is not ready: %s", name, is)
			}
		}
	}
	return list
}

func rowChanges(was, is row, tell func(bool, string, ...any)) {
	switch {
	case was.Incarnation != is.Incarnation && is.Incarnation > 1:
		tell(false, "%s has joined, incarnation %d, %s", is.Name, is.Incarnation, is.shown())
	case was.shown() != is.shown() && was.Name != "":
		tell(is.shown() == "gone", "%s is %s", is.Name, is.shown())
	}
	if was.Incarnation != is.Incarnation || is.shown() != "serving" {
		return
	}
	for _, o := range was.Hears {
		if !slices.Contains(is.Hears, o) {
			tell(false, "%s does not hear %s any more", is.Name, o)
		}
	}
	for _, o := range is.Hears {
		if !slices.Contains(was.Hears, o) {
			tell(false, "%s hears %s", is.Name, o)
		}
	}
}

// moves tells of processes that have begun, ended or changed their node, those that
// went the same way in one line.
func moves(before, now *world, blow func(string) (string, time.Time), tell func(bool, string, ...any)) {
	type way struct{ from, to string }
	ways := map[way][]owner{}
	for _, name := range slices.Sorted(maps.Keys(now.owners)) {
		was, is := before.owners[name], now.owners[name]
		switch {
		case was.Epoch == 0 && is.runs():
			ways[way{"", is.Node}] = append(ways[way{"", is.Node}], is)
		case was.Epoch != is.Epoch && is.runs():
			ways[way{was.Node, is.Node}] = append(ways[way{was.Node, is.Node}], is)
		}
	}
	for _, w := range slices.SortedFunc(maps.Keys(ways), func(a, b way) int {
		return cmp.Or(strings.Compare(a.to, b.to), strings.Compare(a.from, b.from))
	}) {
		names := make([]string, 0, len(ways[w]))
		last := int64(0)
		for _, o := range ways[w] {
			names = append(names, o.name())
			last = max(last, o.Since)
		}
		what := strings.Join(names, ", ")
		how, at := blow(w.from)
		switch took := time.UnixMilli(last).Sub(at); {
		case w.from == "":
			tell(false, "%s runs %s", w.to, what)
		case w.from == w.to:
			tell(false, "%s runs %s again", w.to, what)
		case how != "" && took > 0 && took < 2*time.Minute:
			tell(false, "%s has taken over %s, %s after %s was %s", w.to, what, seconds(took), w.from, how)
		default:
			tell(false, "%s has got %s from %s", w.to, what, w.from)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.owners)) {
		if _, there := now.owners[name]; !there {
			tell(false, "%s has ended", name)
		}
	}
}

// counted writes numbers by name: "n1 (4), n3 (2)".
func counted(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", name, m[name]))
	}
	return strings.Join(parts, ", ")
}
