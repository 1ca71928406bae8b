package account

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	madeMany = "Too many accounts were made from your address, please try again later"
	madeAll  = "Too many accounts are being made at the moment, please try again in a minute or two."
)

func (s *site) register(t *testing.T, name, ip string) error {
	t.Helper()
	return s.Register(t.Context(), NewUser{Name: name, Password: pass, Email: name + "@example.com", IP: ip})
}

// TestRegistrationsOfAnAddress: so many an hour, counted by the network of an IPv6
// customer; what would be refused anyway counts for nothing; what is unlimited is not counted.
func TestRegistrationsOfAnAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.registrations_per_address": "2", "limit.unlimited_networks": "10.7.0.0/16"})
	for range 5 {
		check(t, "bad name", s.register(t, "no-name", "10.0.0.1"), "Invalid characters in name (only a-z, A-Z, 0-9, [, ] and _ allowed)")
	}
	check(t, "first", s.register(t, "Anna", "10.0.0.1"), "")
	check(t, "taken", s.register(t, "Anna", "10.0.0.1"), "Username already taken")
	check(t, "second", s.register(t, "Bert", "10.0.0.1"), "")
	check(t, "third", s.register(t, "Cleo", "10.0.0.1"), madeMany)
	check(t, "elsewhere", s.register(t, "Cleo", "10.0.0.2"), "")
	s.now = s.now.Add(30 * time.Minute)
	check(t, "after half an hour", s.register(t, "Dora", "10.0.0.1"), "")
	check(t, "and one more", s.register(t, "Erna", "10.0.0.1"), madeMany)
	for i := range 2 {
		check(t, "v6", s.register(t, fmt.Sprint("Six", i), fmt.Sprint("2001:db8::", i+1)), "")
	}
	check(t, "v6, third", s.register(t, "Six3", "2001:db8::ffff:1"), madeMany)
	for i := range 20 {
		check(t, "unlimited", s.register(t, fmt.Sprint("Free", i), "10.7.1.1"), "")
	}
	if n := s.Counters.Limits.Registrations.Load(); n != 3 {
		t.Errorf("%d refusals are counted, want 3", n)
	}
}

// TestRegistrationsOfAll: an attack from very many addresses makes so many a minute.
func TestRegistrationsOfAll(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.registrations_per_minute": "5"})
	made := 0
	for i := range 50 {
		if err := s.register(t, fmt.Sprint("User", i), fmt.Sprint("10.0.1.", i)); err == nil {
			made++
		} else {
			check(t, "too many", err, madeAll)
		}
	}
	if made != 5 {
		t.Errorf("%d were made, want 5", made)
	}
	s.now = s.now.Add(12 * time.Second)
	check(t, "one is regained", s.register(t, "Later", "10.0.2.1"), "")
	check(t, "not two", s.register(t, "TooLate", "10.0.2.1"), madeAll)
}

// TestFailuresOfAnAddress: who guesses passwords of many accounts waits, without a hash and
// without using up the tries of these accounts. Bots, and who is remembered, do not wait.
func TestFailuresOfAnAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.failures_per_address": "3"})
	for _, name := range []string{"Anna", "Bert", "Cleo"} {
		s.add(t, name)
	}
	s.add(t, "HostBot", Bot)
	check(t, "before", s.login(t, "Anna", pass), "") // is remembered now
	check(t, "wrong", s.login(t, "Bert", "wrong!"), badPass)
	check(t, "wrong", s.login(t, "Cleo", "wrong!"), badPass)
	check(t, "unknown", s.login(t, "Nobody", "wrong!"), "No user found for 'Nobody'")
	hashed := s.Counters.Hashed.Load()
	for range 10 {
		check(t, "too often", s.login(t, "Bert", pass), floodWait)
	}
	if n := s.Counters.Hashed.Load(); n != hashed {
		t.Errorf("%d passwords were hashed for who waits", n-hashed)
	}
	check(t, "remembered", s.login(t, "Anna", pass), "")
	check(t, "a bot", s.login(t, "HostBot", pass), "")
	_, err := s.Authenticate(t.Context(), LoginRequest{Name: "Bert", Password: pass, Hash: "1 2", IP: "10.0.0.2"})
	check(t, "the account from elsewhere", err, "")
	s.now = s.now.Add(200 * time.Second) // a third of ten minutes
	check(t, "later", s.login(t, "Cleo", "wrong!"), badPass)
	check(t, "and no more", s.login(t, "Cleo", pass), floodWait)
	if n := s.Counters.Limits.Address.Load(); n != 11 {
		t.Errorf("%d refusals are counted, want 11", n)
	}
}

