package faults

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CheckIDs checks that the number of a battle names one battle for all, no two openings are given
// the same, and a user's number and name belong together.
func CheckIDs(events []Event) (found []string) {
	opened := map[string]string{} // battle id: by whom, in which answer
	founder := map[string]string{}
	number, name := map[string]string{}, map[string]string{}
	note := func(in map[string]string, key, value, what string) {
		if before, known := in[key]; known && before != value {
			found = append(found, fmt.Sprintf("%s %s is %s and %s", what, key, before, value))
		}
		in[key] = value
	}
	for _, e := range events {
		switch {
		case e.Kind == Operation && e.What == "open" && e.Result == OK:
			if before, known := opened[e.Arg]; known {
				found = append(found, fmt.Sprintf("battle %s was opened by %s and by %s on connection %d", e.Arg, before, e.Who, e.Conn))
			}
			opened[e.Arg] = e.Who
		case e.Kind == Seen:
			f := strings.Fields(e.Line)
			switch {
			case len(f) > 4 && f[0] == "BATTLEOPENED":
				note(founder, f[1], f[4], "the founder of battle")
			case len(f) > 3 && f[0] == "ADDUSER":
				note(number, f[1], f[3], "the number of")
				note(name, f[3], f[1], "the name of")
			}
		}
	}
	return found
}

// CheckChat checks that what a user says in one place is heard by each client at most once and in
// the order in which it was said, over all connections of both.
func CheckChat(events []Event) (found []string) {
	type way struct{ from, to, place string }
	last := map[way]int{}
	heard := map[way]map[int]Event{}
	for _, e := range events {
		place, text, ok := spoken(e)
		if !ok {
			continue
		}
		who, n, ok := strings.Cut(text, ":")
		number, err := strconv.Atoi(n)
		if !ok || err != nil {
			continue
		}
		w := way{who, e.Who, place}
		if before, twice := heard[w][number]; twice {
			found = append(found, fmt.Sprintf("%s heard %s in %s twice, on connections %d (%s, at %d) and %d (%s, at %d)",
				e.Who, text, place, before.Conn, before.Node, before.At, e.Conn, e.Node, e.At))
			continue
		}
		if heard[w] == nil {
			heard[w] = map[int]Event{}
		}
		heard[w][number] = e
		if number < last[w] {
			found = append(found, fmt.Sprintf("%s heard %s in %s after number %d, on connection %d (%s, at %d)", e.Who, text, place, last[w], e.Conn, e.Node, e.At))
			continue
		}
		last[w] = number
	}
	return found
}

// spoken takes a line of chat apart.
func spoken(e Event) (place, text string, ok bool) {
	if e.Kind != Seen {
		return "", "", false
	}
	switch f := strings.Fields(e.Line); {
	case len(f) == 4 && f[0] == "SAID":
		return f[1], f[3], true
	case len(f) == 3 && f[0] == "SAIDPRIVATE":
		return "private", f[2], true
	case len(f) == 3 && f[0] == "SAIDBATTLE":
		return "battle", f[2], true
	}
	return "", "", false
}

// CheckKept checks that every account whose registration was acknowledged is there at the end,
// but for those that the store may have lost.
func CheckKept(events []Event) (found []string) {
	made, spans := map[string]Event{}, lost(events)
	for _, e := range events {
		if e.Kind == Operation && e.What == "register" && e.Result == OK && !touches(spans, e.Start, e.At) {
			made[e.Arg] = e
		}
	}
	for _, e := range events {
		if e.Kind != Operation || e.What != "exists" || e.Result == OK {
			continue
		}
		if m, ok := made[e.Arg]; ok {
			found = append(found, fmt.Sprintf("%s was registered on %s at %d and cannot log in on %s: %s", e.Arg, m.Node, m.At, e.Node, e.Line))
		}
	}
	return found
}

// settle is how long clients may be told of what the store has just lost.
const settle = int64(10e9)

// CheckRecords checks that the record that members of a battle were told is in the store, and no
// two battles have the same. One that may have been lost must not be told for long.
func CheckRecords(events []Event) (found []string) {
	stored := map[string]string{}
	for _, e := range events {
		if e.Kind != Row || e.What != "match" {
			continue
		}
		if before, twice := stored[e.Arg]; twice {
			found = append(found, fmt.Sprintf("record %s is of battles %s and %s", e.Arg, before, e.Key))
		}
		stored[e.Arg] = e.Key
	}
	if len(stored) == 0 {
		return nil // not read
	}
	missing, first, spans := map[string]bool{}, map[string]int64{}, lost(events)
	for _, e := range events {
		if e.Kind != Seen {
			continue
		}
		_, rest, ok := strings.Cut(e.Line, "server/match/uuid=")
		if !ok {
			continue
		}
		uuid, _, _ := strings.Cut(rest, "\t")
		if _, told := first[uuid]; !told {
			first[uuid] = e.At
		}
		if touches(spans, first[uuid], first[uuid]) && touches(spans, e.At-settle, e.At) {
			continue
		}
		if _, ok := stored[uuid]; !ok && uuid != "" && !missing[uuid] {
			missing[uuid] = true
			found = append(found, fmt.Sprintf("%s was told of record %s, which is not stored", e.Who, uuid))
		}
	}
	slices.Sort(found)
	return found
}
