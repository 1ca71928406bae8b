package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// The numbers of rebalancing.
const (
	// calm is how long the same nodes must have served before anything is moved to one
	// that came: a node that flaps, or a restart, moves nothing twice.
	calm = 10 * time.Second
	// movesAtOnce is how many processes a node hands over per sweep. Each is away for
	// some milliseconds; thousands at once would be felt.
	movesAtOnce = 16
)

// balance hands processes over whose home is another node: one that came, or that was
// drained and is back. A process of an explicit kind stays where it was started, near
// its host.
type balance struct {
	nodes []string
	since time.Duration
}

// settled reports whether these nodes have served together for a while.
func (b *balance) settled(now time.Duration, nodes []string) bool {
	if !slices.Equal(b.nodes, nodes) {
		b.nodes, b.since = nodes, now
	}
	return now-b.since >= calm
}

// rebalance moves a few of the processes that live elsewhere by the placement. The
// home hears of the release and claims it at once; what nobody claims comes back.
func (n *Node) rebalance(b *balance) {
	nodes := n.servingNodes()
	if !b.settled(n.o.Clock.Boot(), nodes) || len(nodes) < 2 {
		return
	}
	var move []*process.Process
	n.host.Each(func(p *process.Process) {
		k := n.kinds[p.Key().Kind]
		if len(move) < movesAtOnce && k.Start != process.Explicit && k.Scope != process.PerNode &&
			registry.Home(p.Key(), nodes) != n.self.Node {
			move = append(move, p)
		}
	})
	if len(move) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(n.ctx, storeLimit)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range move {
		all.Go(func() { p.Release(ctx) })
	}
	all.Wait()
	n.count.Moved.Add(int64(len(move)))
	n.log.Info("rebalanced", "processes", len(move))
}
