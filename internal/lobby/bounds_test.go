package lobby

import (
	"fmt"
	"strings"
	"testing"

	"teiserver/internal/refusal"
)

// TestComputersAreBounded: a player must not fill a lobby until its snapshot, and
// what its followers start from, no longer fit into a message.
func TestComputersAreBounded(t *testing.T) {
	s := opened(t, "")
	ai := func(name, text string) AddComputer {
		return AddComputer{Who: who(founder), Computer: Computer{Name: name, Color: "0", AI: text}}
	}
	refused(t, s, ai("Long", strings.Repeat("x", computerBytes)), refusal.Invalid)
	refused(t, s, ai(strings.Repeat("x", computerBytes), "x"), refusal.Invalid)
	for i := len(s.room.view.Computers); i < mostComputers; i++ {
		must(t, s, ai(fmt.Sprint("AI", i), "x"))
	}
	refused(t, s, ai("OneMore", "x"), refusal.Invalid)
	must(t, s, RemoveComputer{Who: who(founder), Name: "AI0"})
	must(t, s, ai("OneMore", "x"))
	refused(t, s, UpdateComputer{Who: who(founder), Name: "OneMore", Color: strings.Repeat("1", computerBytes+1)}, refusal.Invalid)
}

// TestLateLeave: a leave that names a join ends that join and those before it, of
// the same session; one of a newer session ends everything.
func TestLateLeave(t *testing.T) {
	s := opened(t, "")
	w := who(4)
	must(t, s, Join{Who: w, Join: 7})
	refused(t, s, Leave{Who: w, Join: 6}, refusal.Superseded)
	must(t, s, Answer{By: who(founder), User: w.User, Accept: true})
	refused(t, s, Leave{Who: w, Join: 6}, refusal.Superseded)
	must(t, s, Leave{Who: w, Join: 7})
	must(t, s, Join{Who: w, Join: 8})
	must(t, s, Leave{Who: w}) // of whoever does not count
	must(t, s, Join{Who: w, Join: 9})
	must(t, s, Answer{By: who(founder), User: w.User, Accept: true})
	next := w
	next.Session++
	must(t, s, Leave{Who: next, Join: 1})
}
