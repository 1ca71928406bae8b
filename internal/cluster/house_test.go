package cluster_test

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

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

type (
	add  = clustertest.Add
	list = clustertest.List
)

// clock is virtual time that a test may shift.
type clock struct {
	began time.Time
	ahead atomic.Int64
}

func (c *clock) Boot() time.Duration { return time.Since(c.began) + time.Duration(c.ahead.Load()) }
func (c *clock) Wall() int64         { return time.Now().UnixNano() + c.ahead.Load() }

// house is a cluster in one process: a store, a network and nodes.
type house struct {
	*testing.T
	store *clustertest.Store
	net   *bus.Network
	nodes []*cluster.Node
	clock map[string]*clock
	taken sync.Map // node name + key -> count of takeovers heard
	kinds []process.Kind
}

// The kinds of every house: a lobby-like one, a channel-like one, a stored one that
// starts on demand, and a singleton.
func kinds(s *clustertest.Store) []process.Kind {
	room := clustertest.Tally("room", s)
	talk := clustertest.Tally("talk", s)
	talk.Start, talk.Persist, talk.Doubt, talk.Indexed = process.OnDemand, false, process.Continue, false
	talk.Tells, room.Tells = true, true
	note := clustertest.Tally("note", s)
	note.Start, note.Indexed = process.OnDemand, false
	boss := clustertest.Tally("boss", s)
	boss.Start, boss.Scope, boss.Indexed = process.Ensured, process.PerCluster, false
	return []process.Kind{room, talk, note, boss}
}

func newHouse(t *testing.T) *house {
	s := clustertest.NewStore()
	return &house{T: t, store: s, net: bus.NewNetwork(), clock: map[string]*clock{}, kinds: kinds(s)}
}

func (h *house) options(name string) cluster.Options {
	h.clock[name] = &clock{began: time.Now()}
	return cluster.Options{
		Name: name, BootID: "boot-" + name, Clock: h.clock[name],
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
			return h.net.Join(self), nil
		},
		Leases: h.store, Owners: h.store, Sequences: h.store,
		Log: slog.New(slog.NewTextHandler(logTo{h.T}, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
}

type logTo struct{ t *testing.T }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Log(string(b[:len(b)-1]))
	return len(b), nil
}

func (h *house) add(name string) *cluster.Node { h.Helper(); return h.with(h.options(name)) }

func (h *house) with(o cluster.Options) *cluster.Node {
	h.Helper()
	n := cluster.New(o)
	for _, k := range h.kinds {
		n.Register(k)
		n.OnTakeover(k.Name, func(key cluster.Key) {
			count, _ := h.taken.LoadOrStore(o.Name+" "+key.String(), new(atomic.Int64))
			count.(*atomic.Int64).Add(1)
		})
	}
	if err := n.Start(context.Background()); err != nil {
		h.Fatalf("start %s: %v", o.Name, err)
	}
	h.nodes = append(h.nodes, n)
	h.Cleanup(func() { _ = n.Stop(context.Background()) })
	return n
}

// three starts a cluster of three nodes and waits until they hear each other.
func three(t *testing.T) (h *house, a, b, c *cluster.Node) {
	h = newHouse(t)
	a, b, c = h.add("a"), h.add("b"), h.add("c")
	h.ready()
	return h, a, b, c
}

func (h *house) ready() {
	for _, n := range h.nodes {
		<-n.Ready()
	}
	pass(3 * time.Second)
}

func (h *house) tookOver(node *cluster.Node, key cluster.Key) int64 {
	count, ok := h.taken.Load(node.Self().Node + " " + key.String())
	if !ok {
		return 0
	}
	return count.(*atomic.Int64).Load()
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

func (h *house) call(n *cluster.Node, key cluster.Key, body any, want ...int) {
	h.Helper()
	reply, err := n.Call(within(10*time.Second), key, body)
	l, _ := reply.(list)
	if err != nil || !slices.Equal(l.Values, want) {
		h.Errorf("%s: %T to %s: got %v, %v, want %v", n.Self().Node, body, key, l.Values, err, want)
	}
}

func (h *house) own(n *cluster.Node, key cluster.Key, v int) {
	h.Helper()
	if _, err := n.Own(within(5*time.Second), key, add{V: v}); err != nil {
		h.Fatalf("%s: own %s: %v", n.Self().Node, key, err)
	}
}

func (h *house) runs(key cluster.Key) (names []string) {
	for _, n := range h.nodes {
		n.Local(key.Kind, func(k cluster.Key) {
			if k == key {
				names = append(names, n.Self().Node)
			}
		})
	}
	return names
}

func (h *house) row(key cluster.Key) registry.Owner {
	h.Helper()
	o, _, err := h.store.Lookup(context.Background(), key)
	if err != nil {
		h.Fatal(err)
	}
	return o
}

// follower records what it hears.
type follower struct {
	mu     sync.Mutex
	view   any
	events []any
	v      feed.Version
	resets int
	bad    string
}

func (f *follower) Reset(v feed.Version, view any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v.Less(f.v) {
		f.bad = fmt.Sprintf("reset to %+v after %+v", v, f.v)
	}
	f.view, f.v, f.events = view, v, nil
	f.resets++
}

func (f *follower) Event(v feed.Version, event any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v.Seq != f.v.Seq+1 || v.Epoch != f.v.Epoch || v.Run != f.v.Run {
		f.bad = fmt.Sprintf("event %+v after %+v", v, f.v)
	}
	f.v = v
	f.events = append(f.events, event)
}

// values is the list as the follower knows it.
func (f *follower) values(t *testing.T) []int {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad != "" {
		t.Error(f.bad)
	}
	l, _ := f.view.(list)
	got := slices.Clone(l.Values)
	for _, e := range f.events {
		if a, ok := e.(clustertest.Added); ok {
			got = append(got, a.V)
		}
	}
	return got
}
