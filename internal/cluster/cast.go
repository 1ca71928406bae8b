package cluster

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The numbers of a cast.
const (
	castPatience = time.Minute
	castTries    = 64
	// castQueue bounds what one node holds for one key that does not answer.
	castQueue = 1024
)

// casts keep the order of the casts to one key: each is answered before the next is
// sent. A goroutine lives as long as there is something to send.
type casts struct {
	mu     sync.Mutex
	queues map[Key][]any
}

// Cast implements Runtime.
func (n *Node) Cast(key Key, command any) {
	n.casts.mu.Lock()
	defer n.casts.mu.Unlock()
	q, busy := n.casts.queues[key]
	if len(q) >= castQueue || n.ctx.Err() != nil {
		n.count.CastsLost.Add(1)
		return
	}
	n.casts.queues[key] = append(q, command)
	if !busy {
		n.ends.Go(func() { n.sendCasts(key) })
	}
}

func (n *Node) sendCasts(key Key) {
	for {
		n.casts.mu.Lock()
		q := n.casts.queues[key]
		if len(q) == 0 {
			delete(n.casts.queues, key)
			n.casts.mu.Unlock()
			return
		}
		command := q[0]
		n.casts.queues[key] = q[1:]
		n.casts.mu.Unlock()
		n.sendCast(key, command)
	}
}

func (n *Node) sendCast(key Key, command any) {
	ctx, cancel := context.WithTimeout(n.ctx, castPatience)
	defer cancel()
	if n.host.Get(key) != nil {
		n.count.Local.Add(1)
	} else {
		n.count.Remote.Add(1)
	}
	_, err := n.route(ctx, key, command, n.nextID(), longestCast, castTries)
	n.countRefusal(err)
	if errors.Is(err, ErrUnavailable) {
		n.count.CastsLost.Add(1)
		n.log.Warn("cast given up", "key", key.String(), "err", err)
	}
}
