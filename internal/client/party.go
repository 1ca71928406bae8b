package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/party"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// The texts of what a party refuses, as clients know them.
const (
	textInParty       = "Already in a party"
	textNoParty       = "not currently in a party"
	textInviteOutside = "cannot invite when not in party"
	textCancelOutside = "cannot cancel invite when not in party"
	textNoUser        = "no user found"
	textOffline       = "user not connected"
	textShunned       = "Invalid user" // as of who asks for friendship
	textNoSuchParty   = "expected party_id in argument but could not parse"
)

// parties connects the clients of a node with the parties of the cluster.
type parties struct {
	svc       *Service
	directory *party.Directory
	losses    losses
	lately    lately
}

// newParties begins to follow the parties.
func newParties(s *Service) *parties {
	p := &parties{svc: s, losses: losses{wake: make(chan struct{}, 1)}}
	p.directory = party.NewDirectory(s.Runtime, p.tell)
	s.Runtime.OnTakeover(party.Kind, p.repeat)
	s.Runtime.OnMembers(p.membersChanged())
	return p
}

// PartyOf returns the party that a user is in, nil if it is in none.
func (s *Service) PartyOf(user int64) *party.Party { return s.parties.directory.Of(user) }

// tell shows a notice to the user's session, if that is on this node. Its lobby hears of
// its party too.
func (p *parties) tell(n party.Notice) {
	if c := p.svc.clientOf(n.To); c != nil {
		c.notices.add(n, c.noticed)
		if n.Name == c.user.Name && n.What == party.Joined { // perhaps with an earlier session
			p.svc.Runtime.Cast(partyKey(n.Party), party.Back{Who: c.partyWho()})
		}
		if n.Name == c.user.Name && n.What != party.WasInvited {
			p.svc.userChanged(n.To)
		}
		if n.What == party.Joined || n.What == party.Left {
			p.svc.queues.touch(true, n.To)
		}
	}
}

// repeat tells the new owner of a party which of its members are connected here, and
// which were connected to a node that is gone: its last owner may have been there too.
func (p *parties) repeat(key cluster.Key) {
	if known := p.directory.Party(key.ID); known != nil {
		p.repeatKnown(key, known)
	}
	for _, body := range p.lately.of(key.ID, time.Now()) {
		p.svc.Runtime.Cast(key, body)
	}
}

func (p *parties) repeatKnown(key cluster.Key, known *party.Party) {
	for _, m := range known.Members {
		if c := p.svc.clientOf(m.User); c != nil {
			p.svc.Runtime.Cast(key, c.inParty(key.ID))
		}
	}
	for _, incarnation := range departed(known, p.svc.Runtime.Members()) {
		p.losses.add(func(grace time.Duration) {
			p.svc.Runtime.Cast(key, party.Gone{Incarnation: incarnation, Grace: grace})
		})
	}
}

// lately are the places in parties that clients of this node took and left in the last
// seconds. The next owner of a party, whose state may be that much older, is told again;
// the directory may not have heard of them either.
type lately struct {
	mu   sync.Mutex
	list []placeChange
}

type placeChange struct {
	party string
	body  any // party.Here or party.Leave
	at    time.Time
}

// latelyKept is longer than a snapshot is old at most and a death takes to be noticed.
const latelyKept = 15 * time.Second

func (x *lately) add(id string, body any, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = slices.DeleteFunc(x.list, func(c placeChange) bool { return now.Sub(c.at) > latelyKept })
	x.list = append(x.list, placeChange{party: id, body: body, at: now})
}

func (x *lately) of(id string, now time.Time) (list []any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.list {
		if c.party == id && now.Sub(c.at) <= latelyKept {
			list = append(list, c.body)
		}
	}
	return list
}

// departed are the incarnations of a party's members that no living node has.
func departed(p *party.Party, members []cluster.Member) (list []int64) {
	for _, m := range p.Members {
		lives := slices.ContainsFunc(members, func(n cluster.Member) bool { return n.Incarnation == m.Incarnation })
		if !lives && !slices.Contains(list, m.Incarnation) {
			list = append(list, m.Incarnation)
		}
	}
	return list
}

