package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"teiserver/internal/cluster/process"
)

// ErrNobodyElse says that no other node serves, so there is nobody to hand over to.
var ErrNobodyElse = errors.New("cluster: no other node serves")

// handOvers is how many processes are released at once: enough to keep the store busy,
// few enough that their next owners keep up.
const handOvers = 16

// Drain takes this node out of service: it takes nothing new, and every process is
// handed to the other nodes with its state, singletons first; commands that wait are
// answered by the next owner. It returns when nothing runs here, or with ctx's error
// when it ends: then what is left goes on here. The node itself goes on: its clients
// are served by processes elsewhere. Undrain takes it back.
func (n *Node) Drain(ctx context.Context) error {
	if !n.othersServe() {
		return ErrNobodyElse
	}
	n.draining.Store(true)
	n.say(nodeNews{Serving: false})
	for n.host.Running() > 0 { // one may have been starting
		n.handOver(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("drain: %d processes are still here: %w", n.host.Running(), ctx.Err())
		}
	}
	return nil
}

// Undrain returns the node to service; what it has handed over comes back as the
// placement says, a few at a time.
func (n *Node) Undrain() {
	n.draining.Store(false)
	n.say(nodeNews{Serving: true})
	n.hurry()
}

// Draining reports whether this node takes nothing new.
func (n *Node) Draining() bool { return n.draining.Load() }

// handOver releases every process, singletons first.
func (n *Node) handOver(ctx context.Context) {
	n.host.ReleaseAll(ctx, handOvers, func(k *process.Kind) bool { return k.Start == process.Ensured })
}

// handOverWhileAlive is handOver until this node is given up: then there is nothing to hand
// over.
func (n *Node) handOverWhileAlive(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-n.lease.Condemned():
			cancel()
		case <-ctx.Done():
		}
	})
	n.handOver(ctx)
	cancel()
	watch.Wait()
}

func (n *Node) othersServe() bool {
	for _, m := range n.Members() {
		if m.Serving && m.Incarnation != n.self.Incarnation {
			return true
		}
	}
	return false
}
