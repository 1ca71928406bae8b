package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/consul"
	"teiserver/internal/coordinator"
	"teiserver/internal/lobby"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// command carries out what was typed in a lobby with a "$".
func (c *Client) command(ctx context.Context, id int64, text string) error {
	name, silent, rest, ok := consul.Parse(text)
	if !ok || !named(name) {
		return nil
	}
	if !consul.IsCoordinators(name) {
		return c.sendOrder(ctx, id, coordinator.Task{Command: name, Args: rest, Silent: silent})
	}
	if name == "help" && !silent {
		if err := c.echo(ctx, id, name, rest); err != nil {
			return err
		}
	}
	return c.tellCoordinator(ctx, text)
}

// named reports whether a text may be the name of a command at all.
func named(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '?' && r != '_'
	})
}

// echo shows a command that is not the lobby's in it, as the user's own words.
func (c *Client) echo(ctx context.Context, id int64, name, rest string) error {
	c.lines++
	_, err := c.call(ctx, lobbyKey(id), lobby.Say{
		Who: c.who, Rights: c.rights, Text: strings.TrimSpace("$ " + name + " " + rest), Line: c.lines,
	})
	if errors.Is(err, cluster.ErrNone) {
		return nil
	}
	return err
}

// order hands a command that was told the Coordinator to the lobby the client is in.
func (c *Client) order(ctx context.Context, t coordinator.Task) error {
	in, inside := c.Lobby()
	if !inside {
		return nil
	}
	if t.Command == "explain" {
		return c.echo(ctx, in.Info.ID, t.Command, t.Args)
	}
	return c.sendOrder(ctx, in.Info.ID, t)
}

func (c *Client) sendOrder(ctx context.Context, id int64, t coordinator.Task) error {
	facts, err := c.gather(ctx)
	if err != nil {
		return err
	}
	if !facts.Moderator && !setting.LobbyCommands.Get(ctx, c.svc.Settings) {
		c.hear(c.svc.Coordinator, "Commands are switched off in lobbies")
		return nil
	}
	c.lines++
	o := lobby.Order{
		Who: c.who, Facts: *facts, Name: t.Command, Silent: t.Silent, Rest: t.Args,
		Seed: rand.Uint64(), Line: c.lines, //nolint:gosec // dice, no secrets
	}
	for _, word := range consul.TargetWords(t.Command, t.Args) {
		target, err := c.target(ctx, word)
		if err != nil {
			return err
		}
		o.Targets = append(o.Targets, target)
	}
	_, err = c.call(ctx, lobbyKey(id), o)
	if errors.Is(err, cluster.ErrNone) {
		return nil
	}
	return err
}

// target finds whom a word of an order names: "12", "#12", or a whole name in any case,
// also of somebody who is not online. Parts of names are the lobby's matter.
func (c *Client) target(ctx context.Context, word string) (lobby.Target, error) {
	t := lobby.Target{Word: word}
	if c.svc.Accounts == nil {
		return t, nil
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(word, "#"), 10, 64)
	look := func() (*account.User, error) { return c.svc.Accounts.UserByID(ctx, id) }
	if err != nil {
		look = func() (*account.User, error) { return c.svc.Accounts.UserByName(ctx, word) }
	}
	u, err := look()
	if err != nil || u == nil {
		return t, err
	}
	t.User, t.Name, t.Moderator = u.ID, u.Name, u.Moderates()
	return t, nil
}

// present says that the user is there, which somebody may have asked.
func (c *Client) present(ctx context.Context) error {
	in, inside := c.Lobby()
	if !inside {
		return nil
	}
	_, err := c.call(ctx, lobbyKey(in.Info.ID), lobby.Hello{Who: c.who})
	if errors.Is(err, cluster.ErrNone) {
		return nil
	}
	if err == nil {
		c.hear(c.svc.Coordinator, "Thank you, you've been marked as present.")
	}
	return err
}

// broadcast says something in every lobby.
func (c *Client) broadcast(text string) {
	for _, id := range c.svc.Roster.LobbyIDs() {
		c.svc.Runtime.Cast(lobbyKey(id), lobby.Announce{Who: c.who, Text: text})
	}
}

// HostData tells the lobby that this client hosts what its host says of itself.
func (c *Client) HostData(ctx context.Context, d lobby.HostData) error {
	in, inside := c.Lobby()
	if !inside || in.Founder.ID != c.who.User {
		return nil
	}
	d.Who = c.who
	return c.commandTo(ctx, in.Info.ID, d)
}

// progress tells the lobby that this client hosts whether its game is on.
func (c *Client) progress(inGame bool) {
	if c.inGame == inGame {
		return
	}
	c.inGame = inGame
	if in, inside := c.Lobby(); inside && in.Founder.ID == c.who.User {
		c.svc.Runtime.Cast(lobbyKey(in.Info.ID), lobby.Progress{Who: c.who, InGame: inGame})
	}
}

// Queue is the join queue of the lobby that this client is in.
func (c *Client) Queue() (roster.QueueSet, bool) {
	in, inside := c.Lobby()
	if !inside {
		return roster.QueueSet{}, false
	}
	return c.svc.Roster.Queue(in.Info.ID)
}

// Terms are what holds in the lobby that this client is in.
func (c *Client) Terms() (roster.TermsSet, bool) {
	in, inside := c.Lobby()
	if !inside {
		return roster.TermsSet{}, false
	}
	room, followed := c.svc.Roster.Room(in.Info.ID)
	return roster.TermsSet{Lobby: in.Info.ID, Terms: room.Terms}, followed
}
