package cluster_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/registry"
)

// TestRule01_ThousandKeys: a node dies right after a renewal with a thousand rooms; 99
// of 100 are served again within five seconds, by a store that needs 5 ms for a claim and
// 100 for many at once.
func TestRule01_ThousandKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		const n, most = 1000, 5 * time.Second
		for i := range n {
			h.own(b, cluster.NewKey("room", i), i)
		}
		pass(2 * time.Second) // snapshots
		me := b.Self().Incarnation
		renewed := make(chan struct{}, 1)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			switch {
			case x.Op == "renew" && x.Incarnation == me:
				select {
				case renewed <- struct{}{}:
				default:
				}
			case x.Op == "claim":
				return clustertest.Fault{Delay: 5 * time.Millisecond}
			case x.Op == "takeover":
				return clustertest.Fault{Delay: 100 * time.Millisecond}
			}
			return clustertest.Fault{}
		})
		<-renewed
		h.kill(b)
		died := time.Now()
		rooms := func() (served int) {
			for _, node := range []*cluster.Node{a, c} {
				node.Local("room", func(cluster.Key) { served++ })
			}
			return served
		}
		for rooms() < n*99/100 && time.Since(died) < 2*most {
			pass(50 * time.Millisecond)
		}
		if took := time.Since(died); took > most {
			t.Errorf("%d of %d rooms are served after %v", rooms(), n, took)
		}
		for i := 0; i < n; i += 50 {
			h.call(a, cluster.NewKey("room", i), clustertest.Read{}, i)
		}
	})
}

// TestRule07_LockedRowDelaysItselfAlone: a transaction hangs on the row of one room of a
// dead node. The others are served without it, and it is as soon as it is free.
func TestRule07_LockedRowDelaysItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		const n = 600 // more than one statement takes
		for i := range n {
			h.own(b, cluster.NewKey("room", i), i)
		}
		pass(2 * time.Second) // snapshots
		stuck := cluster.NewKey("room", 7)
		unlock := h.store.Lock(stuck)
		h.kill(b)
		pass(5 * time.Second)
		served := map[cluster.Key]int{}
		for _, node := range []*cluster.Node{a, c} {
			node.Local("room", func(k cluster.Key) { served[k]++ })
		}
		if len(served) != n-1 || served[stuck] != 0 {
			t.Errorf("%d rooms are served, the one that is locked %d times", len(served), served[stuck])
		}
		var tries atomic.Int64
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "takeover" {
				tries.Add(1)
			}
			return clustertest.Fault{}
		})
		pass(time.Second)
		if tries.Load() < 5 {
			t.Errorf("%d tries in a second", tries.Load())
		}
		unlock()
		pass(300 * time.Millisecond)
		if got := h.runs(stuck); len(got) != 1 {
			t.Errorf("the room that was locked runs on %v", got)
		}
		h.call(a, stuck, clustertest.Read{}, 7)
		for i := range n {
			if o := h.row(cluster.NewKey("room", i)); o.Epoch != 2 || o.State != registry.Owned {
				t.Fatalf("%+v", o)
			}
		}
	})
}

// TestRule04_LostAnswerOfATakeOver: the rows say that a node owns them and it does not
// know. It finds them and serves them.
func TestRule04_LostAnswerOfATakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		const n = 20
		for i := range n {
			h.own(b, cluster.NewKey("room", i), i)
		}
		pass(2 * time.Second)
		var mu sync.Mutex
		lost := map[int64]bool{}
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if x.Op == "takeover" && !lost[x.Incarnation] {
				lost[x.Incarnation] = true
				return clustertest.Fault{Lose: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		h.kill(b)
		pass(8 * time.Second)
		again := 0
		for i := range n {
			key := cluster.NewKey("room", i)
			h.call(a, key, clustertest.Read{}, i)
			o := h.row(key)
			if o.Epoch > 3 || len(h.runs(key)) != 1 {
				t.Errorf("%+v runs on %v", o, h.runs(key))
			}
			if o.Epoch == 3 {
				again++
			}
		}
		if again == 0 {
			t.Error("no answer was lost")
		}
	})
}
