package faults

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience is how long porcupine may think about one name.
const patience = 30 * time.Second

// taken is how a registration is refused that came too late.
const taken = "already"

// never is the end of an operation without an answer.
const never = math.MaxInt64

// step is an operation on a register: what went in, what came out.
type step struct{ what, value, result string }

// operations makes porcupine's form of events. Each has a client of its own: some go on
// for ever.
func operations(events []Event) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(events))
	for i, e := range events {
		end := e.At
		if e.Result == Unknown {
			end = never
		}
		s := step{e.What, e.Arg, e.Result}
		ops[i] = porcupine.Operation{ClientId: i, Input: s, Output: s, Call: e.Start, Return: end}
	}
	return ops
}

// names is a name that is free or not. An operation without an answer has no end, so
// that it may be put behind all others: that is where one belongs that did nothing.
var names = porcupine.Model{
	Init: func() any { return false },
	Step: func(state, in, _ any) (bool, any) {
		exists, s := state.(bool), in.(step)
		switch {
		case s.result == Unknown:
			return true, exists || s.what == "register"
		case s.what == "register" && s.result == OK:
			return !exists, true
		default: // refused as taken, or looked for
			return exists == (s.result == OK || s.what == "register"), exists
		}
	},
	Equal: func(a, b any) bool { return a == b },
}

// CheckRegistrations checks that for each name there is an order of all that was asked in which
// the first registration succeeds, and none after it.
func CheckRegistrations(events []Event) (found []string) {
	of := map[string][]Event{}
	for _, e := range events {
		if e.Kind != Operation || e.What != "register" && e.What != "exists" {
			continue
		}
		if e.Result == Denied && e.What == "register" && !strings.Contains(e.Line, taken) {
			e.Result = Unknown // refused for another reason, such as a store that is away
		}
		if e.Result == Denied && e.What == "exists" && !strings.Contains(e.Line, "No user found") {
			continue
		}
		of[e.Arg] = append(of[e.Arg], e)
	}
	spans := lost(events)
	for name, list := range of {
		list = forgotten(spans, list, func(e Event) bool { return e.Result == Denied || e.What == "exists" })
		if porcupine.CheckOperationsTimeout(names, operations(list), patience) == porcupine.Illegal {
			found = append(found, fmt.Sprintf("%s: no order explains %s", name, outline(list)))
		}
	}
	slices.Sort(found)
	return found
}

// register holds a text.
var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, in, _ any) (bool, any) {
		s := in.(step)
		switch {
		case s.what == "set":
			return true, s.value
		case s.result == Unknown:
			return true, state
		default:
			return state == "" || state == s.value, s.value // before the first set it is what it was
		}
	},
	Equal: func(a, b any) bool { return a == b },
}

// CheckSettings checks that a setting reads as it was set last.
func CheckSettings(events []Event) []string {
	var list []Event
	for _, e := range events {
		if e.Kind == Operation && (e.What == "set" || e.What == "get" && e.Result == OK) {
			list = append(list, e)
		}
	}
	list = forgotten(lost(events), list, func(e Event) bool { return e.What == "get" })
	if porcupine.CheckOperationsTimeout(register, operations(list), patience) == porcupine.Illegal {
		return []string{"no order explains " + outline(list)}
	}
	return nil
}

func outline(events []Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n\t%d..%d %s %s on %s: %s %s", e.Start, e.At, e.What, e.Arg, e.Node, e.Result, e.Line)
	}
	return b.String()
}
