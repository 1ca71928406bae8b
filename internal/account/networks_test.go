package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// loginFrom is login from an address, and noted as one.
func (s *site) loginFrom(t *testing.T, name, password, ip string) error {
	t.Helper()
	u, err := s.Authenticate(t.Context(), LoginRequest{Name: name, Password: password, Hash: "1 2", IP: ip})
	if err == nil {
		err = s.store.NoteLogin(t.Context(), u.ID, s.now, ip, "Test", "1 2")
		<-s.store.notedCh
	}
	return err
}

const hostWaits = "Too many wrong passwords from this address, please try again later."

// TestHostsAreGuessedByNetwork: another address of the same IPv6 customer has no tries of
// its own, by a login or over HTTP.
func TestHostsAreGuessedByNetwork(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(s *site, password, ip string) error{
		"login": func(s *site, password, ip string) error {
			return s.loginFrom(t, "HostBot", ClientPassword(password), ip)
		},
		"check": func(s *site, password, ip string) error {
			_, err := s.CheckHost(t.Context(), "HostBot", password, ip)
			return err
		},
	} {
		s := newSite(t, nil)
		s.add(t, "HostBot", Bot)
		for i := range 4 {
			check(t, name, ask(s, "guess", fmt.Sprint("2001:db8::", i+1)), badPass)
		}
		hashed := s.Counters.Hashed.Load()
		check(t, name+", the same network", ask(s, "secret", "2001:db8::77"), flood)
		if n := s.Counters.Hashed.Load(); n != hashed {
			t.Errorf("%s: %d hashes more", name, n-hashed)
		}
		check(t, name+", another", ask(s, "secret", "2001:db8:0:1::1"), "")
	}
}

// TestNobodyIsKeptOutByStrangers: however often others try elsewhere, who logs in from where
// it did the last time has tries of its own, known or not; and they who try learn nothing
// from a password that is right.
func TestNobodyIsKeptOutByStrangers(t *testing.T) {
	t.Parallel()
	for _, minutes := range []string{"10", "0"} {
		s := newSite(t, map[string]string{"login.remember_minutes": minutes})
		s.add(t, "Anna")
		check(t, "home", s.loginFrom(t, "Anna", pass, "10.0.0.1"), "")
		s.now = s.now.Add(time.Minute)
		for i := range 4 {
			check(t, "guess", s.loginFrom(t, "Anna", "wrong!", fmt.Sprint("6.6.6.", i)), badPass)
		}
		check(t, "the right one is one too many", s.loginFrom(t, "Anna", pass, "6.6.6.9"), flood)
		check(t, "home again", s.loginFrom(t, "Anna", pass, "10.0.0.1"), "")
		s.NoteFlood(1) // of what it did itself
		check(t, "after a flood", s.loginFrom(t, "Anna", pass, "10.0.0.1"), floodWait)
		s.now = s.now.Add(10 * time.Second)
		for range 3 {
			check(t, "guess at home", s.loginFrom(t, "Anna", "wrong!", "10.0.0.1"), badPass)
			s.now = s.now.Add(time.Second)
		}
		check(t, "logins at home are counted", s.loginFrom(t, "Anna", pass, "10.0.0.1"), floodWait)
		s.now = s.now.Add(10 * time.Second)
		check(t, "four of home", s.loginFrom(t, "Anna", pass, "10.0.0.1"), flood)
	}
}

