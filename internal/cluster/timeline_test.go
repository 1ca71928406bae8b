package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

// stays watches that no node is given up by another one until the test ends.
func (h *house) stays(nodes ...*cluster.Node) {
	var over atomic.Bool
	h.Cleanup(func() { over.Store(true) })
	for _, n := range nodes {
		n.OnMembers(func(list []cluster.Member) {
			for _, other := range nodes {
				self := other.Self()
				if !over.Load() && !slices.ContainsFunc(list, func(m cluster.Member) bool { return m.Origin == self }) {
					h.Errorf("%s gave %s up", n.Self().Node, self.Node)
				}
			}
		})
	}
}

// TestRule10_AnotherTimeline: a standby without the last commits becomes the store. All
// nodes go on in it, under another incarnation each; nobody claims before those of the
// timeline before can trust themselves no more; no epoch, incarnation or number is given
// twice; nothing has two owners.
func TestRule10_AnotherTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		kept, moved, ended, lost := cluster.NewKey("room", 1), cluster.NewKey("room", 2), cluster.NewKey("room", 3), cluster.NewKey("room", 4)
		h.own(a, kept, 10)
		h.own(b, moved, 20)
		h.own(a, ended, 30)
		pass(3 * time.Second) // their snapshots
		standby := h.store.Copy()

		// What the standby does not have: a node died and another one owns its room, a room
		// was closed, a new one opened, a new life of a node, numbers.
		h.kill(b)
		pass(10 * time.Second)
		if got := h.runs(moved); len(got) != 1 {
			t.Fatalf("%s runs on %v", moved, got)
		}
		h.call(c, moved, add{V: 21}, 20, 21)
		h.call(c, ended, clustertest.Close{}, 30)
		h.own(c, lost, 40)
		b = h.add("b")
		h.ready()
		keys := []cluster.Key{kept, moved, ended, lost, cluster.SingletonKey("boss")}
		epochs := map[registry.Key]int64{}
		for _, key := range keys {
			epochs[key] = h.row(key).Epoch
		}
		incarnation, number := b.Self().Incarnation, int64(0)
		for range 70 { // a block is left
			n, err := c.Next(t.Context(), "room")
			if err != nil {
				t.Fatal(err)
			}
			number = max(number, n)
		}
		hears := map[cluster.Key]*follower{}
		for _, key := range []cluster.Key{kept, moved} {
			hears[key] = &follower{}
			t.Cleanup(c.Follow(key, hears[key], func() { t.Errorf("%s is over", key) }))
		}
		pass(time.Second)
		h.stays(a, b, c)

		var (
			mu    sync.Mutex
			first time.Time // the first claim on the new timeline
			began time.Time // and its beginning
		)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case x.Op == "join" && began.IsZero():
				began = time.Now()
			case (x.Op == "claim" || x.Op == "takeover") && x.Incarnation > incarnation && first.IsZero():
				first = time.Now()
			}
			return clustertest.Fault{}
		})
		failover := time.Now()
		h.store.TakeOverBy(standby)
		pass(lease.RenewEvery)
		for _, n := range []*cluster.Node{a, b, c} {
			if n.Trusted() || !n.Awake() || n.Fallen() != nil {
				t.Errorf("%s: trusted %v, awake %v, %v", n.Self().Node, n.Trusted(), n.Awake(), n.Fallen())
			}
			if got := n.Membership(); got.Incarnation <= incarnation+500_000 || got.Timeline.ID != 2 {
				t.Errorf("%s goes on as %+v", n.Self().Node, got)
			}
		}
		for {
			mu.Lock()
			claimed := !first.IsZero()
			mu.Unlock()
			if claimed {
				break
			}
			for _, n := range []*cluster.Node{a, b, c} {
				if n.Trusted() {
					t.Fatalf("%s is trusted %v after the failover", n.Self().Node, time.Since(failover))
				}
			}
			pass(10 * time.Millisecond)
		}
		if since := first.Sub(began); since < lease.TTL {
			t.Errorf("the first claim came after %v, others may trust themselves for %v", since, lease.TTL-lease.Margin)
		}
		pass(20 * time.Second)
		for _, key := range []cluster.Key{kept, moved, cluster.SingletonKey("boss")} {
			row := h.row(key)
			if got := h.runs(key); len(got) != 1 || row.Epoch <= epochs[key]+500_000 || row.Gone || row.Node != got[0] {
				t.Errorf("%s runs on %v at %+v, it had the epoch %d", key, got, row, epochs[key])
			}
		}
		for _, key := range []cluster.Key{ended, lost} {
			if got := h.runs(key); len(got) != 0 || h.row(key).State != registry.Closed {
				t.Errorf("%s runs on %v: %+v", key, got, h.row(key))
			}
		}
		h.call(c, kept, add{V: 11}, 10, 11)
		h.call(a, moved, add{V: 22}, 20, 22) // what the standby has
		pass(time.Second)
		for key, want := range map[cluster.Key][]int{kept: {10, 11}, moved: {20, 22}} {
			if got := hears[key].values(t); !slices.Equal(got, want) {
				t.Errorf("%s: a follower has %v, want %v", key, got, want)
			}
		}
		h.own(a, lost, 41)
		if got := h.row(lost).Epoch; got <= epochs[lost] {
			t.Errorf("epoch %d of the key that was lost, it had %d", got, epochs[lost])
		}
		for _, n := range []*cluster.Node{a, b, c} {
			if got, err := n.Next(t.Context(), "room"); err != nil || got <= number+500_000 {
				t.Errorf("number %d after %d, %v", got, number, err)
			}
		}
	})
}

