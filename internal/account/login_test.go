package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	floodWait = "Flood protection - Please wait 20 seconds and try again"
	flood     = "Flood protection"
	badPass   = "Invalid password"
)

func TestLoginDenied(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.login_attempts": "1000"})
	s.add(t, "Alice")
	s.add(t, "HostBot", Bot)
	for _, tc := range []struct{ name, password, hash, want string }{
		{"Nobody99", pass, "1", "No user found for 'Nobody99'"},
		{"No-body!99", pass, "1", "No user found for 'Nobody99'"},
		{"alice", pass, "1", "Username is case sensitive, try 'Alice'"},
		{"alice", "wrong", "", "Username is case sensitive, try 'Alice'"},
		{"Alice", pass, "", "LobbyHash/UserID missing in login"},
		{"Alice", pass, "0", "LobbyHash/UserID missing in login"},
		{"Alice", "wrong", "0 0", badPass},
		{"Alice", pass, "0 0", ""},
		{"A-l-i-c-e", pass, "1", ""},
		{"HostBot", pass, "", ""},
		{"HostBot", pass, "0", ""},
		{"HostBot", "wrong", "0", badPass},
	} {
		_, err := s.Authenticate(t.Context(), LoginRequest{Name: tc.name, Password: tc.password, Hash: tc.hash})
		check(t, tc.name+" "+tc.hash, err, tc.want)
	}
}

// TestLoginCounter is the recorded sequence: three wrong passwords, then wait; the
// refused ones do not make it longer.
func TestLoginCounter(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Carol")
	for range 3 {
		check(t, "wrong", s.login(t, "Carol", "wrong!"), badPass)
	}
	for range 3 {
		s.now = s.now.Add(3 * time.Second)
		check(t, "soon", s.login(t, "Carol", pass), floodWait)
	}
	s.now = s.now.Add(time.Second) // ten since the last counted
	check(t, "later", s.login(t, "Carol", pass), "")
}

// TestLoginWindow: four tries of a password per minute, right or wrong.
func TestLoginWindow(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Carol")
	began := s.now
	for range 4 {
		check(t, "right", s.login(t, "Carol", pass), "")
		s.now = s.now.Add(11 * time.Second)
	}
	check(t, "fifth", s.login(t, "Carol", pass), flood)
	s.now = began.Add(time.Minute)
	check(t, "a minute after the first", s.login(t, "Carol", pass), "")
	check(t, "and one more", s.login(t, "Carol", pass), flood)
}

// TestBotsAreNotRefusedForAWhile: an autohost takes every DENIED as final.
func TestBotsAreNotRefusedForAWhile(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "HostBot", Bot)
	for range 50 {
		check(t, "bot", s.login(t, "HostBot", pass), "")
	}
	// Somebody guesses its password, from another address.
	guess := func(password string) error {
		_, err := s.Authenticate(t.Context(), LoginRequest{Name: "HostBot", Password: password, IP: "6.6.6.6"})
		return err
	}
	for range 4 {
		check(t, "guess", guess("wrong!"), badPass)
	}
	check(t, "guess too often", guess(pass), flood)
	check(t, "the bot itself", s.login(t, "HostBot", pass), "")
	s.NoteFlood(1)
	check(t, "the bot after a flood", s.login(t, "HostBot", pass), "")
}

func TestUnlimited(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, func(o *Options) { o.Unlimited = true })
	s.add(t, "Carol")
	s.NoteFlood(1)
	for range 20 {
		check(t, "login", s.login(t, "Carol", pass), "")
		check(t, "wrong", s.login(t, "Carol", "wrong!"), badPass)
	}
}

func TestNoteFlood(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Carol")
	s.NoteFlood(1)
	check(t, "at once", s.login(t, "Carol", pass), floodWait)
	s.now = s.now.Add(10 * time.Second)
	check(t, "later", s.login(t, "Carol", pass), "")
}

