package client

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/consul"
	"teiserver/internal/lobby"
	"teiserver/internal/moderation"
	"teiserver/internal/setting"
)

// What others know of a user and a lobby must know. Each may be missing: then nobody has
// any.
type (
	// Ratings are the skills of players.
	Ratings interface {
		// Ratings returns them by game type, and what moderators have added for balance.
		Ratings(ctx context.Context, user int64) (by map[string]consul.Rating, adjust int, err error)
	}
	// Moderation is what moderators decide; package moderation's Service does.
	Moderation interface {
		// Standing is never nil without an error.
		Standing(ctx context.Context, user int64) (*moderation.Standing, error)
		Report(ctx context.Context, r moderation.Report) (moderation.Report, error)
		// Unbridge keeps what a user says inside the server from now on.
		Unbridge(ctx context.Context, user int64, by moderation.Actor) error
		// Severity is that of what somebody says, empty in most cases; Silence is what
		// follows of the highest.
		Severity(ctx context.Context, text string) string
		Silence(ctx context.Context, user int64, by moderation.Actor) error
		// Now is the clock by which restrictions end.
		Now() time.Time
	}
)

// Facts returns what this client's lobby was last told of its user: an edge repeats it to
// a new owner.
func (c *Client) Facts() (lobby.Facts, bool) {
	f := c.known.Load()
	if f == nil {
		return lobby.Facts{}, false
	}
	return *f, true
}

// gather reads what a lobby must know of this user, as it is now. What cannot be read is
// an error and no permission.
func (c *Client) gather(ctx context.Context) (*lobby.Facts, error) {
	u := c.user
	if c.svc.Accounts != nil {
		fresh, err := c.svc.Accounts.UserByID(ctx, u.ID)
		if err != nil {
			return nil, fmt.Errorf("read user %d: %w", u.ID, err)
		}
		if fresh != nil {
			u = fresh
		}
	}
	f := &lobby.Facts{
		Name: c.user.Name, Bot: u.IsBot(),
		Moderator: u.Moderates() && !c.plain.Load(), Admin: u.Has(account.Admin) && !c.plain.Load(),
		Caster: u.Has(account.Caster), VIP: u.Has(account.VIP), Contributor: u.Has(account.Contributor),
		Rank: u.Rank, Warned: c.warned.Load(), Chobby: c.hashed.Load(),
	}
	rel, err := c.svc.Friends.Relations(ctx, u.ID)
	if err != nil {
		return nil, fmt.Errorf("read relations of user %d: %w", u.ID, err)
	}
	f.Friends = rel.Friends
	for i, other := range rel.Avoids {
		a := consul.Avoid{User: other}
		if i < len(rel.AvoidedAt) {
			a.Since = rel.AvoidedAt[i]
		}
		f.Avoids = append(f.Avoids, a)
	}
	if r := c.svc.Ratings; r != nil {
		if f.Ratings, f.Adjust, err = r.Ratings(ctx, u.ID); err != nil {
			return nil, fmt.Errorf("read ratings of user %d: %w", u.ID, err)
		}
	}
	if m := c.svc.Moderation; m != nil {
		st, err := m.Standing(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		f.Restrictions, f.Shadowbanned = st.Restrictions(m.Now()), st.Shadowbanned
	}
	f.Party = ""
	if p := c.svc.PartyOf(u.ID); p != nil && setting.Parties.Get(ctx, c.svc.Settings) {
		f.Party = p.ID
	}
	f.Matchmaking = c.svc.Matchmaking(u.ID)
	c.known.Store(f)
	return f, nil
}

// gatherToJoin is gather with who would not meet this user, and whom it would not, as the
// lobby is asked for at its door alone. How many do not want somebody has no bound, so only
// those are named who may be there: who is online.
func (c *Client) gatherToJoin(ctx context.Context) (*lobby.Facts, error) {
	f, err := c.gather(ctx)
	if err != nil {
		return nil, err
	}
	rel, err := c.svc.Friends.Relations(ctx, c.user.ID)
	if err != nil {
		return nil, fmt.Errorf("read relations of user %d: %w", c.user.ID, err)
	}
	atDoor := *f
	atDoor.Blocks, atDoor.BlockedBy, atDoor.AvoidedBy = c.online(rel.Blocks), c.online(rel.BlockedBy), c.online(rel.AvoidedBy)
	return &atDoor, nil
}

func (c *Client) online(users []int64) (here []int64) {
	for _, id := range users {
		if _, online := c.svc.Roster.User(id); online {
			here = append(here, id)
		}
	}
	return here
}

// Refresh tells the lobby of a user of this node, if it is in one, what has changed about
// it: ratings, party, restrictions, friends. Other nodes' users are not touched: who
// changes something tells all nodes.
func (s *Service) Refresh(ctx context.Context, user int64) {
	s.sessions.mu.Lock()
	h, ok := s.sessions.held[user]
	s.sessions.mu.Unlock()
	if c, isClient := h.holder.(*Client); ok && isClient {
		c.refresh(ctx)
	}
}

func (c *Client) refresh(ctx context.Context) {
	in, inside := c.Lobby()
	if !inside {
		return
	}
	f, err := c.gather(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.svc.Log.Warn("a lobby is not told what changed", "user", c.user.ID, "err", err)
		}
		return
	}
	c.svc.Runtime.Cast(lobbyKey(in.Info.ID), lobby.Know{Who: c.who, Facts: *f})
}
