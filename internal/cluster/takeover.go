package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// adoptions at once, of keys that were taken: most are loaded from the snapshot that
// came with the claim, others read the store, and must leave room for everybody else.
const adoptions = 8

// takeOver claims rows that nobody runs, many in one statement, and runs them. Who
// calls it has decided that they are this node's to take. A row that somebody else
// holds at the moment is left out and looked at again with the next sweep, soon. Those
// that are over were closed, and the store has lost that: they are closed again.
func (n *Node) takeOver(keys []Key, over map[Key]bool) {
	for batch := range slices.Chunk(keys, registry.MassClaim) {
		if n.draining.Load() || !n.lease.Trusted() || n.ctx.Err() != nil {
			return
		}
		n.takeBatch(batch, over)
	}
}

func (n *Node) takeBatch(batch []Key, over map[Key]bool) {
	locked := n.lockFree(batch)
	keys := make([]Key, 0, len(locked))
	for _, key := range batch { // in the order of the batch: the longest missing first
		if locked[key] != nil {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(n.ctx, storeLimit)
	taken, err := n.dir.TakeOver(ctx, keys, n.lease.Incarnation())
	cancel()
	if err != nil && n.ctx.Err() == nil { // what was taken all the same is ours and not running
		n.lookOwn()
		n.log.Warn("orphans not claimed", "keys", len(keys), "taken", len(taken.Owned), "err", err)
	}
	n.count.Claims.Add(int64(len(taken.Owned)))
	n.count.Takeovers.Add(int64(len(taken.Owned)))
	n.count.HeldClaims.Add(int64(len(taken.Held)))
	if len(taken.Skipped) > 0 {
		n.count.Skipped.Add(int64(len(taken.Skipped)))
		n.hurry()
	}
	mine := make([]func(), len(taken.Owned))
	for i, own := range taken.Owned {
		mine[i] = locked[own.Key]
		delete(locked, own.Key)
	}
	for _, unlock := range locked {
		unlock()
	}
	n.adoptAll(taken.Owned, mine, over)
	if len(taken.Owned) > 0 {
		n.log.Info("taken over", "processes", len(taken.Owned), "held", len(taken.Held),
			"skipped", len(taken.Skipped), "took", time.Since(began))
	}
}

// lockFree locks those of the keys that nobody on this node is at work on, and that do
// not run here.
func (n *Node) lockFree(keys []Key) (locked map[Key]func()) {
	locked = make(map[Key]func(), len(keys))
	for _, key := range keys {
		unlock, ok := n.dir.TryLock(key)
		if !ok {
			continue
		}
		if n.host.Get(key) != nil {
			unlock()
			continue
		}
		locked[key] = unlock
	}
	return locked
}

// adoptAll runs what was taken, a few at a time, each under its lock.
func (n *Node) adoptAll(owned []registry.Ownership, unlock []func(), over map[Key]bool) {
	slots := make(chan struct{}, adoptions)
	var all sync.WaitGroup
	for i, own := range owned {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			defer unlock[i]()
			n.adopt(own, over[own.Key])
		})
	}
	all.Wait()
}

// adopt runs a key that was taken over, if there is something to go on with.
func (n *Node) adopt(own registry.Ownership, over bool) {
	ctx, cancel := context.WithTimeout(n.ctx, storeLimit)
	defer cancel()
	n.log.Info("claimed", "kind", own.Key.Kind, "key", own.Key.String(), "epoch", own.Epoch, "fresh", false)
	n.found(own.Key)
	kind := n.kinds[own.Key.Kind]
	// On a single node nobody holds anything from the life before: only what is ensured
	// or was stored goes on.
	left := n.o.Single && (kind.Start == process.Explicit || len(own.Snapshot) == 0)
	if kind.Start != process.Ensured && left || kind.Start == process.Explicit && over {
		n.closeUnused(ctx, own)
		return
	}
	if _, err := n.run(ctx, own); err != nil && !errors.Is(err, ErrNone) {
		n.log.Error("orphan not started", "key", own.Key.String(), "epoch", own.Epoch, "err", err)
	}
}
