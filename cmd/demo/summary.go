package main

import (
	"fmt"
	"strings"
	"time"
)

// summary is what came of it.
type summary struct {
	lasted  time.Duration
	dir     string // empty if it is not kept
	tallies []tally
	names   []string
	ends    int64
	out     int // bots that are not where they want to be
	all     int
}

func (d *demo) summary() summary {
	s := summary{lasted: time.Since(d.began), tallies: d.crowd.ledger.tallied(), ends: d.ends.Load()}
	if d.keep {
		s.dir = d.dir
	}
	for _, n := range d.nodes {
		s.names = append(s.names, n.name)
	}
	taken, all := d.crowd.places()
	s.out, s.all = all-taken, all
	return s
}

// total adds the nodes up.
func (s summary) total() (sum tally) {
	for _, t := range s.tallies {
		sum.said += t.said
		sum.heard += t.heard
		sum.refused += t.refused
		sum.clean.add(t.clean)
		sum.touched.add(t.touched)
		sum.drops += t.drops
		sum.cleanDrops += t.cleanDrops
		sum.fallen += t.fallen
		sum.arrivals += t.arrivals
		sum.tookMost = max(sum.tookMost, t.tookMost)
		sum.slowest = max(sum.slowest, t.slowest)
		sum.violations = append(sum.violations, t.violations...)
	}
	return sum
}

// good reports whether the bots on nodes that nobody touched saw nothing that they must
// not see, and no node ended by itself.
func (s summary) good() bool {
	t := s.total()
	return t.clean == (wrongs{}) && t.cleanDrops == 0 && t.fallen == 0 && len(t.violations) == 0 && s.ends == 0
}

func (s summary) text() string {
	var b strings.Builder
	t := s.total()
	fmt.Fprintf(&b, "\n%s: %d lines said, %d heard, %d refused; the slowest on a node that nobody touched took %s\n",
		seconds(s.lasted), t.said, t.heard, t.refused, seconds(t.slowest))
	fmt.Fprintf(&b, "%d reconnects, the longest took %s; %d of %d bots are online and in a battle\n", t.arrivals, seconds(t.tookMost), s.all-s.out, s.all)
	fmt.Fprintf(&b, "%-22s %9s %9s\n", "", "untouched", "touched")
	for _, l := range []struct {
		what           string
		clean, touched int
	}{
		{"lines lost", t.clean.lost, t.touched.lost},
		{"lines doubled", t.clean.doubled, t.touched.doubled},
		{"lines out of order", t.clean.disordered, t.touched.disordered},
		{"connections lost", t.cleanDrops, t.drops - t.cleanDrops},
	} {
		fmt.Fprintf(&b, "%-22s %9d %9d\n", l.what, l.clean, l.touched)
	}
	if t.fallen > 0 {
		fmt.Fprintf(&b, "%d places in battles were lost, though neither the host's node nor the player's was touched\n", t.fallen)
	}
	if s.ends > 0 {
		fmt.Fprintf(&b, "%d nodes ended by themselves\n", s.ends)
	}
	for _, v := range t.violations {
		fmt.Fprintf(&b, "a strict client would not survive: %s\n", v)
	}
	if s.dir != "" {
		fmt.Fprintf(&b, "database and logs are in %s\n", s.dir)
	}
	if s.good() {
		b.WriteString("good: on nodes that nobody touched, nothing was lost, doubled or out of order\n")
	} else {
		b.WriteString("BAD: see the column of the untouched nodes\n")
	}
	return b.String()
}
