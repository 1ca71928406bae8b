package roster

import (
	"context"
	"strconv"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/lobby"
)

const (
	tickEvery  = time.Second
	auditEvery = 5 // ticks
)

// Serve follows what the node needs to hear and does the periodic work until ctx
// ends; then it stops following and withdraws the node's presence. Feeds must not be
// stopped from inside their own calls, so all following is done on this goroutine.
func (r *Roster) Serve(ctx context.Context) error {
	stops := map[any]func(){}
	defer func() {
		for _, stop := range stops {
			stop()
		}
		r.out.Close()
	}()
	r.telling = time.NewTimer(0)
	defer r.telling.Stop()
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
			r.perform(ctx, stops)
		case <-r.telling.C:
			r.do((*state).tellSome)
		case <-ticker.C:
			r.do((*state).tick)
			if n++; n%auditEvery == 0 {
				r.audit()
			}
		}
	}
}

// perform does what the state has asked for, in order.
func (r *Roster) perform(ctx context.Context, stops map[any]func()) {
	r.mu.Lock()
	list := r.effects
	r.effects = nil
	r.mu.Unlock()
	for _, e := range list {
		switch e := e.(type) {
		case goOn:
			r.do((*state).turn)
		case tellLater:
			r.telling.Reset(e.after)
		case followNode:
			stops[e.n] = r.followNode(e.n)
		case unfollowNode:
			stop(stops, e.n)
		case followRoom:
			key := cluster.NewKey(lobby.Kind, e.r.l.id)
			stops[e.r] = r.c.Follow(key, roomFollower{r, e.r}, func() { r.do(func(s *state) { s.roomClosed(e.r) }) })
		case unfollowRoom:
			stop(stops, e.r)
		case followChannel:
			key := cluster.NewKey(chat.Kind, e.t.ch.name)
			stops[e.t] = r.c.Follow(key, channelFollower{r, e.t}, func() { r.do(func(s *state) { s.channelClosed(e.t) }) })
		case unfollowChannel:
			stop(stops, e.t)
		case cast:
			if absent, ok := e.command.(lobby.Absent); ok {
				absent.Grace = r.keepFor(ctx)
				e.command = absent
			}
			r.c.Cast(e.key, e.command)
		case tellGone:
			r.tellGone(ctx, e.incarnation)
		}
	}
}

func stop(stops map[any]func(), of any) {
	if f := stops[of]; f != nil {
		f()
		delete(stops, of)
	}
}

func (r *Roster) followNode(n *node) (stop func()) {
	topics := map[string]feed.Follower{
		cluster.IndexTopic(lobby.Kind): indexFollower{r, n, (*state).lobbiesReset, (*state).lobbyIndexed},
		cluster.IndexTopic(chat.Kind):  indexFollower{r, n, (*state).channelsReset, (*state).channelIndexed},
	}
	for _, kind := range Residents {
		topics[cluster.IndexTopic(kind)] = indexFollower{r, n, (*state).residentsReset, (*state).residentIndexed}
	}
	if n.Origin != r.c.Self() {
		topics[TopicPresence] = presenceFollower{r, n}
	}
	var stops []func()
	for topic, f := range topics {
		stops = append(stops, r.c.FollowNode(topic, n.Origin, f))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// tellGone has every process of this node drop who was connected to a node that is gone.
func (r *Roster) tellGone(ctx context.Context, incarnation int64) {
	gone := lobby.Gone{Incarnation: incarnation, Grace: r.keepFor(ctx)}
	r.c.Local(lobby.Kind, func(key cluster.Key) { r.c.Cast(key, gone) })
	r.c.Local(chat.Kind, func(key cluster.Key) { r.c.Cast(key, chat.Gone{Incarnation: incarnation}) })
}

// graceLimit is how long the grace may be looked for; it is cached.
const graceLimit = time.Second

// keepFor is how long places are kept for those who were lost.
func (r *Roster) keepFor(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, graceLimit)
	defer cancel()
	return r.grace(ctx)
}

// audit has the members of this node's lobbies and channels checked.
func (r *Roster) audit() {
	var lobbies []int64
	var channels []string
	r.c.Local(lobby.Kind, func(key cluster.Key) {
		if id, err := strconv.ParseInt(key.ID, 10, 64); err == nil {
			lobbies = append(lobbies, id)
		}
	})
	r.c.Local(chat.Kind, func(key cluster.Key) { channels = append(channels, key.ID) })
	r.do(func(s *state) { s.audit(lobbies, channels) })
}

func (r *Roster) members(list []cluster.Member) {
	origins := make([]bus.Origin, len(list))
	for i, m := range list {
		origins[i] = m.Origin
	}
	self := r.c.Self()
	r.do(func(s *state) {
		s.self = self
		s.members(origins)
	})
}

func (r *Roster) takenOver(key cluster.Key) { r.do(func(s *state) { s.takenOver(key) }) }

// view is the view of this node's presence feed.
func (r *Roster) view(_ context.Context, then func(v feed.Version, view any)) error {
	self := r.c.Self()
	r.mu.Lock()
	defer r.mu.Unlock()
	var view PresenceView
	if n := r.state.nodes[self.Incarnation]; n != nil {
		view.Users = make([]User, 0, len(n.presence))
		for _, u := range n.presence {
			view.Users = append(view.Users, *u)
		}
	}
	then(r.out.Version(), view)
	return nil
}

// The followers hand over what the feeds say. A value of an unexpected type comes
// from a newer release and is left out.

// A node's feeds have its incarnation as epoch. A topic names the node only: what
// another life of it says is not for this record.

type presenceFollower struct {
	r *Roster
	n *node
}

func (f presenceFollower) Reset(v feed.Version, view any) {
	if p, ok := view.(PresenceView); ok && v.Epoch == f.n.Incarnation {
		f.r.do(func(s *state) { s.presenceReset(f.n, p.Users) })
	}
}

func (f presenceFollower) Event(v feed.Version, event any) {
	if v.Epoch == f.n.Incarnation {
		f.r.do(func(s *state) { s.presenceEvent(f.n, event) })
	}
}

type indexFollower struct {
	r     *Roster
	n     *node
	reset func(*state, *node, []process.Indexed)
	event func(*state, *node, process.Indexed)
}

func (f indexFollower) Reset(v feed.Version, view any) {
	if x, ok := view.(process.IndexView); ok && v.Epoch == f.n.Incarnation {
		f.r.do(func(s *state) { f.reset(s, f.n, x.Entries) })
	}
}

func (f indexFollower) Event(v feed.Version, event any) {
	if x, ok := event.(process.Indexed); ok && v.Epoch == f.n.Incarnation {
		f.r.do(func(s *state) { f.event(s, f.n, x) })
	}
}

type roomFollower struct {
	r    *Roster
	room *room
}

func (f roomFollower) Reset(v feed.Version, view any) {
	if x, ok := view.(lobby.View); ok {
		f.r.do(func(s *state) { s.roomReset(f.room, v, x) })
	}
}

func (f roomFollower) Event(v feed.Version, event any) {
	f.r.do(func(s *state) { s.roomEvent(f.room, v, event) })
}

type channelFollower struct {
	r   *Roster
	tap *tap
}

func (f channelFollower) Reset(v feed.Version, view any) {
	if x, ok := view.(chat.View); ok {
		f.r.do(func(s *state) { s.channelReset(f.tap, v, x) })
	}
}

func (f channelFollower) Event(v feed.Version, event any) {
	f.r.do(func(s *state) { s.channelEvent(f.tap, v, event) })
}
