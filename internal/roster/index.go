package roster

import (
	"slices"
	"strconv"
	"strings"

	"teiserver/internal/chat"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/lobby"
)

// lobbiesReset replaces what a node lists as its lobbies. A lobby that is no longer
// listed stays: its next owner, its end or its founder's going takes it away.
func (s *state) lobbiesReset(n *node, entries []process.Indexed) {
	if n.dead {
		return
	}
	n.heardLobby = true
	clear(n.lobbies)
	for _, e := range entries {
		s.offer(n, e)
	}
	s.settle()
}

// lobbyIndexed applies one event of a node's lobby index.
func (s *state) lobbyIndexed(n *node, e process.Indexed) {
	if n.dead {
		return
	}
	s.offer(n, e)
	s.settle()
}

// offer takes a summary, or the end of a lobby, if nothing newer is known.
func (s *state) offer(n *node, e process.Indexed) {
	id, err := strconv.ParseInt(e.ID, 10, 64)
	if err != nil {
		return
	}
	v := feed.Version{Epoch: e.Epoch, Run: e.Run, Seq: e.Seq}
	if end, over := s.tombs.at[id]; over && (e.Closed || !end.Less(v)) {
		if end.Less(v) {
			s.tombs.at[id] = v
		}
		delete(n.lobbies, id)
		return
	}
	if e.Closed {
		delete(n.lobbies, id)
		s.offerEnd(id, v)
		return
	}
	sum, ok := e.Summary.(lobby.Summary)
	if !ok {
		return
	}
	n.lobbies[id] = struct{}{}
	delete(s.tombs.at, id)
	l := s.hall(id)
	if v.Less(l.version) || l.closed {
		return
	}
	sum.Info.ID = id
	old := l.sum
	l.known, l.version, l.sum = true, v, sum
	s.showTeams(l, old)
	if !l.live {
		s.apply(l)
	}
}

func (s *state) offerEnd(id int64, v feed.Version) {
	l := s.lobbies[id]
	if l == nil {
		s.tombs.put(id, v)
		return
	}
	if v.Less(l.version) || l.room != nil && l.room.live && v.Less(l.room.version) {
		return
	}
	s.end(l, v)
}

// end closes a lobby under a version.
func (s *state) end(l *hall, v feed.Version) {
	if l.closed {
		return
	}
	l.closed = true
	if l.version.Less(v) {
		l.version = v
	}
	s.ended = append(s.ended, l)
	s.apply(l)
}

// bury takes a closed lobby out of the state after its end was shown.
func (s *state) bury(l *hall) {
	for _, v := range l.refs {
		v.follows = remove(v.follows, l)
		v.asking = remove(v.asking, l)
		if v.wish == l {
			v.wish = nil
		}
	}
	l.refs = nil
	if l.room != nil {
		s.killRoom(l.room)
		l.room = nil
	}
	delete(s.lobbies, l.id)
	if (l.version != feed.Version{}) {
		s.tombs.put(l.id, l.version)
	}
}

// apply brings what is applied of a lobby in line with its source: the room while
// it is live, else the summary.
func (s *state) apply(l *hall) {
	live := l.room != nil && l.room.live && !l.closed
	named, info, seats := l.known && !l.closed, l.sum.Info, l.sum.Seats
	if live {
		view := l.room.replica.View()
		named, info, seats = true, view.Info, seatsOf(view.Members)
		info.ID = l.id
	}
	epoch := l.version.Epoch
	if live {
		epoch = l.room.version.Epoch
	}
	if named {
		seats = s.withStays(l, epoch, seats)
	} else {
		info, seats, l.stay = lobby.Info{}, nil, nil
	}
	s.applyFounder(l, named, info.Founder)
	s.applySeats(l, seats)
	if named && l.info != info || live != l.live {
		s.changed = append(s.changed, l)
	}
	l.named, l.info = named, info
	if live != l.live { // local viewers have waited for this
		l.live = live
		s.mark(s.users[info.Founder.User])
		for i := range seats {
			s.mark(s.users[seats[i].User])
		}
	}
}