// membersChanged has the parties of this node drop who was connected to a node that is gone.
func (p *parties) membersChanged() func([]cluster.Member) {
	here := map[bus.Origin]bool{}
	return func(members []cluster.Member) {
		now := map[bus.Origin]bool{}
		for _, m := range members {
			now[m.Origin] = true
		}
		for o := range here {
			if !now[o] {
				p.losses.add(func(grace time.Duration) {
					gone := party.Gone{Incarnation: o.Incarnation, Grace: grace}
					p.svc.Runtime.Local(party.Kind, func(key cluster.Key) { p.svc.Runtime.Cast(key, gone) })
					p.svc.queues.gone(o.Incarnation, grace)
				})
			}
		}
		here = now
	}
}

// losses are what is to be said of who was lost with a node, once it is known for how
// long places are kept: that is read from the store, perhaps.
type losses struct {
	mu   sync.Mutex
	list []func(grace time.Duration)
	wake chan struct{}
}

func (x *losses) add(say func(grace time.Duration)) {
	x.mu.Lock()
	x.list = append(x.list, say)
	x.mu.Unlock()
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (x *losses) take() []func(grace time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.list
	x.list = nil
	return list
}

// run says what losses there are until ctx ends.
func (p *parties) run(ctx context.Context) {
	for {
		select {
		case <-p.losses.wake:
		case <-ctx.Done():
			return
		}
		read, cancel := context.WithTimeout(ctx, waitFor)
		grace := p.svc.Settings.SessionGrace(read)
		cancel()
		for _, say := range p.losses.take() {
			p.svc.Guard.Do("party news", func() { say(grace) })
		}
	}
}

// Put makes a party of users who are online, the first one being its leader; they leave
// the parties that they are in.
func (s *Service) Put(ctx context.Context, users ...int64) error {
	id := ulid.Make().String()
	for i, user := range users {
		u, online := s.Roster.User(user)
		if !online {
			continue
		}
		if err := s.Remove(ctx, user); err != nil {
			return err
		}
		who := party.Who{User: u.ID, Session: u.Session, Incarnation: u.Incarnation}
		var err error
		if i == 0 {
			_, err = s.Runtime.Own(ctx, partyKey(id), party.Create{Who: who, ID: id, Name: u.Name})
		} else {
			_, err = s.Runtime.Call(ctx, partyKey(id), party.Place{Who: who, Name: u.Name})
		}
		if err != nil {
			return fmt.Errorf("put user %d into a party: %w", user, err)
		}
	}
	return nil
}

// Remove takes a user out of the party that it is in, if there is one.
func (s *Service) Remove(ctx context.Context, user int64) error {
	p := s.PartyOf(user)
	if p == nil {
		return nil
	}
	m, _ := p.Member(user)
	_, err := s.Runtime.Call(ctx, partyKey(p.ID), party.Leave{Who: m.Who})
	if err != nil && !errors.Is(err, cluster.ErrNone) && !refusal.Is(err, refusal.Forbidden) {
		return fmt.Errorf("take user %d out of a party: %w", user, err)
	}
	return nil
}

// notices are what a client is told of parties. While it is itself at something they
// wait: the answer to its command comes first.
type notices struct {
	mu   sync.Mutex
	busy bool
	list []party.Notice
}

func (x *notices) add(n party.Notice, show func(party.Notice)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.busy {
		x.list = append(x.list, n)
		return
	}
	show(n)
}

// wait holds notices back until the returned function is called.
func (x *notices) wait(show func(party.Notice)) (done func()) {
	x.mu.Lock()
	x.busy = true
	x.mu.Unlock()
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.busy = false
		for _, n := range x.list {
			show(n)
		}
		x.list = nil
	}
}

// lines is how many numbers there are for lines of parties.
const lines = 1_000_000

