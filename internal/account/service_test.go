package account

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// pass is what a client sends for a password.
var pass = ClientPassword("secret")

// site is a service over a memory store with a clock that the test moves.
type site struct {
	*Service
	store *memoryStore
	now   time.Time
	log   bytes.Buffer
}

func newSite(t *testing.T, settings map[string]string, change ...func(*Options)) *site {
	t.Helper()
	s := &site{store: newMemoryStore(), now: time.Date(2026, 3, 4, 17, 6, 7, 0, time.UTC)}
	o := Options{Cheap: true, Now: func() time.Time { return s.now }, Log: slog.New(slog.NewTextHandler(&s.log, nil))}
	for _, f := range change {
		f(&o)
	}
	var mu sync.Mutex
	last := int64(0)
	next := func(context.Context) (int64, error) {
		mu.Lock()
		defer mu.Unlock()
		last++
		return last, nil
	}
	s.Service = NewService(s.store, nil, next, setting.Fixed(settings), o)
	return s
}

func (s *site) add(t *testing.T, name string, roles ...Role) *User {
	t.Helper()
	u, err := s.Create(t.Context(), NewUser{Name: name, Password: pass, Email: strings.NewReplacer("[", "", "]", "").Replace(name) + "@example.com"}, roles...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (s *site) login(t *testing.T, name, password string) error {
	t.Helper()
	_, err := s.Authenticate(t.Context(), LoginRequest{Name: name, Password: password, Hash: "1 2", IP: "10.0.0.1", Client: "Test"})
	return err
}

// proved is a user as a login has returned it.
func proved(t *testing.T, s *site, id int64) *User {
	t.Helper()
	u, err := s.store.UserByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// textOf is the text a user would read, or the error itself.
func textOf(err error) string {
	if no, ok := refusal.As(err); ok {
		return no.Message
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return ""
}

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := textOf(err); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestRegisterDenied: the texts clients know, in the order of the checks.
func TestRegisterDenied(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, func(o *Options) {
		o.Flagged = func(_ context.Context, name string) (bool, error) { return strings.Contains(name, "Slur"), nil }
		o.BannedDomain = func(_ context.Context, d string) (bool, error) { return d == "bad.com", nil }
	})
	s.add(t, "Alice")
	const (
		reserved = "That name is in restricted for use by the server, please choose another"
		conduct  = "Not an acceptable name, please see section B3 of the code of conduct"
		length   = "Max length 20 characters"
		symbols  = "Invalid characters in name (only a-z, A-Z, 0-9, [, ] and _ allowed)"
		repeated = "Too many repeated symbols in name"
	)
	for _, tc := range []struct{ name, password, email, want string }{
		{"[LM]Bob", pass, "x@y.z", reserved},
		{"a[ts]b", pass, "x@y.z", reserved},
		{"[tei]", pass, "x@y.z", reserved},
		{"Host[EU1]", pass, "x@y.z", reserved},
		{"host[a very long name that is too long]!", pass, "x@y.z", reserved},
		{"aSlurb", pass, "x@y.z", conduct},
		{"lI1Oo0L", pass, "x@y.z", conduct},
		{"|||", pass, "x@y.z", conduct},
		{"ab", pass, "x@y.z", conduct},
		{"", pass, "x@y.z", conduct},
		{"ThisNameIsFarTooLongForTheServer", pass, "x@y.z", length},
		{"abcdefghijklmnopqrstu!", pass, "x@y.z", length},
		{"abcdefghijklmnopqrst!!!", pass, "x@y.z", symbols}, // 20 after removing
		{"Bad-Name!", pass, "x@y.z", symbols},
		{"Bad Name", pass, "x@y.z", symbols},
		{"Jürgen", pass, "x@y.z", symbols},
		{"a_b_c_d", pass, "x@y.z", repeated},
		{"[[[abc]", pass, "x@y.z", repeated},
		{"Alice", pass, "nomail", "Username already taken"},
		{"aLiCe", pass, "x@y.z", "Username already taken"},
		{"Coordinator", pass, "x@y.z", "Username already taken"},
		{"Bob", pass, "nomail", "invalid email"},
		{"Bob", pass, "no@mail", "invalid email"},
		{"Bob", pass, "no.mail", "invalid email"},
		{"Bob", pass, strings.Repeat("x", 250) + "@y.zz", "invalid email"},
		{"Bob", pass, "x@bad.com>", "invalid email"},
		{"Bob", pass, "Bob<x@bad.com>", "invalid email"},
		{"Bob", pass, "<bob@example.com>", "invalid email"},
		{"Bob", pass, "x@bad.com(c)", "invalid email"},
		{"Bob", pass, "x@bad.com.", "invalid email"},
		{"Bob", pass, "x@[192.0.2.1]", "invalid email"},
		{"Bob", pass, `"x@good.org"@bad.com`, "invalid email"},
		{"Bob", pass, "x@y.z,x@bad.com", "invalid email"},
		{"Bob", pass, "ALICE@example.com", "Email already attached to a user"},
		{"Bob", pass, "x@bad.com", "Due to frequent abuse, that email provider is not allowed."},
		{"Bob", pass, "x@mail.BAD.com", "Due to frequent abuse, that email provider is not allowed."},
		{"Bob", "short", "x@y.z", "User creation failed"},
		{"Bob", "1B2M2Y8AsgTpgAmY7PhCfg==", "x@y.z", "User creation failed"},
		{"Bob", strings.Repeat("x", 1000), "x@y.z", "User creation failed"},
		{"a[b]_{c}", pass, "x@y.z", ""},
		{"a__b", pass, "x2@y.z", ""},
	} {
		check(t, tc.name, s.Register(t.Context(), NewUser{Name: tc.name, Password: tc.password, Email: tc.email, IP: "1.2.3.4"}), tc.want)
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	if err := s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "Bob@Example.com", IP: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	u, err := s.UserByName(t.Context(), "bOB")
	if err != nil || u == nil {
		t.Fatalf("%v %v", u, err)
	}
	if !strings.HasPrefix(u.Password, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("password kept as %q", u.Password)
	}
	want := &User{ID: 1, Name: "Bob", Email: "Bob@Example.com", Password: u.Password, Roles: []Role{Verified}, Country: "??", LastIP: "127.0.0.1", Created: s.now, Version: 3}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
	byEmail, err := s.UserByEmail(t.Context(), "bob@example.COM")
	if err != nil || byEmail == nil || byEmail.ID != u.ID {
		t.Errorf("by address: %v %v", byEmail, err)
	}
	ids, err := s.IDs(t.Context(), "nobody", "BOB")
	if diff := cmp.Diff([]int64{0, 1}, ids); diff != "" || err != nil {
		t.Error(diff, err)
	}
	none, err := s.UserByName(t.Context(), "nobody")
	if none != nil || err != nil {
		t.Errorf("nobody: %v %v", none, err)
	}
	check(t, "login", s.login(t, "Bob", pass), "")
	if strings.Contains(s.log.String(), pass) || strings.Contains(s.log.String(), "argon2") {
		t.Error("the log has a password")
	}
}

func TestRegistrationSettings(t *testing.T) {
	t.Parallel()
	closed := newSite(t, map[string]string{"account.registration": "false"})
	check(t, "closed", closed.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "x@y.z"}), "Registrations are currently disabled")

	short := newSite(t, map[string]string{"account.max_name_length": "5"})
	check(t, "short", short.Register(t.Context(), NewUser{Name: "Robert", Password: pass, Email: "x@y.z"}), "Max length 5 characters")

	free := newSite(t, map[string]string{"account.accept_all_emails": "true"})
	for _, n := range []NewUser{{Name: "Bob", Email: "same"}, {Name: "Carol", Email: "same"}, {Name: "Dave"}, {Name: "Erin"}} {
		n.Password = pass
		check(t, n.Name, free.Register(t.Context(), n), "")
	}
	if n, _ := free.store.CountUsers(t.Context()); n != 4 {
		t.Errorf("%d users", n)
	}
}

// TestRegisterRace: the store decides, not our check before it.
func TestRegisterRace(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.store.between = func() { s.add(t, "bob") }
	check(t, "name", s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "x@y.z"}), "Username already taken")
	s.store.between = func() { s.add(t, "Carol") }
	check(t, "address", s.Register(t.Context(), NewUser{Name: "Dave", Password: pass, Email: "carol@example.com"}), "Email already attached to a user")
}

