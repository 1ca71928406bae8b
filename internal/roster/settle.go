package roster

import (
	"slices"
	"sort"
)

// settle makes what is shown agree with what was heard, then lets go what waited
// for it. Each round has one order, the one every client relies on: computers and
// members go, channels are left, lobbies close, users go; users come, lobbies open,
// members and channels are entered.
func (s *state) settle() {
	for len(s.dirty) > 0 || len(s.changed) > 0 || len(s.ended) > 0 {
		s.round()
	}
	s.kicked.l = nil
	s.release()
	s.spread()
}

func (s *state) round() {
	work := s.targets(s.dirty)
	changed, ended := s.changed, s.ended
	s.dirty, s.changed, s.ended = nil, nil, nil

	for _, u := range work {
		if u.in != nil && !s.closing(u.in) && (u.next.in != u.in || u.next.join != u.join || u.replaced()) {
			s.memberWent(u)
		}
	}
	for _, u := range work {
		if u.replaced() {
			for _, ch := range u.chans {
				s.channelHide(ch, u)
			}
		}
	}
	for _, u := range work {
		if l := u.hosts; l != nil && s.closing(l) {
			s.lobbyClosed(l)
		}
	}
	for _, u := range work {
		if u.replaced() {
			s.userWent(u)
		}
	}
	for _, u := range work {
		switch {
		case u.next.shown == nil:
		case u.shown == nil:
			s.userCame(u)
		case *u.shown != *u.next.shown:
			s.userChanged(u)
		}
	}
	for _, u := range work {
		if u.next.hosts != nil && u.hosts == nil {
			s.lobbyOpened(u, u.next.hosts)
		}
	}
	for _, l := range changed {
		s.lobbyChanged(l)
	}
	for _, u := range work {
		if u.next.in != nil && u.in == nil {
			s.memberCame(u, u.next.in, u.next.join)
		}
	}
	for _, u := range work {
		for _, ch := range u.chans {
			s.channelShow(ch, u)
		}
	}
	for _, u := range work {
		u.dirty = false
	}
	for _, l := range ended {
		s.bury(l)
	}
	for _, u := range work {
		for _, v := range slices.Clone(u.viewers) {
			s.refollow(v)
		}
		s.prune(u)
	}
}

// targets works out what the marked users should look like, and everybody whose
// place depends on theirs.
func (s *state) targets(work []*user) []*user {
	for i := 0; i < len(work); i++ {
		u := work[i]
		u.next = target{shown: u.best()}
		if u.replaced() { // its name may be waited for
			for _, w := range s.waiters[u.shown.Name] {
				if w.waits == u.shown.Name && !w.dirty {
					w.dirty = true
					work = append(work, w)
				}
			}
		}
	}
	s.nameTargets(work)
	for _, u := range work {
		u.next.hosts = u.hostTarget()
	}
	for i, n := 0, len(work); i < n; i++ {
		u := work[i]
		if u.next.hosts != u.hosts || u.replaced() {
			work = s.alsoIn(work, u.next.hosts)
		}
	}
	for _, u := range work {
		u.next.in, u.next.join = s.memberTarget(u)
	}
	return work
}

// alsoIn adds those who sit in a lobby that will be opened. Of one that closes nobody
// is asked: all are out, and whoever has a place elsewhere was marked with its seat.
func (s *state) alsoIn(work []*user, l *hall) []*user {
	if l == nil {
		return work
	}
	for i := range l.seats {
		u := s.users[l.seats[i].User]
		if u == nil || u.dirty {
			continue
		}
		u.dirty, u.next = true, target{shown: u.shown, hosts: u.hosts}
		work = append(work, u)
	}
	return work
}

// nameTargets lets a name be shown for one user only. Feeds may tell of a user who
// took a free name before they tell that the other gave it up; clients know users
// by name. The newcomer waits.
func (s *state) nameTargets(work []*user) {
	var reserved map[string]*user
	for _, u := range work {
		n := u.next.shown
		if n == nil {
			s.waitFor(u, "")
			continue
		}
		holder := s.names[n.Name]
		if holder != u {
			taken := holder != nil && (!holder.dirty || holder.next.shown != nil && holder.next.shown.Name == n.Name)
			if !taken {
				_, taken = reserved[n.Name]
			}
			if taken {
				u.next.shown = nil
				s.waitFor(u, n.Name)
				continue
			}
			if len(work) > 1 {
				if reserved == nil {
					reserved = map[string]*user{}
				}
				reserved[n.Name] = u
			}
		}
		s.waitFor(u, "")
	}
}

func (s *state) waitFor(u *user, name string) {
	if u.waits == name {
		return
	}
	if u.waits != "" {
		if left := remove(s.waiters[u.waits], u); len(left) == 0 {
			delete(s.waiters, u.waits)
		} else {
			s.waiters[u.waits] = left
		}
	}
	if name != "" {
		s.waiters[name] = append(s.waiters[name], u)
	}
	u.waits = name
}

// replaced reports whether the user as shown has to go: offline, or somebody new to
// clients, who know a session by its name.
func (u *user) replaced() bool {
	return u.shown != nil && (u.next.shown == nil ||
		u.next.shown.Session != u.shown.Session || u.next.shown.Name != u.shown.Name)
}

// hostTarget returns the lobby in which the user is shown as founder: its newest.
// One whose viewer is here waits for the room.
func (u *user) hostTarget() *hall {
	if u.next.shown == nil {
		return nil
	}
	var newest *hall
	for _, l := range u.founds {
		if l.info.Founder.Session != u.next.shown.Session || newest != nil && l.id < newest.id {
			continue
		}
		if v := u.viewer(u.next.shown.Session); v != nil && (!v.begun || !l.live) {
			continue
		}
		newest = l
	}
	return newest
}

