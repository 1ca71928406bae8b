package roster

import (
	"slices"
	"time"

	"teiserver/internal/lobby"
)

// maxWait bounds how long something for a viewer waits for the user that it names.
const maxWait = 5 * time.Second

// viewer is a connection of this node.
type viewer struct {
	Viewer
	user    *user
	session int64
	own     bool // Interest Own
	news    *news
	at      int64 // its place in the news
	begun   bool  // has the world
	ended   bool  // superseded

	in      *hall           // the room it is in or hosts, as it was told
	asking  []*hall         // it wants to enter; a later request may be refused and leave the one before
	wish    *hall           // it says it hosts
	waived  map[int64]int64 // by lobby: it has given up its joins up to this number
	follows []*hall
	chans   []*channel      // joined, or wanting to
	parting []*channel      // of them those it has asked to leave
	told    map[int64]int64 // Interest Own: user to lobby, memberships it was told of
}

// delivery is something for one session that waits for the user it names.
type delivery struct {
	user, session int64
	event         Event
	until         time.Time
}

func (v *viewer) supersede(epoch int64) {
	if epoch > v.session && !v.ended {
		v.ended = true
		v.Supersede()
	}
}

// find returns the record of an attached viewer.
func (s *state) find(v Viewer) *viewer {
	id, _ := v.ID()
	u := s.users[id]
	if u == nil {
		return nil
	}
	for _, r := range u.viewers {
		if r.Viewer == v {
			return r
		}
	}
	return nil
}

// attach gives the world to a viewer. What its user founds or sits in is not shown
// to anybody while the viewer cannot be given the room, so it is hidden first.
func (s *state) attach(v Viewer) {
	if s.find(v) != nil {
		return
	}
	id, session := v.ID()
	u := s.user(id)
	r := &viewer{Viewer: v, user: u, session: session, own: v.Interest() == Own, news: &s.news, at: s.news.end()}
	if r.own {
		r.told = map[int64]int64{}
	}
	u.viewers = append(u.viewers, r)
	s.mark(u)
	s.settle()
	v.Begin(s.world())
	r.begun, r.at = true, s.news.end()
	s.viewers = append(s.viewers, r)
	s.mark(u)
	s.settle()
	r.supersede(u.highest)
}

// detach ends a viewer.
func (s *state) detach(v Viewer) {
	r := s.find(v)
	if r == nil {
		return
	}
	s.viewers = remove(s.viewers, r)
	r.user.viewers = remove(r.user.viewers, r)
	s.leaveRoom(r)
	for len(r.chans) > 0 {
		s.dropChannel(r.chans[0], r)
	}
	r.asking, r.wish = nil, nil
	for len(r.follows) > 0 {
		s.unref(r.follows[0], r)
	}
	s.mark(r.user)
	s.settle()
}

// leaveRoom takes a viewer off the list of those who hear a room.
func (s *state) leaveRoom(v *viewer) {
	if l := v.in; l != nil {
		l.viewers = remove(l.viewers, v)
		if l.host == v {
			l.host = nil
		}
		v.in = nil
	}
}

// host and enter follow a lobby for a viewer; abandon ends what they began.
func (s *state) host(v Viewer, id int64) {
	r := s.find(v)
	if _, over := s.tombs.at[id]; r == nil || over {
		return
	}
	r.wish = s.hall(id)
	s.refollow(r)
	s.settle()
}

// enter returns a channel that is closed when the room has been heard or is over;
// nil if that is so already.
func (s *state) enter(v Viewer, id int64) <-chan struct{} {
	r := s.find(v)
	if _, over := s.tombs.at[id]; r == nil || over {
		return nil
	}
	l := s.hall(id)
	r.asking = append(remove(r.asking, l), l)
	s.refollow(r)
	s.settle()
	if l.room == nil || l.room.heard {
		return nil
	}
	return l.room.ready
}

func (s *state) abandon(v Viewer, id int64) {
	r := s.find(v)
	if r == nil {
		return
	}
	r.asking = slices.DeleteFunc(r.asking, func(l *hall) bool { return l.id == id })
	if r.wish != nil && r.wish.id == id {
		r.wish = nil
	}
	s.refollow(r)
	s.settle()
}

