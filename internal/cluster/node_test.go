package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
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

func TestCallFromEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		key := cluster.NewKey("room", 1)
		if _, err := a.Call(within(time.Second), key, add{V: 1}); !errors.Is(err, cluster.ErrNone) {
			t.Errorf("no such room: %v", err)
		}
		h.own(b, key, 1)
		h.call(a, key, add{V: 2}, 1, 2)
		h.call(b, key, add{V: 3}, 1, 2, 3)
		h.call(c, key, clustertest.Read{}, 1, 2, 3)
		if _, err := a.Call(within(time.Second), key, clustertest.Refuse{}); !refusal.Is(err, refusal.Forbidden) {
			t.Errorf("refusal over the bus: %v", err)
		}
		var held *registry.HeldError
		for _, n := range []*cluster.Node{a, b} {
			if _, err := n.Own(within(time.Second), key, add{V: 9}); !errors.As(err, &held) || held.Owner.Node != "b" {
				t.Errorf("own what is owned: %v", err)
			}
		}
		h.call(a, key, clustertest.Close{}, 1, 2, 3)
		for _, n := range h.nodes {
			if _, err := n.Call(within(time.Second), key, add{V: 1}); !errors.Is(err, cluster.ErrNone) {
				t.Errorf("closed: %v", err)
			}
		}
	})
}

func TestFollowAcrossNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		key := cluster.NewKey("room", 1)
		h.own(b, key, 1)
		var fs [3]follower
		var closed atomic.Int64
		for i, n := range []*cluster.Node{a, b, c} {
			n.Follow(key, &fs[i], func() { closed.Add(1) })
		}
		pass(time.Second)
		h.call(a, key, add{V: 2}, 1, 2)
		h.call(c, key, add{V: 3}, 1, 2, 3)
		pass(time.Second)
		for i := range fs {
			if got := fs[i].values(t); !slices.Equal(got, []int{1, 2, 3}) || fs[i].resets != 1 {
				t.Errorf("follower %d: %v after %d resets", i, got, fs[i].resets)
			}
		}
		h.call(a, key, clustertest.Close{}, 1, 2, 3)
		pass(10 * time.Second)
		if closed.Load() != 3 {
			t.Errorf("%d followers heard of the end, want 3", closed.Load())
		}
		var never follower
		ended := make(chan struct{})
		a.Follow(cluster.NewKey("room", 99), &never, func() { close(ended) })
		<-ended
	})
}

// TestIndexFeeds: each node lists its own, a follower of all of them knows all.
func TestIndexFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		h.own(a, cluster.NewKey("room", 1), 5)
		h.own(b, cluster.NewKey("room", 2), 6)
		var fs [2]follower
		for i, n := range []*cluster.Node{a, b} {
			a.FollowNode(cluster.IndexTopic("room"), n.Self(), &fs[i])
		}
		pass(time.Second)
		h.call(b, cluster.NewKey("room", 2), add{V: 7}, 6, 7)
		h.call(b, cluster.NewKey("room", 1), clustertest.Close{}, 5)
		pass(time.Second)
		want := process.IndexView{Entries: []process.Indexed{{ID: "2", Epoch: 1, Run: 1, Seq: 1, Summary: clustertest.Length{N: 1}}}}
		if diff := cmp.Diff(any(want), fs[1].view); diff != "" {
			t.Errorf("view of b (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]any{process.Indexed{ID: "2", Epoch: 1, Run: 1, Seq: 2, Summary: clustertest.Length{N: 2}}}, fs[1].events); diff != "" {
			t.Errorf("events of b (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]any{process.Indexed{ID: "1", Epoch: 1, Run: 1, Seq: 2, Closed: true}}, fs[0].events); diff != "" {
			t.Errorf("events of a (-want +got):\n%s", diff)
		}
	})
}

