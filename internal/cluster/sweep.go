package cluster

import (
	"context"
	"slices"
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
	// sweepRows is how many rows are read at once. It grows while a full page holds
	// nothing to do.
	sweepRows    = 1000
	sweepRowsMax = 64 * sweepRows
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
	n.enterCluster()
	n.entered.Store(true)
	close(n.ready)
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	rows := sweepRows
	var b balance
	for {
		if n.lease.Trusted() && !n.draining.Load() && n.lookAtLinks() {
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
			if n.lease.Trusted() && !n.draining.Load() && n.lookAtLinks() {
				n.rebalance(&b)
			}
		case <-n.kick:
		case <-n.ctx.Done():
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
		o, found := n.dir.Lookup(ctx, key)
		switch {
		case found == registry.HasOwner && o.State == registry.Owned && !o.Gone:
			n.found(key) // if it is missing again, its home comes first again
		case found == registry.None && (k.Scope == process.PerNode || n.mine(key)):
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
	if len(rows) < limit && n.ended.swept(rows, n.kinds) {
		n.hurry()
	}
	n.takeOver(adopt)
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

// servingNodes are the names of the nodes that take new processes.
func (n *Node) servingNodes() []string {
	var names []string
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.lease.Members() {
		if m.State == lease.Serving && !n.leaving[m.Incarnation] && n.reached(m.Incarnation) && !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}
