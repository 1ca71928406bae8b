package roster

import (
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
)

// TopicPresence is the feed in which each node lists the sessions it holds.
const TopicPresence = "presence"

// The events of a presence feed, and its view.

type (
	// Came brings a session that is new on the node. It replaces an older one of the
	// user there.
	Came struct {
		User User `json:"user"`
	}
	// Changed gives all of a session that shows something else.
	Changed struct {
		User User `json:"user"`
	}
	// Went says that the session has ended.
	Went struct {
		ID      int64 `json:"id"`
		Session int64 `json:"session"`
	}
	// PresenceView is all sessions of the node.
	PresenceView struct {
		Users []User `json:"users"`
	}
)

var (
	_ = message.Register[Came]("presence.came")
	_ = message.Register[Changed]("presence.changed")
	_ = message.Register[Went]("presence.went")
	_ = message.Register[PresenceView]("presence.view")
)

// members takes the list of nodes that are not gone. Who is missing takes its users
// along; its lobbies stay until their next owner or their end is heard of.
func (s *state) members(list []bus.Origin) {
	var gone []*user
	for inc, n := range s.nodes {
		if !containsIncarnation(list, inc) {
			gone = append(gone, s.nodeGone(n)...)
		}
	}
	for _, o := range list {
		if s.nodes[o.Incarnation] == nil {
			s.addNode(o)
		}
	}
	s.look(gone)
}

func (s *state) addNode(o bus.Origin) *node {
	n := &node{
		Origin: o, presence: map[int64]*User{}, lobbies: map[int64]struct{}{},
		channels: map[string]process.Indexed{}, heardUsers: o.Incarnation == s.self.Incarnation,
	}
	s.nodes[o.Incarnation] = n
	s.effects = append(s.effects, followNode{n})
	return n
}

func containsIncarnation(list []bus.Origin, inc int64) bool {
	for _, o := range list {
		if o.Incarnation == inc {
			return true
		}
	}
	return false
}

// nodeGone returns whom it takes along.
func (s *state) nodeGone(n *node) []*user {
	n.dead = true
	delete(s.nodes, n.Incarnation)
	gone := make([]*user, 0, len(n.presence))
	for _, claim := range n.presence {
		gone = append(gone, s.unclaim(claim))
	}
	s.effects = append(s.effects, unfollowNode{n}, tellGone{n.Incarnation})
	return gone
}

// presenceReset replaces all that a node claims.
func (s *state) presenceReset(n *node, users []User) {
	if n.dead {
		return
	}
	n.heardUsers = true
	fresh := make(map[int64]*User, len(users))
	for i := range users {
		u := users[i]
		if old := fresh[u.ID]; old == nil || old.Session < u.Session {
			fresh[u.ID] = &u
		}
	}
	var about []*user
	for id, old := range n.presence {
		if fresh[id] == nil {
			about = append(about, s.unclaim(old))
		}
	}
	for i := range users {
		claim := fresh[users[i].ID]
		if claim == nil {
			continue
		}
		delete(fresh, claim.ID) // each once, in the order of the view
		if u := s.claim(n, claim); u != nil {
			about = append(about, u)
		}
	}
	s.look(about)
}

// presenceEvent applies one event of a node's presence feed.
func (s *state) presenceEvent(n *node, event any) {
	if n.dead {
		return
	}
	switch e := event.(type) {
	case Came:
		s.mark(s.claim(n, &e.User))
	case Changed:
		if old := n.presence[e.User.ID]; old != nil && old.Session == e.User.Session {
			s.mark(s.claim(n, &e.User))
		}
	case Went:
		if old := n.presence[e.ID]; old != nil && old.Session == e.Session {
			s.mark(s.unclaim(old))
		}
	}
	s.settle()
}

// claim notes a session of a node. An older one of the same node is replaced. It
// returns the user if that is news.
func (s *state) claim(n *node, claim *User) *user {
	u := s.user(claim.ID)
	claim.Node, claim.Incarnation = n.Node, n.Incarnation
	if old := n.presence[claim.ID]; old != nil {
		if old.Session > claim.Session || *old == *claim {
			return nil
		}
		u.claims = remove(u.claims, old)
	}
	n.presence[claim.ID] = claim
	u.claims = append(u.claims, claim)
	u.highest = max(u.highest, claim.Session)
	for _, v := range u.viewers {
		v.supersede(u.highest)
	}
	return u
}

// unclaim takes it back, and returns the user if there is a record.
func (s *state) unclaim(claim *User) *user {
	if n := s.nodes[claim.Incarnation]; n != nil && n.presence[claim.ID] == claim {
		delete(n.presence, claim.ID)
	}
	u := s.users[claim.ID]
	if u == nil {
		return nil
	}
	if u.claims = remove(u.claims, claim); len(u.claims) == 0 {
		u.highest = 0
	}
	return u
}

// best returns the session that counts: the newest ever heard of, if a node has it.
// An older one that a node still claims is about to be ended there and would come
// as a ghost.
func (u *user) best() *User {
	var best *User
	for _, c := range u.claims {
		if c.Session < u.highest {
			continue
		}
		if best == nil || best.Incarnation < c.Incarnation {
			best = c
		}
	}
	return best
}
