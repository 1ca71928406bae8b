package faults

import (
	"fmt"
	"strings"
)

// after is how long what a fault has done to a node may end connections: it is found out
// by time-outs, and a node that was given up comes back in its time.
const after = int64(30e9)

// CheckStay checks that who is logged in stays connected as long as its node is whole. What happens
// to other nodes, between them, or to the database costs no client its connection.
func CheckStay(events []Event) (found []string) {
	type span struct {
		begin, end int64
		line       string
	}
	var broken []span
	in := map[int]bool{}
	ended := int64(0) // when all was healed, and clients leave by themselves
	for _, e := range events {
		switch {
		case e.Kind == Fault && e.What == "quiet":
			ended = e.At
		case e.Kind == Fault && strings.HasPrefix(e.Line, "begins"):
			broken = append(broken, span{e.At, never, e.Line})
		case e.Kind == Fault && strings.HasPrefix(e.Line, "ends"):
			for i := range broken {
				if strings.TrimPrefix(broken[i].line, "begins") == strings.TrimPrefix(e.Line, "ends") {
					broken[i].end = e.At + after
				}
			}
		case e.Kind == Operation && e.What == "login" && e.Result == OK:
			in[e.Conn] = true
		}
	}
	for _, e := range events {
		if e.Kind != Ended || e.What == "moved" || !in[e.Conn] || ended != 0 && e.At >= ended {
			continue
		}
		excused := false
		for _, b := range broken {
			excused = excused || b.begin <= e.At && e.At <= b.end && strings.Contains(b.line, e.Node)
		}
		if !excused {
			found = append(found, fmt.Sprintf("%s on %s, connection %d, ended at %d by %q (%s)", e.Who, e.Node, e.Conn, e.At, e.Line, e.Arg))
		}
	}
	return found
}
