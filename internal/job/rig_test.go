package job

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/setting"
)

// memory is a store of marks. Durable writes of processes go through the fences of
// clustertest.Store.
type memory struct {
	fences *clustertest.Store

	mu      sync.Mutex
	marks   map[string]Mark // by job and period
	effects []string        // of marks, in order
	status  map[string]*Status
}

func newMemory() *memory {
	return &memory{fences: clustertest.NewStore(), marks: map[string]Mark{}, status: map[string]*Status{}}
}

// put is the write of a job: mark and effect, or ErrDone.
func (m *memory) put(mark Mark, effect string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := mark.Job + " " + mark.Period
	if _, there := m.marks[name]; there {
		return fmt.Errorf("put: %w", ErrDone)
	}
	m.marks[name] = mark
	m.effects = append(m.effects, effect)
	m.state(mark.Job).Failures = 0
	m.state(mark.Job).Period = mark.Period
	return nil
}

func (m *memory) state(job string) *Status {
	if m.status[job] == nil {
		m.status[job] = &Status{Job: job}
	}
	return m.status[job]
}

func (m *memory) done() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.effects)
}

func (m *memory) PutMark(_ context.Context, mark Mark) error { return m.put(mark, "mark") }

func (m *memory) PutFencedMark(ctx context.Context, f registry.Fence, mark Mark) error {
	if err := m.fences.Write(ctx, f, "mark "+mark.Period); err != nil {
		return err
	}
	_ = m.put(mark, mark.Period)
	return nil
}

func (m *memory) DonePeriods(_ context.Context, job, from string) (list []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mark := range m.marks {
		if mark.Job == job && mark.Period >= from {
			list = append(list, mark.Period)
		}
	}
	slices.Sort(list)
	return list, nil
}

func (m *memory) NoteFailure(_ context.Context, job, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state(job).Failures++
	m.state(job).Error = text
	return nil
}

func (m *memory) JobStatuses(context.Context) (list []Status, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.status {
		list = append(list, *s)
	}
	return list, nil
}

func (m *memory) OldestMark(ctx context.Context, job string) (string, error) {
	list, err := m.DonePeriods(ctx, job, "")
	if len(list) == 0 {
		return "", err
	}
	return list[0], err
}

func (m *memory) TrimMarks(ctx context.Context, f registry.Fence, job, before string) error {
	if err := m.fences.Write(ctx, f, "trim "+job); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, mark := range m.marks {
		if mark.Job == job && mark.Period < before {
			delete(m.marks, name)
		}
	}
	return nil
}

func (m *memory) NewQueue(*river.Config) (Queue, error) { panic("no queue in memory") }

func (m *memory) GiveBack(context.Context, []string) (int, error) { return 0, nil }

// clock is virtual time that a test may shift.
type clock struct {
	began time.Time
	ahead atomic.Int64
}

func (c *clock) Boot() time.Duration { return time.Since(c.began) + time.Duration(c.ahead.Load()) }
func (c *clock) Wall() int64         { return time.Now().UnixNano() + c.ahead.Load() }

// node is a node with its jobs.
type node struct {
	*Service
	cluster *cluster.Node
	clock   *clock
	ready   atomic.Bool
}

// rig is a cluster with jobs, in a bubble of virtual time.
type rig struct {
	*testing.T
	store *memory
	net   *bus.Network
	nodes []*node
	ahead time.Duration // of the store's time: days cost nothing
}

func newRig(t *testing.T) *rig { return &rig{T: t, store: newMemory(), net: bus.NewNetwork()} }

// add starts a node whose jobs are bound by bind.
func (r *rig) add(name string, settings map[string]string, bind func(n *node)) *node {
	r.Helper()
	n := &node{Service: New(), clock: &clock{began: time.Now()}}
	n.ready.Store(true)
	n.cluster = cluster.New(cluster.Options{
		Name: name, BootID: "boot-" + name, Clock: n.clock,
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
			return r.net.Join(self), nil
		},
		Leases: r.store.fences, Owners: r.store.fences, Sequences: r.store.fences,
		Log: slog.New(slog.DiscardHandler),
	})
	n.cluster.Register(NewKind(n.Service))
	if err := n.cluster.Start(context.Background()); err != nil {
		r.Fatalf("start %s: %v", name, err)
	}
	r.Cleanup(func() { _ = n.cluster.Stop(context.Background()) })
	bind(n)
	n.Open(Options{
		Store: r.store, Settings: setting.Fixed(settings), Runtime: n.cluster, Node: name,
		Incarnation: func() int64 { return n.cluster.Self().Incarnation }, Ready: n.ready.Load, Now: r.now,
	})
	r.nodes = append(r.nodes, n)
	return n
}

// settle waits until the nodes hear each other.
func (r *rig) settle() {
	for _, n := range r.nodes {
		<-n.cluster.Ready()
	}
	pass(3 * time.Second)
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (n *node) trigger(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	return n.look(ctx, Trigger{Job: name})
}

// until passes time until ok, or fails.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for range 600 {
		if ok() {
			return
		}
		pass(100 * time.Millisecond)
	}
	r.Fatalf("not within a minute: %s", what)
}

// now is the store's time.
func (r *rig) now() time.Time { return time.Now().Add(r.ahead) }

// latest is the period of a job that is due now.
func latest(name string) string {
	j, _ := Find(name)
	return j.Every.Latest(time.Now())
}

func (r *rig) named(name string) *node {
	for _, n := range r.nodes {
		if n.o.Node == name {
			return n
		}
	}
	r.Fatalf("no node %s", name)
	return nil
}

// pause has a node stand still as far as the others see: it renews nothing.
func (r *rig) pause(n *node) (awake func()) {
	me := n.cluster.Self().Incarnation
	r.store.fences.OnAccess(func(x clustertest.Access) clustertest.Fault {
		if x.Incarnation == me && x.Op == "renew" {
			return clustertest.Fault{Fail: clustertest.ErrLost}
		}
		return clustertest.Fault{}
	})
	return func() { r.store.fences.OnAccess(nil) }
}

// kill cuts a node off from everything, for good.
func (r *rig) kill(n *node) {
	r.net.Crash(n.cluster.Self())
	me := n.cluster.Self().Incarnation
	r.store.fences.OnAccess(func(x clustertest.Access) clustertest.Fault {
		if x.Incarnation == me {
			return clustertest.Fault{Fail: clustertest.ErrLost}
		}
		return clustertest.Fault{}
	})
}
