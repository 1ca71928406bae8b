// Package cache keeps values of the store near: what the founding design calls
// the Central functions.
//
// The store is the truth. A write goes to the store first, then the writer's own
// cache follows, then the other nodes are told which keys have changed: keys and
// versions, never values, never functions. The store counts changes with one
// counter and logs them in the transaction that makes them; every node reads the
// tail of that log each second. So the bus only makes it faster: a lost message, a
// node that died between commit and message, or another process that writes to the
// store is healed within about a second. A node that cannot read the tail for 3
// seconds reads through; if the store does not answer either, it serves what it has.
//
// Values are immutable: a caller never changes what it was given.
package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
)

// ErrAbsent is what a table's Load returns for a key without a value, and what a
// caller gets then.
var ErrAbsent = errors.New("cache: no such value")

// ChangesTopic carries changed keys.
var ChangesTopic = bus.RegisterTopic("cache.changes",
	"the node that wrote: table, key and version of what changed; a lost one is found in the change log within a second")

// Changes is the body of ChangesTopic.
type Changes struct {
	Changes []Change `json:"changes"`
}

var _ = message.Register[Changes]("cache.changes")

const (
	tailEvery = time.Second
	// overdue: a tail that is so much later than it should be is not trusted.
	overdue = 3 * time.Second
	// overlap is for how long a transaction may hold a version while later ones
	// commit before it: longer than the store lets a statement run.
	overlap = 10 * time.Second
	// startOverlap is the same in versions, for the first read, when nothing is
	// known about times.
	startOverlap = 1000
	tailLimit    = 1000
	// keep is how long the log is kept; who has not read it for half of that starts
	// with empty caches.
	keep      = 10 * time.Minute
	trimEvery = time.Minute
)

// Options of all caches of a node.
type Options struct {
	Log *slog.Logger
}

// Caches are the cached tables of one node.
type Caches struct {
	bus  bus.Bus
	log  Log
	slog *slog.Logger
	stop func()

	mu      sync.Mutex
	tables  map[string]table
	watch   map[string][]func(key string)
	applied map[int64]time.Time // versions of the overlap that were applied already

	tail tail
}

// table is what Caches knows of a Table.
type table interface {
	changed(key string, version int64)
	purge()
	info() Info
	figures() Figures
}

// Figures are what /metrics shows of a table.
type Figures struct {
	Hits    int64 // look-ups answered from memory
	Misses  int64 // look-ups that were not, also those that only asked what is cached
	Entries int
}

// Info is a row of docs/caches.md.
type Info struct {
	Name    string
	Size    int           // entries at most
	MaxAge  time.Duration // 0: until changed
	Purpose string
}

// registered lists the tables of this program, for Tables.
var registered = struct {
	sync.Mutex
	byName map[string]Info
}{byName: map[string]Info{}}

// Tables lists every table that was made in this process, in order of names.
func Tables() []Info {
	registered.Lock()
	defer registered.Unlock()
	return sorted(registered.byName)
}

func sorted(byName map[string]Info) []Info {
	list := make([]Info, 0, len(byName))
	for _, i := range byName {
		list = append(list, i)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// New makes the caches of a node. Nothing is kept before Run has read the log once.
func New(b bus.Bus, log Log, o Options) *Caches {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Caches{
		bus:     b,
		log:     log,
		slog:    o.Log,
		tables:  map[string]table{},
		watch:   map[string][]func(string){},
		applied: map[int64]time.Time{},
	}
	c.stop = b.Subscribe(ChangesTopic, c.heard)
	return c
}

// Tables lists the tables of this node.
func (c *Caches) Tables() []Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	byName := map[string]Info{}
	for name, t := range c.tables {
		byName[name] = t.info()
	}
	return sorted(byName)
}

// Figures counts, by table.
func (c *Caches) Figures() map[string]Figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	byName := make(map[string]Figures, len(c.tables))
	for name, t := range c.tables {
		byName[name] = t.figures()
	}
	return byName
}

func (c *Caches) add(name string, t table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, dup := c.tables[name]; dup {
		panic("cache: table made twice: " + name)
	}
	c.tables[name] = t
	registered.Lock()
	defer registered.Unlock()
	registered.byName[name] = t.info()
}

