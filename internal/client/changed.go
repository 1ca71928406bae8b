package client

import (
	"context"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
)

// readLimit is how long account and relations may take to be read.
const readLimit = 5 * time.Second

// signedOut reports that a client's session was ended by what happened to its account: a
// new password, other roles, another name, or its end.
func signedOut(c *Client, now *account.User) bool {
	return now == nil || now.SignOuts > c.user.SignOuts
}

// current refuses a client whose user was signed out while it logged in.
func (c *Client) current(ctx context.Context) error {
	if c.svc.Accounts == nil {
		return nil
	}
	u, err := c.svc.Accounts.UserByID(ctx, c.user.ID)
	if err == nil && signedOut(c, u) {
		return refusal.New(refusal.Superseded, "Logged out")
	}
	return err
}

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
		if signedOut(c, u) {
			c.screen.End(EndLoggedOut)
			return
		}
		if u != nil {
			s.Roster.Edit(c.who.User, c.who.Session, func(shown *roster.User) { shown.Rank = u.Rank })
		}
	}
	c.refresh(ctx)
}
