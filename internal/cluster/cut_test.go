package cluster_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

// watched adds a node that gives way as the app does: it stops in order.
func (h *house) watched(name string, hearFirst time.Duration) (n *cluster.Node, cutOff chan time.Time) {
	o := h.options(name)
	cutOff = make(chan time.Time, 1)
	o.HearFirst = hearFirst
	o.OnCutOff = func() { cutOff <- time.Now() }
	return h.with(o), cutOff
}

// note is what operators read of a node.
func (h *house) note(n *cluster.Node) string {
	h.Helper()
	rows, err := h.store.Nodes(context.Background())
	if err != nil {
		h.Fatal(err)
	}
	for _, row := range rows {
		if row.Incarnation == n.Membership().Incarnation {
			return row.Note
		}
	}
	return "not there"
}

func isReady(n *cluster.Node) bool {
	select {
	case <-n.Ready():
		return true
	default:
		return false
	}
}

// The one that the others do not hear gives way after fifteen seconds, its processes go
// on with those who stay, and it serves again after a minute of good links.
func TestRule21_CutNodeGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		a, cutA := h.watched("a", 0)
		b, cutB := h.watched("b", 0)
		c, cutC := h.watched("c", 0)
		h.ready()
		key := cluster.NewKey("room", 1)
		h.own(c, key, 7)
		pass(2 * time.Second)

		began := time.Now()
		h.net.Cut("a", "c")
		h.net.Cut("b", "c")
		at := <-cutC
		if took := at.Sub(began); took < 15*time.Second || took > 30*time.Second {
			t.Errorf("gave way after %v", took)
		}
		if err := c.Stop(within(5 * time.Second)); err != nil {
			t.Error(err)
		}
		pass(3 * time.Second)
		if on := h.runs(key); len(on) != 1 || on[0] == "c" {
			t.Errorf("the room runs on %v", on)
		}
		h.call(a, key, list{}, 7)
		h.call(b, key, list{}, 7)

		again, _ := h.watched("c", time.Minute)
		pass(2 * time.Minute)
		if isReady(again) {
			t.Error("serves while it is cut off")
		}
		if slices.ContainsFunc(a.Members(), func(m cluster.Member) bool { return m.Node == "c" && m.Serving }) {
			t.Error("others take it for a node that serves")
		}
		if got := h.note(again); got != "waiting for links" {
			t.Errorf("operators read %q", got)
		}
		healed := time.Now()
		h.net.Heal()
		<-again.Ready()
		if took := time.Since(healed); took < time.Minute || took > 90*time.Second {
			t.Errorf("ready %v after the links were good", took)
		}
		pass(time.Second)
		if got := h.note(again); got != "" {
			t.Errorf("operators read %q of a node that serves", got)
		}
		select {
		case <-cutA:
			t.Error("a gave way")
		case <-cutB:
			t.Error("b gave way")
		default:
		}
	})
}

// A cut that heals soon, and an outage of the store, make nobody give way.
func TestRule21_ShortCutsAndOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		_, cutA := h.watched("a", 0)
		_, cutB := h.watched("b", 0)
		h.ready()
		h.net.Cut("a", "b")
		pass(10 * time.Second)
		h.net.Heal()
		pass(time.Minute)
		h.store.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
		h.net.Cut("a", "b")
		pass(time.Minute)
		select {
		case <-cutA:
			t.Error("a gave way")
		case <-cutB:
			t.Error("b gave way")
		default:
		}
		h.store.OnAccess(nil)
		<-cutB // the younger of two
		select {
		case <-cutA:
			t.Error("both gave way")
		default:
		}
	})
}

// A one-way cut is a cut: exactly one of the two stays.
func TestRule21_OneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		_, cutA := h.watched("a", 0)
		_, cutB := h.watched("b", 0)
		h.ready()
		h.net.CutOneWay("b", "a")
		<-cutB
		select {
		case <-cutA:
			t.Error("both gave way")
		default:
		}
	})
}

// A newcomer that is not heard by those who stay waits for its links, however long.
func TestRule21_NewcomerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.net.Cut("a", "b")
		h.add("a")
		b := h.add("b")
		pass(time.Minute)
		if isReady(b) {
			t.Error("ready without a node that stays")
		}
		h.net.Heal()
		<-b.Ready()
		_ = b.Stop(context.Background())
	})
}

// farStore is a store that one node does not reach.
type farStore struct {
	lease.Store
	far atomic.Bool
}

func (s *farStore) Renew(ctx context.Context, incarnation int64, r lease.Report) (lease.Renewed, error) {
	if s.far.Load() {
		return lease.Renewed{}, clustertest.ErrLost
	}
	return s.Store.Renew(ctx, incarnation, r)
}

func (s *farStore) Nodes(ctx context.Context) ([]lease.Node, error) {
	if s.far.Load() {
		return nil, clustertest.ErrLost
	}
	return s.Store.Nodes(ctx)
}

// A node that only the store does not hear is given up; it learns that from the others,
// over the bus, and does not serve its clients on until the store is back.
func TestRule03_GivenUpIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.add("a")
		far := &farStore{Store: h.store}
		o := h.options("b")
		o.Leases = far
		told := make(chan time.Time, 1)
		o.OnCondemned = func() { told <- time.Now() }
		b := h.with(o)
		h.ready()
		began := time.Now()
		far.far.Store(true)
		if took := (<-told).Sub(began); took > 6*time.Second {
			t.Errorf("learned it after %v", took)
		}
		<-b.Done()
	})
}

// Nothing is handed to a node that is being cut off, and it takes nothing that others
// release, before it is clear who stays.
func TestRule21_NothingMovesToTheCutNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		a, b := h.add("a"), h.add("b")
		h.ready()
		const notes = 60
		for i := range notes {
			h.call(a, cluster.NewKey("note", i), add{V: i}, i)
		}
		c := h.add("c")
		<-c.Ready()
		pass(5 * time.Second)
		h.net.Cut("a", "c")
		h.net.Cut("b", "c")
		pass(5 * time.Second)
		if err := b.Drain(within(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		pass(7 * time.Second)
		if on := c.Processes(); len(on) > 0 {
			t.Errorf("%d processes are on the node that is cut off", len(on))
		}
		for i := range notes {
			h.call(a, cluster.NewKey("note", i), list{}, i)
		}
	})
}