// memberTarget returns the lobby in which the user is shown as member.
func (s *state) memberTarget(u *user) (*hall, int64) {
	if u.next.shown == nil || u.next.hosts != nil {
		return nil, 0
	}
	l, join := u.lastSeat(u.next.shown.Session)
	if l == nil {
		return nil, 0
	}
	founder := s.users[l.info.Founder.User]
	if founder == nil {
		return nil, 0
	}
	hosts := founder.hosts
	if founder.dirty {
		hosts = founder.next.hosts
	}
	if hosts != l {
		return nil, 0
	}
	if v := u.viewer(u.next.shown.Session); v != nil && (!v.begun || !l.live) {
		return nil, 0
	}
	if u.in != l && l.stays(u.id) {
		return nil, 0 // who stays was inside; nobody enters like this
	}
	return l, join
}

// closing reports whether a shown lobby is about to be closed, or opened anew.
func (s *state) closing(l *hall) bool {
	f := l.founder
	return f.dirty && (f.next.hosts != l || f.replaced())
}

func (s *state) userCame(u *user) {
	u.shown = u.next.shown
	s.names[u.shown.Name] = u
	s.shelves.add(u)
	if !u.shown.Bot {
		s.people++
	}
	s.tell(UserCame{User: u.shown}, true)
	if len(u.waiting) > 0 {
		s.arrived = append(s.arrived, u)
	}
}

func (s *state) userWent(u *user) {
	old := u.shown
	if s.names[old.Name] == u {
		delete(s.names, old.Name)
	}
	u.shown = nil
	s.shelves.remove(u)
	if !old.Bot {
		s.people--
	}
	s.tell(UserWent{User: old}, true)
}

func (s *state) userChanged(u *user) {
	u.shown = u.next.shown
	u.shelf.chunk = nil
	notable := u.shown.Bot || u.shown.Moderator
	s.tell(UserChanged{User: u.shown}, notable)
	for _, l := range []*hall{u.in, u.hosts} {
		if l == nil {
			continue
		}
		l.made = nil
		var up *Update
		for _, v := range l.viewers {
			if notable || !v.own {
				continue // they read it
			}
			if up == nil {
				up = &Update{Event: UserChanged{User: u.shown}}
			}
			v.Show(up)
		}
	}
}

// lobbyOpened shows a lobby to everybody and its room to the founder.
func (s *state) lobbyOpened(u *user, l *hall) {
	u.hosts, l.founder, l.shownInfo, l.made = l, u, l.info, nil
	i := sort.Search(len(s.open), func(i int) bool { return s.open[i].id >= l.id })
	s.open = slices.Insert(s.open, i, l)
	host := u.viewer(u.shown.Session)
	up := &Update{Event: LobbyOpened{Lobby: s.value(l)}}
	for _, v := range s.viewers {
		if v != host {
			v.Show(up)
		}
	}
	if host == nil || !l.live {
		return
	}
	view := l.room.replica.View()
	view.Members, view.Computers, view.Pending = nil, nil, nil // told one by one
	host.Show(&Update{Event: Hosting{Lobby: s.value(l), View: view}})
	s.leaveRoom(host)
	host.in, l.host = l, host
	l.viewers = append(l.viewers, host)
	s.showComputers(l)
	s.watch(l.room)
}

// lobbyClosed shows the end of a lobby; those inside are out.
func (s *state) lobbyClosed(l *hall) {
	for _, u := range l.members {
		u.in, u.join = nil, 0
	}
	l.founder.hosts = nil
	l.founder, l.members, l.made = nil, nil, nil
	i := sort.Search(len(s.open), func(i int) bool { return s.open[i].id >= l.id })
	s.open = slices.Delete(s.open, i, i+1)
	if l.room != nil {
		clear(l.room.computers)
		l.room.held = nil
	}
	for len(l.viewers) > 0 {
		s.leaveRoom(l.viewers[len(l.viewers)-1])
	}
	s.toAll(LobbyClosed{ID: l.id})
	for _, v := range s.viewers {
		for user, in := range v.told {
			if in == l.id {
				delete(v.told, user)
			}
		}
	}
}

// lobbyChanged shows what differs in a lobby's public facts, and computers whose
// room has just become known.
func (s *state) lobbyChanged(l *hall) {
	if l.founder == nil || !l.named {
		return
	}
	old, fresh := l.shownInfo, l.info
	l.shownInfo, l.made = fresh, nil
	if old.Spectators != fresh.Spectators || old.Locked != fresh.Locked || old.Map != fresh.Map || old.MapHash != fresh.MapHash {
		s.toAll(LobbyChanged{Lobby: s.value(l)})
	}
	if old.Title != fresh.Title {
		s.toAll(LobbyRetitled{Lobby: s.value(l)})
	}
	s.showComputers(l)
}

// release shows what was held back and may be shown now.
func (s *state) release() {
	for i := 0; i < len(s.rooms); i++ {
		if r := s.rooms[i]; !s.releaseRoom(r) {
			r.watched = false
			s.rooms = slices.Delete(s.rooms, i, i+1)
			i--
		}
	}
	for i := 0; i < len(s.talk); i++ {
		if ch := s.talk[i]; !s.releaseChannel(ch) {
			ch.watched = false
			s.talk = slices.Delete(s.talk, i, i+1)
			i--
		}
	}
	for _, u := range s.arrived {
		if u.shown == nil {
			continue
		}
		waiting := u.waiting
		u.waiting = nil
		for _, d := range waiting {
			s.hand(u.shown, d)
		}
	}
	s.arrived = s.arrived[:0]
}
