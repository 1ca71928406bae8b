package cluster_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
)

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

// TestRule08_StaleCaches: a node whose directory names an old owner is led on.
func TestRule08_StaleCaches(t *testing.T) {
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
