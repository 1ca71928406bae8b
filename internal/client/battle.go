package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
	"teiserver/internal/moderation"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
)

// The sequences that number lobbies and matches.
const (
	SequenceLobby = "lobby"
	SequenceMatch = "match"
)

// OpenLobby opens a lobby hosted by this client, which closes or leaves the one it
// is in. The answer, roster.Hosting, comes through the roster, and before OpenLobby
// returns, unless it takes long.
func (c *Client) OpenLobby(ctx context.Context, info lobby.Info, password string) error {
	if c.restricted(moderation.AllLobbies) {
		return refusal.New(refusal.Banned, textLobbies)
	}
	if err := c.LeaveLobby(ctx); err != nil {
		return err
	}
	id, err := c.svc.Runtime.Next(ctx, SequenceLobby)
	if err != nil {
		return err
	}
	matchID, err := c.svc.Runtime.Next(ctx, SequenceMatch)
	if err != nil {
		return err
	}
	info.ID, info.Founder, info.IP = id, c.who, c.ip
	info.Passworded = password != ""
	shown := c.awaitHosting(id) // from before it is there: it may be shown before Own returns
	_, err = c.svc.Runtime.Own(ctx, lobbyKey(id), lobby.Open{
		Info: info, Password: password, MatchID: matchID,
		HostUUID: ulid.Make().String(), MatchUUID: ulid.Make().String(),
	})
	if err != nil {
		c.unsay(id, err)
		return err
	}
	c.asked = id
	c.introduceHost(ctx, id)
	c.svc.Roster.Host(c, id)
	wait, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	select {
	case <-shown:
	case <-wait.Done(): // it comes when it comes
	}
	return nil
}

// introduceHost tells a lobby what it must know of its host.
func (c *Client) introduceHost(ctx context.Context, id int64) {
	if f, err := c.gather(ctx); err == nil {
		c.svc.Runtime.Cast(lobbyKey(id), lobby.Know{Who: c.who, Facts: *f})
	} else if ctx.Err() == nil {
		c.svc.Log.Warn("a lobby knows nothing of its host", "user", c.user.ID, "err", err)
	}
	if c.inGame {
		c.svc.Runtime.Cast(lobbyKey(id), lobby.Progress{Who: c.who, InGame: true})
	}
}

// hosting is a lobby that the client has opened and is to be shown.
type hosting struct {
	id    int64
	shown chan struct{}
}

// awaitHosting returns a channel that is closed when the client is shown its lobby. What
// it sends behind OPENBATTLE is for that lobby, so the reader waits for it.
func (c *Client) awaitHosting(id int64) <-chan struct{} {
	h := &hosting{id, make(chan struct{})}
	c.hosting.Store(h)
	return h.shown
}

func (c *Client) seeHosting(id int64) {
	if h := c.hosting.Load(); h != nil && h.id == id && c.hosting.CompareAndSwap(h, nil) {
		close(h.shown)
	}
}

// joining is how a lobby is entered.
type joining struct {
	password       string
	scriptPassword string
	forced         bool // nobody is asked: the server moves the user
}

// textWarned answers who joins before a warning was acknowledged.
const textWarned = "Awaiting acknowledgement of your warning - check chat from @Coordinator and follow instructions there. Pay attention to spelling."

// JoinLobby asks to enter a lobby. Refusals are answered here; the host's decision
// comes through the roster as Entered or JoinDenied. The lobby it was in is left as
// soon as the new one has taken the request.
func (c *Client) JoinLobby(ctx context.Context, id int64, password, scriptPassword string) error {
	return c.joinLobby(ctx, id, joining{password: password, scriptPassword: scriptPassword})
}

