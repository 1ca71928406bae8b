package cluster

import (
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

// What a node does instead of serving, as operators read it.
const (
	noteWaiting = "waiting for links" // it was cut off, and hears the others for a while first
	noteHolding = "on a new timeline" // it claims nothing yet
)

const (
	// ownersFirst is for how long a row of the timeline before is left to the node that had
	// it, if that goes on: it has to wait, and to claim all that it runs.
	ownersFirst = 3 * (lease.TTL + time.Second)
	// regainLook is how often a node looks whether its processes have their keys again.
	regainLook = 10 * time.Millisecond
)

// mayGoOn: a node that is not there yet has nothing to go on with, and one that ends will
// not.
func (n *Node) mayGoOn() bool { return n.open.Load() && !n.stopping.Load() }

// moveTo has everything that the store gave before be void. The lease calls it before
// anything is trusted again.
func (n *Node) moveTo(m lease.Membership) {
	n.seq.Void()
	n.host.Under(m.Incarnation)
	select {
	case n.moved <- struct{}{}:
	default:
	}
}

// followTimelines goes on with the processes on each timeline that is joined, as soon as
// nobody of the one before can trust to own them.
func (n *Node) followTimelines() {
	for {
		select {
		case <-n.moved:
		case <-n.ctx.Done():
			return
		}
		m := n.lease.Membership()
		n.say(nodeNews{Serving: !n.draining.Load()}) // who has given this life up says so
		if n.o.OnTimeline != nil {
			n.o.OnTimeline(m)
		}
		if n.lease.Hold(n.ctx) != nil {
			return
		}
		n.regain()
		n.hurry()
	}
}

// regain has all processes claim their keys again and waits until they have, or the store
// has moved on.
func (n *Node) regain() {
	began := time.Now()
	processes := n.host.Adrift()
	for n.host.Adrift() > 0 && len(n.moved) == 0 {
		n.host.Regain()
		select {
		case <-time.After(regainLook):
		case <-n.ctx.Done():
			return
		}
	}
	n.log.Info("goes on in the new timeline", "incarnation", n.lease.Incarnation(), "processes", processes, "took", time.Since(began))
}

// Recheck has the lease asked for: somebody was told that the store is on another timeline.
func (n *Node) Recheck() { n.lease.Recheck() }

// itsTurn reports whether this node may take a row that nobody runs: one of the timeline
// before is first for the node that had it, if that goes on.
func (n *Node) itsTurn(r registry.Owner) bool {
	if r.State != registry.Owned {
		return true
	}
	life, ok := n.lease.GoesOn(r.Incarnation)
	if !ok || life == n.self.Incarnation {
		return true
	}
	return n.missingFor(r.Key) >= ownersFirst
}
