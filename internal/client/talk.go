package client

import (
	"context"
	"strings"
	"unicode/utf8"

	"teiserver/internal/account"
	"teiserver/internal/chat"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
)

// mostChannels is how many channels one connection may be in. People are in a
// dozen; names are free to invent.
const mostChannels = 200

// JoinChannel enters a channel. The answer comes through the roster; joining twice
// says nothing.
func (c *Client) JoinChannel(ctx context.Context, name string) error {
	if utf8.RuneCountInString(name) > chat.MaxName {
		return refusal.New(refusal.Invalid, "Channel names have at most %d characters", chat.MaxName)
	}
	if _, in := c.channels[name]; !in && len(c.channels) >= mostChannels {
		return refusal.New(refusal.Full, "You are in %d channels already", mostChannels)
	}
	c.joins++
	c.channels[name] = c.joins
	c.svc.Roster.Join(c, name)
	_, err := c.insist(ctx, channelKey(name), chat.Join{Member: c.member(), Name: c.user.Name, Join: c.joins})
	return err
}

// LeaveChannel leaves a channel; not being in it is no error.
func (c *Client) LeaveChannel(ctx context.Context, name string) error {
	join, in := c.channels[name]
	if !in {
		return nil
	}
	delete(c.channels, name)
	leave := chat.Leave{Member: c.member(), Join: join}
	c.svc.Roster.Leaving(c, name)
	_, err := c.call(ctx, channelKey(name), leave)
	c.svc.Roster.Part(c, name)
	if err != nil {
		c.svc.Runtime.Cast(channelKey(name), leave) // until it is known
	}
	return err
}

// Say speaks in a channel that the user is in; elsewhere it is not heard.
func (c *Client) Say(ctx context.Context, channel, text string, emote bool) error {
	text = strings.TrimSpace(text)
	if !emote && strings.HasPrefix(text, "$") {
		return c.tellCoordinator(ctx, text)
	}
	join, in := c.channels[channel]
	if !in || c.mutedInRooms() {
		return nil
	}
	if !c.heed(ctx, text) {
		return nil
	}
	c.lines++
	c.report(ctx, channel, text)
	_, err := c.call(ctx, channelKey(channel), chat.Say{Member: c.member(), Name: c.user.Name, Join: join, Text: text, Emote: emote, Line: c.lines})
	if err == nil && !emote && c.svc.Overhear != nil {
		c.svc.Overhear(ctx, Overheard{
			From: c.who.User, FromName: c.user.Name, Bot: c.rights.Bot, Session: c.who.Session, Line: c.lines, Channel: channel, Text: text,
		})
	}
	return err
}

// Overheard is a line that was said in a channel, see Options.Overhear.
type Overheard struct {
	From          int64
	FromName      string
	Bot           bool
	Session, Line int64 // the lines of a session have rising numbers
	Channel, Text string
}

// Addressee returns the stored spelling of a name, empty if there is no such user.
func (c *Client) Addressee(ctx context.Context, name string) (string, error) {
	if to, online := c.svc.Roster.UserByName(name); online {
		return to.Name, nil
	}
	u, err := c.svc.Accounts.UserByName(ctx, name)
	if err != nil || u == nil {
		return "", err
	}
	return u.Name, nil
}

// SayPrivate sends a private message. One to a user who is not online is lost.
func (c *Client) SayPrivate(ctx context.Context, name, text string) error {
	to, online := c.svc.Roster.UserByName(name)
	if !online {
		return nil
	}
	if box, resides := c.svc.mailbox(to.ID); resides {
		return c.tellResident(ctx, box, to.Name, text)
	}
	if c.mutedInPrivate() {
		return nil
	}
	if !c.heed(ctx, text) {
		return nil
	}
	if me, ok := c.svc.Roster.User(c.who.User); ok {
		c.svc.send(ctx, to, deliver{From: me, Text: text})
	}
	return nil
}

// Ring rings a user. An originator other than the sender is for bots only.
func (c *Client) Ring(ctx context.Context, name, originator string) {
	to, online := c.svc.Roster.UserByName(name)
	by, _ := c.svc.Roster.User(c.who.User)
	if originator != "" {
		if !c.rights.Bot {
			return
		}
		by, _ = c.svc.Roster.UserByName(originator)
	}
	if online && by != nil {
		c.svc.send(ctx, to, deliver{From: by, Ring: true})
	}
}

// Channels lists the channels that exist, with their members.
func (c *Client) Channels() []chat.Summary { return c.svc.Roster.Channels() }

// Named returns the account of a name, nil if there is none.
func (c *Client) Named(ctx context.Context, name string) (*account.User, error) {
	return c.svc.Accounts.UserByName(ctx, name)
}

// Online returns the session of a name, if it is online.
func (c *Client) Online(name string) (*roster.User, bool) { return c.svc.Roster.UserByName(name) }
