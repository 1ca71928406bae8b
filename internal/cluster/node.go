package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/cluster/sequence"
	"teiserver/internal/guard"
)

// Options describe a node. The stores are usually one and the same.
type Options struct {
	Name    string
	Version string
	// Single says that there is no other node: no renewals, no snapshots in the store,
	// and an error if another node lives in it.
	Single bool
	// Bus opens the bus once the node has its incarnation. The node closes it.
	Bus       func(ctx context.Context, self bus.Origin, clusterID string) (bus.Bus, error)
	Leases    lease.Store
	Owners    registry.Store
	Sequences sequence.Store
	Log       *slog.Logger
	// OnCondemned is called when this node has been declared dead, after its processes
	// were dropped: close all clients with a reason. Then Done is closed.
	OnCondemned func()
	// OnTimeline is called when this node goes on in another history of the store, under
	// another incarnation, before it claims anything there: what it knows of the store may
	// be undone. Clients stay. It must not block.
	OnTimeline func(lease.Membership)
	// OnCutOff is called when this node has been cut off from the nodes that stay for
	// too long. The node goes on: stop it in order, so that its processes go to those.
	OnCutOff func()
	// OnDrain is called when the operator wants this node to drain, or not any more.
	OnDrain func(drain bool)
	// HearFirst is how long this node must hear the others before it is ready, for one
	// that was cut off before.
	HearFirst    time.Duration
	BootID       string // of the host, and which folder on it is the node's
	FolderLocked bool   // the lock on that folder is ours
	Memory       lease.Memory
	Address      string // where others reach the bus
	Clients      func() int
	Guard        *guard.Guard // catches the panics of who is told of members; nil: one of its own

	Timing lease.Timing // for tests
	Clock  lease.Clock  // for tests
}

// Node is one node in one life. It implements Runtime.
//
// Use it in this order: New, Register the kinds and build what listens (Subscribe,
// Serve, OnMembers and OnTakeover work at once), Start, everything else, Stop. Ready
// is closed when the node hears the others and begins to take over what nobody runs.
//
// A node whose store comes to another timeline goes on: nothing runs until it has joined
// that and waited, then its processes claim their keys again, see process.Host.Regain. To
// the other nodes it is the same life; what the store gives it is given to another
// incarnation.
//
// A node that is condemned ends: its processes are dropped without a word, OnCondemned
// is called, Done is closed and Err says why. It does not come back by itself: feeds,
// sessions and subscriptions of all packages carry the incarnation, and a new process
// is the one place where all of them start anew. The service manager restarts it.
type Node struct {
	o     Options
	log   *slog.Logger
	guard *guard.Guard
	self  bus.Origin
	kinds map[string]*process.Kind

	lease *lease.Lease
	bus   bus.Bus
	dir   *registry.Directory
	hub   *feed.Hub
	host  *process.Host
	seq   *sequence.Sequences
	casts casts
	count Counters
	ended ended
	held  ownRows

	ids      atomic.Int64
	open     atomic.Bool // everything above is there
	draining atomic.Bool
	entered  atomic.Bool             // ready: takes processes and clients
	heardOf  atomic.Pointer[[]int64] // who stays with this node, see lookAtLinks
	moved    chan struct{}           // to another timeline
	kick     chan struct{}
	ready    chan struct{}
	ctx      context.Context // of the node's own goroutines
	cancel   context.CancelFunc
	ends     sync.WaitGroup
	stopping atomic.Bool // somebody ends the node
	done     chan struct{}

	mu        sync.Mutex // guards what follows
	err       error
	early     []func() // what was asked for before Start
	takeovers map[string][]func(Key)
	leaving   map[int64]bool // nodes that have said that they take nothing anymore
	missing   map[Key]time.Time
}

var _ Runtime = (*Node)(nil)

// Counters count what the node met; see process.Counters for its processes.
type Counters struct {
	Claims      atomic.Int64 // keys claimed
	Takeovers   atomic.Int64 // of them with a state of somebody else
	HeldClaims  atomic.Int64 // claims that found another owner
	Skipped     atomic.Int64 // rows that a take-over had to leave, as somebody held them
	Local       atomic.Int64 // calls and casts to processes of this node
	Remote      atomic.Int64 // those that had to be looked for
	Refused     atomic.Int64 // answered by a refusal
	Unavailable atomic.Int64 // calls that ended without an answer
	Retries     atomic.Int64 // tries of calls after the first
	Redirects   atomic.Int64 // answers that named another owner
	CastsLost   atomic.Int64 // casts given up
	Sweeps      atomic.Int64
	Moved       atomic.Int64 // processes handed to their home
}

