package lease_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

// TestRule26_StoreTime: hosts whose clocks are seconds and hours off tell the same
// time, that of the store, within the round trip of a renewal; it does not go back,
// also when a host's clock is set.
func TestRule26_StoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const trip = 40 * time.Millisecond
		s := clustertest.NewStore()
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			switch x.Incarnation % 3 { // where on the way the store reads its clock
			case 0:
				return clustertest.Fault{Delay: trip}
			case 1:
				return clustertest.Fault{Late: trip}
			}
			return clustertest.Fault{Delay: trip / 2, Late: trip / 2}
		})
		var nodes []*lease.Lease
		var clocks []*clock
		for name, off := range map[string]time.Duration{
			"a": 5 * time.Second, "b": -5 * time.Second, "c": time.Hour, "d": -time.Hour, "e": 0,
		} {
			c := newClock()
			c.wall.Add(int64(off))
			c.boot.Add(int64(off.Abs()) * 7) // uptimes differ, too
			clocks = append(clocks, c)
			nodes = append(nodes, join(t, s, name, c))
		}
		last := make([]time.Time, len(nodes))
		look := func() {
			t.Helper()
			for i, n := range nodes {
				now := n.Now()
				if off := time.Until(now).Abs(); off > trip/2+time.Millisecond {
					t.Fatalf("node %d is off by %v", i, off)
				}
				if now.Before(last[i]) {
					t.Fatalf("node %d went back by %v", i, last[i].Sub(now))
				}
				last[i] = now
			}
		}
		look() // from the join on
		for range 500 {
			pass(37 * time.Millisecond)
			look()
		}
		for i, c := range clocks { // the hosts' clocks are set, to and fro
			c.wall.Add(int64(time.Duration(i-2) * time.Minute))
		}
		for range 100 {
			pass(37 * time.Millisecond)
			look()
		}
	})
}

// TestRule26_StoreSet: the store's clock is set forward: all nodes follow with their
// next renewal. Back: they stand still, none goes back.
func TestRule26_StoreSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := join(t, s, "a", newClock()), join(t, s, "b", newClock())
		pass(10 * time.Second)
		s.Step(10 * time.Second)
		pass(2 * lease.RenewEvery)
		for _, l := range []*lease.Lease{a, b} {
			if off := time.Until(l.Now()); off != 10*time.Second {
				t.Errorf("off by %v after the store's clock was set forward", off)
			}
		}
		before := a.Now()
		s.Step(-10 * time.Second)
		pass(5 * time.Second)
		if now := a.Now(); now.Before(before) || now.Sub(before) > lease.RenewEvery {
			t.Errorf("%v after %v", now, before)
		}
		pass(10 * time.Second)
		if off := time.Until(a.Now()); off != 0 {
			t.Errorf("off by %v when the store has caught up", off)
		}
	})
}

// TestRule26_Alone: a node without a cluster tells its own clock.
func TestRule26_Alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		c.wall.Add(int64(time.Hour))
		l, err := lease.Alone(context.Background(), lease.Options{
			Candidate: lease.Candidate{Name: "a"}, Store: clustertest.NewStore(), Clock: c,
		})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if off := time.Until(l.Now()); off != time.Hour {
			t.Errorf("off by %v", off)
		}
	})
}