func TestAgreement(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.verify_email": "true"})
	if err := s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "x@y.z"}); err != nil {
		t.Fatal(err)
	}
	req := LoginRequest{Name: "Bob", Password: pass, Hash: "1"}
	u, err := s.Authenticate(t.Context(), req)
	if !refusal.Is(err, refusal.Unverified) || u == nil {
		t.Fatalf("login before the code: %v %v", u, err)
	}
	letters := s.store.mailed()
	if len(u.Code) != 6 || u.Has(Verified) || len(letters) != 1 || !strings.Contains(letters[0].Text, u.Code) {
		t.Errorf("code %q, letters %+v", u.Code, letters)
	}
	if strings.Contains(s.log.String(), u.Code) {
		t.Errorf("the code is in the log: %s", s.log.String())
	}
	req.Password = "wrong password"
	_, err = s.Authenticate(t.Context(), req)
	check(t, "wrong password first", err, "Invalid password")
	for _, code := range []string{"", "000000"} {
		_, err = s.ConfirmAgreement(t.Context(), u, code)
		check(t, "code "+code, err, "Incorrect code")
	}
	v, err := s.ConfirmAgreement(t.Context(), u, u.Code)
	if err != nil || v.Code != "" || !v.Has(Verified) {
		t.Fatalf("right code: %+v %v", v, err)
	}
	check(t, "login after it", s.login(t, "Bob", pass), "")
	if _, err := s.ConfirmAgreement(t.Context(), u, "1"); err != nil {
		t.Errorf("confirmed twice: %v", err)
	}
	_, err = s.ConfirmAgreement(t.Context(), u, "1")
	check(t, "guessing", err, "Flood protection")
}