// TestRule04_OneOwnerOfManyClaims: 100 calls and claims at once on three nodes end with
// one owner, and the losers did nothing visible.
func TestRule04_OneOwnerOfManyClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _, _ := three(t)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			return clustertest.Fault{Delay: time.Duration(len(x.Op)) * time.Millisecond}
		})
		room, talk := cluster.NewKey("room", 1), cluster.NewKey("talk", "main")
		var won, lost, called atomic.Int64
		var all sync.WaitGroup
		for i := range 100 {
			n := h.nodes[i%3]
			all.Go(func() {
				_, err := n.Own(within(5*time.Second), room, add{V: i})
				var held *registry.HeldError
				switch {
				case err == nil:
					won.Add(1)
				case errors.As(err, &held):
					lost.Add(1)
				default:
					t.Errorf("own: %v", err)
				}
			})
			all.Go(func() {
				if _, err := n.Call(within(5*time.Second), talk, add{V: i}); err != nil {
					t.Errorf("call: %v", err)
					return
				}
				called.Add(1)
			})
		}
		all.Wait()
		if won.Load() != 1 || lost.Load() != 99 || called.Load() != 100 {
			t.Errorf("won %d, lost %d, called %d", won.Load(), lost.Load(), called.Load())
		}
		for _, key := range []cluster.Key{room, talk} {
			if got := h.runs(key); len(got) != 1 || h.row(key).Epoch != 1 {
				t.Errorf("%s runs on %v at epoch %d", key, got, h.row(key).Epoch)
			}
		}
		reply, err := h.nodes[0].Call(within(time.Second), talk, clustertest.Read{})
		if err != nil || len(reply.(list).Values) != 100 {
			t.Errorf("%v, %v: want each of the 100 once", reply, err)
		}
	})
}

// TestRule04_LostAnswersOfClaims: the row says that we own it and we do not know. The
// sweep finds it, and what was promised by nobody is closed.
func TestRule04_LostAnswersOfClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, _, c := three(t)
		lose := map[string]bool{}
		var mu sync.Mutex
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if x.Op == "claim" && !lose[x.Key.String()] {
				lose[x.Key.String()] = true
				return clustertest.Fault{Lose: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		room := cluster.NewKey("room", 1)
		if _, err := a.Own(within(time.Second), room, add{V: 1}); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("own: %v", err)
		}
		pass(5 * time.Second)
		if o := h.row(room); o.State != registry.Closed {
			t.Errorf("the room that never was is %s", o.State)
		}
		h.own(a, room, 2)
		talk := cluster.NewKey("talk", "main")
		h.call(c, talk, add{V: 1}, 1)
		if got := h.runs(talk); len(got) != 1 {
			t.Errorf("runs on %v", got)
		}
	})
}

// kill ends a node as a crash does: no word to anybody.
func (h *house) kill(n *cluster.Node) {
	n.Kill()
	h.nodes = slices.DeleteFunc(h.nodes, func(o *cluster.Node) bool { return o == n })
}

// TestRule04_KilledNode: its processes answer on survivors from their snapshots within
// five seconds, ids go on, replicas are right again, edges are asked to repeat.
func TestRule04_KilledNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		var rooms []cluster.Key
		for i := range 20 {
			key := cluster.NewKey("room", i)
			rooms = append(rooms, key)
			h.own(b, key, i)
			h.call(a, key, add{V: 100 + i}, i, 100+i)
		}
		talk := cluster.NewKey("talk", "main")
		for i := 0; !slices.Equal(h.runs(talk), []string{"b"}); i++ { // one whose home is b
			talk = cluster.NewKey("talk", i)
			h.call(a, talk, add{V: 1}, 1)
		}
		last, err := a.Next(within(time.Second), "lobby")
		if err != nil {
			t.Fatal(err)
		}
		var f follower
		a.Follow(rooms[0], &f, func() { t.Error("heard of an end") })
		pass(2 * time.Second)
		h.kill(b)
		died := time.Now()
		for i, key := range rooms {
			h.call(c, key, clustertest.Read{}, i, 100+i)
		}
		if took := time.Since(died); took > 5*time.Second {
			t.Errorf("served again after %v", took)
		}
		pass(3 * time.Second)
		for _, key := range append(rooms, talk) {
			if got := h.runs(key); len(got) != 1 || h.row(key).Epoch != 2 {
				t.Errorf("%s runs on %v at epoch %d", key, got, h.row(key).Epoch)
			}
			if h.tookOver(a, key) != 1 || h.tookOver(c, key) != 1 {
				t.Errorf("%s: takeovers heard: a %d, c %d", key, h.tookOver(a, key), h.tookOver(c, key))
			}
		}
		h.call(a, rooms[0], add{V: 7}, 0, 100, 7)
		pass(time.Second)
		if got := f.values(t); !slices.Equal(got, []int{0, 100, 7}) {
			t.Errorf("the replica holds %v", got)
		}
		if next, err := c.Next(within(time.Second), "lobby"); err != nil || next <= last {
			t.Errorf("id %d after %d, %v", next, last, err)
		}
		if m := a.Members(); len(m) != 2 {
			t.Errorf("members %+v", m)
		}
	})
}