// noticed shows a notice.
func (c *Client) noticed(n party.Notice) {
	c.svc.Roster.Deliver(c.who.User, c.who.Session, 0, roster.PartyEvent{
		Party: n.Party, What: n.What, Name: n.Name, Line: 1 + rand.IntN(lines), //nolint:gosec // means nothing
	})
}

func (c *Client) partyWho() party.Who {
	return party.Who{User: c.who.User, Session: c.who.Session, Incarnation: c.who.Incarnation}
}

// inParty is what is repeated to a party that this client is in.
func (c *Client) inParty(id string) party.Here {
	return party.Here{Who: c.partyWho(), ID: id, Name: c.user.Name}
}

// entered notes that the client has taken a place.
func (c *Client) entered(id string) {
	c.membership = membership{entered: id}
	c.svc.parties.lately.add(id, c.inParty(id), time.Now())
}

// left says that the client leaves a party, and notes it.
func (c *Client) left(id string, grace time.Duration) party.Leave {
	l := party.Leave{Who: c.partyWho(), Grace: grace}
	c.svc.parties.lately.add(id, l, time.Now())
	return l
}

func partyKey(id string) cluster.Key { return cluster.NewKey(party.Kind, id) }

// rejoinParty takes the place over that an earlier session of the user had, and tells
// the client of the party it is in and of those it is invited to.
func (c *Client) rejoinParty() {
	d := c.svc.parties.directory
	if p := d.Of(c.who.User); p != nil {
		c.svc.Runtime.Cast(partyKey(p.ID), party.Back{Who: c.partyWho()})
	}
	for _, n := range d.Standing(c.who.User) {
		c.notices.add(n, c.noticed)
	}
}

// takenOverSoon is how long the place in a party is kept for the session that has
// replaced this one.
const takenOverSoon = 10 * time.Second

// partHere ends or loses the place in a party with the session.
func (c *Client) partHere(grace time.Duration, superseded bool) {
	if superseded {
		grace = max(grace, takenOverSoon)
	}
	if p := c.partyOf(); p != nil {
		c.svc.Runtime.Cast(partyKey(p.ID), c.left(p.ID, grace))
	}
}

// CreateParty makes a party with this client as its leader and returns its id. Like the
// other commands of parties it returns done, to be called when the client has been
// answered: until then it hears nothing of parties. Refusal: Taken.
func (c *Client) CreateParty(ctx context.Context) (id string, done func(), err error) {
	done = c.notices.wait(c.noticed)
	if err := c.partiesOn(ctx); err != nil {
		return "", done, err
	}
	if c.partyOf() != nil {
		return "", done, refusal.New(refusal.Taken, textInParty)
	}
	id = ulid.Make().String()
	_, err = c.svc.Runtime.Own(ctx, partyKey(id), party.Create{Who: c.partyWho(), ID: id, Name: c.user.Name})
	if err == nil {
		c.entered(id)
	}
	return id, done, err
}

// partiesOn refuses what makes parties larger while they are switched off.
func (c *Client) partiesOn(ctx context.Context) error {
	if !setting.Parties.Get(ctx, c.svc.Settings) {
		return refusal.New(refusal.Forbidden, "Parties are switched off")
	}
	return nil
}

// membership is which party a client has last entered, and which it has last left: the
// directory hears of it later.
type membership struct{ entered, left string }

// partyOf is the party of this client. Between a command and what the directory hears
// of it, it is the one of the command.
func (c *Client) partyOf() *party.Party {
	d := c.svc.parties.directory
	if p := d.Of(c.who.User); p != nil && p.ID != c.membership.left {
		c.membership = membership{entered: p.ID}
		return p
	}
	if c.membership.entered == "" {
		return nil
	}
	if p := d.Party(c.membership.entered); p != nil && !p.Invited(c.who.User) { // it is known there that we are out
		c.membership.entered = ""
		return nil
	}
	return &party.Party{ID: c.membership.entered}
}

