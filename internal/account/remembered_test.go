package account

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/refusal"
)

func TestRemembered(t *testing.T) {
	t.Parallel()
	r, now := newRemembered(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.add(1, "stored", "sent", now)
	for _, tc := range []struct {
		user         int64
		stored, sent string
		after        time.Duration
		want         bool
	}{
		{1, "stored", "sent", 0, true},
		{1, "stored", "sent", rememberFor - 1, true},
		{1, "stored", "sent", rememberFor, false},
		{2, "stored", "sent", 0, false},
		{1, "changed", "sent", 0, false},
		{1, "stored", "wrong", 0, false},
		{1, "storeds", "ent", 0, false}, // no two logins look alike
		{1, "", "storedsent", 0, false},
	} {
		if got := r.has(tc.user, tc.stored, tc.sent, now.Add(tc.after)); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
	if r.mark(1, "a", "b") == newRemembered().mark(1, "a", "b") {
		t.Error("two processes have one key")
	}
}

func TestRememberedStaysBounded(t *testing.T) {
	t.Parallel()
	r, now := newRemembered(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.most = 100
	for i := range int64(1000) {
		r.add(i, "stored", "sent", now)
		if len(r.until) > r.most {
			t.Fatalf("%d remembered", len(r.until))
		}
		if !r.has(i, "stored", "sent", now) && len(r.until) > r.most/2 {
			t.Fatalf("%d is not remembered", i)
		}
	}
}

// TestSecondLoginCostsNoHash: while every place for hashing is taken, who was found
// right a short while ago logs in, and nobody else; a changed password is forgotten.
func TestSecondLoginCostsNoHash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, map[string]string{"account.login_attempts": "1000"}, func(o *Options) { o.Hashers = 1; o.Unlimited = true })
		s.add(t, "Alice")
		check(t, "first", s.login(t, "Alice", pass), "")
		// hashes reports whether a login comes to where passwords are hashed.
		hashes := func(password string) bool {
			t.Helper()
			s.passwords.running <- struct{}{}
			defer s.passwords.leave()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.Authenticate(ctx, LoginRequest{Name: "Alice", Password: password, Hash: "1"})
			return err != nil
		}
		if hashes(pass) {
			t.Error("hashed again")
		}
		for range 2 {
			if !hashes("wrong!") {
				t.Error("a wrong password was not hashed")
			}
		}
		s.now = s.now.Add(rememberFor)
		if !hashes(pass) {
			t.Error("remembered for ever")
		}
		check(t, "later", s.login(t, "Alice", pass), "")
		if hashes(pass) {
			t.Error("hashed again, later")
		}
		if err := s.ChangePassword(t.Context(), 1, pass, "anotherpassword"); err != nil {
			t.Fatal(err)
		}
		if !hashes(pass) {
			t.Error("the old password is remembered")
		}
		check(t, "the old password", s.login(t, "Alice", pass), badPass)
		check(t, "the new password", s.login(t, "Alice", "anotherpassword"), "")
	})
}

// TestBefore: what refuses before the password costs no hash and counts as no login.
func TestBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Alice")
	full := refusal.New(refusal.Full, "full")
	asked := ""
	for i := range 20 {
		_, err := s.Authenticate(t.Context(), LoginRequest{Name: "Alice", Password: fmt.Sprint("wrong", i), Hash: "1", Before: func(u *User) error {
			asked = u.Name
			return full
		}})
		if !refusal.Is(err, refusal.Full) || asked != "Alice" {
			t.Fatalf("%v, asked for %q", err, asked)
		}
	}
	_, err := s.Authenticate(t.Context(), LoginRequest{Name: "Nobody99", Before: func(*User) error { return full }})
	check(t, "nobody", err, "No user found for 'Nobody99'")
	check(t, "login", s.login(t, "Alice", pass), "")
}

func BenchmarkRemembered(b *testing.B) {
	r, now := newRemembered(), time.Now()
	r.add(1, "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", pass, now)
	b.ReportAllocs()
	for b.Loop() {
		r.has(1, "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", pass, now)
	}
}