// OnChange calls f for every changed key of a table, on every node, the writer's
// included, after the cached value is gone. f must not block. Only a node that
// could not read the log for longer than it is kept may miss a change.
func (c *Caches) OnChange(table string, f func(key string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch[table] = append(c.watch[table], f)
}

// Announce applies changes that the store has committed to this node's caches, and
// tells the other nodes. The writes of a Table announce themselves.
func (c *Caches) Announce(changes []Change) {
	c.apply(changes)
	c.tell(changes)
}

// tell sends changes to the other nodes. A failure costs a second: the log has them.
func (c *Caches) tell(changes []Change) {
	if len(changes) == 0 || c.bus.Alone() {
		return
	}
	if err := c.bus.Publish(ChangesTopic, Changes{Changes: changes}); err != nil {
		c.slog.Debug("changes not announced", "err", err)
	}
}

// heard takes in the changes of another node; our own were applied when written.
func (c *Caches) heard(m bus.Message) {
	if body, ok := m.Body.(Changes); ok && m.Origin != c.bus.Self() {
		c.apply(body.Changes)
	}
}

// apply drops what has changed, each version once.
func (c *Caches) apply(changes []Change) {
	type due struct {
		change Change
		table  table
		watch  []func(string)
	}
	var list []due
	now := time.Now()
	c.mu.Lock()
	for _, ch := range changes {
		if _, done := c.applied[ch.Version]; done {
			continue
		}
		if ch.Version != 0 {
			c.applied[ch.Version] = now
		}
		list = append(list, due{ch, c.tables[ch.Table], c.watch[ch.Table]})
	}
	c.mu.Unlock()
	for _, d := range list {
		if d.table != nil {
			d.table.changed(d.change.Key, d.change.Version)
		}
		for _, f := range d.watch {
			f(d.change.Key)
		}
	}
}

// Void forgets all that is kept: the store is not what it was, and what it said before may
// be undone. Changes of its new history have higher versions than those of the old.
func (c *Caches) Void() { c.purge() }

// purge empties all tables.
func (c *Caches) purge() {
	c.mu.Lock()
	tables := make([]table, 0, len(c.tables))
	for _, t := range c.tables {
		tables = append(tables, t)
	}
	c.mu.Unlock()
	for _, t := range tables {
		t.purge()
	}
}

// Run reads the tail of the log until ctx ends.
func (c *Caches) Run(ctx context.Context) error {
	defer c.stop()
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	for {
		if err := c.readTail(ctx); err != nil && ctx.Err() == nil {
			c.slog.Warn("change log not read", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-trim.C:
			if err := c.log.TrimChanges(ctx, keep.Milliseconds()); err != nil && ctx.Err() == nil {
				c.slog.Warn("change log not trimmed", "err", err)
			}
		}
	}
}

// fresh reports whether the tail was read in time: only then is the cache to be
// believed, and only then is anything kept.
func (c *Caches) fresh() bool { return c.tail.fresh(time.Now()) }

// readTail applies the changes behind the last read, and those of the overlap
// before it that were not there yet.
func (c *Caches) readTail(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, overdue)
	defer cancel()
	from, started := c.tail.from(began)
	if !started {
		last, err := c.log.LastChange(ctx)
		if err != nil {
			return fmt.Errorf("read last change: %w", err)
		}
		from = max(0, last-startOverlap)
	}
	after := from
	for {
		changes, err := c.log.Changes(ctx, after, tailLimit)
		if err != nil {
			return fmt.Errorf("read changes after %d: %w", after, err)
		}
		c.apply(changes)
		for _, ch := range changes {
			after = max(after, ch.Version)
		}
		if len(changes) < tailLimit {
			break
		}
	}
	if c.tail.tooLate(began) {
		c.slog.Warn("change log was away for too long, caches emptied")
		c.purge()
	}
	c.tail.read(began, from, after)
	c.forget(began.Add(-2*overlap), from)
	return nil
}

// forget drops versions that will not be read again.
func (c *Caches) forget(before time.Time, from int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for v, at := range c.applied {
		if v <= from && at.Before(before) {
			delete(c.applied, v)
		}
	}
}
