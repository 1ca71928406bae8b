package client

import (
	"context"
	"slices"

	"teiserver/internal/cluster"
	"teiserver/internal/resident"
	"teiserver/internal/roster"
)

// Mailbox is a resident, and where private messages to it go.
type Mailbox struct {
	ID   int64  // of its account
	Kind string // of its process
	// Chat is a kind with one process per user that talks to the resident, if there is
	// such a process; else Kind's is asked.
	Chat string
	// Off says what who writes to it is told while it is switched off; empty: it is not;
	// nil: it never is.
	Off func(ctx context.Context) string
}

var _ resident.Teller = (*Service)(nil)

func (s *Service) mailbox(user int64) (Mailbox, bool) {
	i := slices.IndexFunc(s.Residents, func(m Mailbox) bool { return m.ID == user })
	if i < 0 {
		return Mailbox{}, false
	}
	return s.Residents[i], true
}

// Online reports whether a user is online, on whatever node.
func (s *Service) Online(user int64) bool {
	_, online := s.Roster.User(user)
	return online
}

// Tell has a resident speak to a user in private, wherever that user is online: the
// lines in order, each once. To who is offline nothing is said. It returns when the
// user's node has taken the lines.
func (s *Service) Tell(ctx context.Context, from, to int64, lines ...string) {
	s.Reach(ctx, from, to, lines...)
}

// Reach is Tell for who has to know whether the user's session has taken the lines: not
// if it is offline, nor if its node has not answered.
func (s *Service) Reach(ctx context.Context, from, to int64, lines ...string) (taken bool) {
	return len(lines) == 0 || s.sendAs(ctx, from, to, deliver{Lines: lines})
}

// Ring has a resident ring a user.
func (s *Service) Ring(ctx context.Context, from, to int64) {
	s.sendAs(ctx, from, to, deliver{Ring: true})
}

func (s *Service) sendAs(ctx context.Context, from, to int64, d deliver) (taken bool) {
	user, online := s.Roster.User(to)
	if !online {
		return false
	}
	if _, resides := s.mailbox(to); resides {
		return true
	}
	by, visible := s.Roster.User(from)
	if !visible {
		by = &roster.User{ID: from, Bot: true} // who is shown it knows more
	}
	d.From = by
	return s.send(ctx, user, d)
}

// hearHere shows the lines of a resident to the user's session on this node. Nobody is
// deaf to those. False if there is none.
func (s *Service) hearHere(d deliver) bool {
	s.sessions.mu.Lock()
	h, ok := s.sessions.held[d.User]
	s.sessions.mu.Unlock()
	if _, isClient := h.holder.(*Client); !ok || !isClient {
		return ok
	}
	for _, line := range d.Lines {
		if !s.Roster.Deliver(d.User, h.epoch, d.From.ID, roster.PrivateSaid{From: d.From, Text: line}) {
			return false
		}
	}
	return true
}

// hear shows this client what a resident says to it.
func (c *Client) hear(from int64, lines ...string) {
	by := &roster.User{ID: from, Bot: true}
	for _, line := range lines {
		c.svc.Roster.Deliver(c.who.User, c.who.Session, from, roster.PrivateSaid{From: by, Text: line})
	}
}

// keys are the processes that a message to a resident may be for, in order.
func (m Mailbox) keys(from int64) []cluster.Key {
	main := resident.Key(m.Kind)
	if m.Chat == "" {
		return []cluster.Key{main}
	}
	return []cluster.Key{cluster.NewKey(m.Chat, from), main}
}
