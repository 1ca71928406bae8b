package lease

import (
	"errors"
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

// Gone reports whether the life of a node is over for good, as the other nodes know it.
// One that has not been heard of yet is not gone.
func (l *Lease) Gone(life int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over[life] {
		return true
	}
	for _, n := range l.members {
		if n.Life == life {
			return false
		}
	}
	return l.gone[life] || life <= l.absences.floor
}

// Ended reports whether an incarnation is gone for good: condemned, left, or void as the
// store is on another timeline. One that has not been heard of yet has not ended.
func (l *Lease) Ended(incarnation int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone[incarnation] {
		return true
	}
	for _, n := range l.members {
		if n.Incarnation == incarnation {
			return n.Awaited
		}
	}
	return incarnation <= l.absences.floor
}

// GoesOn says whose an incarnation of the timeline before was, if that node is still
// there, or awaited: it may take again what it had.
func (l *Lease) GoesOn(incarnation int64) (life int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if life, ok = l.lives[incarnation]; !ok {
		life = incarnation
	}
	for _, n := range l.members {
		if n.Life == life && (n.Awaited || n.Incarnation != incarnation) {
			return life, true
		}
	}
	return 0, false
}

// take makes the rows of a good read the members, and tells.
func (l *Lease) take(rows []Node) {
	l.hooks.Lock()
	defer l.hooks.Unlock()
	switch err := l.judge(rows); {
	case errors.Is(err, ErrTimeline):
		l.doubt()
		return
	case err != nil:
		l.fall(err)
	}
	members, changed := l.merge(rows)
	if !changed {
		return
	}
	for _, f := range l.on {
		f(slices.Clone(members))
	}
}

// judge says what rows tell of this node: ErrCondemned, or ErrTimeline if they are not of
// the timeline in which it lives. Then they say nothing of the others either.
func (l *Lease) judge(rows []Node) error {
	self := l.Membership()
	for _, n := range rows {
		switch {
		case n.Timeline != self.Timeline.ID:
			return ErrTimeline
		case n.Incarnation == self.Incarnation && n.State == Gone:
			return ErrCondemned
		}
	}
	return nil
}

func (l *Lease) merge(rows []Node) (members []Node, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	self := l.Incarnation()
	own := Node{Name: l.name, Incarnation: self, Life: l.life, State: Serving, Address: l.who.Address, Version: l.who.Version, TTL: l.timing.TTL}
	highest := self
	for _, n := range rows {
		highest = max(highest, n.Incarnation)
		if n.Life != n.Incarnation {
			l.lives[n.Incarnation] = n.Life
		}
		switch {
		case n.Incarnation == self:
			if n.living() {
				own = n
			}
		case !n.living():
			l.gone[n.Incarnation] = true
		case !l.gone[n.Incarnation] && !l.over[n.Life]: // an old read must not bring anybody back
			members = append(members, n)
		}
	}
	members = append(l.stillAwaited(members), own)
	slices.SortFunc(members, func(a, b Node) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.Incarnation - b.Incarnation)
	})
	for _, old := range l.members {
		if !slices.ContainsFunc(members, func(n Node) bool { return n.Life == old.Life }) {
			l.over[old.Life] = true
		}
	}
	l.absences.note(l.clock.Boot(), highest, l.timing.TTL)
	changed = !slices.EqualFunc(members, l.members, func(a, b Node) bool {
		return a.Incarnation == b.Incarnation && a.State == b.State && a.Awaited == b.Awaited
	})
	l.members = members
	return members, changed
}

// stillAwaited adds those of the timeline before who have not come to this one yet, and
// may: not when their name is somebody else's, or it is too late.
func (l *Lease) stillAwaited(members []Node) []Node {
	now := l.clock.Boot()
	living := members
	for life, a := range l.awaited {
		other := slices.ContainsFunc(living, func(n Node) bool { return n.Life == life || n.Name == a.node.Name })
		if other || now >= a.until {
			delete(l.awaited, life)
			continue
		}
		members = append(members, a.node)
	}
	return members
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
