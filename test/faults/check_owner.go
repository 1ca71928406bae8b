package faults

import (
	"fmt"
	"slices"
	"strings"
)

// Checks are all checkers of a history, by what they promise.
var Checks = map[string]func([]Event) []string{
	"one owner, epochs only rise":    CheckOwners,
	"the living are not condemned":   CheckNodes,
	"only the owner acts":            CheckActs,
	"no id is given twice":           CheckIDs,
	"a line is heard once, in order": CheckChat,
	"acknowledged commands are kept": CheckKept,
	"registrations are linearizable": CheckRegistrations,
	"settings are linearizable":      CheckSettings,
	"clients of whole nodes stay":    CheckStay,
	"battle records are kept":        CheckRecords,
}

// Check runs all checkers.
func Check(events []Event) (found []string) {
	names := make([]string, 0, len(Checks))
	for name := range Checks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, f := range Checks[name](events) {
			found = append(found, name+": "+f)
		}
	}
	return found
}

// goesOn are the kinds of processes that act while in doubt: that two of them run for a
// while harms nobody.
var goesOn = []string{"channel/", "coordinator/"}

func freezes(key string) bool {
	return !slices.ContainsFunc(goesOn, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// CheckOwners checks that a key that somebody living owns is not claimed, an epoch never falls, and
// within an epoch only the owner writes, until it hands the key back or closes it.
func CheckOwners(events []Event) (found []string) {
	for _, e := range events {
		if e.Kind != Row || e.Change == nil {
			continue
		}
		if why := judgeOwner(e.Change); why != "" {
			found = append(found, fmt.Sprintf("%s at %d, by %s: %s (before %+v, after %+v)", e.Key, e.At, e.Change.By, why, value(e.Change.Before), value(e.Change.After)))
		}
	}
	return found
}

func value(s *State) any {
	if s == nil {
		return nil
	}
	return *s
}

func judgeOwner(c *Change) string {
	switch {
	case c.Table == "snapshot" && c.After != nil && c.By != c.After.Owner:
		return "a snapshot of a key that another node owns"
	case c.Table != "owner":
		return ""
	case c.Action == "DELETE" || c.After == nil:
		return "the row was deleted, its epoch is lost"
	case c.Before == nil:
		if c.By != c.After.Owner {
			return "claimed for another node"
		}
		return ""
	case c.After.Epoch < c.Before.Epoch:
		return "the epoch fell"
	case c.After.Epoch > c.Before.Epoch:
		return judgeClaim(c)
	case c.After.Incarnation != c.Before.Incarnation:
		return "another owner under the same epoch"
	case c.Before.State != "owned":
		return "a write to a key that nobody owns"
	case c.By != c.Before.Owner:
		return "a write of who is not the owner"
	case c.After.Writes < c.Before.Writes:
		return "the count of writes fell"
	}
	return ""
}

func judgeClaim(c *Change) string {
	switch {
	case c.By != c.After.Owner:
		return "claimed for another node"
	case c.Before.State == "owned" && c.Before.Alive && c.Before.Incarnation != c.After.Incarnation:
		return "claimed while its owner lives"
	}
	return ""
}

// transaction is one of the store's.
type transaction struct {
	store int
	tx    int64
}

// CheckNodes checks that nobody is condemned whose lease holds, except by its own next life, and
// who is gone does not come back. Who begins a new timeline of the store ends all.
func CheckNodes(events []Event) (found []string) {
	begins := map[transaction]bool{}
	for _, e := range events {
		if c := e.Change; e.Kind == Row && c != nil && c.Table == "timeline" {
			begins[transaction{c.Store, c.Tx}] = true
		}
	}
	for _, e := range events {
		if e.Kind != Row || e.Change == nil || e.Change.Table != "node" || e.Change.Before == nil {
			continue
		}
		b, a := e.Change.Before, e.Change.After
		switch {
		case a == nil:
			continue // forgotten after a day
		case a.Alive && !b.Alive:
			found = append(found, fmt.Sprintf("%s: incarnation %d has come back from %s", e.Key, b.Incarnation, b.State))
		case a.State == "gone" && b.Alive && b.Left > 0 && e.Change.By != b.Owner && !begins[transaction{e.Change.Store, e.Change.Tx}]:
			found = append(found, fmt.Sprintf("%s: incarnation %d was condemned by %s with %d ms of its lease left", e.Key, b.Incarnation, e.Change.By, b.Left))
		}
	}
	return found
}

// tenure is the time from which an epoch of a key is over.
type tenure struct {
	key   string
	epoch int64
}

// CheckActs checks that a process that freezes in doubt acts no more once its key is claimed under
// a higher epoch, handed back or closed. The one effect that it stood in front of may
// still happen; so one for each epoch is forgiven.
func CheckActs(events []Event) (found []string) {
	over := ends(events)
	actor := map[tenure]int64{}
	late := map[tenure][]Event{}
	for _, e := range events {
		if e.Kind != Act || !freezes(e.Key) {
			continue
		}
		t := tenure{e.Key, e.Epoch}
		if first, known := actor[t]; known && first != e.Incarnation {
			found = append(found, fmt.Sprintf("%s: incarnations %d and %d act under epoch %d", e.Key, first, e.Incarnation, e.Epoch))
		}
		actor[t] = e.Incarnation
		if end, ended := over(t); ended && e.At > end {
			late[t] = append(late[t], e)
		}
	}
	for t, acts := range late {
		if len(acts) > 1 {
			last := acts[len(acts)-1]
			end, _ := over(t)
			found = append(found, fmt.Sprintf("%s: %d acts of %s under epoch %d after it was over, the last (%s) by %.3f s",
				t.key, len(acts), last.Node, t.epoch, last.What, float64(last.At-end)/1e9))
		}
	}
	slices.Sort(found)
	return found
}

// ends says when an epoch of a key was over: when it was handed back, or the key was first
// claimed under a higher epoch, also on another timeline of the store.
func ends(events []Event) func(tenure) (int64, bool) {
	type claim struct{ epoch, at int64 }
	claims := map[string][]claim{}
	over := map[tenure]int64{}
	for _, e := range events {
		c := e.Change
		if e.Kind != Row || c == nil || c.Table != "owner" || c.After == nil {
			continue
		}
		if c.Before == nil || c.After.Epoch > c.Before.Epoch {
			claims[e.Key] = append(claims[e.Key], claim{c.After.Epoch, e.At})
		} else if t := (tenure{e.Key, c.After.Epoch}); c.After.State == "released" && c.Before.State == "owned" && over[t] == 0 {
			over[t] = e.At
		}
	}
	known := map[tenure]int64{}
	return func(t tenure) (int64, bool) {
		if at, ok := known[t]; ok {
			return at, at != never
		}
		first := int64(never)
		if at, ok := over[t]; ok {
			first = at
		}
		for _, c := range claims[t.key] {
			if c.epoch > t.epoch {
				first = min(first, c.at)
			}
		}
		known[t] = first
		return first, first != never
	}
}