// waive is abandon for joins that may come true all the same. False if the last one
// has: it is asked or granted already.
func (s *state) waive(v Viewer, id, join int64) bool {
	r := s.find(v)
	if r == nil {
		return true
	}
	if l := s.lobbies[id]; l != nil && l.room != nil && l.room.heard {
		a, asks := l.room.asker(r.user.id)
		m, in := l.room.member(r.user.id)
		if asks && a.Session == r.session && a.Join == join || in && m.Session == r.session && m.Join == join {
			return false
		}
	}
	if r.waived == nil {
		r.waived = map[int64]int64{}
	}
	r.waived[id] = max(r.waived[id], join)
	s.mark(r.user)
	s.abandon(v, id)
	return true
}

// refollow brings the rooms that are followed for a viewer in line with what it
// hosts, is in, or asks for. News of a lobby that names its session counts: a new
// owner or a forced join puts a viewer into a room unasked.
func (s *state) refollow(v *viewer) {
	want := make([]*hall, 0, 4)
	add := func(l *hall) {
		if l == nil || l.closed {
			return
		}
		for _, w := range want {
			if w == l {
				return
			}
		}
		want = append(want, l)
	}
	for _, l := range v.asking {
		add(l)
	}
	add(v.wish)
	add(v.in)
	for _, l := range v.user.founds {
		if l.info.Founder.Session == v.session {
			add(l)
		}
	}
	seated, _ := v.user.lastSeat(v.session)
	add(seated)
	for _, l := range want {
		s.ref(l, v)
	}
	for i := len(v.follows) - 1; i >= 0; i-- {
		l := v.follows[i]
		keep := false
		for _, w := range want {
			keep = keep || w == l
		}
		if !keep {
			s.unref(l, v)
		}
	}
}

// lastSeat returns the lobby that a session sits in: of several the one it joined
// last.
func (u *user) lastSeat(session int64) (in *hall, join int64) {
	for _, l := range u.seats {
		seat, ok := l.seat(u.id)
		if !ok || seat.Session != session || u.waived(l, seat) {
			continue
		}
		if in == nil || join < seat.Join || join == seat.Join && in.id < l.id {
			in, join = l, seat.Join
		}
	}
	return in, join
}

// waived reports whether the user's own client has been told that this join failed: it
// is about to be undone, and is not shown here until then.
func (u *user) waived(l *hall, seat lobby.Seat) bool {
	v := u.viewer(seat.Session)
	return v != nil && seat.Join != 0 && seat.Join <= v.waived[l.id]
}

// ref and unref count who needs a room.
func (s *state) ref(l *hall, v *viewer) {
	for _, r := range l.refs {
		if r == v {
			return
		}
	}
	l.refs = append(l.refs, v)
	v.follows = append(v.follows, l)
	s.openRoom(l)
}

func (s *state) openRoom(l *hall) {
	if l.room != nil {
		return
	}
	l.room = &room{l: l, ready: make(chan struct{}), computers: map[string]lobby.Computer{}, asked: map[request]struct{}{}, heardOf: lines{}}
	s.effects = append(s.effects, followRoom{l.room})
}

func (s *state) unref(l *hall, v *viewer) {
	l.refs = remove(l.refs, v)
	v.follows = remove(v.follows, l)
	s.dropIdle(l)
}

// dropIdle stops following a room that nobody needs.
func (s *state) dropIdle(l *hall) {
	if len(l.refs) > 0 || l.probed || l.room == nil {
		return
	}
	s.dropRoom(l)
	if !l.known && !l.closed {
		s.end(l, l.version) // nothing was ever heard of it
	}
}

// deliver shows an event to one session when the user it names is visible.
func (s *state) deliver(id, session, from int64, e Event) bool {
	to := s.users[id]
	if to == nil || to.viewer(session) == nil {
		return false
	}
	d := delivery{user: id, session: session, event: e, until: s.now.Add(maxWait)}
	if from == 0 {
		s.hand(nil, d)
		return true
	}
	u := s.user(from)
	if u.shown != nil {
		s.hand(u.shown, d)
		return true
	}
	if len(u.waiting) == 0 {
		s.awaited = append(s.awaited, u)
	}
	u.waiting = append(u.waiting, d)
	return true
}

// hand shows a delivery. Only the roster puts names in: the user that it names is
// the one the viewer knows.
func (s *state) hand(from *User, d delivery) {
	to := s.users[d.user]
	if to == nil {
		return
	}
	v := to.viewer(d.session)
	if v == nil || !v.begun {
		s.dropped++
		return
	}
	switch e := d.event.(type) {
	case PrivateSaid:
		if from != nil {
			e.From = from
		}
		d.event = e
	case Rang:
		if from != nil {
			e.By = from
		}
		d.event = e
	}
	v.Show(&Update{Event: d.event})
}
