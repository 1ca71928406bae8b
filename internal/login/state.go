package login

import (
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// State is the machine of the owner. The zero value has nothing saved up. It
// implements process.Machine.
//
// Permits are earned by time, at the rate less the shares of those members that have
// not promised to keep off them. They are set aside for the nodes that wait, in
// proportion to how many wait there, and handed out whole. What was set aside for a
// node that needs it no longer, or is not heard of anymore, comes back; what was handed
// out does not, as it may have been used.
type State struct {
	boot func() time.Duration // see NewKind; nil: commands say what time it is

	at     time.Time // until when permits were earned
	pool   int64     // parts of permits set aside for nobody
	nodes  []*asker  // that were heard of within silence, by incarnation
	grants []grant   // of the last moments, not yet visible as users online
}

// asker is what the owner knows of a node.
type asker struct {
	last   Ask
	heard  time.Time
	wants  int64 // how many wait there that have no permit yet
	credit int64 // parts set aside for it, for no more than wait
}

type grant struct {
	at time.Time
	n  int
}

var _ process.Machine = (*State)(nil)

// Apply implements process.Machine.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	a, ok := c.Body.(Ask)
	if !ok || a.Node == 0 || a.Rate < 1 || a.Waiting < 0 {
		return process.Outcome{}, refusal.New(refusal.Invalid, "the owner of the login rate does not know %T %+v", c.Body, c.Body)
	}
	a.Rate, a.Waiting = min(a.Rate, maxRate), min(a.Waiting, maxWaiting)
	now := c.At
	if s.boot != nil {
		now = time.Unix(0, 0).Add(s.boot())
	}
	return process.Outcome{Reply: s.answer(a, now)}, nil
}

func (s *State) answer(a Ask, now time.Time) Grant {
	s.earn(now)
	if a.Alone {
		return Grant{} // to ask again, with the promise
	}
	x := s.hear(a)
	s.limit()
	s.deal()
	n, full := int(x.credit/permit), false
	if a.Room >= 0 {
		room := max(0, a.Room-s.unseen())
		n, full = min(n, room), room <= n
	}
	if n > 0 {
		x.credit -= int64(n) * permit
		x.wants -= int64(n)
		s.grants = append(s.grants, grant{s.at, n})
	}
	if full || x.wants == 0 {
		return Grant{n, beat}
	}
	return Grant{n, s.next(x)}
}

// earn adds what the time since the last command has brought. Only those count as
// silent who still do at its end.
func (s *State) earn(now time.Time) {
	if s.at.IsZero() {
		s.at = now
	}
	passed := min(now.Sub(s.at), silence)
	if passed < 0 { // a clock that steps back gives nothing and takes nothing
		return
	}
	s.at = now
	s.nodes = slices.DeleteFunc(s.nodes, func(x *asker) bool {
		gone := now.Sub(x.heard) >= silence
		if gone {
			s.pool += x.credit
		}
		return gone
	})
	if t := s.terms(); t.heard > 0 {
		s.pool += int64(passed) * t.rate * t.heard / t.members
	}
	s.limit()
}

// terms are what the nodes say together.
type terms struct {
	rate    int64 // the lowest: a higher one counts when all know it
	members int64 // the most that one of them sees
	heard   int64 // of the nodes, how many all of them see
}

func (s *State) terms() terms {
	if len(s.nodes) == 0 {
		return terms{}
	}
	t := terms{rate: maxRate, members: 1}
	for _, x := range s.nodes {
		t.rate = min(t.rate, int64(x.last.Rate))
		t.members = max(t.members, int64(len(x.last.Members)))
		known := !slices.ContainsFunc(s.nodes, func(y *asker) bool { return !slices.Contains(y.last.Members, x.last.Node) })
		if known {
			t.heard++
		}
	}
	t.heard = min(t.heard, t.members)
	return t
}

// hear notes what a node says.
func (s *State) hear(a Ask) *asker {
	i, found := slices.BinarySearchFunc(s.nodes, a.Node, func(x *asker, node int64) int {
		switch {
		case x.last.Node < node:
			return -1
		case x.last.Node > node:
			return 1
		}
		return 0
	})
	if !found {
		s.nodes = slices.Insert(s.nodes, i, &asker{})
	}
	x := s.nodes[i]
	x.last, x.heard, x.wants = a, s.at, int64(a.Waiting)
	if spare := x.credit - x.wants*permit; spare > 0 {
		x.credit -= spare
		s.pool += spare
	}
	return x
}

// limit keeps what is saved up to a second's worth, or one for each node: with less,
// each of the nodes could have a part of a permit and none a whole one.
func (s *State) limit() {
	t := s.terms()
	most := max(t.rate, t.members) * permit
	excess := s.pool - most
	for _, x := range s.nodes {
		excess += x.credit
	}
	take := func(from *int64) {
		if part := min(excess, *from); part > 0 {
			*from -= part
			excess -= part
		}
	}
	take(&s.pool)
	for _, x := range s.nodes {
		take(&x.credit)
	}
}

// deal sets aside what there is for those who wait.
func (s *State) deal() {
	for {
		waiting := int64(0)
		for _, x := range s.nodes {
			if x.credit < x.wants*permit {
				waiting += x.wants
			}
		}
		if waiting == 0 {
			return
		}
		pool := s.pool
		for _, x := range s.nodes {
			if lacks := x.wants*permit - x.credit; lacks > 0 {
				part := min(lacks, pool*x.wants/waiting)
				x.credit += part
				s.pool -= part
			}
		}
		if s.pool == pool { // what is left of the division
			return
		}
	}
}

// unseen is how many were let in that the nodes may not count as online yet.
func (s *State) unseen() (n int) {
	s.grants = slices.DeleteFunc(s.grants, func(g grant) bool { return s.at.Sub(g.at) >= visible })
	for _, g := range s.grants {
		n += g.n
	}
	return n
}

// next is when the node can expect its next permit. It is advice: rounding is no harm.
func (s *State) next(x *asker) time.Duration {
	t := s.terms()
	waiting := int64(0)
	for _, y := range s.nodes {
		waiting += y.wants
	}
	if t.heard == 0 || x.wants == 0 {
		return beat
	}
	speed := float64(t.rate) * float64(t.heard) / float64(t.members) * float64(x.wants) / float64(waiting)
	return min(max(time.Duration(float64(permit-x.credit)/speed)+time.Millisecond, gap), beat)
}

// View implements process.Machine.
func (s *State) View() any {
	v := View{}
	for _, x := range s.nodes {
		v.Waiting += int(x.wants)
	}
	return v
}

// Snapshot implements process.Machine. There is nothing to keep.
func (*State) Snapshot() ([]byte, error) { return []byte("{}"), nil }

// Resume implements process.Machine.
func (*State) Resume() []process.Timer { return nil }
