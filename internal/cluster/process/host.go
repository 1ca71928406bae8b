package process

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/registry"
)

// Publisher is the owner's end of a feed, see package feed.
type Publisher interface {
	Publish(event any) feed.Version
	Restart() feed.Version
	Base(view any)
	Version() feed.Version
	Close()
}

// Options are what a host needs around it.
type Options struct {
	Incarnation int64 // at first, see Host.Under
	Kinds       map[string]*Kind
	Store       registry.Store
	// Trusted is asked before every effect.
	Trusted  func() bool
	OpenFeed func(topic string, epoch, run int64, view feed.ViewFunc, opts ...feed.OpenOption) Publisher
	// IndexTopic is the topic of this node's index of a kind.
	IndexTopic func(kind string) string
	// Rebuilt is told of a process that went on from an older state. It must not block.
	Rebuilt func(key registry.Key, epoch int64)
	// Regained is told of a process that goes on as it was, under a new claim on another
	// timeline of the store. It must not block.
	Regained func(key registry.Key, epoch int64)
	// Ended is told of a process that was closed or released. It must not block.
	Ended func(key registry.Key, epoch int64, state registry.State)
	// Volatile keeps snapshots in memory only: a node without a cluster.
	Volatile  bool
	SaveEvery time.Duration // 0: saveEvery
	Now       func() time.Time
	// StoreTime is the time that commands are told; nil: Now.
	StoreTime func() time.Time
	Log       *slog.Logger
}

// The numbers of a host.
const (
	// saveEvery leaves half of the promised second for the write itself.
	saveEvery = 500 * time.Millisecond
	// saveBatch keeps one write of the store short.
	saveBatch = 200
	// storeLimit is how long one write may take before its outcome counts as unknown.
	storeLimit = 2 * time.Second
	// waitStep is how often a process that waits for trust or for the store looks again.
	waitStep = 100 * time.Millisecond
)

// Counters count what happened on a node.
type Counters struct {
	Applied    atomic.Int64 // commands applied
	Repeated   atomic.Int64 // commands answered from memory
	Frozen     atomic.Int64 // commands refused because the node was not trusted
	Held       atomic.Int64 // effects held back until the node was trusted again
	Full       atomic.Int64 // commands refused because a mailbox was full
	Panics     atomic.Int64
	Rebuilds   atomic.Int64
	Fenced     atomic.Int64 // processes dropped because the store knew a newer owner
	Written    atomic.Int64 // durable records
	Acted      atomic.Int64 // effects done
	NotActed   atomic.Int64 // effects given up: too many, or their process ended before
	Saved      atomic.Int64 // snapshots
	SaveErrors atomic.Int64 // rounds of snapshots that failed
	Closed     atomic.Int64
	Released   atomic.Int64
}

// Host runs the processes of one node.
type Host struct {
	o       Options
	count   Counters
	letters sync.Pool // per host: what a test's bubble made must not leave it
	indexes map[string]*index
	seed    maphash.Seed
	shards  [hostShards]hostShard
	running atomic.Int64
	under   atomic.Int64  // incarnation
	claims  chan struct{} // slots of those who regain their keys
	dropped atomic.Bool
	stop    chan struct{}
	ends    sync.WaitGroup
}

const hostShards = 64

type hostShard struct {
	mu   sync.RWMutex
	runs map[registry.Key]*Process
}

// NewHost makes a host, opens its index feeds and begins to save.
func NewHost(o Options) *Host {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.StoreTime == nil {
		o.StoreTime = o.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SaveEvery == 0 {
		o.SaveEvery = saveEvery
	}
	h := &Host{o: o, seed: maphash.MakeSeed(), indexes: map[string]*index{}, stop: make(chan struct{}), claims: make(chan struct{}, regainAtOnce)}
	h.under.Store(o.Incarnation)
	for i := range h.shards {
		h.shards[i].runs = map[registry.Key]*Process{}
	}
	for name, k := range o.Kinds {
		if !k.Indexed {
			continue
		}
		x := &index{entries: map[string]Indexed{}}
		x.mu.Lock()
		x.pub = o.OpenFeed(o.IndexTopic(name), o.Incarnation, 1, func(_ context.Context, then func(feed.Version, any)) error {
			x.view(then)
			return nil
		}, k.feedOptions(false)...)
		x.mu.Unlock()
		h.indexes[name] = x
	}
	h.ends.Add(1)
	go h.saveLoop()
	return h
}

// Counters are live.
func (h *Host) Counters() *Counters { return &h.count }

// Running is the number of processes.
func (h *Host) Running() int { return int(h.running.Load()) }

func (h *Host) shard(key registry.Key) *hostShard {
	return &h.shards[maphash.String(h.seed, key.ID)%hostShards]
}

// Get returns the process that runs here under key, or nil.
func (h *Host) Get(key registry.Key) *Process {
	s := h.shard(key)
	s.mu.RLock()
	p := s.runs[key]
	s.mu.RUnlock()
	return p
}

// Each calls f for every process, in no order.
func (h *Host) Each(f func(p *Process)) {
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.RLock()
		list := make([]*Process, 0, len(s.runs))
		for _, p := range s.runs {
			list = append(list, p)
		}
		s.mu.RUnlock()
		for _, p := range list {
			f(p)
		}
	}
}

