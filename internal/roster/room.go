package roster

import (
	"slices"
	"strconv"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/lobby"
)

// roomReset replaces the replica of a room by a view.
func (s *state) roomReset(r *room, v feed.Version, view lobby.View) {
	if r.dead || r.heard && v.Less(r.version) {
		return
	}
	if r.heard && v.Epoch > r.version.Epoch {
		s.repeat(r) // what is held here, before it is replaced by what survived
	}
	old := r.replica
	if v.Epoch > r.version.Epoch {
		r.before = old
	}
	r.replica, r.version = lobby.NewReplica(view), v
	s.roomHeard(r)
	if r.live && old != nil {
		s.showDifference(r, old.View(), view)
	}
	s.goLive(r)
	if r.live {
		s.apply(r.l)
		s.watch(r)
	}
	s.settle()
}

func (s *state) roomHeard(r *room) {
	if !r.heard {
		r.heard = true
		close(r.ready)
	}
}

// goLive makes the room the only source of its lobby's membership once it is not
// older than the summary.
func (s *state) goLive(r *room) {
	r.live = r.live || !r.version.Less(r.l.version)
}

// roomEvent applies the next event of a room's feed.
func (s *state) roomEvent(r *room, v feed.Version, event any) {
	if r.dead || !r.heard {
		return
	}
	r.version = v
	r.replica.Apply(event)
	wasLive := r.live
	s.goLive(r)
	if r.live && !wasLive {
		s.apply(r.l)
		s.watch(r)
		s.settle()
	}
	switch e := event.(type) {
	case lobby.Requested:
		s.watch(r)
	case lobby.Denied:
		s.denied(r, e)
	case lobby.Closed:
		s.end(r.l, v)
	}
	if r.live && wasLive {
		s.roomChanged(r, event)
	}
	s.settle()
}

// roomChanged shows what an event of a live room means.
func (s *state) roomChanged(r *room, event any) {
	l := r.l
	switch e := event.(type) {
	case lobby.Entered:
		s.apply(l)
		s.returned(r, e.Member)
	case lobby.InfoSet:
		s.apply(l)
	case lobby.Departed:
		s.kicked.l, s.kicked.user = nil, 0
		if e.Kicked {
			s.kicked.l, s.kicked.user = l, e.User
		}
		s.apply(l)
	case lobby.StatusSet:
		if u := s.users[e.User]; l.shows(u) {
			s.toRoom(l, StatusSet{User: u.shown, Status: e.Status})
		}
	case lobby.Said:
		s.said(r, e)
	case lobby.ComputerAdded:
		s.showComputer(l, e.Computer)
	case lobby.ComputerUpdated:
		s.showComputer(l, e.Computer)
	case lobby.ComputerRemoved:
		s.hideComputer(l, e.Name)
	case lobby.RectAdded:
		s.toRoom(l, RectAdded{Rect: e.Rect})
	case lobby.RectRemoved:
		s.toRoom(l, RectRemoved{Ally: e.Ally})
	case lobby.TagsSet:
		s.toRoom(l, TagsSet{Tags: e.Tags})
	case lobby.TagsRemoved:
		s.toRoom(l, TagsRemoved{Keys: e.Keys})
	case lobby.UnitsSet:
		s.toRoom(l, UnitsSet{Disabled: e.Disabled})
	default:
		s.spoken(r, event)
	}
}

// returned shows what differs in the status of a member whom an edge has repeated.
func (s *state) returned(r *room, m lobby.Member) {
	if r.before == nil || !m.Told {
		return
	}
	u := s.users[m.User]
	old, ok := r.before.Member(m.User)
	if !ok || old.Who != m.Who || old.Join != m.Join || old.Told && old.Status == m.Status {
		return
	}
	if u.in == r.l && u.join == m.Join {
		s.toRoom(r.l, StatusSet{User: u.shown, Status: m.Status})
	}
}

// member returns a member as the owner knows it, or as the one before did.
func (r *room) member(user int64) (lobby.Member, bool) {
	m, ok := r.replica.Member(user)
	if !ok && r.before != nil {
		return r.before.Member(user)
	}
	return m, ok
}

// asker is member for those who wait for the host's answer.
func (r *room) asker(user int64) (lobby.Asked, bool) {
	a, ok := r.replica.Asker(user)
	if !ok && r.before != nil {
		return r.before.Asker(user)
	}
	return a, ok
}

func (s *state) denied(r *room, e lobby.Denied) {
	u := s.users[e.User]
	if u == nil {
		return
	}
	v := u.viewer(e.Session)
	if v == nil || !v.begun || !slices.Contains(v.asking, r.l) {
		return
	}
	v.Show(&Update{Event: JoinDenied{Reason: e.Reason}})
	v.asking = remove(v.asking, r.l)
	s.refollow(v)
}

// roomClosed: the registry knows no such lobby, or its process has ended.
func (s *state) roomClosed(r *room) {
	if r.dead {
		return
	}
	s.end(r.l, r.version)
	s.settle()
}