func TestAttemptsStayBounded(t *testing.T) {
	t.Parallel()
	small := func() *attempts {
		a := newAttempts()
		a.most = 100
		return a
	}
	a, now := small(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range int64(1000) {
		a.note(i, "", now)
		a.try(windowKey{user: i}, now)
		if len(a.counts) > a.most || len(a.windows) > a.most {
			t.Fatalf("%d counts, %d windows", len(a.counts), len(a.windows))
		}
	}
	// What is over goes first.
	a = small()
	for i := range int64(40) {
		a.note(i, "", now)
		a.try(windowKey{user: i}, now)
	}
	for i := range int64(61) {
		a.note(1000+i, "", now.Add(time.Minute))
		a.try(windowKey{user: 1000 + i}, now.Add(time.Minute))
	}
	if len(a.counts) != 61 || len(a.windows) != 61 || a.counts[countKey{}].n != 0 {
		t.Errorf("%d counts and %d windows left", len(a.counts), len(a.windows))
	}
}

// TestLoginFacts: rank and country are computed at login and stored.
func TestLoginFacts(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, func(o *Options) {
		o.Country = func(ip string) string { return map[string]string{"9.9.9.9": "ch", "127.0.0.1": "us"}[ip] }
	})
	s.add(t, "Carol")
	if _, err := s.change(t.Context(), 1, func(u *User) error { u.PlayMinutes, u.SpectateMinutes = 100*60-30, 60; return nil }); err != nil {
		t.Fatal(err)
	}
	u, err := s.Authenticate(t.Context(), LoginRequest{Name: "Carol", Password: pass, Hash: "1", IP: "9.9.9.9"})
	if err != nil || u.Rank != 3 || u.Country != "CH" || u.ShownCountry() != "CH" {
		t.Fatalf("%+v %v", u, err)
	}
	stored, _ := s.UserByID(t.Context(), 1)
	if diff := cmp.Diff(stored, u); diff != "" {
		t.Error(diff)
	}
	s.now = s.now.Add(time.Hour)
	u, err = s.Authenticate(t.Context(), LoginRequest{Name: "Carol", Password: pass, Hash: "1", IP: "127.0.0.1"})
	if err != nil || u.Country != "??" {
		t.Errorf("loopback: %+v %v", u, err)
	}
	u = u.clone()
	u.Country, u.HideFlag = "CH", true
	if u.ShownCountry() != "??" {
		t.Error("a hidden country is shown")
	}
}

// TestLoginSurvivesAStoreThatDoesNotWrite: what a login computes need not be stored.
func TestLoginSurvivesAStoreThatDoesNotWrite(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, func(o *Options) { o.Country = func(string) string { return "CH" } })
	s.add(t, "Carol")
	s.store.conflict = 100
	u, err := s.Authenticate(t.Context(), LoginRequest{Name: "Carol", Password: pass, Hash: "1", IP: "9.9.9.9"})
	if err != nil || u.Country != "CH" {
		t.Errorf("%+v %v", u, err)
	}
}

func TestRankOf(t *testing.T) {
	t.Parallel()
	for hours, want := range map[int64]int{0: 0, 4: 0, 5: 1, 14: 1, 15: 2, 99: 2, 100: 3, 249: 3, 250: 4, 999: 4, 1000: 5, 9999: 5} {
		if got := RankOf(&User{PlayMinutes: hours * 60}); got != want {
			t.Errorf("%d hours: rank %d, want %d", hours, got, want)
		}
		if got := RankOf(&User{SpectateMinutes: hours * 120}); got != want {
			t.Errorf("%d hours watched: rank %d, want %d", hours, got, want)
		}
	}
	if got := RankOf(&User{Roles: []Role{Contributor}}); got != 6 {
		t.Errorf("contributor: rank %d", got)
	}
}

// TestNotesAreStored: NoteLogin waits for nobody, Run stores, retries, and stores
// what is left at the end.
func TestNotesAreStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx) }()

		at := s.now
		s.NoteLogin(7, at, "ip", "client", "hash")
		<-s.store.notedCh
		if diff := cmp.Diff(loginNote{at, "ip", "client", "hash"}, s.store.noted[7], cmp.AllowUnexported(loginNote{})); diff != "" {
			t.Error(diff)
		}

		s.store.breakWith(errors.New("away"))
		s.NoteLogin(8, at, "1", "c", "h")
		s.NoteLogin(8, at.Add(time.Second), "2", "c", "h")
		s.NoteLogin(8, at, "older", "c", "h")
		synctest.Wait()
		s.store.breakWith(nil)
		<-s.store.notedCh
		if got := s.store.noted[8].ip; got != "2" {
			t.Errorf("the last login is %q", got)
		}

		s.store.breakWith(errors.New("away"))
		s.NoteLogin(9, at, "3", "c", "h")
		synctest.Wait()
		s.store.breakWith(nil)
		stop()
		<-ended
		if got := s.store.noted[9].ip; got != "3" {
			t.Errorf("at the end: %q", got)
		}
	})
}
