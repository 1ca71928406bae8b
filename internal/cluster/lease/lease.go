package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/failpoint"
)

// Options describe the node that joins.
type Options struct {
	Candidate Candidate // TTL is taken from Timing
	Store     Store
	Timing    Timing
	Clock     Clock         // nil: the host's
	Report    func() Report // told with each renewal; must not block
	Drain     func(bool)    // told what the operator wants when that changes; must not block
	// GoOn is asked whether this life may go on when the store is on another timeline; nil:
	// it may not. If it does, Moved is told under what, before anything is trusted. Neither
	// must block.
	GoOn  func() bool
	Moved func(Membership)
	Log   *slog.Logger
}

// Lease is one life of a node.
type Lease struct {
	self   atomic.Pointer[Membership]
	life   int64     // the first incarnation
	who    Candidate // to join again
	name   string
	store  Store
	timing Timing
	clock  Clock
	report func() Report
	drain  func(bool)
	goOn   func() bool
	moved  func(Membership)
	log    *slog.Logger
	alone  bool

	meters    meters
	window    atomic.Pointer[window]
	pulse     atomic.Pointer[pulse]
	slept     atomic.Bool               // stood still, and no renewal was good since
	seen      atomic.Pointer[time.Time] // when Awake looked last and it was
	time      storeTime
	condemned chan struct{}
	condemn   sync.Once
	fallen    atomic.Pointer[error] // why, before condemned is closed
	holdUntil atomic.Int64          // boot clock: no claims, and no trust, before
	adrift    atomic.Bool           // the store is on a timeline that was not joined yet
	doubted   atomic.Bool           // the rows do not know this node: its next renewal says why
	look      chan struct{}         // asks for a look at once
	again     chan struct{}         // asks for a renewal at once
	cancel    context.CancelFunc
	ends      sync.WaitGroup

	mu        sync.Mutex // guards what follows
	streak    streak
	doubtedAt time.Duration
	members   []Node
	gone      map[int64]bool  // incarnations
	over      map[int64]bool  // lives
	lives     map[int64]int64 // of incarnations that are not the first of theirs
	awaited   map[int64]awaited
	absences  floor

	hooks sync.Mutex // serializes the calls of onMembers, so that nobody sees an older set last
	on    []func([]Node)
}

// window is the end of trust on both clocks.
type window struct {
	boot time.Duration
	wall int64
}

func newLease(o Options) *Lease {
	l := &Lease{
		who:       o.Candidate,
		name:      o.Candidate.Name,
		store:     o.Store,
		timing:    o.Timing.orDefault(),
		clock:     o.Clock,
		report:    o.Report,
		drain:     o.Drain,
		goOn:      o.GoOn,
		moved:     o.Moved,
		log:       o.Log,
		meters:    newMeters(),
		condemned: make(chan struct{}),
		look:      make(chan struct{}, 1),
		again:     make(chan struct{}, 1),
		gone:      map[int64]bool{},
		over:      map[int64]bool{},
		lives:     map[int64]int64{},
		awaited:   map[int64]awaited{},
		streak:    streak{since: -1},
	}
	if l.clock == nil {
		l.clock = SystemClock{}
	}
	l.time.offset.Store(l.clock.Wall() - int64(l.clock.Boot())) // until the store has told
	if l.report == nil {
		l.report = func() Report { return Report{Serving: true} }
	}
	if l.drain == nil {
		l.drain = func(bool) {}
	}
	if l.goOn == nil {
		l.goOn = func() bool { return false }
	}
	if l.moved == nil {
		l.moved = func(Membership) {}
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l
}

// Alone joins as the only node of the store: always trusted, never renewed, never
// condemned. Another living node in the store is an error.
func Alone(ctx context.Context, o Options) (*Lease, error) {
	l := newLease(o)
	l.alone = true
	o.Candidate.TTL = 0 // a lease without end
	l.who.TTL = 0
	self, err := o.Store.Join(ctx, o.Candidate)
	if err != nil {
		return nil, fmt.Errorf("join as %s: %w", l.name, err)
	}
	l.self.Store(&self)
	l.life = self.Incarnation
	rows, err := o.Store.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	for _, n := range rows {
		if n.Incarnation != self.Incarnation && n.living() {
			_ = o.Store.Leave(ctx, self.Incarnation)
			return nil, fmt.Errorf("%s wants to be the only node, but %s lives in this store", l.name, n.Name)
		}
	}
	l.take(rows)
	return l, nil
}

// Membership is what joining gave, on the timeline that was joined last.
func (l *Lease) Membership() Membership { return *l.self.Load() }

// Incarnation is under what the store knows this node.
func (l *Lease) Incarnation() int64 { return l.self.Load().Incarnation }

// Life is under what the other nodes know this node: its first incarnation.
func (l *Lease) Life() int64 { return l.life }

// Start begins to renew and to watch. Stop or Abandon ends it.
func (l *Lease) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	if l.alone {
		l.ends.Add(1)
		go l.followAlone(ctx)
		return
	}
	l.ends.Add(2)
	go l.renew(ctx)
	go l.watch(ctx)
}