// TestRule10_MemoryIsKept: a process for which nothing was lost goes on with what it had,
// also what was never written; one that the store has forgotten more of is loaded.
func TestRule10_MemoryIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		room, loaded, note, talk := cluster.NewKey("room", 1), cluster.NewKey("room", 2), cluster.NewKey("note", 1), cluster.NewKey("talk", 1)
		h.own(a, room, 1)
		h.own(a, loaded, 1)
		h.call(a, note, add{V: 1}, 1)
		h.call(a, talk, add{V: 1}, 1)
		pass(3 * time.Second)
		f := &follower{}
		t.Cleanup(b.Follow(room, f, func() { t.Error("it is over") }))
		h.stays(h.nodes...)
		for round := 2; round < 5; round++ {
			pass(3*time.Second + 450*time.Millisecond) // no round of snapshots until the store is another one
			before := h.row(room).Epoch
			standby := h.store.Copy()
			values := make([]int, round)
			for i := range values {
				values[i] = i + 1
			}
			h.call(b, loaded, add{V: round, Durable: true}, 1, round)
			h.call(b, room, add{V: round}, values...)
			h.call(b, note, add{V: round}, values...)
			h.call(b, talk, add{V: round}, values...)
			h.store.TakeOverBy(standby)
			pass(lease.RenewEvery)
			// In doubt a channel goes on, a room does not.
			h.call(b, talk, clustertest.Read{}, values...)
			if _, err := b.Call(within(time.Second), room, clustertest.Read{}); !errors.Is(err, cluster.ErrUnavailable) {
				t.Errorf("a room on a timeline that nobody may claim in yet: %v", err)
			}
			pass(5 * time.Second)
			for _, key := range []cluster.Key{room, note, talk} {
				h.call(b, key, clustertest.Read{}, values...)
			}
			h.call(b, loaded, clustertest.Read{}, 1)
			if got := h.row(room); got.Epoch <= before+500_000 || got.Node != "a" {
				t.Errorf("%+v after epoch %d", got, before)
			}
			if got := f.values(t); !slices.Equal(got, values) {
				t.Errorf("a follower has %v, want %v", got, values)
			}
		}
		if got := h.tookOver(b, room); got != 0 {
			t.Errorf("edges were asked %d times to repeat what was not lost", got)
		}
		if got := h.tookOver(b, loaded); got == 0 {
			t.Error("edges were not asked to repeat what may be lost")
		}
	})
}

// TestRule10_UnclearWrite: the answer to the last snapshot was lost with the primary. That
// it is in the standby costs no memory.
func TestRule10_UnclearWrite(t *testing.T) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprint("stored=", stored), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, a, b, _ := three(t)
				room := cluster.NewKey("room", 1)
				h.own(a, room, 1)
				pass(3 * time.Second)
				h.call(b, room, add{V: 2}, 1, 2)
				h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
					switch {
					case x.Op == "save" && stored:
						return clustertest.Fault{Lose: clustertest.ErrLost}
					case x.Op == "save":
						return clustertest.Fault{Fail: clustertest.ErrLost}
					}
					return clustertest.Fault{}
				})
				pass(700 * time.Millisecond)
				h.call(b, room, add{V: 3}, 1, 2, 3)
				h.store.TakeOverBy(h.store.Copy())
				h.store.OnAccess(nil)
				pass(10 * time.Second)
				h.call(b, room, clustertest.Read{}, 1, 2, 3)
				if got := h.row(room); got.Node != "a" || got.Epoch < 500_000 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// TestRule10_WhoDoesNotCome: a node that died with the primary is awaited, and then given