// TestOneGuesserOfMany: where somebody guesses, those wait of whom nothing is known; who has
// logged in from there goes on. Wrong names cost no more than wrong passwords.
func TestOneGuesserOfMany(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.failures_per_address": "3", "login.remember_minutes": "0"})
	for _, name := range []string{"Anna", "Bert", "Cleo", "Dora"} {
		s.add(t, name)
	}
	check(t, "before", s.loginFrom(t, "Anna", pass, "2001:db8::1"), "")
	for _, name := range []string{"Bert", "Nobody", "Cleo"} {
		if err := s.loginFrom(t, name, "wrong!", "2001:db8::2"); textOf(err) == floodWait {
			t.Errorf("%s waits already", name)
		}
	}
	check(t, "was never there", s.loginFrom(t, "Dora", pass, "2001:db8::3"), floodWait)
	check(t, "no name", s.loginFrom(t, "Nobody", pass, "2001:db8::3"), floodWait)
	check(t, "a giant", s.loginFrom(t, string(make([]byte, 5000)), pass, "2001:db8::3"), floodWait)
	check(t, "another case", s.loginFrom(t, "anna", pass, "2001:db8::3"), floodWait)
	check(t, "was there before", s.loginFrom(t, "Anna", pass, "2001:db8::3"), "")
	s.now = s.now.Add(15 * time.Second) // of its own there
	for range 2 {
		check(t, "guessed there", s.loginFrom(t, "Anna", "wrong!", "2001:db8::3"), badPass)
	}
	check(t, "guessed there too often", s.loginFrom(t, "Anna", "wrong!", "2001:db8::3"), badPass)
	s.now = s.now.Add(15 * time.Second)
	check(t, "four of an account hold", s.loginFrom(t, "Anna", pass, "2001:db8::3"), flood)
}

// TestWaitersLearnNothing: from where one has to wait nobody finds out the password of who is
// remembered, by what is answered to a guess.
func TestWaitersLearnNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.failures_per_address": "2"})
	s.add(t, "Anna")
	check(t, "home", s.loginFrom(t, "Anna", pass, "10.0.0.1"), "")
	for range 2 {
		check(t, "nobody", s.loginFrom(t, "Nobody", pass, "6.6.6.6"), "No user found for 'Nobody'")
	}
	for range 4 {
		check(t, "guess", s.loginFrom(t, "Anna", "wrong!", "6.6.6.6"), floodWait)
	}
	check(t, "a right guess", s.loginFrom(t, "Anna", pass, "6.6.6.6"), floodWait)
	check(t, "home again", s.loginFrom(t, "Anna", pass, "10.0.0.1"), "")
	s.now = s.now.Add(time.Minute)
	s.limits.failures.Note("6.6.6.6", s.rates(t.Context()).failures, s.now)
	s.limits.failures.Note("6.6.6.6", s.rates(t.Context()).failures, s.now)
	check(t, "a traveler", s.loginFrom(t, "Anna", pass, "6.6.6.6"), "")
}

// TestWaitersCostNothing: an address that must wait reads the store for nobody once it has
// asked for many, ten times as many as may be wrong, and other nodes are not told of each try.
// Hosts are then told that it could not be decided, which is not final; where they logged in
// last they go on.
func TestWaitersCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		store, net := newMemoryStore(), bus.NewNetwork()
		b := net.Join(bus.Origin{Node: "a", Incarnation: 1})
		other := net.Join(bus.Origin{Node: "b", Incarnation: 2})
		var told atomic.Int64
		other.Subscribe(TopicTried, func(bus.Message) { told.Add(1) })
		caches := cache.New(b, store, cache.Options{})
		last := int64(0)
		s := NewService(store, caches, func(context.Context) (int64, error) { last++; return last, nil },
			setting.Fixed(map[string]string{"account.failures_per_address": "3"}), Options{
				Cheap: true, Log: slog.New(slog.DiscardHandler),
				Peers: &Peers{Bus: b, Living: func(bus.Origin) bool { return true }, Secret: "s", Cluster: "c"},
			})
		running.Go(func() { _ = caches.Run(ctx) })
		running.Go(func() { s.Run(ctx) })
		synctest.Wait()
		for _, name := range []string{"Old", "New"} {
			if _, err := s.Create(ctx, NewUser{Name: name, Password: pass, Email: name + "@example.com"}, Bot); err != nil {
				t.Fatal(err)
			}
			if _, err := s.UserByName(ctx, name); err != nil {
				t.Fatal(err)
			}
		}
		s.NoteLogin(1, time.Now(), "10.0.0.1", "Test", "7")
		<-store.notedCh
		synctest.Wait()
		if _, err := s.UserByName(ctx, "Old"); err != nil { // as hosts of lobbies are looked for
			t.Fatal(err)
		}
		reads := func() int {
			store.mu.Lock()
			defer store.mu.Unlock()
			return store.reads + store.finds
		}
		try := func(name string) error {
			_, err := s.Authenticate(ctx, LoginRequest{Name: name, Password: pass, Hash: "1 2", IP: "10.0.0.1"})
			return err
		}
		for i := range 60 {
			if err := try(fmt.Sprint("Nobody", i)); err == nil {
				t.Fatal("nobody is somebody")
			}
		}
		synctest.Wait()
		if n := told.Load(); n != 3 {
			t.Errorf("the others were told %d times, want 3", n)
		}
		before := reads()
		for i := range 100 {
			if err := try(fmt.Sprint("Nemo", i)); !refusal.Is(err, refusal.Unavailable) {
				t.Fatalf("%v", err)
			}
		}
		if n := reads(); n != before {
			t.Errorf("%d reads of the store", n-before)
		}
		check(t, "a host that was there", try("Old"), "")
		check(t, "a host that was not", try("New"), hostWaits)
		for name, want := range map[string]string{"Old": "", "New": hostWaits, "Nobody": hostWaits} {
			_, err := s.CheckHost(ctx, name, "secret", "10.0.0.1")
			check(t, name+" by HTTP", err, want)
		}
		if _, err := s.CheckHost(ctx, "New", "secret", "10.0.0.2"); err != nil {
			t.Errorf("elsewhere: %v", err)
		}
		stop()
		running.Wait()
		_, _ = b.Close(), other.Close()
	})
}

