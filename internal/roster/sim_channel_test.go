package roster

import (
	"slices"
	"testing"

	"teiserver/internal/chat"
	"teiserver/internal/cluster/feed"
)

func (m *sim) topicNames() []string {
	var names []string
	for n := range m.topics {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (m *sim) topic(name string) *simChannel {
	c := m.topics[name]
	if c == nil {
		c = &simChannel{name: name, owner: m.living()[0], v: feed.Version{Epoch: 1}, rep: chat.View{Name: name, AuthorName: "x"}}
		m.topics[name] = c
	}
	return c
}

func (m *sim) followTopic(n *simNode, t *tap) {
	c := m.topics[t.ch.name]
	tt := &topicTap{to: n, t: t, q: m.queue(n)}
	if c == nil {
		m.push(tt.q, func() { m.in(n, func(s *state) { s.channelClosed(t) }) })
		return
	}
	c.taps = append(c.taps, tt)
	m.topicSnapshot(c, tt)
}

func (m *sim) topicSnapshot(c *simChannel, t *topicTap) {
	v, view := c.v, c.rep
	view.Members = slices.Clone(view.Members)
	m.push(t.q, func() { m.in(t.to, func(s *state) { s.channelReset(t.t, v, view) }) })
}

func (m *sim) topicEvent(c *simChannel, e any) {
	c.v.Seq++
	v := c.v
	for _, t := range c.taps {
		m.push(t.q, func() { m.in(t.to, func(s *state) { s.channelEvent(t.t, v, e) }) })
	}
}

func (m *sim) seat(c *simChannel, x chat.Member) {
	i := slices.IndexFunc(c.rep.Members, func(o chat.Member) bool { return o.User == x.User })
	if i >= 0 {
		if c.rep.Members[i].Session >= x.Session {
			return
		}
		c.rep.Members[i] = x
	} else {
		c.rep.Members = append(slices.Clone(c.rep.Members), x)
	}
	m.topicEvent(c, chat.Joined{Member: x})
}

func (m *sim) part(c *simChannel, x chat.Member) {
	i := slices.IndexFunc(c.rep.Members, func(o chat.Member) bool { return o.User == x.User && o.Session == x.Session })
	if i < 0 {
		return
	}
	c.rep.Members = slices.Delete(slices.Clone(c.rep.Members), i, i+1)
	m.topicEvent(c, chat.Left{Member: x})
}

// check looks at invariants of a roster's own books.
func (s *state) check(t testing.TB) {
	t.Helper()
	if len(s.dirty)+len(s.changed)+len(s.ended) > 0 {
		t.Fatalf("not settled")
	}
	for _, u := range s.users {
		if u.dirty {
			t.Fatalf("user %d is still dirty", u.id)
		}
	}
	s.checkTargets(t)
	for _, l := range s.open {
		for _, v := range l.viewers {
			if v.in != l {
				t.Fatalf("viewer of %d listed in room %d", v.user.id, l.id)
			}
		}
		if l.made != nil && len(l.made.Members) != len(l.members) {
			t.Fatalf("lobby %d shows %d of %d members", l.id, len(l.made.Members), len(l.members))
		}
	}
}

// checkTargets works out everybody's place anew: nothing may differ from what is shown.
func (s *state) checkTargets(t testing.TB) {
	t.Helper()
	work := make([]*user, 0, len(s.users))
	for _, u := range s.users {
		u.dirty = true
		work = append(work, u)
	}
	for _, u := range s.targets(work) {
		u.dirty = false
		if (u.shown == nil) != (u.next.shown == nil) || u.shown != nil && *u.shown != *u.next.shown {
			t.Fatalf("user %d is shown as %v, not %v", u.id, u.shown, u.next.shown)
		}
		if u.hosts != u.next.hosts || u.in != u.next.in || u.join != u.next.join {
			t.Fatalf("user %d is in %+v, not %+v", u.id, u.target, u.next)
		}
	}
}
