// Package roster is what one node shows of the whole cluster: users, lobbies, the
// rooms and channels that its own clients are in.
//
// It merges the presence feeds of all nodes, the lobby indexes of all nodes, and
// the feeds of the rooms and channels with local members. What is visible is a
// pure function of what it has heard, so any order of arrival gives each client a
// legal order: nobody is told about a user or lobby it was not introduced to,
// nobody is told twice, nobody is left with a ghost.
//
// The state (state.go, settle.go and what they call) is pure. Roster puts one mutex
// around it, hands it what the feeds say, and does outside the lock what it asks for.
package roster

import (
	"context"
	"sync"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/lobby"
)

// Roster is the view of this node. All methods are safe for concurrent use.
type Roster struct {
	c     cluster.Runtime
	grace func(ctx context.Context) time.Duration // see New
	wake  chan struct{}                           // effects are waiting

	telling *time.Timer // of Serve: when the next viewers read the news

	mu      sync.Mutex
	state   *state
	effects []effect
	waiting []chan struct{} // of Filled
	out     publisher
}

// publisher is the end of the presence feed that the roster holds.
type publisher interface {
	Publish(event any) feed.Version
	Version() feed.Version
	Close()
}

// New makes the roster of a node that has joined the cluster. It follows the others
// while Serve runs, which must be before the node is ready. grace is how long places in
// lobbies are kept for those whose node is gone; nil keeps none.
func New(c cluster.Runtime, grace func(ctx context.Context) time.Duration) *Roster {
	if grace == nil {
		grace = func(context.Context) time.Duration { return 0 }
	}
	return open(c, grace, func(view feed.ViewFunc) publisher { return c.OpenFeed(TopicPresence, view) })
}

func open(c cluster.Runtime, grace func(context.Context) time.Duration, openFeed func(feed.ViewFunc) publisher) *Roster {
	r := &Roster{c: c, grace: grace, wake: make(chan struct{}, 1), state: newState(c.Self())}
	r.mu.Lock()
	r.out = openFeed(r.view)
	r.mu.Unlock()
	c.OnMembers(r.members)
	c.OnTakeover(lobby.Kind, r.takenOver)
	c.OnTakeover(chat.Kind, r.takenOver)
	return r
}

// Online publishes a session of this node: it becomes visible on every node. An
// older session of the user on this node is replaced.
func (r *Roster) Online(u User) {
	self := r.c.Self()
	u.Node, u.Incarnation = self.Node, self.Incarnation
	r.do(func(s *state) {
		n := s.own(self)
		if old := n.presence[u.ID]; old != nil && old.Session > u.Session {
			return
		}
		r.publish(s, n, Came{User: u})
	})
}

// SetStatus changes what a session of this node shows. False if it is not online.
func (r *Roster) SetStatus(user, session int64, inGame, away bool) bool {
	self := r.c.Self()
	online := false
	r.do(func(s *state) {
		n := s.own(self)
		old := n.presence[user]
		if online = old != nil && old.Session == session; !online {
			return
		}
		u := *old
		u.InGame, u.Away = inGame, away
		if u != *old {
			r.publish(s, n, Changed{User: u})
		}
	})
	return online
}

// Offline ends a session of this node. An older or unknown session is ignored.
func (r *Roster) Offline(user, session int64) {
	self := r.c.Self()
	r.do(func(s *state) {
		n := s.own(self)
		if old := n.presence[user]; old != nil && old.Session == session {
			r.publish(s, n, Went{ID: user, Session: session})
		}
	})
}

// publish sends an event of this node's presence and applies it here. Both happen
// under the lock, so that other nodes hear the order that is seen here.
func (r *Roster) publish(s *state, n *node, event any) {
	r.out.Publish(event)
	s.presenceEvent(n, event)
}

// Attach gives the viewer the world and every update after it. Its user must be online here.
func (r *Roster) Attach(v Viewer) { r.do(func(s *state) { s.attach(v) }) }

// Detach ends the viewer; nothing is shown to it after Detach returns.
func (r *Roster) Detach(v Viewer) { r.do(func(s *state) { s.detach(v) }) }

// Host follows a lobby for the founder's viewer; Hosting is shown when it is visible.
// News of a lobby that names the session as founder does the same.
func (r *Roster) Host(v Viewer, lobbyID int64) { r.do(func(s *state) { s.host(v, lobbyID) }) }

