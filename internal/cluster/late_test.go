package cluster_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
)

// TestRule04_LateClaim: a claim that was given up happens after the next one has
// succeeded. The row has an epoch that the process does not know of, and whoever looks
// there waits for a feed of that epoch, also of a kind that writes nothing.
func TestRule04_LateClaim(t *testing.T) {
	for _, kind := range []string{"talk", "note"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, a, b, _ := three(t)
				var claims atomic.Int64
				key := cluster.NewKey(kind, "x")
				h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "claim" && x.Key == key && claims.Add(1) == 1 {
						return clustertest.Fault{Delay: 4 * time.Second}
					}
					return clustertest.Fault{}
				})
				// The claim ends after the call. At the very end of its time another try may do.
				if _, err := a.Call(within(time.Second), key, clustertest.Read{}); err != nil && !errors.Is(err, cluster.ErrUnavailable) {
					t.Errorf("the first call: %v", err)
				}
				h.call(a, key, add{V: 1}, 1)
				pass(20 * time.Second)
				on := h.runs(key)
				if claims.Load() < 2 || len(on) != 1 || h.row(key).Node != on[0] {
					t.Fatalf("%d claims, runs on %v, the store says %+v", claims.Load(), on, h.row(key))
				}
				for _, n := range h.nodes {
					for _, p := range n.Processes() {
						if p.Key == key && p.Epoch != h.row(key).Epoch {
							t.Errorf("runs under epoch %d, the store says %d", p.Epoch, h.row(key).Epoch)
						}
					}
				}
				var f follower
				b.Follow(key, &f, func() { t.Error("heard of an end") })
				pass(10 * time.Second)
				if f.resets == 0 {
					t.Fatal("no view came")
				}
				before := len(f.values(t))
				if _, err := a.Call(within(time.Second), key, add{V: 2}); err != nil {
					t.Error(err)
				}
				pass(time.Second)
				if got := f.values(t); len(got) != before+1 {
					t.Errorf("the replica holds %v", got)
				}
			})
		})
	}
}