// TestRule04_RoomWithoutASnapshotIsClosed: claimed and dead before its first snapshot.
func TestRule04_RoomWithoutASnapshotIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		key := cluster.NewKey("room", 1)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "save" {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		h.own(b, key, 1)
		ended := make(chan struct{})
		a.Follow(key, &follower{}, func() { close(ended) })
		pass(time.Second)
		h.kill(b)
		<-ended
		if o := h.row(key); o.State != registry.Closed {
			t.Errorf("the room is %s", o.State)
		}
	})
}

// TestRule08_Stop hands everything over with nothing lost, and calls go through.
func TestRule08_Stop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		want := map[cluster.Key][]int{}
		for i := range 10 {
			key := cluster.NewKey("room", i)
			h.own(b, key, i)
			want[key] = []int{i}
		}
		var all sync.WaitGroup
		stop := make(chan struct{})
		var mu sync.Mutex
		for i, n := range []*cluster.Node{a, c} {
			all.Go(func() {
				for j := 0; ; j++ {
					select {
					case <-stop:
						return
					default:
					}
					key, v := cluster.NewKey("room", j%10), 1000*(i+1)+j
					if _, err := n.Call(within(10*time.Second), key, add{V: v}); err != nil {
						t.Errorf("call during a stop: %v", err)
					}
					mu.Lock()
					want[key] = append(want[key], v)
					mu.Unlock()
					<-time.After(7 * time.Millisecond)
				}
			})
		}
		pass(100 * time.Millisecond)
		if err := b.Stop(within(10 * time.Second)); err != nil {
			t.Error(err)
		}
		h.nodes = slices.DeleteFunc(h.nodes, func(o *cluster.Node) bool { return o == b })
		pass(3 * time.Second)
		close(stop)
		all.Wait()
		for key, values := range want {
			reply, err := a.Call(within(time.Second), key, clustertest.Read{})
			if err != nil {
				t.Fatal(err)
			}
			got := reply.(list).Values
			slices.Sort(got)
			slices.Sort(values)
			if !slices.Equal(got, values) {
				t.Errorf("%s: %d values, want %d, each once", key, len(got), len(values))
			}
			if runs := h.runs(key); len(runs) != 1 {
				t.Errorf("%s runs on %v", key, runs)
			}
		}
		if b.Err() != nil {
			t.Error(b.Err())
		}
	})
}

// TestRule14_AppliedOnce: answers are lost on the bus; a retry is applied once, and also
// when the owner dies between.
func TestRule14_AppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		key := cluster.NewKey("room", 1)
		h.own(b, key, 0)
		drop := 2
		h.net.Drop(func(from, to, topic string) bool {
			if from == "b" && to == "a" && topic == "answer" && drop > 0 {
				drop--
				return true
			}
			return false
		})
		h.call(a, key, add{V: 1}, 0, 1)
		if drop != 0 {
			t.Errorf("%d answers were not lost", drop)
		}
		answered := make(chan error, 1)
		h.net.Drop(func(from, to, topic string) bool { return from == "b" && to == "a" && topic == "answer" })
		go func() {
			_, err := a.Call(within(10*time.Second), key, add{V: 2})
			answered <- err
		}()
		pass(900 * time.Millisecond) // applied, in the snapshot, not answered
		h.kill(b)
		h.net.Drop(nil)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		h.call(a, key, clustertest.Read{}, 0, 1, 2)
	})
}

