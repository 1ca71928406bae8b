package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/registry"
)

// lookLimit is how long a follower waits for the store to name the owner; a third of
// what it waits for a view. Without the store it believes what this node has heard.
const lookLimit = 300 * time.Millisecond

// Follow implements Runtime.
func (n *Node) Follow(key Key, f feed.Follower, closed func()) (stop func()) {
	kind := n.kinds[key.Kind]
	if kind == nil {
		panic("cluster: follow of an unknown kind: " + key.String())
	}
	s := search{node: n, key: key, kind: kind}
	var mu sync.Mutex
	sub := n.hub.Follow(key.String(), func(ctx context.Context) (string, int64, error) {
		mu.Lock()
		defer mu.Unlock()
		o, err := s.publisher(ctx)
		if errors.Is(err, ErrNone) {
			err = feed.ErrNone
		}
		return o.Node, o.Epoch, err
	}, &follower{Follower: f, closed: closed})
	return sub.Stop
}

// publisher finds whose view to begin with: a new follower has heard nothing that would
// show it that an owner is not one any more, so the store is asked, and not the hint.
func (s *search) publisher(ctx context.Context) (registry.Owner, error) {
	n := s.node
	if p := n.host.Get(s.key); p != nil {
		here := n.ownerHere(s.key, p.Epoch())
		if heard, ok := n.dir.Hint(s.key); ok && heard.Epoch > here.Epoch {
			return heard, nil
		}
		return here, nil
	}
	look, cancel := context.WithTimeout(ctx, lookLimit)
	o, found := n.dir.Read(look, s.key)
	cancel()
	if found != registry.None {
		if heard, ok := n.dir.Hint(s.key); ok && heard.Incarnation != n.lease.Incarnation() {
			return heard, nil // what the store has just said, or something newer
		}
	}
	return s.choose(ctx, o, found)
}

// follower hears of the end as well.
type follower struct {
	feed.Follower
	closed func()
	once   sync.Once
}

// Ended is called by the feed when there is no such process.
func (f *follower) Ended() {
	if f.closed != nil {
		f.once.Do(f.closed)
	}
}

func nodeTopic(topic, node string) string { return topic + "." + node }

// FollowNode implements Runtime.
func (n *Node) FollowNode(topic string, node bus.Origin, f feed.Follower) (stop func()) {
	sub := n.hub.Follow(nodeTopic(topic, node.Node), func(context.Context) (string, int64, error) {
		if n.lease.Gone(node.Incarnation) {
			return "", 0, feed.ErrNone
		}
		return node.Node, node.Incarnation, nil
	}, f)
	return sub.Stop
}
