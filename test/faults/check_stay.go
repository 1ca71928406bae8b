package faults

import (
	"fmt"
	"slices"
	"strings"
)

// after is how long what a fault has done to a node may end connections: it is found out
// by time-outs, and a node that was given up comes back in its time.
const after = int64(30e9)

// everywhere is what befalls all nodes: they stop for a restore, and with the machine. A
// failover costs nobody a connection, lossy or not: nodes go on on the new timeline.
var everywhere = []string{RestoreDatabase, Slow}

// CheckStay checks that who is logged in stays connected as long as its node is whole. What happens
// to other nodes, between them, or to the database costs no client its connection.
func CheckStay(events []Event) (found []string) {
	type fault struct {
		span
		line, what string
	}
	var broken []fault
	in := map[int]bool{}
	ended := int64(0) // when all was healed, and clients leave by themselves
	for _, e := range events {
		switch {
		case e.Kind == Fault && e.What == "quiet":
			ended = e.At
		case e.Kind == Fault && e.What == Slow:
			broken = append(broken, fault{span{e.Start, e.At + after/2}, e.Line, e.What})
		case e.Kind == Fault && strings.HasPrefix(e.Line, "begins"):
			broken = append(broken, fault{span{e.At, never}, e.Line, e.What})
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
			excused = excused || b.begin <= e.At && e.At <= b.end && (strings.Contains(b.line, e.Node) || slices.Contains(everywhere, b.what))
		}
		if !excused {
			found = append(found, fmt.Sprintf("%s on %s, connection %d, ended at %d by %q (%s)", e.Who, e.Node, e.Conn, e.At, e.Line, e.Arg))
		}
	}
	return found
}