// TestRule02_PausedNodeIsSilent: a node that was stopped for long wakes up with clients
// and calls in front of it, and neither answers nor publishes.
func TestRule02_PausedNodeIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		key := cluster.NewKey("room", 1)
		h.own(b, key, 1)
		pass(2 * time.Second)
		me := b.Self().Incarnation
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault { // it renews nothing
			if x.Incarnation == me {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		h.clock["b"].ahead.Add(int64(time.Hour))
		if b.Trusted() {
			t.Error("trusted after an hour of sleep")
		}
		if _, err := b.Call(within(500*time.Millisecond), key, add{V: 2}); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("local call in doubt: %v", err)
		}
		if _, err := c.Call(within(500*time.Millisecond), key, add{V: 3}); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("remote call in doubt: %v", err)
		}
		h.call(b, cluster.NewKey("talk", "x"), add{V: 1}, 1) // its home may be anywhere; b only asks
		pass(6 * time.Second)
		h.call(a, key, add{V: 4}, 1, 4)
		if got := h.runs(key); slices.Contains(got, "b") {
			// Its process may be there, frozen, until it hears that it is condemned.
			if _, err := b.Call(within(200*time.Millisecond), key, add{V: 5}); err == nil {
				t.Error("the old owner answers")
			}
		}
		h.store.OnAccess(nil)
		<-b.Done()
		if !errors.Is(b.Err(), lease.ErrCondemned) {
			t.Errorf("ended with %v", b.Err())
		}
		h.call(a, key, clustertest.Read{}, 1, 4)
	})
}

// TestCondemnedNodeTellsItsApp: processes are dropped first, then the hook runs.
func TestCondemnedNodeTellsItsApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.add("a")
		o := h.options("b")
		var b *cluster.Node
		var running atomic.Int64
		running.Store(-1)
		o.OnCondemned = func() { running.Store(int64(len(b.Processes()))) }
		b = h.with(o)
		h.ready()
		h.own(b, cluster.NewKey("room", 1), 1)
		inc := b.Self().Incarnation
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" && x.Incarnation == inc {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		<-b.Done()
		if running.Load() != 0 {
			t.Errorf("%d processes ran when the app was told", running.Load())
		}
	})
}

// TestRule09_TwoNodesOneName: the second one ends with an error and disturbs nobody.
func TestRule09_TwoNodesOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		a := h.add("a")
		h.ready()
		o := h.options("a")
		o.BootID = "another host"
		if err := cluster.New(o).Start(context.Background()); !errors.Is(err, lease.ErrNameInUse) {
			t.Errorf("second node: %v", err)
		}
		pass(10 * time.Second)
		if !a.Trusted() || len(a.Members()) != 1 {
			t.Errorf("trusted %v, members %+v", a.Trusted(), a.Members())
		}
	})
}

// TestRule29_Singletons run once, on one node, as soon as the nodes hear each other, and
// again elsewhere when it dies.
func TestRule29_Singletons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _, _ := three(t)
		key := cluster.SingletonKey("boss")
		for i := range 3 {
			got := h.runs(key)
			if len(got) != 1 {
				t.Fatalf("round %d: runs on %v", i, got)
			}
			n := h.nodes[0]
			h.call(n, key, add{V: i}, slices.Collect(func(yield func(int) bool) {
				for v := range i + 1 {
					yield(v)
				}
			})...)
			pass(time.Second)
			if i == 2 {
				break
			}
			h.kill(h.nodes[slices.IndexFunc(h.nodes, func(n *cluster.Node) bool { return n.Self().Node == got[0] })])
			pass(6 * time.Second)
		}
	})
}

// TestRule29_ReadyWithoutHearing: after ten seconds a node begins all the same.
func TestRule29_ReadyWithoutHearing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.net.Cut("a", "b")
		h.add("a")
		began := time.Now()
		b := h.add("b")
		<-b.Ready()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("ready after %v", took)
		}
	})
}

