package cluster_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

// TestRule01_FiguresOfADeath: one survivor has measured the detection, all have measured
// the takeover, and both together are within the five seconds promised.
func TestRule01_FiguresOfADeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		for i := range 20 {
			h.own(b, cluster.NewKey("room", i), i)
		}
		pass(2 * time.Second)
		h.kill(b)
		pass(10 * time.Second)
		var detected uint64
		for _, n := range []*cluster.Node{a, c} {
			f, _ := n.Lease()
			detected += f.Detections.Count
			taken := n.Takeovers()
			if taken.Count != 1 || taken.Sum <= 0 || f.WorstDetection+taken.Sum > 5*time.Second {
				t.Errorf("%s: %d takeovers took %v", n.Self().Node, taken.Count, taken.Sum)
			}
			if f.Detections.Count > 0 && f.Detections.Sum < lease.TTL {
				t.Errorf("%s: detected within %v", n.Self().Node, f.Detections.Sum)
			}
		}
		if detected != 1 {
			t.Errorf("%d have given it up", detected)
		}
	})
}

// TestTakeoverIsMeasuredToItsEnd: a key that cannot be taken keeps the clock running.
func TestTakeoverIsMeasuredToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		h.own(b, cluster.NewKey("room", 1), 1)
		pass(2 * time.Second)
		h.kill(b)
		until := time.Now().Add(10 * time.Second)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if (x.Op == "claim" || x.Op == "takeover") && time.Now().Before(until) {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		pass(15 * time.Second)
		if taken := a.Takeovers(); taken.Count != 1 || taken.Sum < 5*time.Second {
			t.Errorf("%d takeovers took %v", taken.Count, taken.Sum)
		}
	})
}

// TestFiguresOfCalls: each kind of end of a call is counted where the caller is.
func TestFiguresOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		room := cluster.NewKey("room", 1)
		h.own(b, room, 1)
		pass(time.Second)
		count, _ := a.Counters()
		here, _ := b.Counters()

		remote, local := count.Remote.Load(), here.Local.Load()
		h.call(a, room, add{V: 2}, 1, 2)
		h.call(b, room, add{V: 3}, 1, 2, 3)
		if count.Remote.Load() != remote+1 || here.Local.Load() != local+1 {
			t.Errorf("remote %d, local %d", count.Remote.Load()-remote, here.Local.Load()-local)
		}
		for i, n := range []*cluster.Node{a, b} {
			c, _ := n.Counters()
			refused := c.Refused.Load()
			if _, err := n.Call(within(time.Second), room, clustertest.Refuse{}); err == nil {
				t.Error("not refused")
			}
			if c.Refused.Load() != refused+1 {
				t.Errorf("node %d: refusals %d", i, c.Refused.Load()-refused)
			}
		}
		h.net.Cut("a", "b")
		retries, lost := count.Retries.Load(), count.Unavailable.Load()
		if _, err := a.Call(within(2500*time.Millisecond), room, clustertest.Read{}); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("over a cut: %v", err)
		}
		if count.Retries.Load() == retries || count.Unavailable.Load() != lost+1 {
			t.Errorf("retries %d, unanswered %d", count.Retries.Load()-retries, count.Unavailable.Load()-lost)
		}
	})
}

// TestFiguresOfFeeds: followed and published feeds, and an event that was lost.
func TestFiguresOfFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		room := cluster.NewKey("room", 1)
		before, there := a.Feeds(), b.Feeds()
		h.own(b, room, 1)
		var f follower
		stop := a.Follow(room, &f, nil)
		pass(time.Second)
		now := a.Feeds()
		if now.Replicas != before.Replicas+1 || now.Views != before.Views+1 || b.Feeds().Publishers != there.Publishers+1 || now.Gaps != before.Gaps {
			t.Errorf("before %+v, now %+v; at its owner %+v, %+v", before, now, there, b.Feeds())
		}
		h.net.Drop(func(_, to, topic string) bool { return to == "a" && topic == room.String() })
		h.call(b, room, add{V: 2}, 1, 2)
		h.net.Drop(nil)
		h.call(b, room, add{V: 3}, 1, 2, 3)
		pass(2 * time.Second)
		if got := a.Feeds(); got.Gaps != now.Gaps+1 || got.Views != now.Views+1 {
			t.Errorf("after a lost event: %+v, before %+v", got, now)
		}
		stop()
		if got := a.Feeds(); got.Replicas != before.Replicas {
			t.Errorf("after the end: %+v", got)
		}
	})
}