// withStays adds the members of the owner before whom the new one does not name.
func (s *state) withStays(l *hall, epoch int64, seats []lobby.Seat) []lobby.Seat {
	if l.named && epoch > l.epoch {
		for _, seat := range l.seats {
			if !slices.ContainsFunc(l.stay, func(x stay) bool { return x.User == seat.User }) {
				l.stay = append(l.stay, stay{seat, s.now.Add(repeatTime)})
			}
		}
	}
	l.epoch = epoch
	if len(l.stay) == 0 {
		return seats
	}
	l.stay = slices.DeleteFunc(l.stay, func(x stay) bool {
		named := slices.ContainsFunc(seats, func(o lobby.Seat) bool { return o.User == x.User })
		if named {
			s.mark(s.users[x.User]) // its seat may look the same, but is one to enter by
		}
		return named || !s.now.Before(x.until)
	})
	seats = slices.Clone(seats)
	for _, x := range l.stay {
		seats = append(seats, x.Seat)
	}
	return seats
}

func (l *hall) stays(id int64) bool {
	return slices.ContainsFunc(l.stay, func(x stay) bool { return x.User == id })
}

func seatsOf(members []lobby.Member) []lobby.Seat {
	seats := make([]lobby.Seat, len(members))
	for i, m := range members {
		seats[i] = lobby.Seat{Who: m.Who, Join: m.Join}
	}
	return seats
}

func (s *state) applyFounder(l *hall, named bool, who lobby.Who) {
	if l.named == named && l.info.Founder == who {
		return
	}
	if l.named {
		u := s.user(l.info.Founder.User)
		u.founds = remove(u.founds, l)
		s.mark(u)
	}
	if named {
		u := s.user(who.User)
		u.founds = append(u.founds, l)
		s.mark(u)
	}
	// Who sits in it is shown or not with its founder.
	for i := range l.seats {
		s.mark(s.users[l.seats[i].User])
	}
}

// applySeats compares the parts of the lists that differ; a join or leave in a long
// list costs one comparison per member.
func (s *state) applySeats(l *hall, seats []lobby.Seat) {
	old, fresh := l.seats, seats
	for len(old) > 0 && len(fresh) > 0 && old[0] == fresh[0] {
		old, fresh = old[1:], fresh[1:]
	}
	for len(old) > 0 && len(fresh) > 0 && old[len(old)-1] == fresh[len(fresh)-1] {
		old, fresh = old[:len(old)-1], fresh[:len(fresh)-1]
	}
	l.seats = seats
	if len(old) > 0 || len(fresh) > 0 {
		l.made = nil
	}
	for _, o := range old {
		if !slices.ContainsFunc(fresh, func(f lobby.Seat) bool { return f.User == o.User }) {
			u := s.user(o.User)
			u.seats = remove(u.seats, l)
			s.mark(u)
		}
	}
	for _, f := range fresh {
		u := s.user(f.User)
		if !slices.ContainsFunc(old, func(o lobby.Seat) bool { return o.User == f.User }) {
			u.seats = append(u.seats, l)
		}
		s.mark(u)
	}
}

// channelsReset and channelIndexed keep what a node lists as its channels.
func (s *state) channelsReset(n *node, entries []process.Indexed) {
	if n.dead {
		return
	}
	n.heardTopics = true
	clear(n.channels)
	for _, e := range entries {
		s.channelIndexed(n, e)
	}
}

func (s *state) channelIndexed(n *node, e process.Indexed) {
	if n.dead {
		return
	}
	n.channels[e.ID] = e
	if ch := s.chans[e.ID]; ch != nil && !e.Closed {
		s.followChannel(ch)
	}
}

// channels lists the channels with their newest summaries.
func (s *state) channels() []chat.Summary {
	newest := map[string]process.Indexed{}
	for _, n := range s.nodes {
		for name, e := range n.channels {
			if old, ok := newest[name]; !ok || indexedLess(old, e) {
				newest[name] = e
			}
		}
	}
	list := make([]chat.Summary, 0, len(newest))
	for _, e := range newest {
		if sum, ok := e.Summary.(chat.Summary); ok && !e.Closed {
			list = append(list, sum)
		}
	}
	slices.SortFunc(list, func(a, b chat.Summary) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func indexedLess(a, b process.Indexed) bool {
	va := feed.Version{Epoch: a.Epoch, Run: a.Run, Seq: a.Seq}
	vb := feed.Version{Epoch: b.Epoch, Run: b.Run, Seq: b.Seq}
	if va == vb {
		return b.Closed && !a.Closed
	}
	return va.Less(vb)
}
