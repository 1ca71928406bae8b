package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"teiserver/internal/cluster"
	"teiserver/internal/consul"
	"teiserver/internal/matchmaking"
	"teiserver/internal/moderation"
	"teiserver/internal/party"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// matching is what a client has been told of queues and matches. While it is itself at
// something it is told nothing: the answer to its command comes first.
type matching struct {
	mu      sync.Mutex
	told    matchmaking.Told
	busy    int
	waiting bool // in a queue, as its lobby knows it
}

func (c *Client) queueWho() matchmaking.Who {
	return matchmaking.Who{User: c.who.User, Session: c.who.Session, Incarnation: c.who.Incarnation}
}

// matchNews tells the client what has changed.
func (c *Client) matchNews(ctx context.Context) {
	if c.ended.Load() {
		return
	}
	c.matching.mu.Lock()
	defer c.matching.mu.Unlock()
	if c.matching.busy > 0 {
		return
	}
	d := c.svc.queues.directory
	match, ended := d.Match(c.matching.told.Match)
	for _, n := range c.matching.told.Next(d.Of(c.who.User), match, ended, c.who.User) {
		c.matchNotice(ctx, n)
	}
	if waits := c.svc.Matchmaking(c.who.User); waits != c.matching.waiting {
		c.matching.waiting = waits
		c.svc.userChanged(c.who.User)
	}
}

func (c *Client) matchNotice(ctx context.Context, n matchmaking.Notice) {
	var e roster.Event
	switch {
	case n.Ready != 0:
		e = roster.ReadyCheck{Queue: n.Ready}
	case n.Canceled != 0:
		e = roster.MatchCanceled{Queue: n.Canceled}
	default:
		e = roster.QueuesSet{Queues: c.named(ctx, n.Queues)}
	}
	c.svc.Roster.Deliver(c.who.User, c.who.Session, 0, e)
}

// named gives queues their names; those that there are no more have none.
func (c *Client) named(ctx context.Context, ids []int) []roster.QueueName {
	list := []roster.QueueName{}
	for _, q := range c.svc.Queues(ctx) {
		if slices.Contains(ids, q.ID) {
			list = append(list, q)
		}
	}
	return list
}

// quietly holds back what the client would be told until the returned function is called. What
// a command of its own changes, change says, so that it is not told of it.
func (c *Client) quietly(ctx context.Context) (change func(func(t *matchmaking.Told)), done func()) {
	c.matching.mu.Lock()
	c.matching.busy++
	c.matching.mu.Unlock()
	change = func(f func(t *matchmaking.Told)) {
		c.matching.mu.Lock()
		defer c.matching.mu.Unlock()
		f(&c.matching.told)
	}
	return change, func() {
		c.matching.mu.Lock()
		c.matching.busy--
		c.matching.mu.Unlock()
		c.matchNews(ctx)
	}
}

// MyQueues lists the queues in which this client's user waits.
func (c *Client) MyQueues(ctx context.Context) (list []roster.QueueName, done func()) {
	change, done := c.quietly(ctx)
	ids := c.svc.queues.directory.Of(c.who.User).Queues
	change(func(t *matchmaking.Told) { t.Queues = ids })
	return c.named(ctx, ids), done
}

// JoinQueue has this client's user wait in a queue, with its party if it is in one. Who waits
// there already is no mistake. Like the others it returns done, to be called when the client
// has been answered. Refusals: NotFound, Forbidden, Invalid, Taken, Full.
func (c *Client) JoinQueue(ctx context.Context, id int) (done func(), err error) {
	change, done := c.quietly(ctx)
	site := c.svc.Site(ctx)
	spec, ok := site.Queue(id)
	if !ok {
		return done, refusal.New(refusal.NotFound, "there is no queue %d", id)
	}
	if err := c.mayQueue(); err != nil {
		return done, err
	}
	g, err := c.group(ctx, &spec)
	if err != nil {
		return done, err
	}
	if _, err := c.call(ctx, matchmaking.QueueKey(id), matchmaking.Join{Spec: spec, Rules: site.Rules, Group: *g}); err != nil {
		return done, err
	}
	change(func(t *matchmaking.Told) {
		if !slices.Contains(t.Queues, id) {
			t.Queues = append(slices.Clone(t.Queues), id)
			slices.Sort(t.Queues)
		}
	})
	c.awaitSeat(ctx, id, true)
	c.svc.queues.touch(true, c.who.User) // the party may have changed meanwhile
	return done, nil
}

