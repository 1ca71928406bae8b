package client

import (
	"context"

	"teiserver/internal/friend"
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

// AskFriend asks a user to be a friend; an unknown name is ignored.
func (c *Client) AskFriend(ctx context.Context, name string) error {
	return c.relate(ctx, name, func(other int64) ([]friend.Notice, error) {
		return c.svc.Friends.Ask(ctx, c.user.ID, other)
	})
}

// AnswerFriend accepts or declines the request of a user.
func (c *Client) AnswerFriend(ctx context.Context, name string, accept bool) error {
	return c.relate(ctx, name, func(other int64) ([]friend.Notice, error) {
		return c.svc.Friends.Answer(ctx, c.user.ID, other, accept)
	})
}

// EndFriend ends a friendship.
func (c *Client) EndFriend(ctx context.Context, name string) error {
	return c.relate(ctx, name, func(other int64) ([]friend.Notice, error) {
		return c.svc.Friends.End(ctx, c.user.ID, other)
	})
}

// SetIgnore stops or resumes hearing a user, from the next line on.
func (c *Client) SetIgnore(ctx context.Context, name string, on bool) error {
	err := c.relate(ctx, name, func(other int64) ([]friend.Notice, error) {
		return nil, c.svc.Friends.SetIgnore(ctx, c.user.ID, other, on)
	})
	if err != nil {
		return err
	}
	return c.loadIgnores(ctx)
}

// relate changes a relation with a named user and tells those whom it concerns.
func (c *Client) relate(ctx context.Context, name string, change func(other int64) ([]friend.Notice, error)) error {
	u, err := c.svc.Accounts.UserByName(ctx, name)
	if err != nil || u == nil || u.ID == c.user.ID {
		return err
	}
	notices, err := change(u.ID)
	if err != nil {
		return err
	}
	for _, n := range notices {
		if to, online := c.svc.Roster.User(n.To); online {
			c.svc.send(ctx, to, deliver{Friend: roster.FriendWhat(n.What), Other: n.Other})
		}
	}
	return nil
}
