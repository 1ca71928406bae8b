package roster

import "teiserver/internal/lobby"

// toAll shows an event to every viewer.
func (s *state) toAll(e Event) {
	if len(s.viewers) == 0 {
		return
	}
	up := &Update{Event: e}
	for _, v := range s.viewers {
		v.Show(up)
	}
}

// toRoom shows an event to those in a room.
func (s *state) toRoom(l *hall, e Event) {
	if len(l.viewers) == 0 {
		return
	}
	up := &Update{Event: e}
	for _, v := range l.viewers {
		v.Show(up)
	}
}

// memberCame shows a user entering a lobby: to itself the room, to those in the room
// and to everybody else that it came.
func (s *state) memberCame(u *user, l *hall, join int64) {
	u.in, u.join = l, join
	l.members = append(l.members, u)
	l.made = nil
	value := s.value(l)
	self := u.viewer(u.shown.Session)
	var m lobby.Member
	if l.live {
		m, _ = l.room.member(u.id)
	}
	if len(l.viewers) > 0 {
		room := &Update{Event: MemberCame{Lobby: value, User: u.shown, Room: true}}
		for _, v := range l.viewers {
			v.tell(u.id, l.id)
			if v == l.host {
				v.Show(&Update{Event: MemberCame{Lobby: value, User: u.shown, ScriptPassword: m.ScriptPassword, Room: true}})
				continue
			}
			v.Show(room)
		}
	}
	var others *Update
	for _, v := range s.viewers {
		if v.own || v == self || v.in == l {
			continue
		}
		if others == nil {
			others = &Update{Event: MemberCame{Lobby: value, User: u.shown}}
		}
		v.Show(others)
	}
	if m.Told {
		s.toRoom(l, StatusSet{User: u.shown, Status: m.Status})
	}
	if self != nil {
		s.entered(self, l, value, m)
	}
	s.showComputers(l)
}

// entered shows a joiner the room.
func (s *state) entered(v *viewer, l *hall, value *Lobby, me lobby.Member) {
	view := l.room.replica.View()
	e := Entered{Lobby: value, Me: v.user.shown, ScriptPassword: me.ScriptPassword, View: view, Queue: s.queueOf(l, view.Queue).Names}
	e.Statuses = append(e.Statuses, StatusSet{User: l.founder.shown, Status: view.FounderStatus})
	var stale []*User // members since it was here before; it did not hear their statuses
	for _, seat := range l.seats {
		u := s.users[seat.User]
		if u == nil || u.in != l {
			continue
		}
		if m, ok := l.room.member(u.id); ok && m.Told {
			e.Statuses = append(e.Statuses, StatusSet{User: u.shown, Status: m.Status})
		}
		if !v.own || u == v.user {
			continue
		}
		if v.told[u.id] == l.id {
			stale = append(stale, u.shown)
			continue
		}
		v.tell(u.id, l.id)
		e.Unknown = append(e.Unknown, u.shown)
	}
	for _, c := range view.Computers {
		if shown, ok := l.room.computers[c.Name]; ok {
			e.Computers = append(e.Computers, ComputerAdded{Lobby: l.id, Owner: s.users[shown.Owner].shown, Computer: shown})
		}
	}
	v.tell(v.user.id, l.id)
	v.Show(&Update{Event: e})
	s.leaveRoom(v)
	v.in = l
	v.asking = remove(v.asking, l)
	l.viewers = append(l.viewers, v)
	for _, u := range stale {
		v.Show(&Update{Event: UserChanged{User: u}})
	}
}

// memberWent shows a user leaving a lobby that stays.
func (s *state) memberWent(u *user) {
	l := u.in
	s.hideComputersOf(l, u)
	u.in, u.join = nil, 0
	l.members = remove(l.members, u)
	l.made = nil
	value := s.value(l)
	kicked := s.kicked.l == l && s.kicked.user == u.id
	self := u.viewer(u.shown.Session)
	if kicked && self != nil && self.in == l {
		self.Show(&Update{Event: Ejected{Lobby: value}})
	}
	if len(l.viewers) > 0 {
		room := &Update{Event: MemberWent{Lobby: value, User: u.shown, Room: true, Kicked: kicked}}
		for _, v := range l.viewers {
			v.untell(u.id)
			v.Show(room)
		}
	}
	var others *Update
	for _, v := range s.viewers {
		if v.in == l || v.own && v.told[u.id] != l.id {
			continue
		}
		if others == nil {
			others = &Update{Event: MemberWent{Lobby: value, User: u.shown, Kicked: kicked}}
		}
		v.untell(u.id)
		v.Show(others)
	}
	if self != nil && self.in == l {
		s.leaveRoom(self)
	}
}

// tell and untell keep the note of what an Own viewer was told.
func (v *viewer) tell(user, lobby int64) {
	if v.own {
		v.told[user] = lobby
	}
}

func (v *viewer) untell(user int64) {
	if v.own {
		delete(v.told, user)
	}
}