func (c *Client) mayQueue() error {
	if c.user.IsBot() {
		return refusal.New(refusal.Forbidden, "bots do not wait for matches")
	}
	if c.warned.Load() {
		return refusal.New(refusal.Forbidden, textWarned)
	}
	if c.restricted(moderation.Matchmaking) {
		return refusal.New(refusal.Forbidden, "restricted")
	}
	return nil
}

// group is this client's user, or its party, as it joins a queue.
func (c *Client) group(ctx context.Context, spec *matchmaking.Spec) (*matchmaking.Group, error) {
	g := &matchmaking.Group{ID: ulid.Make().String()}
	users := []int64{c.who.User}
	p, err := c.knownParty(ctx)
	if err != nil {
		return nil, err
	}
	if p != nil {
		g.Party, users = p.ID, nil
		for _, m := range p.Members {
			users = append(users, m.User)
		}
	}
	if len(users) > spec.TeamSize {
		return nil, refusal.New(refusal.Invalid, "party too big")
	}
	kind := consul.GameType(spec.TeamCount, spec.TeamSize, setting.SmallTeam.Get(ctx, c.svc.Settings))
	for _, user := range users {
		u, online := c.svc.Roster.User(user)
		if !online {
			return nil, refusal.New(refusal.Invalid, "somebody of the party is not online")
		}
		g.Members = append(g.Members, matchmaking.Waiting{Who: matchmaking.Who{User: u.ID, Session: u.Session, Incarnation: u.Incarnation}})
		value, err := c.svc.ratingOf(ctx, user, kind)
		if err != nil {
			return nil, err
		}
		g.Rating += value / float64(len(users))
	}
	return g, nil
}

func (s *Service) ratingOf(ctx context.Context, user int64, kind string) (float64, error) {
	f := consul.Facts{}
	if s.Ratings != nil {
		var err error
		if f.Ratings, _, err = s.Ratings.Ratings(ctx, user); err != nil {
			return 0, fmt.Errorf("read ratings of user %d: %w", user, err)
		}
	}
	return f.Rated(kind).Value, nil
}