// TestGiantName: a name that nobody can have is not looked for, and not repeated whole.
func TestGiantName(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	before := s.store.reads
	_, err := s.Authenticate(t.Context(), LoginRequest{Name: strings.Repeat("x", 60_000), Password: pass, Hash: "1 2"})
	check(t, "giant", err, "No user found for '"+strings.Repeat("x", 64)+"'")
	if s.store.reads != before {
		t.Error("it was looked for")
	}
	for range 30 {
		_, err = s.Authenticate(t.Context(), LoginRequest{Name: strings.Repeat("y", 65), Password: pass, Hash: "1 2", IP: "10.0.0.7"})
		check(t, "a byte too long", err, "No user found for '"+strings.Repeat("y", 64)+"'")
	}
	s.add(t, "Berta")
	_, err = s.Authenticate(t.Context(), LoginRequest{Name: "Berta", Password: pass, Hash: "1 2", IP: "10.0.0.7"})
	check(t, "they count for the address", err, floodWait)
	err = s.Register(t.Context(), NewUser{Name: strings.Repeat("x", 60_000), Password: strings.Repeat("p", 60_000), Email: strings.Repeat("e", 60_000)})
	check(t, "giant registration", err, "Max length 20 characters")
	err = s.Register(t.Context(), NewUser{Name: "Anna", Password: strings.Repeat("p", 60_000), Email: "a@b.c"})
	check(t, "giant password", err, "User creation failed")
	err = s.Register(t.Context(), NewUser{Name: "Anna", Password: pass, Email: strings.Repeat("e", 60_000) + "@b.c"})
	check(t, "giant address", err, "invalid email")
}

// TestLimitsOfTheCluster: tries on one node count on the others.
func TestLimitsOfTheCluster(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"account.registrations_per_address": "3", "account.registrations_per_minute": "4", "account.failures_per_address": "6", "account.login_attempts": "1000"}
	inNodes(t, texts, func(n *nodes, a, b, c *sharer) {
		register := func(at *sharer, name string) error {
			return at.Register(context.Background(), NewUser{Name: name, Password: pass, Email: name + "@example.com", IP: "10.0.0.1"})
		}
		login := func(at *sharer, name, password, ip string) error {
			_, err := at.Authenticate(context.Background(), LoginRequest{Name: name, Password: password, Hash: "1 2", IP: ip})
			return err
		}
		for i, at := range []*sharer{a, b, c} {
			check(n.T, "register", register(at, fmt.Sprint("User", i)), "")
			wait(time.Second)
		}
		for _, at := range []*sharer{a, b, c} {
			check(n.T, "fourth", register(at, "Fourth"), madeMany)
		}
		// Four accounts a minute, wherever they are made.
		elsewhere := func(at *sharer, name string) error {
			return at.Register(context.Background(), NewUser{Name: name, Password: pass, Email: name + "@example.com", IP: "10.0.0.2"})
		}
		check(n.T, "the fourth of all", elsewhere(c, "Fourth"), "")
		wait(time.Second)
		check(n.T, "the fifth of all", elsewhere(b, "Fifth"), madeAll)
		// Four wrong passwords of an account, wherever they were tried.
		for i, at := range []*sharer{a, b, c, a} {
			check(n.T, "guess", login(at, "User1", "wrong!", fmt.Sprint("10.0.9.", i)), badPass)
			wait(time.Second)
		}
		for _, at := range []*sharer{a, b, c} {
			check(n.T, "fifth guess", login(at, "User1", pass, "10.0.9.9"), flood)
		}
		// Six wrong passwords of an address, of whatever accounts.
		for i := range 6 {
			check(n.T, "guess", login([]*sharer{a, b, c}[i%3], fmt.Sprint("User", i%2*2), "wrong!", "10.0.8.1"), badPass)
			wait(time.Second)
		}
		for _, at := range []*sharer{a, b, c} {
			check(n.T, "seventh guess", login(at, "User2", pass, "10.0.8.1"), floodWait)
		}
		// Who was thrown out of one node waits on the others.
		a.NoteFlood(3)
		wait(time.Second)
		if !b.attempts.flooding(3, "", 3, b.now()) || !c.attempts.flooding(3, "", 3, c.now()) {
			n.Error("a flood was not told")
		}
		// What a node tells that is gone is not believed.
		n.set(func() { n.gone["c"] = true })
		heard := a.Counters.Limits.Heard.Load()
		c.NoteFlood(99)
		wait(time.Second)
		if a.attempts.flooding(99, "", 3, a.now()) || a.Counters.Limits.Heard.Load() != heard {
			n.Error("a node that is gone was believed")
		}
	})
}