// TestRegistrationsOfAllTakeNothing: who is refused because too many are made loses none of
// the few of its address.
func TestRegistrationsOfAllTakeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.registrations_per_address": "1", "account.registrations_per_minute": "2"})
	check(t, "one", s.register(t, "Anna", "10.0.0.1"), "")
	check(t, "two", s.register(t, "Bert", "10.0.0.2"), "")
	check(t, "too many", s.register(t, "Cleo", "10.0.0.3"), madeAll)
	s.now = s.now.Add(time.Minute)
	check(t, "later", s.register(t, "Cleo", "10.0.0.3"), "")
}

// hangingSettings keep every read until they are released.
type hangingSettings struct {
	setting.Store
	hang atomic.Bool
	free chan struct{}
}

func (h *hangingSettings) Setting(ctx context.Context, _ string) (setting.Value, bool, error) {
	if h.hang.Load() {
		select {
		case <-h.free:
		case <-ctx.Done():
			return setting.Value{}, false, ctx.Err()
		}
	}
	return setting.Value{}, false, nil
}

// TestHearingDoesNotWait: what other nodes tell is counted at once while the store answers
// nobody, because nothing else of the bus is heard meanwhile.
func TestHearingDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &hangingSettings{free: make(chan struct{})}
		net := bus.NewNetwork()
		a, b := net.Join(bus.Origin{Node: "a", Incarnation: 1}), net.Join(bus.Origin{Node: "b", Incarnation: 2})
		s := NewService(newMemoryStore(), nil, nil, setting.NewService(store, nil, slog.New(slog.DiscardHandler)), Options{
			Log: slog.New(slog.DiscardHandler), Peers: &Peers{Bus: a, Living: func(bus.Origin) bool { return true }, Secret: "s", Cluster: "c"},
		})
		store.hang.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { s.Run(ctx) })
		began := time.Now()
		for _, what := range []tried{{What: triedLogin, Address: "10.0.0.1"}, {What: triedMake, Address: "10.0.0.1"}, {What: triedSecret, User: 1, Secret: "password"}} {
			if err := b.Publish(TopicTried, what); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := s.Counters.Limits.Heard.Load(); n != 3 || time.Since(began) != 0 {
			t.Errorf("%d of 3 are heard, after %v", n, time.Since(began))
		}
		cancel()
		close(store.free)
		all.Wait()
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
}
