package cluster_test

import (
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
)

// TestRule01_ThousandKeys: a node dies right after a renewal with a thousand rooms; 99
// of 100 are served again within five seconds, by a store that needs 5 ms for a claim.
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
