package cluster_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
)

// TestRule07_MoreThanAPage: the survivors run nothing themselves, so their reads have not
// grown, and the dead node had more than is read at once.
func TestRule07_MoreThanAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		const n = 4000
		for i := range n {
			h.own(b, cluster.NewKey("room", i), i)
		}
		pass(2 * time.Second)
		h.kill(b)
		pass(5 * time.Second)
		served := 0
		for _, node := range []*cluster.Node{a, c} {
			node.Local("room", func(cluster.Key) { served++ })
		}
		if served != n {
			t.Errorf("%d of %d rooms are served", served, n)
		}
	})
}

// TestOwnRowsAreReadSeldom: a node reads the rows of its own processes, which are as many
// as these, every ten seconds and not with every sweep; and soon when a claim had no clear
// end.
func TestOwnRowsAreReadSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, _, _ := three(t)
		for i := range 10 {
			h.own(a, cluster.NewKey("room", i), i)
		}
		pass(10 * time.Second)
		me := a.Self().Incarnation
		var mu sync.Mutex
		var own, lose int
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if x.Op == "orphans" && x.Incarnation == me {
				own++
			}
			if x.Op == "claim" && lose > 0 {
				lose--
				return clustertest.Fault{Lose: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		pass(time.Minute)
		mu.Lock()
		if own < 5 || own > 7 {
			t.Errorf("read %d times in a minute", own)
		}
		own, lose = 0, 1
		mu.Unlock()
		if _, err := a.Own(within(time.Second), cluster.NewKey("room", 11), add{V: 1}); err == nil {
			t.Error("no answer was lost")
		}
		pass(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if own < 4 {
			t.Errorf("read %d times after a claim without an answer", own)
		}
	})
}
