package account

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/refusal"
)

// life is how long passwords are remembered in these tests.
const life = 10 * time.Minute

func remembering() (r *remembered, now time.Time) {
	r, now = newRemembered(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.keepFor(life, now)
	return r, now
}

func TestRemembered(t *testing.T) {
	t.Parallel()
	r, now := remembering()
	of := func(id int64, name, stored string) *User { return &User{ID: id, Name: name, Password: stored} }
	r.add(1, r.mark(of(1, "Alice", "stored"), "sent"), now)
	for _, tc := range []struct {
		user         int64
		name         string
		stored, sent string
		after        time.Duration
		want         bool
	}{
		{1, "Alice", "stored", "sent", 0, true},
		{1, "Alice", "stored", "sent", life - 1, true},
		{1, "Alice", "stored", "sent", life, false},
		{2, "Alice", "stored", "sent", 0, false},
		{1, "Bob", "stored", "sent", 0, false}, // renamed
		{1, "Alice", "changed", "sent", 0, false},
		{1, "Alice", "stored", "wrong", 0, false},
		{1, "Alice", "storeds", "ent", 0, false}, // no two logins look alike
		{1, "Alices", "tored", "sent", 0, false},
		{1, "Alice", "", "storedsent", 0, false},
	} {
		if got := r.has(tc.user, r.mark(of(tc.user, tc.name, tc.stored), tc.sent), now.Add(tc.after)); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
	other, _ := remembering()
	if r.mark(of(1, "a", "a"), "b") == other.mark(of(1, "a", "a"), "b") {
		t.Error("two processes have one key")
	}
}

// TestRememberedStaysBounded: whoever logs in, and whatever other nodes tell.
func TestRememberedStaysBounded(t *testing.T) {
	t.Parallel()
	r, now := remembering()
	r.most = 100
	r.tell = make(chan struct{}, 1)
	for i := range int64(1000) {
		m := r.mark(&User{ID: i, Password: "stored"}, "sent")
		if i%2 == 0 {
			r.add(i, m, now)
		} else {
			r.learn([]mark{m}, now.Add(time.Hour), now)
		}
		if len(r.until) > r.most || len(r.mine) > r.most || len(r.fresh) > r.most {
			t.Fatalf("%d remembered, %d of them of this node, %d to be told", len(r.until), len(r.mine), len(r.fresh))
		}
		if until := r.until[m]; until.After(now.Add(life)) {
			t.Fatalf("another node is believed for %v", until.Sub(now))
		}
		if !r.has(i, m, now) && len(r.until) > r.most*2/3 {
			t.Fatalf("%d is not remembered", i)
		}
	}
}

// TestOnlineIsRemembered: as long as a user is logged in here, and its life after that.
func TestOnlineIsRemembered(t *testing.T) {
	t.Parallel()
	r, now := remembering()
	online := map[int64]bool{1: true}
	here := func(user int64) bool { return online[user] }
	marks := map[int64]mark{}
	for user := range int64(3) {
		marks[user] = r.mark(&User{ID: user, Password: "stored"}, "sent")
		r.add(user, marks[user], now)
	}
	for range 20 {
		now = now.Add(life / repeats)
		r.extend(here, now)
	}
	if !r.has(1, marks[1], now) || r.has(0, marks[0], now) || r.has(2, marks[2], now) {
		t.Error("who is online is not remembered, or somebody else is")
	}
	if len(r.mine) != 1 || len(r.until) != 1 {
		t.Errorf("%d users, %d marks are kept", len(r.mine), len(r.until))
	}
	online[1] = false
	now = now.Add(life)
	r.extend(here, now)
	if r.has(1, marks[1], now) || len(r.mine) != 0 || len(r.until) != 0 {
		t.Error("remembered for ever")
	}
}

// TestRememberShorter: what is remembered already counts for as long as the site wants
// it now.
func TestRememberShorter(t *testing.T) {
	t.Parallel()
	r, now := remembering()
	m := r.mark(&User{ID: 1, Password: "stored"}, "sent")
	r.add(1, m, now)
	r.keepFor(time.Minute, now)
	if !r.has(1, m, now.Add(time.Minute-1)) || r.has(1, m, now.Add(time.Minute)) {
		t.Error("not remembered for a minute")
	}
	r.keepFor(0, now)
	r.keepFor(life, now)
	if r.has(1, m, now) {
		t.Error("switched off, and remembered")
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
		s.now = s.now.Add(life)
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
	r, now := remembering()
	u := &User{ID: 1, Name: "Alice", Password: "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
	r.add(1, r.mark(u, pass), now)
	b.ReportAllocs()
	for b.Loop() {
		r.has(1, r.mark(u, pass), now)
	}
}
