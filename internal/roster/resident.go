package roster

import (
	"teiserver/internal/account"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
)

// Residents are the process kinds whose summary is an account.Resident: accounts of
// the server's own, which are online as long as such a process exists somewhere, unless
// they are away.
var Residents = []string{"coordinator", "match_monitor", "bridge", "accolade_bot"}

// residentSession is the session of every resident. It does not change when the
// process moves, so nobody sees it go and come.
const residentSession = 1

// residentsReset takes what a node lists. A resident that is no longer listed stays:
// its process is on its way to another node.
func (s *state) residentsReset(n *node, entries []process.Indexed) {
	for _, e := range entries {
		s.residentIndexed(n, e)
	}
}

// residentIndexed shows a resident, once, whichever nodes list it, until the newest of
// what they say is that it is away.
func (s *state) residentIndexed(_ *node, e process.Indexed) {
	r, ok := e.Summary.(account.Resident)
	if !ok || e.Closed {
		return
	}
	if s.residents == nil {
		s.residents = &node{Origin: bus.Origin{}, presence: map[int64]*User{}}
		s.residentsAt = map[int64]feed.Version{}
	}
	v := feed.Version{Epoch: e.Epoch, Run: e.Run, Seq: e.Seq}
	if v.Less(s.residentsAt[r.ID]) {
		return
	}
	s.residentsAt[r.ID] = v
	there := s.residents.presence[r.ID]
	if r.Away && there != nil {
		delete(s.residents.presence, r.ID)
		s.mark(s.unclaim(there))
		s.settle()
	}
	if r.Away || there != nil {
		return
	}
	s.mark(s.claim(s.residents, &User{
		ID: r.ID, Session: residentSession, Name: r.Name, Country: r.Country, Client: r.Client,
		Bot: true, Moderator: r.Moderator,
	}))
	s.settle()
}
