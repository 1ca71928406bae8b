package account

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/setting"
)

// cluster runs f with the services of two nodes over one store, each with its own
// caches. Cutting the network leaves the change log of the store.
func cluster(t *testing.T, f func(t *testing.T, store *memoryStore, net *bus.Network, a, b *Service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		net, store := bus.NewNetwork(), newMemoryStore()
		var buses []bus.Bus
		var mu sync.Mutex
		last := int64(0)
		next := func(context.Context) (int64, error) {
			mu.Lock()
			defer mu.Unlock()
			last++
			return last, nil
		}
		node := func(name string) *Service {
			b := net.Join(bus.Origin{Node: name, Incarnation: int64(len(name))})
			buses = append(buses, b)
			caches := cache.New(b, store, cache.Options{})
			s := NewService(store, caches, next, setting.Fixed(nil), Options{Cheap: true, Unlimited: true})
			running.Go(func() { _ = caches.Run(ctx) })
			running.Go(func() { s.Run(ctx) })
			return s
		}
		a, b := node("a"), node("bb")
		synctest.Wait()
		f(t, store, net, a, b)
		stop()
		running.Wait()
		for _, b := range buses {
			_ = b.Close()
		}
	})
}

func nameOf(t *testing.T, s *Service, id int64) string {
	t.Helper()
	u, err := s.UserByID(t.Context(), id)
	if err != nil || u == nil {
		t.Fatalf("user %d: %v %v", id, u, err)
	}
	return u.Name
}

// TestChangesAreSeenOnOtherNodes: a rename or a role on one node is what all see,
// at once over the bus, within about a second without it.
func TestChangesAreSeenOnOtherNodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		cut  bool
	}{{"bus", false}, {"bus cut", true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster(t, func(t *testing.T, store *memoryStore, net *bus.Network, a, b *Service) {
				ctx := t.Context()
				settle := func() {
					if tc.cut {
						<-time.After(1500 * time.Millisecond) // virtual
					}
					synctest.Wait()
				}
				if tc.cut {
					net.Cut("a", "bb")
				}
				// b believes that there is nobody of that name.
				if u, err := b.UserByName(ctx, "Bob"); u != nil || err != nil {
					t.Fatalf("%v %v", u, err)
				}
				if err := a.Register(ctx, NewUser{Name: "Bob", Password: pass, Email: "bob@example.com"}); err != nil {
					t.Fatal(err)
				}
				// A login asks the store: it works on b before b's caches know.
				if _, err := b.Authenticate(ctx, LoginRequest{Name: "Bob", Password: pass, Hash: "1"}); err != nil {
					t.Errorf("login on the other node: %v", err)
				}
				settle()
				if u, err := b.UserByName(ctx, "bob"); u == nil || err != nil {
					t.Errorf("b does not know the new user: %v", err)
				}
				if got := nameOf(t, b, 1); got != "Bob" {
					t.Errorf("before: %s", got)
				}
				if err := a.Rename(ctx, 1, "Robert"); err != nil {
					t.Fatal(err)
				}
				settle()
				if got := nameOf(t, b, 1); got != "Robert" {
					t.Errorf("after the rename b sees %s", got)
				}
				if u, _ := b.UserByName(ctx, "Bob"); u != nil {
					t.Error("b still finds the old name")
				}
				if u, _ := b.UserByName(ctx, "robert"); u == nil {
					t.Error("b does not find the new name")
				}
				if _, err := a.change(ctx, 1, func(u *User) error { u.Roles = withRole(u.Roles, Moderator); return nil }); err != nil {
					t.Fatal(err)
				}
				settle()
				if u, _ := b.UserByID(ctx, 1); !u.Moderates() {
					t.Error("b does not see the new role")
				}
			})
		})
	}
}

// TestLookUpsAreCached: who is online is looked at for every line of chat.
func TestLookUpsAreCached(t *testing.T) {
	t.Parallel()
	cluster(t, func(t *testing.T, store *memoryStore, _ *bus.Network, a, _ *Service) {
		if err := a.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "bob@example.com"}); err != nil {
			t.Fatal(err)
		}
		nameOf(t, a, 1)
		store.mu.Lock()
		before := store.reads
		store.mu.Unlock()
		for range 100 {
			nameOf(t, a, 1)
			if u, err := a.UserByName(t.Context(), "BOB"); u == nil || err != nil {
				t.Fatal(u, err)
			}
		}
		store.mu.Lock()
		defer store.mu.Unlock()
		if store.reads != before {
			t.Errorf("%d reads of the store", store.reads-before)
		}
	})
}

// TestImpossibleNames: what no name is like is neither looked up nor remembered.
func TestImpossibleNames(t *testing.T) {
	t.Parallel()
	cluster(t, func(t *testing.T, store *memoryStore, _ *bus.Network, a, _ *Service) {
		store.mu.Lock()
		before := store.finds
		store.mu.Unlock()
		for _, name := range []string{strings.Repeat("x", 20_000), "a\x00b"} {
			if u, err := a.UserByName(t.Context(), name); u != nil || err != nil {
				t.Errorf("%.20q: %v %v", name, u, err)
			}
		}
		store.mu.Lock()
		defer store.mu.Unlock()
		if store.finds != before {
			t.Errorf("%d look-ups in the store", store.finds-before)
		}
	})
}

// TestLobbyHashAfterLogin: hosts ask for the hash of a user right after the login,
// on whatever node.
func TestLobbyHashAfterLogin(t *testing.T) {
	t.Parallel()
	cluster(t, func(t *testing.T, store *memoryStore, _ *bus.Network, a, b *Service) {
		if err := a.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "bob@example.com"}); err != nil {
			t.Fatal(err)
		}
		nameOf(t, a, 1)
		nameOf(t, b, 1)
		a.NoteLogin(1, time.Now(), "10.0.0.1", "Test", "77 abc")
		<-store.notedCh
		synctest.Wait()
		for name, s := range map[string]*Service{"a": a, "b": b} {
			if u, err := s.UserByID(t.Context(), 1); err != nil || u.LobbyHash != "77 abc" {
				t.Errorf("%s sees %+v %v", name, u, err)
			}
		}
	})
}
