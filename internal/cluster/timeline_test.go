package cluster_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

// TestRule10_AnotherTimeline: a standby without the last commits becomes the store. All
// nodes fall and join again; nobody claims before those of the timeline before can trust
// themselves no more; no epoch, incarnation or number is given twice.
func TestRule10_AnotherTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		kept, moved, lost := cluster.NewKey("room", 1), cluster.NewKey("room", 2), cluster.NewKey("room", 3)
		h.own(a, kept, 10)
		h.own(b, moved, 20)
		pass(3 * time.Second) // their snapshots
		standby := h.store.Copy()

		// What the standby does not have: a node died and another one owns its room, a new
		// room, a new life of a node, numbers.
		h.kill(b)
		pass(10 * time.Second)
		if got := h.runs(moved); len(got) != 1 {
			t.Fatalf("%s runs on %v", moved, got)
		}
		h.own(c, lost, 30)
		b = h.add("b")
		epochs := map[registry.Key]int64{kept: h.row(kept).Epoch, moved: h.row(moved).Epoch, lost: h.row(lost).Epoch}
		incarnation, number := b.Self().Incarnation, int64(0)
		for range 200 {
			n, err := c.Next(t.Context(), "room")
			if err != nil {
				t.Fatal(err)
			}
			number = max(number, n)
		}

		var (
			mu    sync.Mutex
			first time.Time // the first claim on the new timeline
		)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if (x.Op == "claim" || x.Op == "takeover") && x.Incarnation > incarnation && first.IsZero() {
				first = time.Now()
			}
			return clustertest.Fault{}
		})
		failover := time.Now()
		h.store.TakeOverBy(standby)
		for _, n := range []*cluster.Node{a, b, c} {
			<-n.Done()
			if err := n.Err(); !errors.Is(err, lease.ErrCondemned) { // from its own renewal, or from a node that was told before
				t.Errorf("%s ended with %v", n.Self().Node, err)
			}
			if n.Trusted() || len(n.Processes()) > 0 {
				t.Errorf("%s goes on", n.Self().Node)
			}
		}
		if took := time.Since(failover); took > lease.RenewEvery {
			t.Errorf("noticed after %v", took)
		}
		h.nodes = nil
		began := time.Now()
		var starts sync.WaitGroup
		nodes := make([]*cluster.Node, 3)
		for i, name := range []string{"a", "b", "c"} {
			o := h.options(name)
			starts.Go(func() {
				n := cluster.New(o)
				for _, k := range h.kinds {
					n.Register(k)
				}
				if err := n.Start(t.Context()); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				nodes[i] = n
			})
		}
		starts.Wait()
		for _, n := range nodes {
			h.nodes = append(h.nodes, n)
			h.Cleanup(func() { _ = n.Stop(within(time.Minute)) })
			if n.Self().Incarnation <= incarnation {
				t.Errorf("incarnation %d after %d", n.Self().Incarnation, incarnation)
			}
		}
		h.ready()
		pass(10 * time.Second)
		mu.Lock()
		if since := first.Sub(began); first.IsZero() || since < lease.TTL {
			t.Errorf("the first claim came after %v, others may trust themselves for %v", since, lease.TTL-lease.Margin)
		}
		mu.Unlock()
		for _, key := range []cluster.Key{kept, moved} {
			if got := h.runs(key); len(got) != 1 || h.row(key).Epoch <= epochs[key] {
				t.Errorf("%s runs on %v at epoch %d, it had %d", key, got, h.row(key).Epoch, epochs[key])
			}
		}
		h.own(nodes[0], lost, 31)
		if got := h.row(lost).Epoch; got <= epochs[lost] {
			t.Errorf("epoch %d of the key that was lost, it had %d", got, epochs[lost])
		}
		if n, err := nodes[1].Next(t.Context(), "room"); err != nil || n <= number {
			t.Errorf("number %d after %d, %v", n, number, err)
		}
		h.call(nodes[2], kept, clustertest.Read{}, 10)
	})
}

// TestRule10_HoldEnds: who waits on a young timeline stops waiting when its own life ends.
func TestRule10_HoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.add("a")
		h.store.TakeOverBy(h.store.Copy())
		o := h.options("b")
		b := cluster.New(o)
		began := time.Now()
		time.AfterFunc(time.Second, func() { h.store.TakeOverBy(h.store.Copy()) })
		if err := b.Start(t.Context()); !errors.Is(err, lease.ErrTimeline) {
			t.Errorf("started: %v", err)
		}
		if took := time.Since(began); took >= lease.TTL {
			t.Errorf("ended after %v", took)
		}
	})
}
