package client

import (
	"context"
	"time"

	"teiserver/internal/roster"
)

// readLimit is how long account and relations may take to be read.
const readLimit = 5 * time.Second

// readAgain takes what has changed of a client's user: whom it ignores, what others see
// of it, what its lobby must know.
func (s *Service) readAgain(ctx context.Context, c *Client) {
	if !s.judge(ctx, c) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := c.loadIgnores(ctx); err != nil {
		s.Log.Warn("relations not read", "user", c.who.User, "err", err)
		return
	}
	if s.Accounts != nil {
		u, err := s.Accounts.UserByID(ctx, c.user.ID)
		if err != nil {
			s.Log.Warn("account not read", "user", c.who.User, "err", err)
			return
		}
		if u != nil {
			s.Roster.Edit(c.who.User, c.who.Session, func(shown *roster.User) { shown.Rank = u.Rank })
		}
	}
	c.refresh(ctx)
}
