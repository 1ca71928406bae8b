package roster

import (
	"teiserver/internal/account"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/process"
)

// Residents are the process kinds whose summary is an account.Resident: accounts of
// the server's own, which are online as long as such a process exists somewhere.
var Residents = []string{"coordinator", "match_monitor"}

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

// residentIndexed shows a resident, once, whichever nodes list it.
func (s *state) residentIndexed(_ *node, e process.Indexed) {
	r, ok := e.Summary.(account.Resident)
	if !ok || e.Closed {
		return
	}
	if s.residents == nil {
		s.residents = &node{Origin: bus.Origin{}, presence: map[int64]*User{}}
	}
	if s.residents.presence[r.ID] != nil {
		return
	}
	s.mark(s.claim(s.residents, &User{
		ID: r.ID, Session: residentSession, Name: r.Name, Country: r.Country, Client: r.Client,
		Bot: true, Moderator: r.Moderator,
	}))
	s.settle()
}
