package feed

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/refusal"
)

// ErrNone is what a follower's locate returns for a feed that does not exist.
var ErrNone = errors.New("feed: no such feed")

const (
	// beatEvery is how late a lost last event is noticed at most.
	beatEvery = time.Second
	// silence after which a replica looks for its publisher again: two heartbeats
	// may be lost.
	silence = 3 * time.Second
	// fetchesAtOnce bounds what a node asks of the others after a break.
	fetchesAtOnce = 256
)

// remindAfter: an event published while a new replica's interest was not yet
// known everywhere is noticed by these, not only by the next heartbeat.
var remindAfter = [...]time.Duration{50 * time.Millisecond, 250 * time.Millisecond}

// HubOptions say what a hub must know of its node.
type HubOptions struct {
	// Trusted is asked as the last thing before something leaves for other nodes;
	// what is not trusted is left out. nil: always.
	Trusted func() bool
	// Gone reports that an incarnation is gone for good: its messages are dropped.
	// nil: none is.
	Gone func(bus.Origin) bool
	Log  *slog.Logger
}

// Hub is a node's end of all feeds: those it publishes and those it follows.
type Hub struct {
	bus  bus.Bus
	opts HubOptions

	mu         sync.Mutex
	publishers map[string]*Publisher
	replicas   map[string]*replica
	reminders  []reminder
	closed     bool

	gaps, views, panics atomic.Int64 // see Figures

	slots  chan struct{} // fetches at once
	remind chan struct{}
	stop   func() // the subscription to heartbeats
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// reminder is a mark to be sent.
type reminder struct {
	at time.Time
	p  *Publisher
}

// NewHub makes the hub of a node. There is one for each bus.
func NewHub(b bus.Bus, opts HubOptions) *Hub {
	if opts.Trusted == nil {
		opts.Trusted = func() bool { return true }
	}
	if opts.Gone == nil {
		opts.Gone = func(bus.Origin) bool { return false }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hub{
		bus:        b,
		opts:       opts,
		publishers: map[string]*Publisher{},
		replicas:   map[string]*replica{},
		slots:      make(chan struct{}, fetchesAtOnce),
		remind:     make(chan struct{}, 1),
		stop:       func() {},
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if !b.Alone() {
		b.Serve(viewService, h.serveView)
		h.stop = b.Subscribe(HeartbeatTopic, h.heartbeat)
		h.wg.Go(h.beatLoop)
	}
	return h
}

// Close ends all feeds and followers of this node without a word to them.
func (h *Hub) Close() {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.closed = true
	replicas := slices.Collect(maps.Values(h.replicas))
	h.mu.Unlock()
	h.stop()
	h.cancel()
	h.wg.Wait()
	for _, r := range replicas {
		for _, s := range r.list() {
			s.Stop()
		}
	}
}

// Open begins to publish a feed under an epoch and run that no other publisher of
// the topic has had. Followers on this node that looked elsewhere come over. A
// publisher of the same topic on this node ends.
func (h *Hub) Open(topic string, epoch, run int64, view ViewFunc, opts ...OpenOption) *Publisher {
	p := &Publisher{hub: h, topic: topic, view: view, trusted: h.opts.Trusted}
	p.version = Version{Epoch: epoch, Run: run}
	p.sent = p.version
	for _, o := range opts {
		o(p)
	}
	h.mu.Lock()
	old := h.publishers[topic]
	h.publishers[topic] = p
	r := h.replicas[topic]
	h.mu.Unlock()
	if old != nil {
		old.end()
	}
	p.mark(false)
	if r != nil {
		r.refetch(false)
		r.hurry()
	}
	return p
}

func (h *Hub) publisher(topic string) *Publisher {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.publishers[topic]
}

// drop forgets a publisher that was closed.
func (h *Hub) drop(p *Publisher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.publishers[p.topic] == p {
		delete(h.publishers, p.topic)
	}
}

// Locate says which node publishes a feed, and under which epoch if it knows: nothing
// older is taken. ErrNone ends the subscription, any other error is tried again.
type Locate func(ctx context.Context) (node string, epoch int64, err error)

// Follow keeps f a replica of the feed that locate finds. If f has a method Ended(),
// it is called when the feed does not exist (any more).
func (h *Hub) Follow(topic string, locate Locate, f Follower) *Subscription {
	s := &Subscription{locate: locate, f: f, waiting: true}
	h.mu.Lock()
	r := h.replicas[topic]
	if r == nil {
		r = newReplica(h, topic)
		h.replicas[topic] = r
		if !h.bus.Alone() && !h.closed {
			r.unsubscribe = h.bus.Subscribe(topic, r.receive)
		}
	}
	s.r = r
	r.add(s)
	h.mu.Unlock()
	r.kick(false)
	return s
}

// forget takes a subscription off its replica, and the replica off the bus with
// its last one.
func (h *Hub) forget(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := s.r
	if r.remove(s) > 0 || h.replicas[r.topic] != r {
		return
	}
	delete(h.replicas, r.topic)
	r.unsubscribe()
}

// serveView answers a follower on another node.
func (h *Hub) serveView(ctx context.Context, _ bus.Origin, body any) (any, error) {
	ask, ok := body.(Ask)
	if !ok {
		return nil, refusal.New(refusal.Invalid, "not a question for a view")
	}
	self := h.bus.Self()
	p := h.publisher(ask.Topic)
	if p == nil {
		return Answer{None: true, Node: self.Node, Incarnation: self.Incarnation}, nil
	}
	from, err := p.startFor(ctx, ask.Known)
	if err != nil {
		return nil, err
	}
	if !p.trusted() {
		return nil, refusal.New(refusal.Unavailable, "the node is in doubt, try again")
	}
	h.remindOf(p)
	return Answer{
		Version: from.version, View: from.view, Onward: from.onward, Tail: from.tail,
		Node: self.Node, Incarnation: self.Incarnation,
	}, nil
}

// startFor is where a follower on another node goes on that is at a version.
func (p *Publisher) startFor(ctx context.Context, known Version) (start, error) {
	if from, ok := p.since(known); ok {
		return from, nil
	}
	taken := make(chan start, 1) // the owner may come to it after we have given up
	err := p.view(ctx, func(v Version, view any) { taken <- p.startNow(known, v, view) })
	if err != nil {
		return start{}, err
	}
	select {
	case from := <-taken:
		return from, nil
	default:
		return start{}, refusal.New(refusal.Unavailable, "the owner gave no view, try again")
	}
}

// startNow is where a follower goes on, with the view of now in hand. Whoever waited for
// it may find that it can do without: a run began meanwhile, and was given its base.
func (p *Publisher) startNow(known, v Version, view any) start {
	if from, ok := p.since(known); ok {
		return from
	}
	return start{version: p.orOwn(v), view: view}
}

// remindOf plans the marks that follow a served view.
func (h *Hub) remindOf(p *Publisher) {
	now := time.Now()
	h.mu.Lock()
	for _, after := range remindAfter {
		h.reminders = append(h.reminders, reminder{now.Add(after), p})
	}
	h.mu.Unlock()
	select {
	case h.remind <- struct{}{}:
	default:
	}
}
