package account

import (
	"context"
	"testing"
	"time"
)

// TestCheckHost: hosts that ask without a login are known by name and password, and cost
// one hash.
func TestCheckHost(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Alice")
	s.add(t, "HostBot", Bot)
	s.add(t, "Server1", Server)
	for _, tc := range []struct{ name, password, want string }{
		{"HostBot", "secret", ""},
		{"HostBot", "secret", ""},
		{"hostbot", "secret", badPass}, // names have one case
		{"HostBot", "Secret", badPass},
		{"HostBot", "", badPass},
		{"Alice", "secret", badPass}, // is no host
		{"Server1", "secret", badPass},
		{"Nobody", "secret", badPass},
		{"", "", badPass},
	} {
		u, err := s.CheckHost(t.Context(), tc.name, tc.password, "10.0.0.1")
		check(t, tc.name+" "+tc.password, err, tc.want)
		if (u != nil) != (err == nil) || u != nil && u.Name != tc.name {
			t.Errorf("%s: %v, %v", tc.name, u, err)
		}
	}
	if n := s.Counters.Hashed.Load(); n != 3 { // the right one once, and two that were wrong
		t.Errorf("%d hashes", n)
	}
}

// TestHostIsKnownDespiteOthers: wrong passwords are refused without a hash after a few
// tries, per address; whoever is remembered is not.
func TestHostIsKnownDespiteOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "HostBot", Bot)
	ask := func(password, ip string) error {
		_, err := s.CheckHost(t.Context(), "HostBot", password, ip)
		return err
	}
	check(t, "right", ask("secret", "10.0.0.1"), "")
	for range 4 {
		check(t, "wrong", ask("guess", "10.0.0.1"), badPass)
	}
	hashed := s.Counters.Hashed.Load()
	for range 100 {
		check(t, "and again", ask("guess", "10.0.0.1"), flood)
		check(t, "right", ask("secret", "10.0.0.1"), "")
	}
	if n := s.Counters.Hashed.Load(); n != hashed {
		t.Errorf("%d hashes more", n-hashed)
	}
	check(t, "from elsewhere", ask("guess", "10.0.0.2"), badPass)
	s.now = s.now.Add(time.Minute)
	check(t, "a minute later", ask("guess", "10.0.0.1"), badPass)

	// No turn of a player is waited for without an end.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range cap(s.passwords.running) {
		s.passwords.running <- struct{}{}
	}
	_, err := s.CheckHost(ctx, "HostBot", "another", "10.0.0.3")
	if err == nil || textOf(err) == badPass {
		t.Errorf("nobody waits: %v", err)
	}
}
