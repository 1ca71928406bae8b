package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// The numbers of the sweep.
const (
	sweepEvery = 1 * time.Second
	// sweepGap keeps hints from reading the store without a pause.
	sweepGap = 100 * time.Millisecond
	// homeFirst is how long the proposed home has before anybody may claim.
	homeFirst = 2 * time.Second
	// hearWithin is how long a starting node waits to hear the others.
	hearWithin = 10 * time.Second
	// sweepRows is how many rows are read at once. It grows while a full page holds
	// nothing to do.
	sweepRows    = 1000
	sweepRowsMax = 64 * sweepRows
	// adoptions at once: a dead node's thousand lobbies within a second, and room in
	// the pool of the store for everybody else.
	adoptions = 8
)

// hurry asks for a sweep now.
func (n *Node) hurry() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// sweepLoop looks every second, and at each hint, for what should run and does not.
func (n *Node) sweepLoop() {
	n.hearOthers()
	close(n.ready)
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	rows := sweepRows
	for {
		if n.lease.Trusted() && !n.draining.Load() {
			n.ensure()
			rows = n.sweep(rows)
			n.count.Sweeps.Add(1)
		}
		select {
		case <-time.After(sweepGap):
		case <-n.ctx.Done():
			return
		}
		select {
		case <-t.C:
		case <-n.kick:
		case <-n.ctx.Done():
			return
		}
	}
}

// hearOthers waits until every live node is heard on the bus: a node that takes over
// while nobody hears it serves nobody.
func (n *Node) hearOthers() {
	limit := time.After(hearWithin)
	for {
		unheard := n.unheard()
		if len(unheard) == 0 {
			return
		}
		select {
		case <-time.After(sweepGap):
		case <-n.lease.Condemned():
			return
		case <-n.ctx.Done():
			return
		case <-limit:
			n.log.Warn("ready without hearing every node", "unheard", unheard)
			return
		}
	}
}

func (n *Node) unheard() (names []string) {
	peers := n.bus.Peers()
	for _, m := range n.lease.Members() {
		heard := m.Incarnation == n.self.Incarnation
		for _, p := range peers {
			heard = heard || p.Incarnation == m.Incarnation
		}
		if !heard {
			names = append(names, m.Name)
		}
	}
	return names
}

// ensure starts the singletons that have no owner at all and whose home is here.
func (n *Node) ensure() {
	for _, k := range n.kinds {
		if k.Start != process.Ensured {
			continue
		}
		key := SingletonKey(k.Name)
		if k.Scope == process.PerNode {
			key = NodeKey(k.Name, n.self.Node)
		}
		if n.host.Get(key) != nil {
			n.found(key)
			continue
		}
		ctx, cancel := context.WithTimeout(n.ctx, storeLimit)
		if _, found := n.dir.Lookup(ctx, key); found == registry.None && (k.Scope == process.PerNode || n.mine(key)) {
			if _, err := n.startHere(ctx, key); err != nil {
				n.log.Warn("singleton not started", "key", key.String(), "err", err)
			}
		}
		cancel()
	}
}

// mine reports whether this node may claim a key that nobody runs: at once if it is
// its home, after a while if the home has not.
func (n *Node) mine(key Key) bool {
	home := registry.Home(key, n.servingNodes())
	n.mu.Lock()
	defer n.mu.Unlock()
	since, known := n.missing[key]
	if !known {
		since = time.Now()
		n.missing[key] = since
	}
	return home == n.self.Node || time.Since(since) >= homeFirst
}

func (n *Node) found(key Key) {
	n.mu.Lock()
	delete(n.missing, key)
	n.mu.Unlock()
}

// sweep adopts what is released, of gone owners, or our own and not running.
func (n *Node) sweep(limit int) (next int) {
	ctx, cancel := context.WithTimeout(n.ctx, storeLimit)
	rows, err := n.o.Owners.Orphans(ctx, n.self.Incarnation, limit)
	cancel()
	if err != nil {
		if n.ctx.Err() == nil {
			n.log.Warn("orphans not read", "err", err)
		}
		return limit
	}
	var adopt []Key
	seen := make(map[Key]bool, len(rows))
	for _, r := range rows {
		seen[r.Key] = true
		if n.wants(r) {
			adopt = append(adopt, r.Key)
		}
	}
	n.mu.Lock()
	for key := range n.missing {
		if k := n.kinds[key.Kind]; !seen[key] && (k == nil || k.Start != process.Ensured) {
			delete(n.missing, key)
		}
	}
	n.mu.Unlock()
	slots := make(chan struct{}, adoptions)
	var all sync.WaitGroup
	for _, key := range adopt {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			n.adopt(key)
		})
	}
	all.Wait()
	if len(rows) == limit && len(adopt) == 0 && limit < sweepRowsMax {
		n.hurry()
		return limit * 4
	}
	return limit
}

func (n *Node) wants(r registry.Owner) bool {
	k := n.kinds[r.Key.Kind]
	switch {
	case k == nil: // of a neighbor release
		return false
	case n.host.Get(r.Key) != nil:
		return false
	case r.Incarnation == n.self.Incarnation && r.State == registry.Owned:
		return true
	case k.Scope == process.PerNode:
		return r.Key.ID == n.self.Node
	case r.State == registry.Released && k.Start == process.OnDemand && k.Idle > 0:
		return false // passivated: the next command starts it
	}
	return n.mine(r.Key)
}

// adopt claims a row that nobody runs and runs it, if there is something to go on with.
func (n *Node) adopt(key Key) {
	ctx, cancel := context.WithTimeout(n.ctx, storeLimit)
	defer cancel()
	unlock, err := n.dir.Lock(ctx, key)
	if err != nil {
		return
	}
	defer unlock()
	if n.host.Get(key) != nil {
		return
	}
	own, err := n.claim(ctx, key)
	var held *registry.HeldError
	if errors.As(err, &held) {
		return
	}
	if err != nil {
		n.log.Warn("orphan not claimed", "key", key.String(), "err", err)
		return
	}
	n.found(key)
	kind := n.kinds[key.Kind]
	// Fresh: it was closed since the row was read. On a single node nobody holds
	// anything from the life before: only what is ensured or was stored goes on.
	left := n.o.Single && (kind.Start == process.Explicit || len(own.Snapshot) == 0)
	if kind.Start != process.Ensured && (own.Fresh || left) {
		n.closeUnused(ctx, own)
		return
	}
	if _, err := n.run(ctx, own); err != nil && !errors.Is(err, ErrNone) {
		n.log.Error("orphan not started", "key", key.String(), "epoch", own.Epoch, "err", err)
	}
}

// servingNodes are the names of the nodes that take new processes.
func (n *Node) servingNodes() []string {
	var names []string
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.lease.Members() {
		if m.State == lease.Serving && !n.leaving[m.Incarnation] && !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}