// knownParty is this client's party with its members, nil if it is in none. One that it has
// just entered may not be known yet.
func (c *Client) knownParty(ctx context.Context) (*party.Party, error) {
	wait := time.After(waitFor)
	for {
		p := c.partyOf()
		if p == nil || len(p.Members) > 0 {
			return p, nil
		}
		select {
		case <-time.After(partyLook):
		case <-wait:
			return nil, fmt.Errorf("read party %s: %w", p.ID, cluster.ErrUnavailable)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// awaitSeat waits until this node has heard of what the client was acknowledged: what it
// asks next is answered from there.
func (c *Client) awaitSeat(ctx context.Context, id int, seated bool) {
	d := c.svc.queues.directory
	wait := time.After(waitFor)
	for {
		news := d.Changes()
		v := d.Queue(id)
		sits := false
		if v != nil {
			_, sits = v.Seat(c.who.User)
		}
		if sits == seated {
			return
		}
		select {
		case <-news:
		case <-wait:
			return
		case <-ctx.Done():
			return
		}
	}
}

// LeaveQueue has this client's user, and its party, wait in a queue no longer.
func (c *Client) LeaveQueue(ctx context.Context, id int) (done func(), err error) {
	change, done := c.quietly(ctx)
	err = c.leaveQueue(ctx, id)
	if err == nil {
		change(func(t *matchmaking.Told) {
			t.Queues = slices.DeleteFunc(slices.Clone(t.Queues), func(q int) bool { return q == id })
		})
	}
	return done, err
}

func (c *Client) leaveQueue(ctx context.Context, id int) error {
	seat, sits := c.svc.queues.directory.Of(c.who.User).Seats[id]
	if !sits {
		return nil
	}
	if seat.Match != "" { // it is not ready for what was found either
		c.svc.Runtime.Cast(matchmaking.MatchKey(seat.Match), matchmaking.Decline{User: c.who.User})
	}
	_, err := c.call(ctx, matchmaking.QueueKey(id), matchmaking.Leave{Who: c.queueWho()})
	if err != nil && !errors.Is(err, cluster.ErrNone) {
		return err
	}
	c.awaitSeat(ctx, id, false)
	return nil
}

// LeaveQueues is LeaveQueue of all.
func (c *Client) LeaveQueues(ctx context.Context) (done func(), err error) {
	change, done := c.quietly(ctx)
	var errs []error
	for _, id := range c.svc.queues.directory.Of(c.who.User).Queues {
		errs = append(errs, c.leaveQueue(ctx, id))
	}
	if err = errors.Join(errs...); err == nil {
		change(func(t *matchmaking.Told) { t.Queues = nil })
	}
	return done, err
}

// ReadyForMatch answers that the user is ready for the match it was asked about. If it was
// asked about none, nothing happens.
func (c *Client) ReadyForMatch(ctx context.Context) error {
	c.matching.mu.Lock()
	match := c.matching.told.Match
	c.matching.mu.Unlock()
	if match == "" {
		return nil
	}
	_, err := c.call(ctx, matchmaking.MatchKey(match), matchmaking.Ready{User: c.who.User})
	if errors.Is(err, cluster.ErrNone) {
		return nil
	}
	return err
}

// DeclineMatch answers that it is not, and has it wait in no queue any more. If it was asked
// about none, nothing happens.
func (c *Client) DeclineMatch(ctx context.Context) (done func(), err error) {
	change, done := c.quietly(ctx)
	match := ""
	change(func(t *matchmaking.Told) { match = t.Match })
	if v, _ := c.svc.queues.directory.Match(match); match == "" || v != nil && v.Stage != matchmaking.Asking {
		return done, nil
	}
	_, err = c.call(ctx, matchmaking.MatchKey(match), matchmaking.Decline{User: c.who.User})
	if err != nil && !errors.Is(err, cluster.ErrNone) {
		return done, err
	}
	change(func(t *matchmaking.Told) { t.Match = "" })
	left, err := c.LeaveQueues(ctx)
	left()
	return done, err
}

// rejoinQueues takes the places over that an earlier session of the user has, as far as this
// node has heard of them: some it hears of only when the new session is there.
func (c *Client) rejoinQueues() {
	if c.ended.Load() {
		return
	}
	for id, seat := range c.svc.queues.directory.Of(c.who.User).Seats {
		for _, m := range seat.Members {
			if m.User == c.who.User && m.Session < c.who.Session {
				c.svc.Runtime.Cast(matchmaking.QueueKey(id), matchmaking.Back{Who: c.queueWho()})
			}
		}
	}
}

// quitQueues ends or loses the places in queues with the session. Who goes is not ready for
// a match; who is lost may come back in time.
func (c *Client) quitQueues(grace time.Duration, superseded bool) {
	if superseded {
		grace = max(grace, takenOverSoon)
	}
	now := c.svc.queues.directory.Of(c.who.User)
	for id := range now.Seats {
		c.svc.Runtime.Cast(matchmaking.QueueKey(id), matchmaking.Leave{Who: c.queueWho(), Grace: grace})
	}
	if grace == 0 && now.Match != nil && now.Match.Stage == matchmaking.Asking {
		c.svc.Runtime.Cast(matchmaking.MatchKey(now.Match.ID), matchmaking.Decline{User: c.who.User})
	}
}
