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
	for inc, n := range s.nodes {
		if !containsIncarnation(list, inc) {
			s.nodeGone(n)
		}
	}
	for _, o := range list {
		if s.nodes[o.Incarnation] == nil {
			s.addNode(o)
		}
	}
	s.settle()
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

func (s *state) nodeGone(n *node) {
	n.dead = true
	delete(s.nodes, n.Incarnation)
	for _, u := range n.presence {
		s.unclaim(u)
	}
	s.effects = append(s.effects, unfollowNode{n}, tellGone{n.Incarnation})
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
	for id, old := range n.presence {
		if fresh[id] == nil {
			s.unclaim(old)
		}
	}
	for i := range users {
		u := fresh[users[i].ID]
		if u == nil {
			continue
		}
		delete(fresh, u.ID) // each once, in the order of the view
		s.claim(n, u)
	}
	s.settle()
}

// presenceEvent applies one event of a node's presence feed.
func (s *state) presenceEvent(n *node, event any) {
	if n.dead {
		return
	}
	switch e := event.(type) {
	case Came:
		s.claim(n, &e.User)
	case Changed:
		if old := n.presence[e.User.ID]; old != nil && old.Session == e.User.Session {
			s.claim(n, &e.User)
		}
	case Went:
		if old := n.presence[e.ID]; old != nil && old.Session == e.Session {
			s.unclaim(old)
		}
	}
	s.settle()
}

// claim notes a session of a node. An older one of the same node is replaced.
func (s *state) claim(n *node, claim *User) {
	u := s.user(claim.ID)
	claim.Node, claim.Incarnation = n.Node, n.Incarnation
	if old := n.presence[claim.ID]; old != nil {
		if old.Session > claim.Session || *old == *claim {
			return
		}
		u.claims = remove(u.claims, old)
	}
	n.presence[claim.ID] = claim
	u.claims = append(u.claims, claim)
	u.highest = max(u.highest, claim.Session)
	for _, v := range u.viewers {
		v.supersede(u.highest)
	}
	s.mark(u)
}

func (s *state) unclaim(claim *User) {
	if n := s.nodes[claim.Incarnation]; n != nil && n.presence[claim.ID] == claim {
		delete(n.presence, claim.ID)
	}
	u := s.users[claim.ID]
	if u == nil {
		return
	}
	if u.claims = remove(u.claims, claim); len(u.claims) == 0 {
		u.highest = 0
	}
	s.mark(u)
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
