package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/coordinator"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
	"teiserver/internal/roster"
)

// tellResident gives a private message to a resident and shows what it answers.
func (c *Client) tellResident(ctx context.Context, to Mailbox, name, text string) error {
	if to.ID != c.svc.Coordinator && strings.HasPrefix(text, "$") {
		return c.tellCoordinator(ctx, text)
	}
	if to.ID == c.svc.Coordinator && c.svc.Desk != nil && c.svc.Desk.Acknowledges(ctx, text) {
		c.acknowledge()
		c.hear(to.ID, "Thank you")
		return nil
	}
	if to.Off != nil {
		if text := to.Off(ctx); text != "" {
			c.hear(to.ID, text)
			return nil
		}
	}
	direct := resident.Direct{From: c.who.User, FromName: c.user.Name, Text: text, Rights: resident.Rights{
		Bot: c.rights.Bot, Moderator: c.rights.Moderator, Admin: c.rights.Moderator && c.user.Has(account.Admin),
	}}
	var reply any
	var err error
	for _, key := range to.keys(c.who.User) {
		if key == monitorKey && (c.rights.Bot || c.rights.Moderator) {
			reply, err = c.tellMonitor(ctx, direct)
		} else {
			reply, err = c.call(ctx, key, direct)
		}
		if !errors.Is(err, cluster.ErrNone) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("tell %s: %w", name, err)
	}
	switch r := reply.(type) {
	case resident.Says:
		c.hear(to.ID, r.Lines...)
	case coordinator.Task:
		return c.carryOut(ctx, r)
	}
	return nil
}

// tellCoordinator gives a line to the Coordinator, wherever it was typed.
func (c *Client) tellCoordinator(ctx context.Context, text string) error {
	box := Mailbox{ID: c.svc.Coordinator, Kind: coordinator.Kind}
	return c.tellResident(ctx, box, coordinator.Account.Name, text)
}

// carryOut does what the Coordinator was asked.
func (c *Client) carryOut(ctx context.Context, t coordinator.Task) error {
	switch {
	case t.Command == coordinator.Presence:
		return c.present(ctx)
	case coordinator.ForLobby(t.Command):
		return c.order(ctx, t)
	case c.svc.Desk == nil:
		return nil
	}
	by := coordinator.Asker{User: c.user, IP: c.ip, Moderator: c.rights.Moderator}
	if in, inside := c.Lobby(); inside {
		by.Host = in.Founder.ID == c.who.User
	}
	done, err := c.svc.Desk.Do(ctx, t, by)
	if err != nil {
		return fmt.Errorf("carry out $%s: %w", t.Command, err)
	}
	if done.Lines, err = c.act(ctx, done); err != nil {
		return err
	}
	c.hear(c.svc.Coordinator, done.Lines...)
	return nil
}

// act does what a command means for the session itself, and returns what is said then.
func (c *Client) act(ctx context.Context, done coordinator.Done) ([]string, error) {
	switch a := done.Act.(type) {
	case coordinator.SetIgnore:
		err := c.svc.Friends.SetIgnore(ctx, c.user.ID, a.Other.ID, a.On)
		if no, refused := refusal.As(err); refused {
			return []string{fmt.Sprintf("Failed to ignore %s: %s", a.Other.Name, no.Message)}, nil
		}
		if err == nil {
			err = c.loadIgnores(ctx)
		}
		return done.Lines, err
	case coordinator.SetModerator:
		c.setModerator(a.On)
		c.refresh(ctx)
	case coordinator.Broadcast:
		c.broadcast(a.Text)
	}
	return done.Lines, nil
}

// setModerator gives the session its moderator's rights back, or takes them away.
func (c *Client) setModerator(on bool) {
	c.plain.Store(!on)
	c.rights.Moderator = on && c.user.Moderates()
	c.svc.Roster.Edit(c.who.User, c.who.Session, func(u *roster.User) { u.Moderator = c.rights.Moderator })
}