// New makes a node that does nothing yet.
func New(o Options) *Node {
	n := &Node{
		o: o, log: o.Log, kinds: map[string]*process.Kind{},
		moved: make(chan struct{}, 1), kick: make(chan struct{}, 1), ready: make(chan struct{}), done: make(chan struct{}),
		takeovers: map[string][]func(Key){}, leaving: map[int64]bool{}, missing: map[Key]time.Time{},
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.guard = o.Guard; n.guard == nil {
		n.guard = guard.New(n.log)
	}
	if n.o.Clients == nil {
		n.o.Clients = func() int { return 0 }
	}
	if n.o.Clock == nil {
		n.o.Clock = lease.SystemClock{}
	}
	n.ended = newEnded()
	n.casts.queues = map[Key][]any{}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// Start joins the cluster. An error leaves nothing behind.
func (n *Node) Start(ctx context.Context) error {
	if err := n.join(ctx); err != nil {
		return err
	}
	m := n.lease.Membership()
	n.self = bus.Origin{Node: n.o.Name, Incarnation: m.Incarnation}
	n.log = n.log.With("node", n.self.Node)
	n.lease.Start()
	if m.Timeline.New && m.Timeline.ID > 1 {
		n.log.Warn("a new timeline of the database begins", "timeline", m.Timeline.ID, "why", m.Timeline.Why)
	}
	if err := n.lease.Hold(ctx); err != nil {
		return errors.Join(err, n.lease.Stop(context.WithoutCancel(ctx)))
	}
	b, err := n.o.Bus(ctx, n.self, m.ClusterID)
	if err != nil {
		_ = n.lease.Stop(ctx)
		return fmt.Errorf("open the bus: %w", err)
	}
	n.bus = b
	n.dir = registry.NewDirectory(n.o.Owners, n.lease.Ended)
	n.seq = sequence.New(n.o.Sequences)
	n.hub = feed.NewHub(b, feed.HubOptions{Trusted: n.lease.Trusted, Gone: func(o bus.Origin) bool { return n.lease.Gone(o.Incarnation) }, Log: n.log})
	n.host = process.NewHost(process.Options{
		Incarnation: n.self.Incarnation,
		Kinds:       n.kinds,
		Store:       n.o.Owners,
		Trusted:     n.lease.Trusted,
		StoreTime:   n.lease.Now,
		OpenFeed:    n.openFeed,
		IndexTopic:  func(kind string) string { return nodeTopic(IndexTopic(kind), n.self.Node) },
		Rebuilt: func(key Key, epoch int64) {
			n.announce(registry.Owner{Key: key, Epoch: epoch, State: registry.Owned}, true)
		},
		Regained: func(key registry.Key, epoch int64) { n.announce(n.ownerHere(key, epoch), false) },
		Ended: func(key Key, epoch int64, s registry.State) {
			n.announce(registry.Owner{Key: key, Epoch: epoch, State: s}, false)
		},
		Volatile: n.o.Single,
		Log:      n.log,
	})
	n.listen()
	n.mu.Lock()
	early := n.early
	n.early = nil
	n.open.Store(true)
	n.mu.Unlock()
	for _, f := range early {
		f()
	}
	n.say(nodeNews{Serving: true})
	n.lease.OnMembers(func(nodes []lease.Node) {
		if gone := n.ended.members(nodes); len(gone) > 0 {
			n.say(nodeNews{Serving: !n.draining.Load(), Gone: gone})
		}
		n.hurry()
	})
	n.ends.Go(n.sweepLoop)
	n.ends.Go(n.followTimelines)
	if !n.o.Single {
		n.ends.Go(func() { n.watchLinks(n.ctx) })
	}
	n.ends.Go(n.watchCondemned)
	n.log.Info("joined the cluster", "incarnation", n.self.Incarnation, "cluster", m.ClusterID)
	return nil
}

func (n *Node) join(ctx context.Context) (err error) {
	o := lease.Options{
		Candidate: lease.Candidate{
			Name: n.o.Name, Address: n.o.Address, Version: n.o.Version,
			BootID: n.o.BootID, Proof: n.o.FolderLocked, Memory: n.o.Memory,
		},
		Store: n.o.Leases, Timing: n.o.Timing, Clock: n.o.Clock, Report: n.report, Drain: n.o.OnDrain,
		GoOn: n.mayGoOn, Moved: n.moveTo, Log: n.log,
	}
	if n.o.Single {
		n.lease, err = lease.Alone(ctx, o)
	} else {
		n.lease, err = lease.Join(ctx, o)
	}
	return err
}

func (n *Node) report() lease.Report {
	r := lease.Report{Clients: n.o.Clients(), Serving: !n.draining.Load() && (n.entered.Load() || n.o.HearFirst == 0)}
	if !n.open.Load() {
		return r
	}
	switch {
	case n.lease.Holding():
		r.Note = noteHolding
	case n.o.HearFirst > 0 && !n.entered.Load():
		r.Note = noteWaiting
	}
	r.Processes = n.host.Running()
	for _, p := range n.bus.Peers() {
		r.Hears = append(r.Hears, p.Node)
	}
	return r
}

func (n *Node) openFeed(topic string, epoch, run int64, view feed.ViewFunc, opts ...feed.OpenOption) process.Publisher {
	return n.hub.Open(topic, epoch, run, view, opts...)
}

// Stop leaves the cluster in order: nothing new is taken, every process is handed back
// with its final snapshot, singletons first, then the lease is given up and the feeds
// and the bus are closed. What ctx leaves no time for is dropped, and found by others.
// Whoever calls it while the node ends already waits for that.
func (n *Node) Stop(ctx context.Context) error {
	if !n.open.Load() {
		return nil
	}
	if n.stopping.CompareAndSwap(false, true) {
		return n.stop(ctx)
	}
	select {
	case <-n.done:
	case <-ctx.Done():
	}
	return nil
}

func (n *Node) stop(ctx context.Context) error {
	n.draining.Store(true)
	n.say(nodeNews{Serving: false})
	n.endOwn()
	n.handOverWhileAlive(ctx)
	n.host.DropAll()
	err := n.lease.Stop(ctx)
	n.say(nodeNews{Left: true})
	n.hub.Close()
	n.fail(nil)
	return errors.Join(err, n.bus.Close())
}

// watchCondemned ends the node when others have declared it dead.
func (n *Node) watchCondemned() {
	select {
	case <-n.lease.Condemned():
	case <-n.ctx.Done():
		return
	}
	n.cancel()
	if !n.stopping.CompareAndSwap(false, true) {
		return
	}
	go func() {
		n.endOwn()
		n.host.DropAll()
		if n.o.OnCondemned != nil {
			n.o.OnCondemned()
		}
		n.lease.Abandon()
		n.hub.Close()
		_ = n.bus.Close()
		n.fail(fmt.Errorf("node %s, incarnation %d: %w", n.self.Node, n.self.Incarnation, n.lease.Fallen()))
	}()
}

// endOwn ends the node's own goroutines and waits for them.
func (n *Node) endOwn() {
	n.cancel()
	n.casts.mu.Lock()   // whoever casts has started its goroutine, or will see the end
	n.casts.mu.Unlock() //nolint:staticcheck // empty on purpose: it waits for them
	n.ends.Wait()
}

func (n *Node) fail(err error) {
	n.mu.Lock()
	n.err = err
	n.mu.Unlock()
	close(n.done)
}

// Done is closed when the node has ended, by Stop or because it was condemned.
func (n *Node) Done() <-chan struct{} { return n.done }

// Membership is what joining gave. The node must have started.
func (n *Node) Membership() lease.Membership { return n.lease.Membership() }

// Fallen says why the node has been given up, also while it ends; nil if it has not.
func (n *Node) Fallen() error { return n.lease.Fallen() }

// Err says why the node has ended; nil after Stop.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// Ready is closed when the node hears every live node, or has waited long enough.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Now is the store's time as far as this node knows it, see lease.Lease.Now. The node
// must have started.
func (n *Node) Now() time.Time { return n.lease.Now() }

// TrustLeft is how long the node would stay trusted without another renewal.
func (n *Node) TrustLeft() time.Duration { return n.lease.TrustLeft() }