// dropRoom stops following. What the room knew stays until the summary has caught up.
func (s *state) dropRoom(l *hall) {
	r := l.room
	if r.live && !l.closed && !r.version.Less(l.version) {
		view := r.replica.View()
		l.known, l.version = true, r.version
		l.sum = lobby.Summary{
			Info: view.Info, Seats: seatsOf(view.Members), TeamSize: view.Terms.TeamSize, TeamCount: view.Terms.TeamCount,
		}
	}
	s.killRoom(r)
	l.room = nil
	s.apply(l)
}

func (s *state) killRoom(r *room) {
	r.dead = true
	s.roomHeard(r)
	s.effects = append(s.effects, unfollowRoom{r})
}

// showDifference tells those in the room what a new view changes, apart from who is
// in it. Nothing differs after a take-over that lost nothing.
func (s *state) showDifference(r *room, old, fresh lobby.View) {
	l := r.l
	if l.founder == nil {
		return
	}
	if old.FounderStatus != fresh.FounderStatus {
		s.toRoom(l, StatusSet{User: l.founder.shown, Status: fresh.FounderStatus})
	}
	for _, m := range fresh.Members {
		i := slices.IndexFunc(old.Members, func(o lobby.Member) bool { return o.Who == m.Who && o.Join == m.Join })
		if i < 0 || !m.Told || old.Members[i].Told && old.Members[i].Status == m.Status {
			continue
		}
		if u := s.users[m.User]; l.shows(u) {
			s.toRoom(l, StatusSet{User: u.shown, Status: m.Status})
		}
	}
	for _, c := range old.Computers {
		if !slices.ContainsFunc(fresh.Computers, func(f lobby.Computer) bool { return f.Name == c.Name }) {
			s.hideComputer(l, c.Name)
		}
	}
	for _, c := range fresh.Computers {
		if _, shown := r.computers[c.Name]; shown {
			s.showComputer(l, c)
		}
	}
	for _, x := range old.Rects {
		if !slices.Contains(fresh.Rects, x) {
			s.toRoom(l, RectRemoved{Ally: x.Ally})
		}
	}
	for _, x := range fresh.Rects {
		if !slices.Contains(old.Rects, x) {
			s.toRoom(l, RectAdded{Rect: x})
		}
	}
	s.showTags(l, old.Tags, fresh.Tags)
	if !slices.Equal(old.Disabled, fresh.Disabled) {
		s.toRoom(l, UnitsSet{Disabled: fresh.Disabled})
	}
	s.showTerms(l, old, fresh)
}

