package roster

import (
	"slices"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
)

// forgetAfter is how long a lobby is remembered that nobody lists and whose founder
// nobody knows. A take-over is over long before.
const forgetAfter = time.Minute

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
		s.followChannel(ch)
	}
	for _, l := range s.lobbies {
		if l.founder != nil || l.room != nil || l.closed || s.listed(l) || s.expected(l) {
			l.unlisted = time.Time{}
			continue
		}
		if l.unlisted.IsZero() {
			l.unlisted = s.now
		} else if s.now.Sub(l.unlisted) >= forgetAfter {
			s.end(l, l.version)
		}
	}
	s.settle()
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

// expected reports whether the founder's session is known.
func (s *state) expected(l *hall) bool {
	u := s.users[l.info.Founder.User]
	return l.named && u != nil && u.online(l.info.Founder.Session)
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
	for _, ch := range s.chans {
		if ch.audited && !slices.Contains(names, ch.name) {
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

// filled reports whether every node has been heard once.
func (s *state) filled() bool {
	if len(s.nodes) == 0 {
		return false
	}
	for _, n := range s.nodes {
		if !n.heardUsers || !n.heardLobby || !n.heardTopics {
			return false
		}
	}
	return true
}
