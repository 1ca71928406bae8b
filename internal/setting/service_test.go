package setting

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/cache"
)

// memoryStore is a Store of a test.
type memoryStore struct {
	mu     sync.Mutex
	values map[string]Value
	log    []cache.Change
	reads  int
	broken error
}

// note writes a row of the change log. mu is held.
func (m *memoryStore) note(key string) []cache.Change {
	c := cache.Change{Version: int64(len(m.log) + 1), Table: Table, Key: key}
	m.log = append(m.log, c)
	return []cache.Change{c}
}

func (m *memoryStore) Changes(_ context.Context, after int64, _ int) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.log[min(after, int64(len(m.log))):]), m.broken
}

func (m *memoryStore) LastChange(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.log)), m.broken
}

func (m *memoryStore) TrimChanges(context.Context, int64) error { return nil }

func (m *memoryStore) Setting(_ context.Context, key string) (Value, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	v, ok := m.values[key]
	return v, ok, m.broken
}

func (m *memoryStore) Settings(context.Context) (map[string]Value, error) { return m.values, m.broken }

func (m *memoryStore) PutSetting(_ context.Context, key, text string, insertOnly bool) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, dup := m.values[key]; dup && insertOnly || m.broken != nil {
		return nil, m.broken
	}
	m.values[key] = Value{Text: text, Version: 1}
	return m.note(key), nil
}

func (m *memoryStore) DeleteSetting(_ context.Context, key string) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return m.note(key), m.broken
}

func (m *memoryStore) Secret(context.Context, string, func() ([]byte, error)) ([]byte, error) {
	return nil, m.broken
}

func newService(t *testing.T) (*Service, *memoryStore, *bytes.Buffer) {
	t.Helper()
	store, log := &memoryStore{values: map[string]Value{}}, &bytes.Buffer{}
	return NewService(store, nil, slog.New(slog.NewTextHandler(log, nil))), store, log
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	ctx := t.Context()
	got := []any{
		Registration.Get(ctx, s), VerifyEmail.Get(ctx, s), AcceptAllEmails.Get(ctx, s), MaxNameLength.Get(ctx, s), LoginAttempts.Get(ctx, s),
		s.PlayerLimit(ctx), s.LinesPerMinute(ctx), s.MaxLineBytes(ctx), s.IdleTimeout(ctx), s.MaxRelations(ctx), s.SiteURL(ctx),
		s.LoginThrottle(ctx), s.LoginRate(ctx), s.LoginQueue(ctx),
	}
	want := []any{true, false, false, 20, 3, 16, 200, 65536, 120 * time.Second, 300, "https://localhost", false, 2, 5000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The message of the day as every client has always seen it, the blank line included.
	motd := []string{"Message of the day", "Welcome to Teiserver", "Connect on port 8201 for TLS", "---------", ""}
	if diff := cmp.Diff(motd, s.MOTD(ctx)); diff != "" {
		t.Error(diff)
	}
	text := s.Agreement(ctx)
	if !strings.HasPrefix(text, "A verification code has been sent to your email address.") ||
		!strings.HasSuffix(text, "Then enter your six digit code below if you agree to the terms.") || strings.Contains(text, "\n") {
		t.Errorf("agreement %q", text)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	s, store, _ := newService(t)
	ctx := t.Context()
	for _, tc := range []struct{ key, text, stored string }{
		{"account.registration", "OFF", "false"},
		{"account.registration", " yes ", "true"},
		{"account.registration", "0", "false"},
		{"lobby.player_limit", " 32 ", "32"},
		{"spring.motd", `one\ntwo\n`, "one\ntwo\n"},
		{"spring.motd", "one\r\n\r\n", "one\n\n"},
		{"spring.motd", "", ""},
		{"account.agreement", `one\ntwo\n\n`, "one\ntwo"},
		{"web.url", "https://example.com/", "https://example.com"},
	} {
		if err := s.Set(ctx, tc.key, tc.text); err != nil {
			t.Errorf("%s = %q: %v", tc.key, tc.text, err)
		}
		if got := store.values[tc.key].Text; got != tc.stored {
			t.Errorf("%s = %q is stored as %q, want %q", tc.key, tc.text, got, tc.stored)
		}
	}
	if Registration.Get(ctx, s) || s.PlayerLimit(ctx) != 32 || s.SiteURL(ctx) != "https://example.com" {
		t.Error("values have no effect")
	}
	if diff := cmp.Diff("one\ntwo", s.Agreement(ctx)); diff != "" {
		t.Error(diff)
	}
	if got := s.MOTD(ctx); len(got) != 0 {
		t.Errorf("empty message of the day: %q", got)
	}
	if err := s.Set(ctx, "spring.motd", `a\n`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", ""}, s.MOTD(ctx)); diff != "" {
		t.Error(diff)
	}
	if err := s.Reset(ctx, "lobby.player_limit"); err != nil || s.PlayerLimit(ctx) != 16 {
		t.Errorf("reset: %d %v", s.PlayerLimit(ctx), err)
	}
}

func TestSetRefused(t *testing.T) {
	t.Parallel()
	s, store, _ := newService(t)
	for _, tc := range []struct{ key, text, want string }{
		{"account.registraton", "true", `unknown setting "account.registraton" (did you mean account.registration?)`},
		{"motd", "x", `unknown setting "motd" (did you mean spring.motd?)`},
		{"zzzzzzzz", "x", `unknown setting "zzzzzzzz"; known: ` + strings.Join(Keys(), ", ")},
		{"account.registration", "maybe", `setting account.registration: "maybe" is not true or false`},
		{"lobby.player_limit", "0", `setting lobby.player_limit: "0" is not a number from 1 to 1000`},
		{"lobby.player_limit", "1.5", `setting lobby.player_limit: "1.5" is not a number from 1 to 1000`},
		{"spring.idle_timeout_s", "34", `setting spring.idle_timeout_s: "34" is not a number from 35 to 86400`},
		{"spring.motd", "a\x1bb", "setting spring.motd: the text has control characters"},
		{"spring.motd", strings.Repeat("x", maxText+1), "setting spring.motd: the text has 8195 bytes; 8192 are allowed"},
		{"web.url", "example.com", `setting web.url: "example.com" is not an address that begins with https:// or http://`},
		{"web.url", "https://a\nb", `setting web.url: "https://a\nb" is not an address that begins with https:// or http://`},
	} {
		err := s.Set(t.Context(), tc.key, tc.text)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s = %.20q:\n got %v\nwant %s", tc.key, tc.text, err, tc.want)
		}
	}
	if err := s.Reset(t.Context(), "nothing"); err == nil {
		t.Error("an unknown key was reset")
	}
	if len(store.values) != 0 {
		t.Errorf("stored all the same: %v", store.values)
	}
}

// TestStoreAway: a store that does not answer changes no rule and stops nobody.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	s, store, log := newService(t)
	store.broken = errors.New("away")
	if !Registration.Get(t.Context(), s) || s.PlayerLimit(t.Context()) != 16 {
		t.Error("not the defaults")
	}
	if !strings.Contains(log.String(), "key=account.registration") {
		t.Errorf("log: %s", log.String())
	}
	if err := s.Set(t.Context(), "lobby.player_limit", "3"); !errors.Is(err, store.broken) {
		t.Errorf("set: %v", err)
	}
}