// Stop ends the lease: the row is marked as left and everything owned may be claimed
// at once. Nobody may act for this node afterwards.
func (l *Lease) Stop(ctx context.Context) error {
	l.Abandon()
	select {
	case <-l.condemned:
		return nil
	default:
	}
	if err := l.store.Leave(ctx, l.Incarnation()); err != nil {
		return fmt.Errorf("leave as %s: %w", l.name, err)
	}
	return nil
}

// Abandon stops renewing and watching without a word to the store, as a crash does.
func (l *Lease) Abandon() {
	if l.cancel != nil {
		l.cancel()
	}
	l.ends.Wait()
	l.window.Store(nil)
}

// Trusted reports whether this node may act for others to see, now. It is the last
// thing to ask before an effect: the answer is as old as the call.
func (l *Lease) Trusted() bool {
	if l.alone {
		return !l.adrift.Load()
	}
	if failpoint.Broken("look") {
		return true
	}
	w := l.window.Load()
	if w == nil {
		return false
	}
	boot := l.clock.Boot()
	return boot < w.boot && l.clock.Wall() < w.wall && boot >= time.Duration(l.holdUntil.Load())
}

// TrustLeft is how long trust would last without another renewal, for metrics.
func (l *Lease) TrustLeft() time.Duration {
	if l.alone {
		return math.MaxInt64
	}
	w := l.window.Load()
	if w == nil {
		return 0
	}
	return max(0, min(w.boot-l.clock.Boot(), time.Duration(w.wall-l.clock.Wall())))
}

// Condemned is closed when this incarnation is gone for good.
func (l *Lease) Condemned() <-chan struct{} { return l.condemned }

// Fallen says why this incarnation is gone: ErrCondemned or ErrTimeline; nil if it is not.
func (l *Lease) Fallen() error {
	if why := l.fallen.Load(); why != nil {
		return *why
	}
	return nil
}

// Look reads the other rows now instead of with the next look: for hints, such as a
// route that was closed.
func (l *Lease) Look() {
	select {
	case l.look <- struct{}{}:
	default:
	}
}

// trust notes a renewal that began at these readings.
func (l *Lease) trust(boot time.Duration, wall int64) {
	span := l.timing.TTL - failpoint.Margin(l.timing.Margin)
	l.window.Store(&window{boot: boot + span, wall: wall + int64(span)})
	l.slept.Store(false)
}

// GivenUp says what a member has seen in the store: this node has been condemned. One that
// does not reach the store itself learns it this way.
func (l *Lease) GivenUp() { l.fall(ErrCondemned) }

func (l *Lease) fall(why error) {
	l.condemn.Do(func() {
		l.window.Store(nil)
		l.seen.Store(nil)
		l.fallen.Store(&why)
		if errors.Is(why, ErrTimeline) {
			l.log.Error("the database is on another timeline", "node", l.name, "incarnation", l.Incarnation())
		} else {
			l.log.Error("condemned by another node", "node", l.name, "incarnation", l.Incarnation())
		}
		close(l.condemned)
	})
}