// TestCodeGuessing: six digits would be found by trying, were it not counted.
func TestCodeGuessing(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.verify_email": "true"})
	if err := s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "x@y.z"}); err != nil {
		t.Fatal(err)
	}
	u, _ := s.UserByID(t.Context(), 1)
	for range 4 {
		_, err := s.ConfirmAgreement(t.Context(), proved(t, s, 1), "000000")
		check(t, "wrong", err, "Incorrect code")
	}
	_, err := s.ConfirmAgreement(t.Context(), proved(t, s, 1), u.Code)
	check(t, "right, too late", err, "Flood protection")
	s.now = s.now.Add(time.Minute)
	_, err = s.ConfirmAgreement(t.Context(), proved(t, s, 1), u.Code)
	check(t, "right, a minute later", err, "")
}

// TestVerifyEmailOff: switching the setting off lets those in who wait.
func TestVerifyEmailOff(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	u := s.add(t, "Bob")
	if _, err := s.change(t.Context(), u.ID, func(u *User) error { u.Code = "123456"; return nil }); err != nil {
		t.Fatal(err)
	}
	check(t, "login", s.login(t, "Bob", pass), "")
}

func TestCodeRange(t *testing.T) {
	t.Parallel()
	for range 1000 {
		if c := newCode(); len(c) != 6 || c < "100001" || c > "999999" {
			t.Fatalf("code %q", c)
		}
	}
}

func TestChangeConflict(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	u := s.add(t, "Bob")
	// Somebody gives a role while we change the address: neither is lost.
	s.store.between = func() {
		if _, err := s.change(t.Context(), u.ID, func(u *User) error { u.Roles = withRole(u.Roles, VIP); return nil }); err != nil {
			t.Error(err)
		}
	}
	got, err := s.change(t.Context(), u.ID, func(u *User) error { u.Email = "new@example.com"; return nil })
	if err != nil || !got.Has(VIP) || got.Email != "new@example.com" {
		t.Errorf("%+v %v", got, err)
	}
	stored, _ := s.UserByID(t.Context(), u.ID)
	if diff := cmp.Diff(stored, got); diff != "" {
		t.Error(diff)
	}
	s.store.conflict = 100
	if _, err := s.change(t.Context(), u.ID, func(*User) error { return nil }); !errors.Is(err, ErrConflict) {
		t.Errorf("conflicts without end: %v", err)
	}
}

// TestUsersAreImmutable: a change never reaches into a value that others hold.
func TestUsersAreImmutable(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	held := s.add(t, "Bob", Bot)
	held, _ = s.UserByID(t.Context(), held.ID)
	_, err := s.change(t.Context(), held.ID, func(u *User) error {
		u.Name, u.Roles[0] = "Other", Admin
		return nil
	})
	if err != nil || held.Name != "Bob" || held.Roles[0] != Bot {
		t.Errorf("%+v %v", held, err)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.registration": "false"})
	u := s.add(t, "Host[EU1]", Bot)
	if !u.IsBot() || !u.Has(Verified) {
		t.Errorf("%+v", u)
	}
	_, err := s.Create(t.Context(), NewUser{Name: "host[eu1]"})
	if !errors.Is(err, ErrNameTaken) {
		t.Errorf("name: %v", err)
	}
	_, err = s.Create(t.Context(), NewUser{Name: "Bob", Email: "HOSTeu1@example.com"})
	if !errors.Is(err, ErrEmailTaken) {
		t.Errorf("address: %v", err)
	}
	_, err = s.Create(t.Context(), NewUser{Name: "bad name"})
	check(t, "form", err, textSymbols)
	if _, err = s.Create(t.Context(), NewUser{Name: "Coordinator"}, Server); err != nil {
		t.Errorf("the server's own: %v", err)
	}
	check(t, "login without a password", s.login(t, "Coordinator", ""), "Invalid password")
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Bob")
	away := errors.New("away")
	s.store.breakWith(away)
	for what, err := range map[string]error{
		"login":    s.login(t, "Bob", pass),
		"register": s.Register(t.Context(), NewUser{Name: "Carol", Password: pass, Email: "x@y.z"}),
		"rename":   s.Rename(t.Context(), 1, "Carol"),
		"password": s.ChangePassword(t.Context(), 1, pass, "another one"),
		"bot":      s.CreateBot(t.Context(), 1, "Bot"),
	} {
		if _, refused := refusal.As(err); refused || !errors.Is(err, away) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