// TestOtherRelease: a value that this release does not understand is its default.
func TestOtherRelease(t *testing.T) {
	t.Parallel()
	s, store, log := newService(t)
	store.values["lobby.player_limit"] = Value{Text: "unlimited"}
	if s.PlayerLimit(t.Context()) != 16 || !strings.Contains(log.String(), "lobby.player_limit") {
		t.Errorf("%d, log: %s", s.PlayerLimit(t.Context()), log.String())
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	if err := s.Set(t.Context(), "lobby.player_limit", "32"); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != len(Keys()) {
		t.Fatalf("%d of %d, %v", len(all), len(Keys()), err)
	}
	for _, i := range all {
		if !strings.HasSuffix(i.Description, ".") || i.Form == "" || !strings.Contains(i.Key, ".") {
			t.Errorf("poorly described: %+v", i)
		}
		if i.Set != (i.Key == "lobby.player_limit") || !i.Set && i.Text != i.Default {
			t.Errorf("wrong state: %+v", i)
		}
	}
	want := Info{Key: "lobby.player_limit", Text: "32", Default: "16", Form: "a number from 1 to 1000", Description: PlayerLimit.description, Set: true}
	got, err := s.Describe(t.Context(), "lobby.player_limit")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestDefinePanics(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"twice":       func() { Define("lobby.player_limit", 1, Int(1, 2), "x") },
		"bad default": func() { Define("test.bad", 5, Int(1, 2), "x") },
		"fixed key":   func() { Fixed(map[string]string{"x": "y"}) },
		"fixed value": func() { Fixed(map[string]string{"lobby.player_limit": "y"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// FuzzCheck: what a setting accepts is stored in a form that it accepts unchanged.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "true", "16", `a\nb`, "https://a/", "\n\n", "a\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, key := range Keys() {
			once, err := Check(key, text)
			if err != nil {
				continue
			}
			if twice, err := Check(key, once); err != nil || twice != once {
				t.Errorf("%s: %q becomes %q, that becomes %q, %v", key, text, once, twice, err)
			}
		}
	})
}
