package cluster

import (
	"context"
	"errors"
	"slices"
	"time"

	"teiserver/internal/cluster/lease"
)

// The numbers of a cut.
const (
	// cutPatience is how long a node may stand outside of the set that stays before it
	// gives way. A route that is dialed anew takes a few seconds.
	cutPatience = 15 * time.Second
	// cutLook is how often the rows are judged; they come with the looks of the lease.
	cutLook = time.Second
	// hearWithin is how long a starting node that stays waits to hear the others.
	hearWithin = 10 * time.Second
)

// ErrCutOff says that the nodes that stay do not hear this one, or it not them.
var ErrCutOff = errors.New("cluster: cut off from the nodes that stay")

// enterCluster waits until this node may take processes and clients: it hears every
// live node and they have not been cut off from it. A node that takes over while
// nobody hears it serves nobody. Whom it does not hear after hearWithin is not waited
// for, if this node is in the set that stays; else it waits on.
func (n *Node) enterCluster() {
	var good, told time.Duration // since the links are good, since the last word about it
	began := n.o.Clock.Boot()
	good, told = began, began
	for {
		now := n.o.Clock.Boot()
		unheard := n.unheard()
		late := now-began >= hearWithin
		switch {
		case len(unheard) > 0 && (!late || !n.staying()):
			good = now
		case n.o.HearFirst > 0 && !n.staying():
			good = now
		case now-good < n.o.HearFirst:
		default:
			if len(unheard) > 0 {
				n.log.Warn("ready without hearing every node", "unheard", unheard)
			}
			return
		}
		if now-told >= hearWithin {
			n.log.Warn("not ready: waiting for links to the other nodes", "unheard", unheard)
			told = now
		}
		select {
		case <-time.After(sweepGap):
		case <-n.lease.Condemned():
			return
		case <-n.ctx.Done():
			return
		}
	}
}

// watchLinks ends the node when it has stood outside of the set that stays for too long
// (rule 21). All nodes judge the same rows, so exactly one set stays. Without a good
// lease the rows may be old and prove nothing.
func (n *Node) watchLinks(ctx context.Context) {
	w := linkWatch{since: -1}
	for {
		select {
		case <-time.After(cutLook):
		case <-ctx.Done():
			return
		}
		stays := n.lookAtLinks()
		if w.observe(n.o.Clock.Boot(), n.lease.Trusted(), stays) {
			n.log.Error("cut off: giving way to the nodes that hear each other", "unheard", n.unheard())
			if n.o.OnCutOff != nil {
				n.o.OnCutOff()
			}
			return
		}
	}
}

// staying reports whether this node is in the set that stays.
func (n *Node) staying() bool {
	return slices.Contains(lease.Staying(n.lease.Members()), n.lease.Incarnation())
}

// lookAtLinks judges the rows anew, for placement as well: nothing is handed to a node
// that is being cut off, and such a node takes nothing.
func (n *Node) lookAtLinks() (stays bool) {
	if n.o.Single {
		return true
	}
	staying := lease.Staying(n.lease.Members())
	stays = slices.Contains(staying, n.lease.Incarnation())
	if !stays {
		staying = nil
	}
	n.heardOf.Store(&staying)
	return stays
}

// reached reports whether a node is one of those that stay with this one, as far as the
// last look tells; a newcomer is not before it has told whom it hears.
func (n *Node) reached(incarnation int64) bool {
	staying := n.heardOf.Load()
	return staying == nil || len(*staying) == 0 || slices.Contains(*staying, incarnation)
}

// linkWatch is how long a node has been outside of the set that stays.
type linkWatch struct {
	since time.Duration // -1: inside, or not known
	last  time.Duration
}

// observe reports whether it has been outside for too long, with looks all the time:
// a node that was paused has seen nothing meanwhile.
func (w *linkWatch) observe(now time.Duration, known, staying bool) (cutOff bool) {
	gap := now-w.last > 5*cutLook
	w.last = now
	switch {
	case !known || staying:
		w.since = -1
	case w.since < 0 || gap:
		w.since = now
	}
	return w.since >= 0 && now-w.since >= cutPatience
}