// Start runs a process under an ownership that was just claimed. The caller makes sure
// that nothing runs here under the key. With first the process is seen by nobody until
// that command has succeeded, and its key is closed if it does not; Start does not wait
// for it, see Process.First. ErrNoState and other errors of Open leave the key owned
// and not running.
func (h *Host) Start(ctx context.Context, own registry.Ownership, first *Call) (*Process, error) {
	k := h.o.Kinds[own.Key.Kind]
	if k == nil {
		return nil, fmt.Errorf("start %s: no such kind", own.Key)
	}
	p := &Process{
		host: h, key: own.Key, kind: k,
		run:    1,
		box:    mailbox{ready: make(chan struct{}, 1)},
		slot:   make(chan struct{}, 1),
		flight: make(chan struct{}, 1),
		ask:    make(chan struct{}, 1),
		done:   make(chan struct{}),
		timers: map[*time.Timer]struct{}{},
		latest: own.Snapshot,
		acts:   newActs(k),
	}
	p.setOwnership(own)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.load(ctx, own.Snapshot); err != nil {
		p.cancel()
		return nil, fmt.Errorf("start %s: %w", own.Key, err)
	}
	if k.Doubt == Freeze && !h.o.Trusted() {
		p.end()
		return nil, fmt.Errorf("start %s: %w", own.Key, ErrUnavailable)
	}
	if first != nil {
		p.unborn = h.letter()
		p.unborn.body, p.unborn.id = first.Body, first.ID
		p.first = p.unborn
		_ = p.box.push(p.unborn)
	}
	if !h.insert(p) {
		p.end()
		return nil, fmt.Errorf("start %s: runs already, or the host has ended: %w", own.Key, ErrUnavailable)
	}
	p.settle(!own.Fresh && !p.complete)
	if first == nil {
		p.slot <- struct{}{}
		p.openFeed()
		p.list(!own.Fresh || k.Start == Ensured)
		p.leave()
	}
	p.base()
	go p.loop()
	return p, nil
}

// insert puts a process into the table, before anybody can hear of it.
func (h *Host) insert(p *Process) bool {
	s := h.shard(p.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[p.key] != nil || h.dropped.Load() {
		return false
	}
	s.runs[p.key] = p
	h.running.Add(1)
	h.ends.Add(1)
	return true
}

func (h *Host) remove(p *Process) {
	s := h.shard(p.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[p.key] == p {
		delete(s.runs, p.key)
		h.running.Add(-1)
	}
}

// ReleaseAll hands every process back, a few at a time, those for which sooner is true
// first, and returns when all have ended or the context has.
func (h *Host) ReleaseAll(ctx context.Context, parallel int, sooner func(k *Kind) bool) {
	var now, later []*Process
	h.Each(func(p *Process) {
		if sooner(p.kind) {
			now = append(now, p)
		} else {
			later = append(later, p)
		}
	})
	for _, list := range [][]*Process{now, later} {
		slots := make(chan struct{}, parallel)
		var all sync.WaitGroup
		for _, p := range list {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			all.Go(func() {
				defer func() { <-slots }()
				p.Release(ctx)
			})
		}
		all.Wait()
	}
}

// DropAll ends every process without an effect and waits until they have ended. The
// host cannot be used afterwards.
func (h *Host) DropAll() {
	h.dropped.Store(true) // before Each takes the locks: who has not started will not
	close(h.stop)
	h.Each(func(p *Process) { p.Drop() })
	h.ends.Wait()
	for _, x := range h.indexes {
		x.mu.Lock()
		pub := x.pub
		x.mu.Unlock()
		pub.Close()
	}
}

// storeContext is for one access to the store.
func (p *Process) storeContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, storeLimit)
}

// stillOurs asks the store whether an unexplained fence was our own lost write.
func (p *Process) stillOurs() (bool, error) {
	ctx, cancel := p.storeContext()
	defer cancel()
	o, ok, err := p.host.o.Store.Lookup(ctx, p.key)
	if err != nil {
		return false, err
	}
	return ok && o.State == registry.Owned && o.Incarnation == p.under.Load() && o.Epoch == p.epoch, nil
}

func isFenced(err error) bool { return errors.Is(err, registry.ErrFenced) }