// TestUnknownNeverCreates: with the store away a call of an on-demand kind waits and
// gives up.
func TestUnknownNeverCreates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, _, _ := three(t)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "lookup" {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			if x.Op == "claim" {
				t.Errorf("claimed %s without knowing", x.Key)
			}
			return clustertest.Fault{}
		})
		began := time.Now()
		if _, err := a.Call(context.Background(), cluster.NewKey("talk", "x"), add{V: 1}); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("gave up after %v", took)
		}
		h.store.OnAccess(nil) // nodes that stop hand over, with claims
	})
}

// TestHomeUnreachable: the caller claims itself.
func TestHomeUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, _, _ := three(t)
		h.net.Cut("a", "b")
		h.net.Cut("a", "c")
		for i := range 6 {
			h.call(a, cluster.NewKey("note", i), add{V: i}, i)
		}
	})
}

// TestCastsKeepTheirOrder and are tried until they are answered.
func TestCastsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		key := cluster.NewKey("room", 1)
		h.own(b, key, 0)
		want := []int{0}
		for i := 1; i < 10; i++ {
			a.Cast(key, add{V: i})
			want = append(want, i)
		}
		pass(2 * time.Second) // what is younger than a second dies with its owner
		h.kill(b)
		for i := 10; i < 20; i++ {
			a.Cast(key, add{V: i})
			want = append(want, i)
		}
		pass(30 * time.Second)
		h.call(a, key, clustertest.Read{}, want...)
	})
}

// TestRule26_StaleCaches: a node whose directory names an old owner is led on.
func TestRule26_StaleCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		key := cluster.NewKey("note", 1)
		h.call(a, key, add{V: 1}, 1)
		owner := h.nodes[slices.IndexFunc(h.nodes, func(n *cluster.Node) bool { return n.Self().Node == h.runs(key)[0] })]
		h.net.Drop(func(_, _, topic string) bool { return topic == "cluster.owner" }) // nobody hears news
		_ = b
		_ = c
		if err := owner.Stop(within(5 * time.Second)); err != nil {
			t.Error(err)
		}
		h.nodes = slices.DeleteFunc(h.nodes, func(o *cluster.Node) bool { return o == owner })
		for _, n := range h.nodes {
			h.call(n, key, clustertest.Read{}, 1)
		}
	})
}

func TestSingleNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		single := func() *cluster.Node {
			o := h.options("a")
			o.Single = true
			return h.with(o)
		}
		a := single()
		h.ready()
		room, talk := cluster.NewKey("room", 1), cluster.NewKey("talk", "x")
		h.own(a, room, 1)
		h.call(a, talk, add{V: 1}, 1)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" || x.Op == "nodes" || x.Op == "save" {
				t.Errorf("%s on a single node", x.Op)
			}
			return clustertest.Fault{}
		})
		h.call(a, room, add{V: 2}, 1, 2)
		pass(10 * time.Second)
		h.store.OnAccess(nil)
		h.kill(a)
		b := single()
		h.ready()
		if _, err := b.Call(within(time.Second), room, clustertest.Read{}); !errors.Is(err, cluster.ErrNone) {
			t.Errorf("a room of a life before: %v", err)
		}
		h.call(b, cluster.SingletonKey("boss"), add{V: 1}, 1)
	})
}

func TestRegisterAndEarlyUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		n := cluster.New(h.options("a"))
		var heard atomic.Int64
		var members []cluster.Member
		n.OnMembers(func(m []cluster.Member) { members = m })
		stop := n.Subscribe("topic", func(bus.Message) { heard.Add(1) })
		n.Subscribe("topic", func(bus.Message) { t.Error("unsubscribed before the start") })()
		n.Serve("service", func(context.Context, bus.Origin, any) (any, error) { return list{}, nil })
		if err := n.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		n.PublishLocal("topic", list{})
		stop()
		n.PublishLocal("topic", list{})
		if heard.Load() != 1 || len(members) != 1 || members[0].Origin != n.Self() || !members[0].Serving {
			t.Errorf("heard %d, members %+v", heard.Load(), members)
		}
		if _, err := n.Request(within(time.Second), "a", "service", list{}); err != nil {
			t.Error(err)
		}
		if err := n.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		defer func() {
			if recover() == nil {
				t.Error("a kind was registered after the start")
			}
		}()
		n.Register(process.Kind{Name: "late"})
	})
}