func (c *Client) joinLobby(ctx context.Context, id int64, how joining) error {
	if _, ok := c.svc.Roster.Lobby(id); !ok {
		return refusal.New(refusal.NotFound, "No lobby found (type 1, lobby is nil for server_allows_join?)")
	}
	if how.forced && c.warned.Load() { // else the lobby says so
		return refusal.New(refusal.Banned, textWarned)
	}
	if how.forced && c.restricted(moderation.AllLobbies, moderation.Joining) {
		return refusal.New(refusal.Banned, textLobbies)
	}
	facts, err := c.gatherToJoin(ctx)
	if err != nil {
		return err
	}
	if err := c.follow(ctx, id); err != nil {
		return err
	}
	c.joins++
	_, err = c.call(ctx, lobbyKey(id), lobby.Join{
		Who: c.who, Rights: c.rights, Join: c.joins, Password: how.password, ScriptPassword: how.scriptPassword, IP: c.ip,
		Grace: c.svc.Settings.SessionGrace(ctx), Facts: facts, Forced: how.forced,
	})
	if err != nil {
		if err = c.notJoined(id, err); err != nil {
			return err
		}
	}
	old := c.asked
	c.asked = id
	if old != 0 && old != id {
		_ = c.leave(ctx, old) // the request stands; what cannot be left now is left later
	}
	return nil
}

// notJoined ends a request that was refused, or that had no clear outcome and is not seen
// to have arrived. The client is told in both cases that it failed, so nothing of the
// latter may come true: the lobby undoes it, with the request before it if that was to
// the same one, and it is not shown.
func (c *Client) notJoined(id int64, err error) error {
	none := errors.Is(err, cluster.ErrNone)
	if _, refused := refusal.As(err); !refused && !none {
		if !c.svc.Roster.Waive(c, id, c.joins) {
			return nil
		}
		if id == c.asked {
			c.asked = 0
		}
		c.unsay(id, err)
		return err
	}
	if id != c.asked { // else the request before this one stands
		c.svc.Roster.Abandon(c, id)
	}
	if none {
		return refusal.New(refusal.NotFound, "No lobby found (type 1, lobby is nil for server_allows_join?)")
	}
	return err
}