// Enter follows a lobby for a viewer that wants to join; Entered or JoinDenied is
// shown when the host has answered. It returns when the lobby's feed is heard, so
// that an answer to a request made after it cannot be missed, or when there is no
// such lobby, which the request will tell; the only error is the context's. An
// earlier Enter stays: it ends by Abandon, or by the host's answer.
func (r *Roster) Enter(ctx context.Context, v Viewer, lobbyID int64) error {
	var heard <-chan struct{}
	r.do(func(s *state) { heard = s.enter(v, lobbyID) })
	if heard == nil {
		return nil
	}
	select {
	case <-heard:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Abandon ends what Host or Enter began. A viewer that is in the lobby stays in it
// until the lobby says otherwise.
func (r *Roster) Abandon(v Viewer, lobbyID int64) { r.do(func(s *state) { s.abandon(v, lobbyID) }) }

// Waive is Abandon after a join that had no clear outcome: no join of the viewer up to
// this number is shown here, though it may come true. Whoever waives has the lobby undo
// them. False, and nothing is waived, if the lobby is heard to have taken it.
func (r *Roster) Waive(v Viewer, lobbyID, join int64) bool {
	waived := false
	r.do(func(s *state) { waived = s.waive(v, lobbyID, join) })
	return waived
}

// Join follows a channel for a viewer; ChannelEntered is shown when it is a member.
// Joining twice says nothing.
func (r *Roster) Join(v Viewer, channel string) { r.do(func(s *state) { s.join(v, channel) }) }

// Leaving says that the client asks to leave a channel, before the channel is asked.
// Without it, a client that the channel takes out is told.
func (r *Roster) Leaving(v Viewer, channel string) {
	r.do(func(s *state) { s.leaving(v, channel) })
}

// Part ends what Join began; nothing of the channel is shown when it has returned. It
// ends by itself when the channel says that the session has left.
func (r *Roster) Part(v Viewer, channel string) { r.do(func(s *state) { s.part(v, channel) }) }

// User returns a visible user by id, UserByName by exact name.
func (r *Roster) User(id int64) (*User, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return visible(r.state.users[id])
}

// UserByName returns a visible user by exact name.
func (r *Roster) UserByName(name string) (*User, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return visible(r.state.names[name])
}

func visible(u *user) (*User, bool) {
	if u == nil || u.shown == nil {
		return nil, false
	}
	return u.shown, true
}

// Lobby returns a visible lobby.
func (r *Roster) Lobby(id int64) (*Lobby, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.visibleLobby(r.state.lobbies[id])
}

// LobbyOf returns the lobby in which a user is shown, as member or founder.
func (r *Roster) LobbyOf(user int64) (*Lobby, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.state.users[user]
	if u == nil {
		return nil, false
	}
	if u.hosts != nil {
		return r.state.visibleLobby(u.hosts)
	}
	return r.state.visibleLobby(u.in)
}

func (s *state) visibleLobby(l *hall) (*Lobby, bool) {
	if l == nil || l.founder == nil {
		return nil, false
	}
	return s.value(l), true
}

// LobbyIDs lists the visible lobbies in order.
func (r *Roster) LobbyIDs() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]int64, len(r.state.open))
	for i, l := range r.state.open {
		ids[i] = l.id
	}
	return ids
}

// Room returns a lobby's room as far as this node follows it: while a viewer of this
// node hosts it, is in it, or asks to enter.
func (r *Roster) Room(lobbyID int64) (lobby.View, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.state.lobbies[lobbyID]
	if l == nil || l.room == nil || !l.room.live {
		return lobby.View{}, false
	}
	return l.room.replica.View(), true
}

// Channels lists the channels that run somewhere, by name, with their member counts.
func (r *Roster) Channels() []chat.Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.channels()
}

// Deliver shows an event to one local session as soon as the user that it names
// is visible here (from 0: at once), for at most five seconds. False if the session
// is not attached here. The user inside PrivateSaid and Rang is replaced by the one
// that is visible.
func (r *Roster) Deliver(user, session, from int64, e Event) bool {
	attached := false
	r.do(func(s *state) { attached = s.deliver(user, session, from, e) })
	return attached
}

// Count returns the visible users and lobbies.
func (r *Roster) Count() (users, lobbies int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.shelves.count, len(r.state.open)
}

// People counts the visible users who are no bots, on all nodes.
func (r *Roster) People() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.people
}

// Dropped counts what waited in vain for a user: deliveries and lines of chat.
func (r *Roster) Dropped() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.dropped
}

// Filled waits until every live node's feeds have been heard once.
func (r *Roster) Filled(ctx context.Context) error {
	r.mu.Lock()
	if r.state.filled() {
		r.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	r.waiting = append(r.waiting, done)
	r.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do runs an input and takes what it wants done. It never blocks on anything but
// the lock.
func (r *Roster) do(input func(s *state)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.now = time.Now()
	input(r.state)
	if len(r.waiting) > 0 && r.state.filled() {
		for _, done := range r.waiting {
			close(done)
		}
		r.waiting = nil
	}
	if len(r.state.effects) == 0 {
		return
	}
	r.effects = append(r.effects, r.state.effects...)
	r.state.effects = r.state.effects[:0]
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// own returns the record of this node in its present life.
func (s *state) own(self bus.Origin) *node {
	s.self = self
	if n := s.nodes[self.Incarnation]; n != nil {
		return n
	}
	return s.addNode(self)
}