// up; what it ran is taken over. One that finds the new primary too late has to begin
// anew.
func TestRule10_WhoDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		ofB, ofC := cluster.NewKey("room", 1), cluster.NewKey("room", 2)
		h.own(b, ofB, 1)
		h.own(c, ofC, 2)
		pass(3 * time.Second)
		away := c.Self().Incarnation
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Incarnation == away || x.Op == "nodes" {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		h.kill(b)
		h.store.TakeOverBy(h.store.Copy())
		pass(2 * lease.RenewEvery)
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Incarnation == away {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		gone := func(n *cluster.Node) bool {
			return !slices.ContainsFunc(a.Members(), func(m cluster.Member) bool { return m.Origin == n.Self() })
		}
		pass(5 * time.Second)
		if gone(b) || gone(c) {
			t.Fatal("given up at once")
		}
		pass(15 * time.Second) // long enough for who finds its keys first
		if got := h.runs(ofB); len(got) != 1 || got[0] != "a" {
			t.Errorf("%s runs on %v", ofB, got)
		}
		pass(lease.AwaitLeases * lease.TTL)
		if !gone(b) || !gone(c) {
			t.Errorf("still awaited: %v", a.Members())
		}
		h.store.OnAccess(nil)
		pass(5 * time.Second)
		if c.Fallen() == nil || c.Trusted() {
			t.Errorf("the late node goes on: %v", c.Fallen())
		}
		if got := h.runs(ofC); len(got) != 1 || got[0] != "a" {
			t.Errorf("%s runs on %v", ofC, got)
		}
	})
}

// TestRule10_GivenUpInWhatWasLost: a node was given up while nobody reached it, and the
// standby does not know that. The others do: it does not go on.
func TestRule10_GivenUpInWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		room := cluster.NewKey("room", 1)
		h.own(b, room, 1)
		pass(3 * time.Second)
		standby := h.store.Copy()
		far := b.Self().Incarnation
		h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Incarnation == far {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		h.net.Cut("a", "b")
		h.net.Cut("c", "b")
		pass(10 * time.Second)
		if got := h.row(room); got.Node == "b" {
			t.Fatalf("not taken over: %+v", got)
		}
		h.call(a, room, add{V: 2}, 1, 2)
		h.store.OnAccess(nil)
		h.store.TakeOverBy(standby)
		h.net.Heal()
		for range 1000 {
			if b.Trusted() {
				t.Fatal("trusted again")
			}
			pass(10 * time.Millisecond)
		}
		if err := b.Fallen(); err == nil {
			t.Error("it goes on")
		}
		pass(10 * time.Second)
		if got := h.runs(room); len(got) != 1 || got[0] == "b" {
			t.Errorf("runs on %v", got)
		}
		if a.Fallen() != nil || c.Fallen() != nil {
			t.Errorf("%v, %v", a.Fallen(), c.Fallen())
		}
	})
}

// TestRule10_WhoStoodStill: a node that was stopped while the database failed over may have
// been given up in what was lost. It does not go on.
func TestRule10_WhoStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		h.store.TakeOverBy(h.store.Copy())
		h.clock["b"].ahead.Add(int64(time.Minute))
		pass(5 * time.Second)
		if err := b.Fallen(); !errors.Is(err, lease.ErrTimeline) {
			t.Errorf("who stood still: %v", err)
		}
		if err := a.Fallen(); err != nil {
			t.Errorf("who did not: %v", err)
		}
	})
}

// TestRule10_DrainIsKept: what the operator wanted of a node goes on with it.
func TestRule10_DrainIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var mu sync.Mutex
		var wishes []bool
		o := h.options("a")
		o.OnDrain = func(drain bool) { mu.Lock(); wishes = append(wishes, drain); mu.Unlock() }
		a := h.with(o)
		h.add("b")
		h.ready()
		if err := h.store.SetDrain(context.Background(), "a", true); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		h.store.TakeOverBy(h.store.Copy())
		pass(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if a.Fallen() != nil || a.Membership().Timeline.ID != 2 || !slices.Equal(wishes, []bool{true}) {
			t.Errorf("%v, %+v, wishes %v", a.Fallen(), a.Membership(), wishes)
		}
	})
}

// TestRule10_Alone: a node without a cluster goes on as well, as soon as it is told.
func TestRule10_Alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		o := h.options("a")
		o.Single = true
		var told []int64
		o.OnTimeline = func(m lease.Membership) { told = append(told, m.Incarnation) }
		a := h.with(o)
		pass(time.Second)
		room, forgotten := cluster.NewKey("room", 1), cluster.NewKey("room", 2)
		h.own(a, room, 1)
		standby := h.store.Copy()
		h.own(a, forgotten, 1)
		h.call(a, room, add{V: 2}, 1, 2)
		before := a.Self()
		h.store.TakeOverBy(standby)
		a.Recheck()
		pass(time.Second)
		h.call(a, room, add{V: 3}, 1, 2, 3)
		if got := h.row(room); got.Epoch < 500_000 || got.Gone {
			t.Errorf("%+v", got)
		}
		if got := h.runs(forgotten); len(got) > 0 {
			t.Errorf("what the store does not know runs on %v", got)
		}
		if a.Self() != before || a.Fallen() != nil || len(told) != 1 || told[0] <= before.Incarnation {
			t.Errorf("%+v after %+v, %v, told %v", a.Self(), before, a.Fallen(), told)
		}
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
