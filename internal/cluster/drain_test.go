package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
)

// A drained node runs nothing, its processes go on elsewhere with their state, and it
// still reaches them. Commands sent all the while are applied once each.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		const rooms = 40
		for i := range rooms {
			h.own(a, cluster.NewKey("room", i), i)
			h.call(c, cluster.NewKey("note", i), add{V: i}, i)
		}
		pass(2 * time.Second)

		done := make(chan error, 1)
		go func() { done <- a.Drain(within(30 * time.Second)) }()
		for i := range rooms { // while they move
			h.call(b, cluster.NewKey("room", i), add{V: 100 + i}, i, 100+i)
			h.call(a, cluster.NewKey("note", i), add{V: 100 + i}, i, 100+i)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if left := a.Processes(); len(left) > 0 {
			t.Errorf("%d processes are left, %v", len(left), left[0])
		}
		for i := range rooms {
			for _, kind := range []string{"room", "note"} {
				key := cluster.NewKey(kind, i)
				h.call(a, key, list{}, i, 100+i)
				if on := h.runs(key); len(on) != 1 || on[0] == "a" {
					t.Errorf("%s runs on %v", key, on)
				}
			}
		}
		if on := h.runs(cluster.SingletonKey("boss")); len(on) != 1 || on[0] == "a" {
			t.Errorf("the singleton runs on %v", on)
		}
		if _, err := a.Own(within(time.Second), cluster.NewKey("room", 1000), add{V: 1}); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("a drained node opens a room: %v", err)
		}
		pass(time.Minute)
		if left := a.Processes(); len(left) > 0 {
			t.Errorf("%d processes came back to a drained node", len(left))
		}
	})
}

// A node in service again gets its share, gently, with the state; what was started
// on a node on purpose stays there.
func TestUndrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		const notes = 120
		if err := a.Drain(within(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		h.own(b, cluster.NewKey("room", 1), 1)
		for i := range notes {
			h.call(b, cluster.NewKey("note", i), add{V: i}, i)
		}
		a.Undrain()
		pass(5 * time.Second)
		if n := len(a.Processes()); n > 0 {
			t.Errorf("%d processes have moved before the nodes were calm", n)
		}
		pass(time.Minute)
		for i := range notes { // the next command starts a released one at its home
			h.call(b, cluster.NewKey("note", i), list{}, i)
		}
		if n := len(a.Processes()); n < notes/5 || n > notes/2 {
			t.Errorf("%d of %d processes are on a", n, notes)
		}
		if on := h.runs(cluster.NewKey("room", 1)); fmt.Sprint(on) != "[b]" {
			t.Errorf("the room moved to %v", on)
		}
	})
}

// A node that joins gets its share too, and a second node that is all there is cannot
// be drained when nobody is left to take over.
func TestDrainNeedsOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		a, b := h.add("a"), h.add("b")
		h.ready()
		if err := a.Drain(within(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if err := b.Drain(within(10 * time.Second)); !errors.Is(err, cluster.ErrNobodyElse) {
			t.Errorf("the last node that serves drains: %v", err)
		}
		h.own(b, cluster.NewKey("room", 1), 1)
		a.Undrain()
		pass(time.Second)
		if err := b.Drain(within(10 * time.Second)); err != nil {
			t.Error(err)
		}
		pass(time.Second)
		h.call(b, cluster.NewKey("room", 1), list{}, 1)
	})
}

// A drain that is canceled half-way leaves nothing undone: all go on, once.
func TestDrainCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		const rooms = 60
		for i := range rooms {
			h.own(a, cluster.NewKey("room", i), i)
		}
		pass(2 * time.Second)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := a.Drain(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a canceled drain: %v", err)
		}
		a.Undrain()
		pass(5 * time.Second)
		for i := range rooms {
			key := cluster.NewKey("room", i)
			h.call(b, key, list{}, i)
			if on := h.runs(key); len(on) != 1 {
				t.Errorf("%s runs on %v", key, on)
			}
		}
	})
}

// The operator's wish reaches the node with its next renewal.
func TestDrainIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		o := h.options("a")
		asked := make(chan bool, 2)
		o.OnDrain = func(drain bool) { asked <- drain }
		h.with(o)
		h.add("b")
		h.ready()
		for _, want := range []bool{true, false} {
			if err := h.store.SetDrain(context.Background(), "a", want); err != nil {
				t.Fatal(err)
			}
			if got := <-asked; got != want {
				t.Errorf("asked %v, want %v", got, want)
			}
		}
	})
}
