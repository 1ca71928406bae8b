package client

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
	"teiserver/internal/moderation"
	"teiserver/internal/roster"
)

// Client is a logged-in connection. Its methods that take a context are called by who
// has its turn (see Turn) only, one after the other.
type Client struct {
	svc      *Service
	user     *account.User
	who      lobby.Who
	rights   lobby.Rights
	ip       string
	software string // lobby client
	interest roster.Interest
	screen   Screen

	ended   atomic.Bool
	hosting atomic.Pointer[hosting] // what OpenLobby waits for
	ignores atomic.Pointer[map[int64]struct{}]
	reading chan struct{} // of room one: held while ignores are read
	turn    chan struct{} // of room one: held while something is done for the client
	warned  atomic.Bool   // has to acknowledge a warning before it joins a lobby
	acked   atomic.Int64  // when it did, in milliseconds by the clock of moderation; 0: never
	plain   atomic.Bool   // does without the moderator's rights it has
	known   atomic.Pointer[lobby.Facts]
	hashed  atomic.Bool // its program has said which machine it runs on

	standing atomic.Pointer[moderation.Standing] // as this node has it; nil: nobody decides
	judging  sync.Mutex                          // held while what has changed of it takes effect

	joins    int64            // counts this session's joins, see lobby.Member.Join
	asked    int64            // the lobby it has last asked to enter, or hosts
	channels map[string]int64 // it has joined, with the number of the join
	closed   bool
	lines    int64 // it has said
	inGame   bool
	trouble  trouble
	held     held

	notices    notices
	membership membership
	matching   matching
}

// EndLoggedOut is the reason given to a session that a newer one replaces.
const EndLoggedOut = "Logged out"

func newClient(s *Service, u *account.User, epoch int64, p Presence, screen Screen) *Client {
	self := s.Runtime.Self()
	return &Client{
		svc: s, user: u, ip: p.IP, software: p.Client, interest: p.Interest, screen: screen,
		who:      lobby.Who{User: u.ID, Session: epoch, Incarnation: self.Incarnation},
		rights:   lobby.Rights{Bot: u.IsBot(), Moderator: u.Moderates(), Caster: u.Has(account.Caster)},
		channels: map[string]int64{}, reading: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
}

func (c *Client) presence(p Presence) roster.User {
	self := c.svc.Runtime.Self()
	country := c.user.Country
	if country == "" || c.user.HideFlag {
		country = "??"
	}
	return roster.User{
		ID: c.user.ID, Session: c.who.Session, Node: self.Node, Incarnation: self.Incarnation,
		Name: c.user.Name, Country: country, Client: p.Client, IP: p.IP, LobbyHash: p.LobbyHash,
		Rank: c.user.Rank, Bot: c.user.IsBot(),
		Moderator: c.user.Moderates() || c.user.Has(account.Organizer),
	}
}

// User is the account as it was at login.
func (c *Client) User() *account.User { return c.user }

// Close ends the session: it leaves its lobby and channels, and its user leaves
// every node's view. Closing twice is closing once.
func (c *Client) Close() { c.end(0) }

// Lose is Close of a connection that ended without a goodbye: its place in the lobby is
// kept for a while.
func (c *Client) Lose(ctx context.Context) {
	if c.closed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitFor)
	defer cancel()
	c.end(c.svc.Settings.SessionGrace(ctx))
}

func (c *Client) end(grace time.Duration) {
	if c.closed {
		return
	}
	c.closed = true
	superseded := c.ended.Swap(true)
	c.svc.Roster.Detach(c)
	for _, id := range c.lobbies() {
		leave := c.leaving()
		leave.Grace = grace
		c.svc.Runtime.Cast(lobbyKey(id), leave)
	}
	for name := range c.channels {
		c.svc.Runtime.Cast(channelKey(name), chat.Leave{Member: c.member()})
	}
	c.partHere(grace, superseded)
	c.quitQueues(grace, superseded)
	c.svc.Roster.Offline(c.who.User, c.who.Session)
	c.svc.Counters.out(c.user)
	c.svc.sessions.release(c.who.User, c.who.Session)
}

// ID, Interest, Ignores, Begin, Show and Supersede make a client a roster.Viewer.

// ID is the session.
func (c *Client) ID() (user, session int64) { return c.who.User, c.who.Session }

// Interest is what the protocol asked for at login.
func (c *Client) Interest() roster.Interest { return c.interest }

// Ignores reports whether this user does not want to hear another.
func (c *Client) Ignores(user int64) bool {
	m := c.ignores.Load()
	if m == nil || len(*m) == 0 {
		return false
	}
	_, ok := (*m)[user]
	return ok
}

// Begin shows the world after login.
func (c *Client) Begin(w roster.World) { c.screen.Begin(w) }

// Show shows one update.
func (c *Client) Show(u *roster.Update) {
	if e, ends := u.Event.(roster.Expelled); ends {
		c.expel(e.Reason)
		return
	}
	c.screen.Show(u)
	if h, opened := u.Event.(roster.Hosting); opened {
		c.seeHosting(h.Lobby.Info.ID)
	}
}

// Supersede ends the connection because a newer session has taken over.
func (c *Client) Supersede() { c.supersede() }

func (c *Client) supersede() {
	if c.ended.CompareAndSwap(false, true) {
		c.screen.End(EndLoggedOut)
	}
}

// expel ends the connection of who floods a lobby, and has its next logins wait.
func (c *Client) expel(reason string) {
	if c.svc.Accounts != nil {
		c.svc.Accounts.NoteFlood(c.user.ID)
	}
	c.screen.End(reason)
}

// deaf reports whether an event addressed to this user is dropped because it
// ignores the sender. Private messages of moderators come through; rings of
// moderators and bots do.
func (c *Client) deaf(e roster.Event) bool {
	switch e := e.(type) {
	case roster.PrivateSaid:
		return c.Ignores(e.From.ID) && !e.From.Moderator
	case roster.Rang:
		return c.Ignores(e.By.ID) && !e.By.Moderator && !e.By.Bot
	}
	return false
}

func (c *Client) member() chat.Member {
	return chat.Member{User: c.who.User, Session: c.who.Session, Incarnation: c.who.Incarnation}
}

// SetStatus changes what others see: in game, away.
func (c *Client) SetStatus(inGame, away bool) {
	c.svc.Roster.SetStatus(c.who.User, c.who.Session, inGame, away)
	c.progress(inGame)
}

func lobbyKey(id int64) cluster.Key      { return cluster.NewKey(lobby.Kind, id) }
func channelKey(name string) cluster.Key { return cluster.NewKey(chat.Kind, name) }
