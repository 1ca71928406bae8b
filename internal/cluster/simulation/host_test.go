package simulation

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
)

// host is a machine: it starts its node again whenever that has ended, as a service
// manager does.
type host struct {
	w      *world
	name   string
	clock  *clock
	line   line
	paused atomic.Int64 // until then, in nanoseconds since the world began
	change chan struct{}

	mu     sync.Mutex // guards what follows
	up     bool       // a node should run
	later  time.Duration
	gaveUp bool // the last life was cut off
	now    *life
	wishes []string // keys that are followed here
}

// life is one life of a node.
type life struct {
	w      *world
	host   *host
	node   *cluster.Node
	dead   atomic.Bool
	killed chan struct{}
	epochs sync.Map // Key -> int64: the last that the store gave it

	mu      sync.Mutex // guards what follows
	begun   bool
	drain   func() // cancels a drain that is under way
	follows map[string]*follower
}

func (l *life) trusts() bool { return !l.dead.Load() && l.node.Trusted() }

func (l *life) epoch(key cluster.Key) int64 {
	e, _ := l.epochs.Load(key)
	epoch, _ := e.(int64)
	return epoch
}

// pausedFor is how long this host will still be stopped.
func (h *host) pausedFor() time.Duration {
	return max(0, time.Duration(h.paused.Load())-time.Since(h.w.began))
}

// current is the node that runs here, nil if none has started.
func (h *host) current() *life {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// turn says whether a node should run here, and after which pause if none does.
func (h *host) turn(up bool, later time.Duration) {
	h.mu.Lock()
	h.up, h.later = up, later
	h.mu.Unlock()
	select {
	case h.change <- struct{}{}:
	default:
	}
}

func (h *host) wanted() (up bool, later time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up, h.later
}

func (h *host) pause(later time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.later = later
}

// run keeps a node running until the world ends.
func (h *host) run() {
	for {
		up, later := h.wanted()
		var again <-chan time.Time
		if up {
			again = time.After(1 + later)
		}
		select {
		case <-h.w.end:
			return
		case <-h.change:
			continue
		case <-again:
		}
		h.pause(0)
		l := h.begin()
		if l == nil {
			h.pause(h.w.upTo(time.Second))
			continue
		}
		select {
		case <-l.node.Done():
			h.w.note("%s has ended: %v", h.name, l.node.Err())
		case <-l.killed:
		}
		h.mu.Lock()
		h.now = nil
		h.mu.Unlock()
	}
}

// options are those of the next life.
func (h *host) options(l *life) cluster.Options {
	h.mu.Lock()
	defer h.mu.Unlock()
	hear := time.Duration(0)
	if h.gaveUp {
		hear = hearFirst
	}
	h.gaveUp = false
	return cluster.Options{
		Name: h.name, BootID: "boot-" + h.name, FolderLocked: h.w.chance(60), HearFirst: hear, Clock: h.clock,
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
			b := h.w.net.Join(self)
			if l.dead.Load() {
				h.w.net.Crash(self)
			}
			return b, nil
		},
		Leases: way{l}, Owners: way{l}, Sequences: way{l}, Timing: h.w.timing, Log: h.w.log(),
		OnDrain:  l.drained,
		OnCutOff: l.cutOff,
	}
}

// log writes what nodes log into the trace, when one seed is played.
func (w *world) log() *slog.Logger {
	if os.Getenv("SIM_SEED") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(tracer{w}, nil))
}

type tracer struct{ w *world }

func (t tracer) Write(b []byte) (int, error) {
	t.w.note("    %s", b[:len(b)-1])
	return len(b), nil
}

// begin starts a life; nil if it could not.
func (h *host) begin() *life {
	l := &life{w: h.w, host: h, killed: make(chan struct{}), drain: func() {}, follows: map[string]*follower{}}
	n := cluster.New(h.options(l))
	l.node = n
	for _, k := range l.kinds() {
		n.Register(k)
	}
	ctx, cancel := within(10 * time.Second)
	defer cancel()
	h.mu.Lock()
	h.now = l // so that it can be killed while it starts
	h.mu.Unlock()
	if err := n.Start(ctx); err != nil {
		h.w.note("%s has not started: %v", h.name, err)
		h.mu.Lock()
		h.now = nil
		h.mu.Unlock()
		return nil
	}
	h.w.note("%s has started as %d", h.name, n.Self().Incarnation)
	h.w.inflight.Go(func() { <-n.Done() })
	if l.dead.Load() {
		h.w.net.Crash(n.Self())
		return l
	}
	h.mu.Lock()
	wishes := h.wishes
	h.mu.Unlock()
	for _, key := range wishes {
		l.follow(key)
	}
	l.mu.Lock()
	l.begun = true
	l.mu.Unlock()
	return l
}

func (l *life) started() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun
}

func (l *life) ready() bool {
	select {
	case <-l.node.Ready():
		return l.started() && !l.dead.Load()
	default:
		return false
	}
}

// kill ends the life that runs here in the middle of whatever it does.
func (h *host) kill() {
	l := h.current()
	if l == nil {
		return
	}
	l.w.moment.Lock()
	l.dead.Store(true)
	l.w.moment.Unlock()
	if l.started() {
		l.w.net.Crash(l.node.Self())
	}
	close(l.killed)
	h.mu.Lock()
	h.now = nil
	h.mu.Unlock()
}

// stop ends the life that runs here in order.
func (h *host) stop() {
	l := h.current()
	if l == nil || !l.started() {
		return
	}
	h.w.inflight.Go(func() {
		ctx, cancel := within(5 * time.Second)
		defer cancel()
		_ = l.node.Stop(ctx) // what it says is in the store
	})
}

// hearFirst is how long a node that gave way has to hear the others; a minute in the
// server.
const hearFirst = 5 * time.Second

// cutOff gives way.
func (l *life) cutOff() {
	l.w.note("%s gives way", l.host.name)
	l.host.mu.Lock()
	l.host.gaveUp = true
	l.host.mu.Unlock()
	l.host.stop()
}

// drained does what the operator wants, as the app does.
func (l *life) drained(drain bool) {
	l.w.note("%s drains: %v", l.host.name, drain)
	l.mu.Lock()
	l.drain()
	ctx, cancel := within(20 * time.Second)
	l.drain = cancel
	l.mu.Unlock()
	l.w.inflight.Go(func() {
		if drain {
			_ = l.node.Drain(ctx)
			return
		}
		l.node.Undrain()
	})
}
