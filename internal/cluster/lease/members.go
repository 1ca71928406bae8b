package lease

import (
	"slices"
	"strings"
	"time"
)

// The states of a row.
const (
	Serving  = "serving"
	Draining = "draining"
	Left     = "left"
	Gone     = "gone"
)

func (n Node) living() bool { return n.State == Serving || n.State == Draining }

// Members lists the nodes that are not gone, this one included, in order of name.
func (l *Lease) Members() []Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.members)
}

// OnMembers calls f now and whenever a node comes, goes, or changes its state. Calls
// come one at a time and in order; f must not block.
func (l *Lease) OnMembers(f func([]Node)) {
	l.hooks.Lock()
	defer l.hooks.Unlock()
	l.on = append(l.on, f)
	f(l.Members())
}

// Gone reports whether an incarnation is gone for good: condemned or left. One that
// has not been heard of yet is not gone.
func (l *Lease) Gone(incarnation int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone[incarnation] {
		return true
	}
	for _, n := range l.members {
		if n.Incarnation == incarnation {
			return false
		}
	}
	return incarnation <= l.absences.floor
}

// take makes the rows of a good read the members, and tells.
func (l *Lease) take(rows []Node) {
	l.hooks.Lock()
	defer l.hooks.Unlock()
	members, changed, condemned := l.merge(rows)
	if condemned {
		l.fall(ErrCondemned)
	}
	if !changed {
		return
	}
	for _, f := range l.on {
		f(slices.Clone(members))
	}
}

func (l *Lease) merge(rows []Node) (members []Node, changed, condemned bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := Node{Name: l.name, Incarnation: l.self.Incarnation, State: Serving, Address: l.address, Version: l.version, TTL: l.timing.TTL}
	highest := l.self.Incarnation
	for _, n := range rows {
		highest = max(highest, n.Incarnation)
		switch {
		case n.Incarnation == l.self.Incarnation:
			condemned = n.State == Gone
			if n.living() {
				own = n
			}
		case !n.living():
			l.gone[n.Incarnation] = true
		case !l.gone[n.Incarnation]: // an old read must not bring anybody back
			members = append(members, n)
		}
	}
	members = append(members, own)
	slices.SortFunc(members, func(a, b Node) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.Incarnation - b.Incarnation)
	})
	l.absences.note(l.clock.Boot(), highest, l.timing.TTL)
	changed = !slices.EqualFunc(members, l.members, func(a, b Node) bool {
		return a.Incarnation == b.Incarnation && a.State == b.State
	})
	l.members = members
	return members, changed, condemned
}

// floor is the incarnation up to which a row that is missing is gone: its row was
// removed long ago. It trails the highest one heard by a TTL, because a join with a
// lower number may become visible after one with a higher.
type floor struct {
	floor, next int64
	at          time.Duration
}

func (f *floor) note(now time.Duration, highest int64, ttl time.Duration) {
	switch {
	case f.next == 0:
		f.next, f.at = highest, now
	case now-f.at >= ttl:
		f.floor, f.next, f.at = f.next, highest, now
	}
}
