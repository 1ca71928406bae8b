package simulation

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

// world is a cluster with everything around it, in a bubble.
type world struct {
	*testing.T
	seed   uint64
	plan   plan
	store  *clustertest.Store
	net    *bus.Network
	began  time.Time
	timing lease.Timing // of the nodes

	end      chan struct{} // hosts begin no life anymore
	quiet    chan struct{} // no load anymore
	hushed   sync.Once
	work     sync.WaitGroup
	inflight sync.WaitGroup // accesses and lives that nobody waits for

	// moment is held while an access happens, with what is looked at around it.
	moment sync.Mutex
	lives  map[int64]*life
	epochs map[string]int64 // by key, the last one given

	mu       sync.Mutex // guards what follows
	problems []string
	trace    []string
	records  map[string]*record
	numbers  map[int64]bool // of the sequence
	links    map[[2]string]int
	calls    [outcomes]int
	served   time.Duration // after the end of the faults

	hosts []*host
	loss  atomic.Int64 // per thousand messages
	slow  atomic.Int64 // delay of messages at most
	twice atomic.Bool  // some messages come twice
	dice  atomic.Uint64
}

func newWorld(t *testing.T, p plan) *world {
	w := &world{
		T: t, seed: p.seed, plan: p, store: clustertest.NewStore(), net: bus.NewNetwork(), began: time.Now(),
		end: make(chan struct{}), quiet: make(chan struct{}), lives: map[int64]*life{}, epochs: map[string]int64{},
		records: map[string]*record{}, numbers: map[int64]bool{}, links: map[[2]string]int{},
	}
	for i := range p.hosts {
		h := &host{w: w, name: fmt.Sprintf("n%02d", i), clock: p.clock(i), up: i < p.nodes, change: make(chan struct{}, 1)}
		w.hosts = append(w.hosts, h)
	}
	w.net.Drop(w.lost)
	w.net.Delay(w.delayed)
	w.net.Copies(func(_, _, _ string) int {
		if w.twice.Load() && w.chance(20) {
			return 1
		}
		return 0
	})
	return w
}

// roll is a number that depends on the seed and on how often it was asked for.
func (w *world) roll() uint64 { return mix(w.seed ^ mix(w.dice.Add(1))) }

// chance is true in so many of a hundred cases.
func (w *world) chance(percent uint64) bool { return w.roll()%100 < percent }

// upTo is a duration below d, and above 0.
func (w *world) upTo(d time.Duration) time.Duration {
	return 1 + time.Duration(w.roll()%uint64(max(d, 1)))
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// bad notes that a promise was broken.
func (w *world) bad(format string, args ...any) {
	text := w.stamp() + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, text)
	w.trace = append(w.trace, "!!! "+text)
}

// note keeps what happened, for whoever looks for the cause.
func (w *world) note(format string, args ...any) {
	text := w.stamp() + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, text)
}

func (w *world) stamp() string { return fmt.Sprintf("%8.3f ", time.Since(w.began).Seconds()) }

func (w *world) broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.problems) > 0
}

func (w *world) host(name string) *host {
	i := slices.IndexFunc(w.hosts, func(h *host) bool { return h.name == name })
	return w.hosts[i]
}

// lost decides about a message. The network is locked.
func (w *world) lost(from, to, _ string) bool {
	if w.host(from).pausedFor() > 0 {
		return true
	}
	w.mu.Lock()
	cut := w.links[[2]string{from, to}] > 0
	w.mu.Unlock()
	loss := w.loss.Load()
	return cut || loss > 0 && int64(w.roll()%1000) < loss
}

func (w *world) delayed(_, to string) time.Duration {
	d := w.upTo(2 * time.Millisecond)
	if slow := w.slow.Load(); slow > 0 {
		d += w.upTo(time.Duration(slow))
	}
	return max(d, w.host(to).pausedFor())
}

// cut parts from from to; the returned function joins them again.
func (w *world) cut(pairs ...[2]string) (heal func()) {
	change := func(by int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, p := range pairs {
			w.links[p] += by
		}
	}
	change(1)
	return func() { change(-1) }
}

// living are the nodes that can be asked.
func (w *world) living() (lives []*life) {
	for _, h := range w.hosts {
		if l := h.current(); l != nil {
			lives = append(lives, l)
		}
	}
	return lives
}

// hush ends the load.
func (w *world) hush() { w.hushed.Do(func() { close(w.quiet) }) }

// waitUntil looks at f often; false if it was never true for so long.
func (w *world) waitUntil(most, every time.Duration, f func() bool) bool {
	for began := time.Now(); ; <-time.After(every) {
		if f() {
			return true
		}
		if time.Since(began) >= most || w.broken() {
			return false
		}
	}
}

// verdict fails the test if something was broken, with all that leads to it.
func (w *world) verdict() {
	if !w.broken() {
		return
	}
	w.Errorf("seed %d: %d promises broken; SIM_SEED=%d plays it again\n%s\n\n%s", w.seed, len(w.problems), w.seed,
		strings.Join(w.problems[:min(len(w.problems), 20)], "\n"), strings.Join(w.trace, "\n"))
}

func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// clock is a host's: virtual time at a rate of its own, which may jump.
type clock struct {
	began time.Time
	rate  float64
	ahead atomic.Int64 // of both
	wall  atomic.Int64 // of the wall clock only
}

// Boot implements lease.Clock.
func (c *clock) Boot() time.Duration {
	return time.Duration(math.Round(float64(time.Since(c.began))*c.rate)) + time.Duration(c.ahead.Load())
}

// Wall implements lease.Clock.
func (c *clock) Wall() int64 { return c.began.UnixNano() + int64(c.Boot()) + c.wall.Load() }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
