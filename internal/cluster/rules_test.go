package cluster_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

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

// TestRule02_GoneNodeIsNotServed: one that has been given up and does not know it yet
// gets nothing done on the others, neither by a call nor by a service of the app.
func TestRule02_GoneNodeIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		served := 0
		a.Serve("echo", func(_ context.Context, _ bus.Origin, body any) (any, error) {
			served++
			return body, nil
		})
		if _, err := b.Request(within(time.Second), "a", "echo", add{V: 1}); err != nil {
			t.Fatal(err)
		}
		h.kill(b)
		for len(a.Members()) == 3 {
			pass(100 * time.Millisecond)
		}
		ghost := h.net.Join(b.Self())
		defer ghost.Close()
		for _, service := range []string{"echo", "cluster.call", "cluster.start"} {
			if _, err := ghost.Request(within(time.Minute), "a", service, add{V: 2}); err == nil || !strings.Contains(err.Error(), "gone") {
				t.Errorf("%s: %v", service, err)
			}
		}
		if served != 1 {
			t.Errorf("served %d times", served)
		}
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

// TestRule29_ReadyWithoutHearing: whom a node does not hear after ten seconds it does
// not wait for, if it is one of those who stay. Here b hears nobody.
func TestRule29_ReadyWithoutHearing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.net.Cut("a", "b")
		h.net.Cut("c", "b")
		h.add("a")
		h.add("b")
		began := time.Now()
		c := h.add("c")
		<-c.Ready()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("ready after %v", took)
		}
	})
}
