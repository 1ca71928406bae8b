package roster

import "teiserver/internal/party"

// PartyEvent tells one user what happened in a party that it is in or invited to.
type PartyEvent struct {
	Party string
	What  party.What
	Name  string // of the user that it is about
	// Line is a number for protocols that put one before such a line: it is nobody's.
	Line int
}

func (PartyEvent) event() {}