// addressee finds the user of a name for an invitation.
func (c *Client) addressee(ctx context.Context, name string) (id int64, stored string, err error) {
	u, err := c.svc.Accounts.UserByName(ctx, name)
	if err != nil {
		return 0, "", err
	}
	if u == nil {
		return 0, "", refusal.New(refusal.NotFound, textNoUser)
	}
	return u.ID, u.Name, nil
}

// InviteToParty asks a user who is online to come, and who does not ignore, avoid or block
// this one. Refusals: Forbidden, NotFound, Full.
func (c *Client) InviteToParty(ctx context.Context, name string) (done func(), err error) {
	done = c.notices.wait(c.noticed)
	if err := c.partiesOn(ctx); err != nil {
		return done, err
	}
	p := c.partyOf()
	if p == nil {
		return done, refusal.New(refusal.Forbidden, textInviteOutside)
	}
	user, name, err := c.addressee(ctx, name)
	if err != nil {
		return done, err
	}
	if _, online := c.svc.Roster.User(user); !online {
		return done, refusal.New(refusal.NotFound, textOffline)
	}
	theirs, err := c.svc.Friends.Relations(ctx, user)
	if err != nil {
		return done, err
	}
	if theirs.Shuns(c.who.User) {
		return done, refusal.New(refusal.Forbidden, textShunned)
	}
	return done, c.partyCall(ctx, p.ID, party.Invite{By: c.partyWho(), User: user, Name: name})
}

// CancelPartyInvite takes an invitation back.
func (c *Client) CancelPartyInvite(ctx context.Context, name string) (done func(), err error) {
	done = c.notices.wait(c.noticed)
	p := c.partyOf()
	if p == nil {
		return done, refusal.New(refusal.Forbidden, textCancelOutside)
	}
	user, _, err := c.addressee(ctx, name)
	if err != nil {
		return done, err
	}
	return done, c.partyCall(ctx, p.ID, party.Cancel{By: c.partyWho(), User: user})
}

// AcceptParty takes an invitation; the client leaves the party that it is in.
func (c *Client) AcceptParty(ctx context.Context, id string) (done func(), err error) {
	done = c.notices.wait(c.noticed)
	if err := c.partiesOn(ctx); err != nil {
		return done, err
	}
	known := c.svc.parties.directory.Party(id)
	if known == nil {
		return done, refusal.New(refusal.Invalid, textNoSuchParty)
	}
	if p := c.partyOf(); p != nil && p.ID != id && known.Invited(c.who.User) {
		if err := c.partyCall(ctx, p.ID, c.left(p.ID, 0)); err != nil && !refusal.Is(err, refusal.NotFound) {
			return done, err
		}
	}
	if err := c.partyCall(ctx, id, party.Accept{Who: c.partyWho(), Name: c.user.Name}); err != nil {
		return done, err
	}
	c.entered(id)
	return done, nil
}

// DeclineParty does not. One that is not there is no mistake.
func (c *Client) DeclineParty(ctx context.Context, id string) (done func(), err error) {
	done = c.notices.wait(c.noticed)
	if c.svc.parties.directory.Party(id) == nil {
		return done, refusal.New(refusal.Invalid, textNoSuchParty)
	}
	return done, c.partyCall(ctx, id, party.Decline{User: c.who.User})
}

// LeaveParty leaves. Refusal: NotFound.
func (c *Client) LeaveParty(ctx context.Context) (done func(), err error) {
	done = c.notices.wait(c.noticed)
	p := c.partyOf()
	if p == nil {
		return done, refusal.New(refusal.NotFound, textNoParty)
	}
	if err = c.partyCall(ctx, p.ID, c.left(p.ID, 0)); err == nil {
		c.membership = membership{left: p.ID}
		c.svc.userChanged(c.who.User)
		c.svc.queues.touch(true, c.who.User)
	}
	return done, err
}

// partyCall sends a command to a party. One that has ended is no party.
func (c *Client) partyCall(ctx context.Context, id string, command any) error {
	_, err := c.call(ctx, partyKey(id), command)
	if errors.Is(err, cluster.ErrNone) {
		return refusal.New(refusal.NotFound, textNoSuchParty)
	}
	return err
}
