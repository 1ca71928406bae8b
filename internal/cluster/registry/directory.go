package registry

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
)

// Found says what a look-up knows.
type Found int

// What can be found.
const (
	Unknown  Found = iota // the store did not answer: decide nothing
	None                  // never owned, or closed
	HasOwner              // see Owner; its State may be Released, and Gone may be set
)

func (f Found) String() string { return [...]string{"unknown", "none", "owner"}[f] }

// maxHints bounds the directory of a node; above it hints are dropped at random,
// which costs a read of the store each.
const maxHints = 1 << 16

// maxClosed bounds what it remembers of keys that have ended.
const maxClosed = 1 << 14

// Directory is the cached directory of one node.
type Directory struct {
	store Store
	gone  func(incarnation int64) bool
	seed  maphash.Seed
	hints [hintShards]hints
	locks keyLocks
}

const hintShards = 16

type hints struct {
	mu     sync.RWMutex
	rows   map[Key]Owner
	closed map[Key]int64 // at which epoch, as far as was heard
}

// NewDirectory makes a directory; gone reports incarnations that are gone for good.
func NewDirectory(store Store, gone func(incarnation int64) bool) *Directory {
	d := &Directory{store: store, gone: gone, seed: maphash.MakeSeed()}
	for i := range d.hints {
		d.hints[i].rows, d.hints[i].closed = map[Key]Owner{}, map[Key]int64{}
	}
	d.locks.held = map[Key]*keyLock{}
	return d
}

func (d *Directory) shard(key Key) *hints {
	return &d.hints[maphash.String(d.seed, key.ID)%hintShards]
}

// Lookup returns the owner by the hint, or by the store if there is none.
func (d *Directory) Lookup(ctx context.Context, key Key) (Owner, Found) {
	if o, ok := d.Hint(key); ok {
		return o, HasOwner
	}
	return d.Read(ctx, key)
}

// Hint returns the cached owner, without the store.
func (d *Directory) Hint(key Key) (Owner, bool) {
	h := d.shard(key)
	h.mu.RLock()
	o, ok := h.rows[key]
	h.mu.RUnlock()
	if !ok || d.gone(o.Incarnation) {
		return Owner{}, false
	}
	return o, true
}

// Read asks the store and corrects the hint.
func (d *Directory) Read(ctx context.Context, key Key) (Owner, Found) {
	o, ok, err := d.store.Lookup(ctx, key)
	if err != nil {
		return Owner{}, Unknown
	}
	if !ok || o.State == Closed {
		d.forget(key, o.Epoch)
		return o, None
	}
	if d.gone(o.Incarnation) {
		o.Gone = true
	}
	if o.State == Owned && !o.Gone {
		d.Learn(o)
	} else {
		d.forget(key, o.Epoch)
	}
	return o, HasOwner
}

// Learn takes an announcement or a Moved answer. An older epoch than the known one is
// ignored; a closed or released key is forgotten.
func (d *Directory) Learn(o Owner) {
	if o.State != Owned {
		d.forget(o.Key, o.Epoch)
		if o.State == Closed {
			d.noteClosed(o.Key, o.Epoch)
		}
		return
	}
	h := d.shard(o.Key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed[o.Key] < o.Epoch {
		delete(h.closed, o.Key)
	}
	if known, ok := h.rows[o.Key]; ok && known.Epoch > o.Epoch {
		return
	}
	if len(h.rows) >= maxHints/hintShards {
		for k := range h.rows {
			delete(h.rows, k)
			break
		}
	}
	h.rows[o.Key] = o
}

// WasClosed reports whether it was announced that a key ended at this epoch or later. The
// store may say something else when it has lost that, or was not told.
func (d *Directory) WasClosed(key Key, epoch int64) bool {
	h := d.shard(key)
	h.mu.RLock()
	defer h.mu.RUnlock()
	at, ok := h.closed[key]
	return ok && at >= epoch
}

func (d *Directory) noteClosed(key Key, epoch int64) {
	h := d.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.closed) >= maxClosed/hintShards {
		for k := range h.closed {
			delete(h.closed, k)
			break
		}
	}
	h.closed[key] = max(h.closed[key], epoch)
}

// Forget drops a hint that has proved wrong.
func (d *Directory) Forget(key Key) { d.forget(key, 1<<62) }

func (d *Directory) forget(key Key, epoch int64) {
	h := d.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.rows[key]; ok && known.Epoch <= epoch {
		delete(h.rows, key)
	}
}

// Claim takes a key for an incarnation. The caller holds Lock for the key. Somebody
// else's key is a *HeldError, from which the hint is corrected.
func (d *Directory) Claim(ctx context.Context, key Key, incarnation int64) (Ownership, error) {
	own, err := d.store.Claim(ctx, key, incarnation)
	var held *HeldError
	if errors.As(err, &held) {
		d.Learn(held.Owner)
	}
	return own, err
}

// TakeOver takes many keys for an incarnation. The caller holds the locks of all.
func (d *Directory) TakeOver(ctx context.Context, keys []Key, incarnation int64) (Taken, error) {
	taken, err := d.store.TakeOver(ctx, keys, incarnation)
	for _, o := range taken.Held {
		d.Learn(o)
	}
	return taken, err
}

// Lock serializes the claims of one key on this node: from the look whether the
// process runs here until it does. Two claims of one node under way would both
// succeed, as a claim takes what is the claimant's own.
func (d *Directory) Lock(ctx context.Context, key Key) (unlock func(), err error) {
	return d.locks.lock(ctx, key)
}

// TryLock is Lock for who has many keys to lock and must not wait for one: false if
// somebody else of this node has it.
func (d *Directory) TryLock(key Key) (unlock func(), ok bool) { return d.locks.tryLock(key) }

// keyLocks are locks by key that exist only while somebody wants them.
type keyLocks struct {
	mu   sync.Mutex
	held map[Key]*keyLock
}

type keyLock struct {
	slot  chan struct{}
	users int
}

func (l *keyLocks) lock(ctx context.Context, key Key) (func(), error) {
	k := l.enter(key)
	select {
	case k.slot <- struct{}{}:
		return func() { <-k.slot; l.leave(key, k) }, nil
	case <-ctx.Done():
		l.leave(key, k)
		return nil, ctx.Err()
	}
}

func (l *keyLocks) tryLock(key Key) (func(), bool) {
	k := l.enter(key)
	select {
	case k.slot <- struct{}{}:
		return func() { <-k.slot; l.leave(key, k) }, true
	default:
		l.leave(key, k)
		return nil, false
	}
}

func (l *keyLocks) enter(key Key) *keyLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.held[key]
	if k == nil {
		k = &keyLock{slot: make(chan struct{}, 1)}
		l.held[key] = k
	}
	k.users++
	return k
}

func (l *keyLocks) leave(key Key, k *keyLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, key)
	}
}

// Hints is the number of cached owners, for metrics.
func (d *Directory) Hints() (n int) {
	for i := range d.hints {
		h := &d.hints[i]
		h.mu.RLock()
		n += len(h.rows)
		h.mu.RUnlock()
	}
	return n
}
