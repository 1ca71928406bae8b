package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// negativeAge is how long "there is none" is believed: a name that was free may be
// taken by somebody who does not log it.
const negativeAge = 5 * time.Second

// defaultSize bounds a table that does not say.
const defaultSize = 10_000

// TableOptions describes a table. Load, KeyText and ParseKey are needed; a write
// without its function is an error.
type TableOptions[K comparable, V any] struct {
	// Load reads a value from the store; ErrAbsent if there is none.
	Load func(ctx context.Context, key K) (V, error)
	// KeyText and ParseKey are the form of a key in the change log.
	KeyText  func(K) string
	ParseKey func(string) (K, error)
	Size     int           // entries at most; the least recently used goes
	MaxAge   time.Duration // 0: until changed
	// The writes run in the store and return the rows of the change log that they wrote.
	Save   func(ctx context.Context, key K, value V) ([]Change, error)
	Insert func(ctx context.Context, key K, value V) ([]Change, bool, error) // true: it was not there
	Remove func(ctx context.Context, key K) ([]Change, error)
	// Modify runs change on the stored value, again if somebody else was faster.
	Modify func(ctx context.Context, key K, change func(V) (V, error)) (V, []Change, error)
	// Watch is told of each change, on every node; it must not block.
	Watch   func(K)
	Purpose string // one sentence for docs and operators
}

// Table caches one kind of value of the store by key.
type Table[K comparable, V any] struct {
	caches *Caches
	name   string
	o      TableOptions[K, V]
	loads  singleflight.Group

	hits, misses atomic.Int64 // see Figures

	mu      sync.Mutex
	kept    lru[K, V]
	working map[K]*work
}

// work is about what is going on with a key that was not finished when it changed.
// While somebody fills or writes a key, its changes are noted here: a fill that
// began before a change must not be kept after it, whether there was an entry or not.
type work struct {
	users   int
	changes int64 // how many there were
	version int64 // the highest of them
}

// NewTable makes a table. Names are unique, and those of the store's change log.
func NewTable[K comparable, V any](c *Caches, name string, o TableOptions[K, V]) *Table[K, V] {
	if o.Load == nil || o.KeyText == nil || o.ParseKey == nil {
		panic("cache: table " + name + " needs Load, KeyText and ParseKey")
	}
	if o.Size <= 0 {
		o.Size = defaultSize
	}
	t := &Table[K, V]{caches: c, name: name, o: o, working: map[K]*work{}}
	t.kept.init(o.Size)
	c.add(name, t)
	return t
}

func (t *Table[K, V]) info() Info {
	return Info{Name: t.name, Size: t.o.Size, MaxAge: t.o.MaxAge, Purpose: t.o.Purpose}
}

// Get returns what is cached, without asking anybody.
func (t *Table[K, V]) Get(key K) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.valid(key)
	if e == nil || e.absent {
		t.misses.Add(1)
		var none V
		return none, false
	}
	t.hits.Add(1)
	return e.value, true
}

// valid returns the entry of a key unless it is too old. mu is held.
func (t *Table[K, V]) valid(key K) *entry[K, V] {
	e := t.kept.get(key)
	if e == nil {
		return nil
	}
	most := t.o.MaxAge
	if e.absent && (most == 0 || most > negativeAge) {
		most = negativeAge
	}
	if most > 0 && time.Since(e.at) >= most {
		t.kept.remove(key)
		return nil
	}
	return e
}

// GetOrLoad returns the cached value, or loads it; callers that come meanwhile
// share the load. ErrAbsent if there is none. While the change log cannot be read,
// every call reads the store; if that fails, what is cached is served as it is.
func (t *Table[K, V]) GetOrLoad(ctx context.Context, key K) (V, error) {
	t.mu.Lock()
	e := t.valid(key)
	t.mu.Unlock()
	if e != nil && t.caches.fresh() {
		t.hits.Add(1)
		return e.result()
	}
	t.misses.Add(1)
	v, err := t.load(ctx, key)
	if err != nil && !errors.Is(err, ErrAbsent) && e != nil {
		return e.result()
	}
	return v, err
}

// load shares one read of the store among all who want the key now.
func (t *Table[K, V]) load(ctx context.Context, key K) (V, error) {
	for {
		got, err, shared := t.loads.Do(t.o.KeyText(key), func() (any, error) { return t.fill(ctx, key) })
		if err == nil {
			return got.(V), nil
		}
		// The caller who read for all of us has given up; we have not.
		gaveUp := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
		if shared && gaveUp && ctx.Err() == nil {
			continue
		}
		var none V
		return none, err
	}
}

// fill reads the store, and keeps what it found unless the key changed meanwhile.
func (t *Table[K, V]) fill(ctx context.Context, key K) (V, error) {
	fresh := t.caches.fresh()
	w, before := t.begin(key)
	v, err := t.o.Load(ctx, key)
	absent := errors.Is(err, ErrAbsent)
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.end(key, w)
	var none V
	if err != nil && !absent {
		return none, fmt.Errorf("load %s %s: %w", t.name, t.o.KeyText(key), err)
	}
	if w.changes == before && fresh && t.caches.fresh() {
		t.kept.put(&entry[K, V]{key: key, value: v, absent: absent, at: time.Now()})
	}
	if absent {
		return none, ErrAbsent
	}
	return v, nil
}

func (t *Table[K, V]) figures() Figures {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Figures{Hits: t.hits.Load(), Misses: t.misses.Load(), Entries: len(t.kept.entries)}
}

// begin and end enclose work on a key; end is called with mu held.
func (t *Table[K, V]) begin(key K) (w *work, changes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w = t.working[key]
	if w == nil {
		w = &work{}
		t.working[key] = w
	}
	w.users++
	return w, w.changes
}

func (t *Table[K, V]) end(key K, w *work) {
	if w.users--; w.users == 0 {
		delete(t.working, key)
	}
}

// changed drops a key: the store has a version of it that we have not.
func (t *Table[K, V]) changed(text string, version int64) {
	key, err := t.o.ParseKey(text)
	if err != nil {
		t.caches.slog.Warn("key of the change log not understood", "table", t.name, "key", text, "err", err)
		return
	}
	t.mu.Lock()
	if e := t.kept.peek(key); e != nil && (version == 0 || e.version < version) {
		t.kept.remove(key)
	}
	if w := t.working[key]; w != nil {
		w.changes++
		w.version = max(w.version, version)
	}
	t.mu.Unlock()
	t.loads.Forget(text) // who asks from now on must not get what was read before
	if t.o.Watch != nil {
		t.o.Watch(key)
	}
}

// purge forgets everything, and lets nothing be kept that is being read.
func (t *Table[K, V]) purge() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept.init(t.o.Size)
	for _, w := range t.working {
		w.changes++
	}
}
