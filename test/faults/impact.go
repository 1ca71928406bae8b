package faults

import (
	"fmt"
	"slices"
	"strings"
)

// Impact says what clients saw of a fault that was alone: of those on its node (near)
// and of those elsewhere (far), how many connections ended and by what line, when the
// last of them was logged in again, the longest silence in the channel that all are in,
// and what was refused. Times are seconds from the begin of the fault.
func Impact(events []Event, s Step, until int64) string {
	begin, end := int64(0), int64(0)
	for _, e := range events {
		if e.Kind == Fault && strings.HasSuffix(e.Line, s.String()) {
			switch {
			case strings.HasPrefix(e.Line, "begins"):
				begin = e.At
			case strings.HasPrefix(e.Line, "ends"):
				end = e.At
			}
		}
	}
	sec := func(at int64) float64 { return float64(at-begin) / 1e9 }
	var b strings.Builder
	fmt.Fprintf(&b, "%s; healed at %.1f\n", s, sec(end))
	for _, side := range []string{"near", "far"} {
		near := func(e Event) bool { return (e.Node == s.Node) == (side == "near") }
		lines := map[string]int{}
		lost := map[string]int64{}
		back := map[string]int64{}
		heard := map[int]int64{}
		refused := map[string]int{}
		silence, at := int64(0), int64(0)
		for _, e := range events {
			if e.At < begin || e.At > until {
				continue
			}
			switch {
			case e.Kind == Operation && e.What == "login" && e.Result == OK && lost[e.Who] != 0:
				back[e.Who] = e.At
			case !near(e):
			case e.Kind == Ended && e.Conn != 0:
				line := e.Line
				if !strings.HasPrefix(line, "s.system") {
					line = "without a word"
				}
				if e.What != "" {
					line = "given up by the client"
				}
				lines[line]++
				if lost[e.Who] == 0 {
					lost[e.Who] = e.At
				}
			case e.Kind == Seen && strings.HasPrefix(e.Line, "SAID main "):
				if before := heard[e.Conn]; before != 0 && e.At-before > silence {
					silence, at = e.At-before, before
				}
				heard[e.Conn] = e.At
			case e.Kind == Operation && (e.Result == Denied || e.Result == Unknown):
				refused[e.What+" "+e.Result]++
			}
		}
		fmt.Fprintf(&b, "  %-4s ", side)
		if len(lost) > 0 {
			first, last, in := int64(never), int64(0), int64(0)
			for who, when := range lost {
				first, last, in = min(first, when), max(last, when), max(in, back[who])
			}
			fmt.Fprintf(&b, "%d clients end from %.1f to %.1f, all back at %.1f %v; ", len(lost), sec(first), sec(last), sec(in), pairs(lines))
		}
		fmt.Fprintf(&b, "longest silence %.1f from %.1f; %v\n", float64(silence)/1e9, sec(at), pairs(refused))
	}
	return b.String()
}

func pairs(m map[string]int) []string {
	list := make([]string, 0, len(m))
	for k, n := range m {
		list = append(list, fmt.Sprintf("%d × %s", n, k))
	}
	slices.Sort(list)
	return list
}
