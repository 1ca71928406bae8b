package setting

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
)

// TestChangesReachEveryNode: a setting takes effect on all nodes without a
// restart: at once over the bus, within about a second when the bus is cut or
// when another process (a command of the operator) has written it.
func TestChangesReachEveryNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		store, net := &memoryStore{values: map[string]Value{}}, bus.NewNetwork()
		node := func(name string, incarnation int64) (*Service, bus.Bus) {
			b := net.Join(bus.Origin{Node: name, Incarnation: incarnation})
			caches := cache.New(b, store, cache.Options{})
			running.Go(func() { _ = caches.Run(ctx) })
			return NewService(store, caches, nil), b
		}
		a, busA := node("a", 1)
		b, busB := node("b", 2)
		synctest.Wait()
		var told, toldOther atomic.Int32
		b.OnChange(func() { told.Add(1) }, "lobby.player_limit")
		b.OnChange(func() { toldOther.Add(1) }, "spring.motd")

		expect := func(what string, want, wantTold int) {
			t.Helper()
			synctest.Wait()
			if got := [2]int{a.PlayerLimit(t.Context()), b.PlayerLimit(t.Context())}; got != [2]int{want, want} {
				t.Errorf("%s: the nodes have %v, want %d", what, got, want)
			}
			if got := int(told.Load()); got != wantTold || toldOther.Load() != 0 {
				t.Errorf("%s: told %d times, want %d; of others %d", what, got, wantTold, toldOther.Load())
			}
		}
		expect("default", 16, 0)
		if err := a.Set(t.Context(), "lobby.player_limit", "20"); err != nil {
			t.Fatal(err)
		}
		expect("bus", 20, 1)

		net.Cut("a", "b")
		if err := a.Reset(t.Context(), "lobby.player_limit"); err != nil {
			t.Fatal(err)
		}
		<-time.After(1500 * time.Millisecond) // virtual
		expect("bus cut", 16, 2)

		command := NewService(store, nil, nil)
		if err := command.Set(t.Context(), "lobby.player_limit", "30"); err != nil {
			t.Fatal(err)
		}
		<-time.After(1500 * time.Millisecond)
		expect("another process", 30, 3)

		store.mu.Lock()
		before := store.reads
		store.mu.Unlock()
		for range 100 {
			a.PlayerLimit(t.Context())
			a.LinesPerMinute(t.Context())
		}
		store.mu.Lock()
		if n := store.reads - before; n > 1 {
			t.Errorf("%d reads of the store for what is cached", n)
		}
		store.mu.Unlock()

		stop()
		running.Wait()
		_, _ = busA.Close(), busB.Close()
	})
}
