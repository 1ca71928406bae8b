package cluster

import (
	"context"
	"slices"
	"sync/atomic"
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
	// ownEvery is how often this node's own rows are read as well: as many as it has
	// processes, and all of them run but those whose claim had a lost answer. These are
	// looked for with every sweep for ownSoonFor after something went wrong, in which
	// time a statement that was given up has happened or never will.
	ownEvery   = 10 * time.Second
	ownSoonFor = 5 * time.Second
)

// ownRows says when to read this node's own rows.
type ownRows struct {
	soon atomic.Int64 // until then with every sweep, unix nanoseconds
	last time.Time    // of the last read; only the sweep uses it
}

// lookOwn asks for a look at the own rows: one may be ours that does not run.
func (n *Node) lookOwn() { n.held.soon.Store(time.Now().Add(ownSoonFor).UnixNano()) }

func (o *ownRows) due(now time.Time) bool {
	return now.UnixNano() < o.soon.Load() || now.Sub(o.last) >= ownEvery
}

// hurry asks for a sweep now.
func (n *Node) hurry() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// hurryFor asks for a sweep now, for the sake of a row that nobody runs.
func (n *Node) hurryFor(o registry.Owner) {
	if o.State == registry.Owned && o.Incarnation == n.lease.Incarnation() {
		n.lookOwn()
	}
	n.hurry()
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
		heard := m.Life == n.self.Incarnation || m.Awaited
		for _, p := range peers {
			heard = heard || p.Incarnation == m.Life
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
	return n.missingFor(key) >= homeFirst || home == n.self.Node
}

// missingFor is since when this node knows of a key that nobody runs.
func (n *Node) missingFor(key Key) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	since, known := n.missing[key]
	if !known {
		since = time.Now()
		n.missing[key] = since
	}
	return time.Since(since)
}

func (n *Node) found(key Key) {
	n.mu.Lock()
	delete(n.missing, key)
	n.mu.Unlock()
}

// sweep adopts what is released, of gone owners, or our own and not running.
func (n *Node) sweep(limit int) (next int) {
	whose, now := int64(0), time.Now() // nobody has the incarnation 0
	own := n.held.due(now)
	if own {
		whose = n.lease.Incarnation()
	}
	ctx, cancel := context.WithTimeout(n.ctx, storeLimit)
	rows, err := n.o.Owners.Orphans(ctx, whose, limit)
	cancel()
	if err != nil {
		if n.ctx.Err() == nil {
			n.log.Warn("orphans not read", "err", err)
		}
		return limit
	}
	var adopt []Key
	over := map[Key]bool{}
	seen := make(map[Key]bool, len(rows))
	for _, r := range rows {
		seen[r.Key] = true
		n.recount(r)
		if n.wants(r) {
			adopt = append(adopt, r.Key)
			over[r.Key] = n.dir.WasClosed(r.Key, r.Epoch)
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
	n.takeOver(adopt, over)
	if len(rows) == limit && (len(adopt) > 0 || limit < sweepRowsMax) {
		n.hurry() // there may be more
		return min(4*limit, sweepRowsMax)
	}
	if own {
		n.held.last = now
	}
	return limit
}

// recount has a process go on under the epoch of its row, or above, if that is newer:
// followers wait for a feed of the epoch that the store names.
func (n *Node) recount(r registry.Owner) {
	if r.State != registry.Owned || r.Incarnation != n.lease.Incarnation() {
		return
	}
	if p := n.host.Get(r.Key); p != nil && p.Epoch() < r.Epoch {
		n.log.Warn("the row has a newer epoch", "key", r.Key.String(), "epoch", p.Epoch())
		p.Recount()
	}
}

func (n *Node) wants(r registry.Owner) bool {
	k := n.kinds[r.Key.Kind]
	switch {
	case k == nil: // of a neighbor release
		return false
	case n.host.Get(r.Key) != nil:
		return false
	case r.Incarnation == n.lease.Incarnation() && r.State == registry.Owned:
		return true
	case !n.itsTurn(r):
		return false
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
		if m.State == lease.Serving && !m.Awaited && !n.leaving[m.Life] && n.reached(m.Incarnation) && !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}