func (s *state) showTags(l *hall, old, fresh map[string]string) {
	set := map[string]string{}
	for k, v := range fresh {
		if o, ok := old[k]; !ok || o != v {
			set[k] = v
		}
	}
	var gone []string
	for k := range old {
		if _, ok := fresh[k]; !ok {
			gone = append(gone, k)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		s.toRoom(l, TagsRemoved{Keys: gone})
	}
	if len(set) > 0 {
		s.toRoom(l, TagsSet{Tags: set})
	}
}

// showComputer shows a computer as new or changed if its owner is shown in the room.
func (s *state) showComputer(l *hall, c lobby.Computer) {
	r := l.room
	old, shown := r.computers[c.Name]
	if shown && (old.Owner != c.Owner || old.AI != c.AI) {
		s.hideComputer(l, c.Name)
		shown = false
	}
	if shown {
		if old != c {
			r.computers[c.Name] = c
			s.toRoom(l, ComputerUpdated{Lobby: l.id, Computer: c})
		}
		return
	}
	owner := s.users[c.Owner]
	if !l.shows(owner) {
		return
	}
	r.computers[c.Name] = c
	s.toRoom(l, ComputerAdded{Lobby: l.id, Owner: owner.shown, Computer: c})
}

func (s *state) hideComputer(l *hall, name string) {
	if l.room == nil {
		return
	}
	if _, shown := l.room.computers[name]; shown {
		delete(l.room.computers, name)
		s.toRoom(l, ComputerRemoved{Lobby: l.id, Name: name})
	}
}

// showComputers shows the computers whose owners have become visible in the room.
func (s *state) showComputers(l *hall) {
	if !l.live || l.founder == nil {
		return
	}
	for _, c := range l.room.replica.View().Computers {
		if _, shown := l.room.computers[c.Name]; !shown {
			s.showComputer(l, c)
		}
	}
}

// hideComputersOf removes the computers of a user who is about to go.
func (s *state) hideComputersOf(l *hall, u *user) {
	if l.room == nil {
		return
	}
	var names []string
	for name, c := range l.room.computers {
		if c.Owner == u.id {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		s.hideComputer(l, name)
	}
}

// maxHeld bounds the lines of a room or channel that wait for their speakers.
const maxHeld = 256

// line is something said by a user who is not visible yet.
type line struct {
	speaker int64
	seated  bool
	session int64 // of the seat
	join    int64 // of the seat
	text    string
	emote   bool
	to      int64
	until   time.Time // for speakers who have no seat
}

func (s *state) said(r *room, e lobby.Said) {
	if r.heardOf.again(e.User, e.Session, e.Line) {
		return
	}
	ln := line{speaker: e.User, text: e.Text, emote: e.Emote, to: e.To, until: s.now.Add(maxWait)}
	if seat, ok := r.l.seat(e.User); ok {
		ln.seated, ln.session, ln.join = true, seat.Session, seat.Join
	}
	if s.sayable(r.l, ln) {
		s.showLine(r.l, ln)
		return
	}
	if len(r.held) >= maxHeld {
		r.held = r.held[1:]
		s.dropped++
	}
	r.held = append(r.held, ln)
	s.watch(r)
}

// sayable reports whether the viewers of a room know a line's speaker: as member or
// founder if it is one, else as user.
func (s *state) sayable(l *hall, ln line) bool {
	u := s.users[ln.speaker]
	if l.founder == nil || u == nil || u.shown == nil {
		return false
	}
	if ln.seated || l.info.Founder.User == ln.speaker {
		return l.shows(u)
	}
	return true
}

func (s *state) showLine(l *hall, ln line) {
	up := Update{Event: RoomSaid{User: s.users[ln.speaker].shown, Text: ln.text, Emote: ln.emote}}
	for _, v := range l.viewers {
		if (ln.to == 0 || ln.to == v.user.id) && !v.Ignores(ln.speaker) {
			v.Show(&up)
		}
	}
}

// watch has release look at a room after this input.
func (s *state) watch(r *room) {
	if !r.watched {
		r.watched = true
		s.rooms = append(s.rooms, r)
	}
}

// releaseRoom shows what no longer has to wait and reports whether something still does.
func (s *state) releaseRoom(r *room) (waits bool) {
	if r.dead {
		return false
	}
	l := r.l
	kept := r.held[:0]
	for _, ln := range r.held {
		if ln.seated {
			if seat, ok := l.seat(ln.speaker); !ok || seat.Session != ln.session || seat.Join != ln.join {
				s.dropped++
				continue
			}
		} else if !s.now.Before(ln.until) {
			s.dropped++
			continue
		}
		if !s.sayable(l, ln) {
			kept = append(kept, ln)
			continue
		}
		s.showLine(l, ln)
	}
	r.held = kept
	return s.askHost(r) || len(r.held) > 0
}

// askHost shows the founder's viewer each join request once.
func (s *state) askHost(r *room) (waits bool) {
	l := r.l
	if !r.live || l.info.Founder.User == 0 || s.localHost(l) == nil {
		return false
	}
	pending := r.replica.View().Pending
	for q := range r.asked {
		if !slices.ContainsFunc(pending, func(a lobby.Asked) bool { return requestOf(a) == q }) {
			delete(r.asked, q)
		}
	}
	for _, a := range pending {
		if _, told := r.asked[requestOf(a)]; told {
			continue
		}
		u := s.users[a.User]
		if l.host == nil || u == nil || u.shown == nil || u.shown.Session != a.Session {
			waits = true
			continue
		}
		r.asked[requestOf(a)] = struct{}{}
		l.host.Show(&Update{Event: JoinRequested{Lobby: s.value(l), User: u.shown, IP: a.IP}})
	}
	return waits
}

func (s *state) localHost(l *hall) *viewer {
	u := s.users[l.info.Founder.User]
	if u == nil {
		return nil
	}
	return u.viewer(l.info.Founder.Session)
}

func requestOf(a lobby.Asked) request { return request{a.User, a.Session, a.Join} }

// repeatTime is how long members unknown to a new owner are kept: the owner waits
// 300 ms for the edges to repeat them, and the answer has to come back.
const repeatTime = time.Second

// takenOver: a process goes on elsewhere; its edges repeat what their clients hold.
func (s *state) takenOver(key cluster.Key) {
	switch key.Kind {
	case lobby.Kind:
		id, err := strconv.ParseInt(key.ID, 10, 64)
		if l := s.lobbies[id]; err == nil && l != nil && l.room != nil && l.room.heard {
			s.repeat(l.room)
		}
	default:
		if ch := s.chans[key.ID]; ch != nil {
			s.repeatChannel(ch)
		}
	}
}

func (s *state) repeat(r *room) {
	var again lobby.Repeat
	for _, v := range r.l.viewers {
		if v == r.l.host {
			founder := r.l.info.Founder
			again.Founder = &founder
			addFacts(&again, v)
			continue
		}
		if m, ok := r.member(v.user.id); ok && m.Session == v.session {
			again.Members = append(again.Members, m)
			addFacts(&again, v)
		}
	}
	for _, v := range r.l.refs {
		if !slices.Contains(v.asking, r.l) {
			continue
		}
		if a, ok := r.asker(v.user.id); ok && a.Session == v.session {
			again.Pending = append(again.Pending, a)
			addFacts(&again, v)
		}
	}
	if again.Founder != nil || len(again.Members)+len(again.Pending) > 0 {
		s.effects = append(s.effects, cast{cluster.NewKey(lobby.Kind, r.l.id), again})
	}
}
