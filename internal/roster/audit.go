package roster

import (
	"slices"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
)

// probeAfter is how long a lobby may be listed by no living node before this node
// asks for it by following it: a take-over takes less. Without it a node that came
// too late to hear of a lobby's end would show it until its founder leaves.
const probeAfter = 5 * time.Second

// absence is a session that a process of this node counts as inside though it is
// not the user's session any more.
type absence struct {
	key           cluster.Key
	user, session int64
}

// tick lets go what has waited in vain and looks again for channels without a
// process. It runs every second.
func (s *state) tick() {
	s.awaited = slices.DeleteFunc(s.awaited, func(u *user) bool {
		u.waiting = slices.DeleteFunc(u.waiting, func(d delivery) bool {
			late := !s.now.Before(d.until)
			if late {
				s.dropped++
			}
			return late
		})
		s.prune(u)
		return len(u.waiting) == 0
	})
	for _, ch := range s.chans {
		s.channelTick(ch)
	}
	for _, l := range s.lobbies {
		s.probe(l, s.listed(l))
		if len(l.stay) > 0 {
			s.apply(l)
		}
	}
	s.patrol()
	s.settle()
}

// patrol asks for one lobby after the other. A node that hands a lobby over takes it
// off its list without a word, so what it listed once proves nothing for ever.
func (s *state) patrol() {
	if len(s.open) == 0 {
		return
	}
	s.beat++
	if l := s.open[s.beat%len(s.open)]; l.room == nil {
		l.probed = true
		s.openRoom(l)
	}
}

// probe follows a lobby that nobody lists: its room, or that there is none, tells.
func (s *state) probe(l *hall, listed bool) {
	switch {
	case l.closed:
	case listed:
		l.unlisted = time.Time{}
		if l.probed && l.room.heard {
			l.probed = false
			s.dropIdle(l)
		}
	case l.unlisted.IsZero():
		l.unlisted = s.now
	case !l.probed && s.now.Sub(l.unlisted) >= probeAfter:
		l.probed = true
		s.openRoom(l)
	}
}

// listed reports whether a living node lists the lobby as its own.
func (s *state) listed(l *hall) bool {
	for _, n := range s.nodes {
		if _, ok := n.lobbies[l.id]; ok {
			return true
		}
	}
	return false
}

func (u *user) online(session int64) bool {
	best := u.best()
	return best != nil && best.Session == session
}

// audit checks who is inside the lobbies and channels that run on this node. Who
// was absent at the last audit too is taken out. It runs every five seconds.
func (s *state) audit(lobbies []int64, channels []string) {
	before := s.absent
	s.absent = map[absence]struct{}{}
	for _, id := range lobbies {
		l := s.lobbies[id]
		if l == nil || !l.named {
			continue
		}
		key := cluster.NewKey(lobby.Kind, id)
		s.checkPresent(before, key, l.info.Founder.User, l.info.Founder.Session, l.info.Founder.Incarnation, lobby.Absent{Who: l.info.Founder})
		for _, seat := range l.seats {
			s.checkPresent(before, key, seat.User, seat.Session, seat.Incarnation, lobby.Absent{Who: seat.Who})
		}
	}
	s.auditChannels(before, channels)
	s.settle()
}

// auditChannels follows the channels of this node: only their feeds name the members.
func (s *state) auditChannels(before map[absence]struct{}, names []string) {
	here := make(map[string]bool, len(names))
	for _, name := range names {
		here[name] = true
	}
	for _, ch := range s.chans {
		if ch.audited && !here[ch.name] {
			ch.audited = false
			s.unfollowIdle(ch)
		}
	}
	for _, name := range names {
		ch := s.channel(name)
		ch.audited = true
		s.followChannel(ch)
		key := cluster.NewKey(chat.Kind, name)
		for _, p := range ch.members {
			s.checkPresent(before, key, p.User, p.Session, p.Incarnation, chat.Leave{Member: p.Member})
		}
	}
}

// checkPresent casts the command if the session is absent for the second time. A
// node whose sessions have not been heard yet proves nothing.
func (s *state) checkPresent(before map[absence]struct{}, key cluster.Key, id, session, incarnation int64, command any) {
	if u := s.users[id]; u != nil && u.online(session) {
		return
	}
	if n := s.nodes[incarnation]; n != nil && !n.heardUsers {
		return
	}
	a := absence{key, id, session}
	s.absent[a] = struct{}{}
	if _, again := before[a]; again {
		s.effects = append(s.effects, cast{key, command})
	}
}

// filled reports whether every node has been heard once, and shown.
func (s *state) filled() bool {
	if len(s.nodes) == 0 || len(s.backlog) > 0 {
		return false
	}
	for _, n := range s.nodes {
		if !n.heardUsers || !n.heardLobby || !n.heardTopics {
			return false
		}
	}
	return true
}
