package client

import (
	"context"

	"teiserver/internal/account"
	"teiserver/internal/friend"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
)

// loadIgnores reads whom this user does not want to hear. Reads come one after the
// other, so that the newest one stays.
func (c *Client) loadIgnores(ctx context.Context) error {
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	rel, err := c.svc.Friends.Relations(ctx, c.user.ID)
	if err != nil {
		return err
	}
	set := make(map[int64]struct{}, len(rel.Ignores))
	for _, id := range rel.Ignores {
		set[id] = struct{}{}
	}
	c.ignores.Store(&set)
	return nil
}

// Relations is what this user has with others.
func (c *Client) Relations(ctx context.Context) (*friend.Relations, error) {
	return c.svc.Friends.Relations(ctx, c.user.ID)
}

// Names turns ids into names, leaving out accounts that no longer exist.
func (c *Client) Names(ctx context.Context, ids []int64) ([]string, error) {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		u, err := c.svc.Accounts.UserByID(ctx, id)
		if err != nil {
			return nil, err
		}
		if u != nil {
			names = append(names, u.Name)
		}
	}
	return names, nil
}

// Numbered returns the account of an id, nil if there is none.
func (c *Client) Numbered(ctx context.Context, id int64) (*account.User, error) {
	return c.svc.Accounts.UserByID(ctx, id)
}

// The commands about one other user return tell, which tells everybody whom it concerns
// what has happened and is to be called once the client has been answered: who is told is
// also this client.

// AskFriend asks a user to be a friend.
func (c *Client) AskFriend(ctx context.Context, other int64) (tell func(), err error) {
	notices, err := c.svc.Friends.Ask(ctx, c.user.ID, other)
	return c.telling(ctx, notices), err
}

// AnswerFriend accepts or declines the request of a user. Refusal: NotFound.
func (c *Client) AnswerFriend(ctx context.Context, other int64, accept bool) (tell func(), err error) {
	notices, err := c.svc.Friends.Answer(ctx, c.user.ID, other, accept)
	return c.telling(ctx, notices), err
}

// RescindFriend takes the request to a user back. Refusal: NotFound.
func (c *Client) RescindFriend(ctx context.Context, other int64) (tell func(), err error) {
	notices, err := c.svc.Friends.Rescind(ctx, c.user.ID, other)
	return c.telling(ctx, notices), err
}

// EndFriend ends a friendship; without one nothing happens.
func (c *Client) EndFriend(ctx context.Context, other int64) (tell func(), err error) {
	notices, err := c.svc.Friends.End(ctx, c.user.ID, other)
	return c.telling(ctx, notices), err
}

// Relate sets a one-way relation, from the next line on. Refusal: Full.
func (c *Client) Relate(ctx context.Context, other int64, kind friend.Relation, on bool) (tell func(), err error) {
	notices, err := c.svc.Friends.Set(ctx, c.user.ID, other, kind, on)
	if err == nil && kind == friend.Ignore {
		err = c.loadIgnores(ctx)
	}
	return c.telling(ctx, notices), err
}

// Reset ends the one-way relations to a user, from the next line on.
func (c *Client) Reset(ctx context.Context, other int64) error {
	if err := c.svc.Friends.Reset(ctx, c.user.ID, other); err != nil {
		return err
	}
	return c.loadIgnores(ctx)
}

// telling makes a function of the notices of a change.
func (c *Client) telling(ctx context.Context, notices []friend.Notice) func() {
	return func() {
		for _, n := range notices {
			if to, online := c.svc.Roster.User(n.To); online {
				c.svc.send(ctx, to, deliver{Friend: roster.FriendWhat(n.What), Other: n.Other})
			}
		}
	}
}

// Another returns the account of a name. Refusal, without a message: NotFound, also of
// the client's own.
func (c *Client) Another(ctx context.Context, name string) (*account.User, error) {
	u, err := c.Named(ctx, name)
	return c.another(u, err)
}

// AnotherNumbered is Another of an id.
func (c *Client) AnotherNumbered(ctx context.Context, id int64) (*account.User, error) {
	u, err := c.Numbered(ctx, id)
	return c.another(u, err)
}

func (c *Client) another(u *account.User, err error) (*account.User, error) {
	if err != nil {
		return nil, err
	}
	if u == nil || u.ID == c.user.ID {
		return nil, &refusal.Error{Code: refusal.NotFound}
	}
	return u, nil
}