// follow has a lobby's feed heard, so that the host's answer to a request made
// afterwards cannot pass unseen.
func (c *Client) follow(ctx context.Context, id int64) error {
	wait, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	err := c.svc.Roster.Enter(wait, c, id)
	if err == nil {
		return nil
	}
	if id != c.asked {
		c.svc.Roster.Abandon(c, id)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("follow lobby %d: %w (%w)", id, cluster.ErrUnavailable, err)
}

// LeaveLobby leaves the lobby it is in and the one it has asked for; the founder's
// closes. Being in none is no error.
func (c *Client) LeaveLobby(ctx context.Context) error {
	ids := c.lobbies()
	c.asked = 0
	var errs []error
	for _, id := range ids {
		errs = append(errs, c.leave(ctx, id))
	}
	return errors.Join(errs...)
}

// lobbies are those in which this session may have a seat or a request: the one it
// has asked for last, and the one it is shown in. They differ while the view of this
// node is behind, and after a call without a clear outcome.
func (c *Client) lobbies() []int64 {
	var ids []int64
	if c.asked != 0 {
		ids = append(ids, c.asked)
	}
	if in, ok := c.svc.Roster.LobbyOf(c.who.User); ok && in.Info.ID != c.asked {
		ids = append(ids, in.Info.ID)
	}
	return ids
}

// leave leaves one lobby. That it is not in there any more, because it was denied or
// kicked or the lobby has closed, is what it wants.
func (c *Client) leave(ctx context.Context, id int64) error {
	c.unhold(id)
	_, err := c.call(ctx, lobbyKey(id), c.leaving())
	c.svc.Roster.Abandon(c, id)
	if _, refused := refusal.As(err); refused || errors.Is(err, cluster.ErrNone) {
		return nil
	}
	c.unsay(id, err)
	return err
}

// leaving is the command that ends what this session has asked for up to now.
func (c *Client) leaving() lobby.Leave { return lobby.Leave{Who: c.who, Join: c.joins} }

// unsay ends what a command may have begun that had no clear outcome: the client is
// told that it failed, so nothing of it may stay.
func (c *Client) unsay(id int64, err error) {
	if _, refused := refusal.As(err); err != nil && !refused {
		c.svc.Runtime.Cast(lobbyKey(id), c.leaving()) // until it is known
	}
}

// Lobby returns the lobby that this client is shown in, as member or founder.
func (c *Client) Lobby() (*roster.Lobby, bool) { return c.svc.Roster.LobbyOf(c.who.User) }

// Command sends a command to the lobby the client is in; in none nothing happens.
// build gets who sends it.
func (c *Client) Command(ctx context.Context, build func(lobby.Who, lobby.Rights) any) error {
	in, ok := c.Lobby()
	if !ok {
		return nil
	}
	return c.commandTo(ctx, in.Info.ID, build(c.who, c.rights))
}

// commandTo sends a command to a lobby. One that nobody can decide now is held, if it
// is of those that clients get no answer to.
func (c *Client) commandTo(ctx context.Context, id int64, command any) error {
	hold := mayHold(command)
	if hold && c.held.waits(id) {
		return c.hold(id, command)
	}
	try := ctx
	if hold {
		var cancel context.CancelFunc
		try, cancel = context.WithTimeout(ctx, holdAfter)
		defer cancel()
	}
	_, err := c.call(try, lobbyKey(id), command)
	switch {
	case errors.Is(err, cluster.ErrNone):
		return nil
	case hold && errors.Is(err, cluster.ErrUnavailable) && ctx.Err() == nil:
		return c.hold(id, command)
	}
	return err
}

// About sends a command about another user to the lobby in which that user is
// shown: the permission is the target's lobby's to decide.
func (c *Client) About(ctx context.Context, name string, build func(target *roster.User, by lobby.Who, r lobby.Rights) any) error {
	target, ok := c.svc.Roster.UserByName(name)
	if !ok {
		return nil
	}
	in, ok := c.svc.Roster.LobbyOf(target.ID)
	if !ok {
		return nil
	}
	return c.commandTo(ctx, in.Info.ID, build(target, c.who, c.rights))
}

// Answer decides on a request to join the lobby that this client hosts.
func (c *Client) Answer(ctx context.Context, name string, accept bool, reason string) error {
	target, ok := c.svc.Roster.UserByName(name)
	in, hosting := c.Lobby()
	if !ok || !hosting {
		return nil
	}
	return c.commandTo(ctx, in.Info.ID, lobby.Answer{By: c.who, User: target.ID, Accept: accept, Reason: reason})
}

// SayLobby speaks in the room; to, if not empty, names the only one who hears it. A
// line that is a command is carried out by the lobby's consul or by the Coordinator.
func (c *Client) SayLobby(ctx context.Context, text string, emote bool, to string) error {
	in, ok := c.Lobby()
	if !ok || !c.maySay(text, emote, to) {
		return nil
	}
	if !c.heed(ctx, text) {
		return nil
	}
	c.lines++
	say := lobby.Say{Who: c.who, Rights: c.rights, Text: text, Emote: emote, Line: c.lines}
	if to != "" {
		target, online := c.svc.Roster.UserByName(to)
		if !online {
			return nil
		}
		say.To = target.ID
	}
	reply, err := c.call(ctx, lobbyKey(in.Info.ID), say)
	if errors.Is(err, cluster.ErrNone) {
		return nil
	}
	if command, is := reply.(lobby.Command); is && err == nil {
		return c.command(ctx, in.Info.ID, command.Text)
	}
	return err
}

// LobbyIDs lists the lobbies that are shown.
func (c *Client) LobbyIDs() []int64 { return c.svc.Roster.LobbyIDs() }

// waitFor bounds a wait that is not a call.
const waitFor = 3 * time.Second
