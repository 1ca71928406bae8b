package bus

import (
	"sort"
	"time"
)

// beatLoop lets the others hear us until the bus is closed.
func (c *core) beatLoop() {
	tick := time.NewTicker(c.beat)
	defer tick.Stop()
	for {
		c.sendBeat()
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *core) sendBeat() {
	if err := c.Publish(HeartbeatTopic, Heartbeat{}); err != nil {
		c.log.Debug("heartbeat not sent", "err", err)
	}
}

// heard notes that a peer is there. To one that is new we answer at once: it has
// missed our last beat, and need not wait for the next.
func (c *core) heard(m Message) {
	beat, ok := m.Body.(Heartbeat)
	if !ok || m.Origin == c.self {
		return
	}
	now := c.uptime()
	c.peersMu.Lock()
	_, known := c.peers[m.Origin]
	if beat.Leaving {
		delete(c.peers, m.Origin)
	} else {
		c.peers[m.Origin] = now
	}
	for o, at := range c.peers {
		if now-at > 10*c.silence {
			delete(c.peers, o)
		}
	}
	c.peersMu.Unlock()
	if !known && !beat.Leaving {
		c.sendBeat()
	}
}

func (c *core) Peers() []Origin {
	now := c.uptime()
	c.peersMu.Lock()
	defer c.peersMu.Unlock()
	var list []Origin
	for o, at := range c.peers {
		if now-at < c.silence {
			list = append(list, o)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Node != list[j].Node {
			return list[i].Node < list[j].Node
		}
		return list[i].Incarnation < list[j].Incarnation
	})
	return list
}
