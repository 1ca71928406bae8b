package account

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRename(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Ren")
	s.add(t, "Bob")
	check(t, "taken", s.Rename(t.Context(), 1, "bob"), "Username already taken")
	check(t, "symbols", s.Rename(t.Context(), 1, "bad-name!"), "Invalid characters in name (only a-z, A-Z, 0-9, [, ] and _ allowed)")
	check(t, "length", s.Rename(t.Context(), 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), "Max length 20 characters")
	check(t, "same", s.Rename(t.Context(), 1, "Ren"), "Username already taken")
	check(t, "unknown user", s.Rename(t.Context(), 99, "Other"), "no user")
	check(t, "right", s.Rename(t.Context(), 1, "Renate"), "")

	check(t, "login at once", s.login(t, "Renate", pass), floodWait)
	s.now = s.now.Add(21 * time.Second)
	check(t, "login later", s.login(t, "Renate", pass), "")
	check(t, "old name", s.login(t, "Ren", pass), "No user found for 'Ren'")
	check(t, "other case of the own name", s.Rename(t.Context(), 1, "RENATE"), "")
	u, _ := s.UserByID(t.Context(), 1)
	if u.Name != "RENATE" || len(u.Renames) != 2 {
		t.Errorf("%+v", u)
	}
}

func TestRenameLimit(t *testing.T) {
	t.Parallel()
	const limit = "Rename limit reached (2 times in 5 days or 3 times in 30 days)"
	s := newSite(t, nil)
	s.add(t, "Ren")
	days := func(n int) { s.now = s.now.Add(time.Duration(n) * day) }
	check(t, "first", s.Rename(t.Context(), 1, "Ren1"), "")
	days(1)
	check(t, "second", s.Rename(t.Context(), 1, "Ren2"), "")
	days(3)
	check(t, "third on day 4", s.Rename(t.Context(), 1, "Ren3"), limit)
	check(t, "the limit comes before the name", s.Rename(t.Context(), 1, "!"), limit)
	days(1)
	check(t, "third on day 5", s.Rename(t.Context(), 1, "Ren3"), "")
	days(24)
	check(t, "fourth on day 29", s.Rename(t.Context(), 1, "Ren4"), limit)
	days(1)
	check(t, "fourth on day 30", s.Rename(t.Context(), 1, "Ren4"), "")

	for i, role := range []Role{Admin, VIP} {
		s.add(t, "Free"+string(role), role)
		for _, name := range []string{"Aaa", "Bbb", "Ccc", "Ddd"} {
			check(t, string(role), s.Rename(t.Context(), int64(i+2), name+string(role)), "")
		}
	}
}

// TestRenameRace: two renames at once do not both pass the limit, nor take one name.
func TestRenameRace(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Ren")
	check(t, "first", s.Rename(t.Context(), 1, "Ren1"), "")
	s.store.between = func() { check(t, "inner", s.Rename(t.Context(), 1, "Ren2"), "") }
	check(t, "outer", s.Rename(t.Context(), 1, "Ren3"), textRenames)

	s.add(t, "Bob")
	s.store.between = func() { s.add(t, "Wanted") }
	check(t, "name taken meanwhile", s.Rename(t.Context(), 2, "wanted"), "Username already taken")
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Bob")
	other := ClientPassword("other")
	check(t, "wrong", s.ChangePassword(t.Context(), 1, "wrong!", other), "Current password entered incorrectly")
	check(t, "short", s.ChangePassword(t.Context(), 1, pass, "x"), "The new password is too short")
	check(t, "right", s.ChangePassword(t.Context(), 1, pass, other), "")
	s.now = s.now.Add(time.Minute)
	check(t, "old one at login", s.login(t, "Bob", pass), badPass)
	check(t, "new one at login", s.login(t, "Bob", other), "")
	check(t, "unknown user", s.ChangePassword(t.Context(), 99, pass, other), "no user")

	s.now = s.now.Add(time.Minute)
	s.store.between = func() { check(t, "inner", s.ChangePassword(t.Context(), 1, other, ClientPassword("inner")), "") }
	check(t, "changed meanwhile", s.ChangePassword(t.Context(), 1, other, ClientPassword("outer")), "Current password entered incorrectly")
}

func TestChangeEmail(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Bob")
	s.add(t, "Carol")
	check(t, "without a request", s.ChangeEmail(t.Context(), 1, "new@example.com", ""), "bad code")
	check(t, "in use", s.ChangeEmailRequest(t.Context(), 1, "CAROL@example.com"), "Email already in use")
	check(t, "no address", s.ChangeEmailRequest(t.Context(), 1, "x"), "invalid email")
	check(t, "no user", s.ChangeEmailRequest(t.Context(), 99, "new@example.com"), "no user")
	check(t, "request", s.ChangeEmailRequest(t.Context(), 1, "new@example.com"), "")
	u, _ := s.UserByID(t.Context(), 1)
	check(t, "wrong code", s.ChangeEmail(t.Context(), 1, "new@example.com", "123"), "bad code")
	check(t, "wrong address", s.ChangeEmail(t.Context(), 1, "evil@example.com", u.NewCode), "bad email")
	check(t, "right", s.ChangeEmail(t.Context(), 1, "New@example.com", u.NewCode), "")
	check(t, "fifth in a minute", s.ChangeEmail(t.Context(), 1, "new@example.com", u.NewCode), "Flood protection")
	s.now = s.now.Add(time.Minute)
	check(t, "code used up", s.ChangeEmail(t.Context(), 1, "new@example.com", u.NewCode), "bad code")
	if u, _ = s.UserByID(t.Context(), 1); u.Email != "new@example.com" || u.NewEmail != "" || u.NewCode != "" {
		t.Errorf("%+v", u)
	}
}

// TestChangeEmailRace: somebody registers with the address before it is confirmed.
func TestChangeEmailRace(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Bob")
	check(t, "request", s.ChangeEmailRequest(t.Context(), 1, "carol@example.com"), "")
	s.add(t, "Carol")
	u, _ := s.UserByID(t.Context(), 1)
	check(t, "taken meanwhile", s.ChangeEmail(t.Context(), 1, "carol@example.com", u.NewCode), "Email already in use")
}

func TestCreateBot(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Mod", Moderator)
	s.add(t, "Bob")
	check(t, "not a moderator", s.CreateBot(t.Context(), 2, "MyBot"), "You do not have permission to execute that command")
	check(t, "form", s.CreateBot(t.Context(), 1, "My-Bot"), textSymbols)
	check(t, "right", s.CreateBot(t.Context(), 1, "Host[EU1]"), "")
	bot, _ := s.UserByName(t.Context(), "Host[EU1]")
	if bot == nil || !bot.IsBot() || bot.Moderates() || !bot.Has(Verified) {
		t.Fatalf("%+v", bot)
	}
	check(t, "the moderator's password", s.login(t, "Host[EU1]", pass), "")
	check(t, "again", s.CreateBot(t.Context(), 1, "Host[EU1]"), "")
	check(t, "a user's name", s.CreateBot(t.Context(), 1, "Bob"), "")
	if bob, _ := s.UserByName(t.Context(), "Bob"); bob.IsBot() {
		t.Error("a user became a bot")
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Bob")
	if _, err := s.change(t.Context(), 1, func(u *User) error { u.PlayMinutes, u.SpectateMinutes = 119, 3; return nil }); err != nil {
		t.Fatal(err)
	}
	got, err := s.Info(t.Context(), 1)
	if diff := cmp.Diff(Info{Registered: "2026-03-04 17:06:07", Email: "Bob@example.com", Hours: "2"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, err = s.Info(t.Context(), 99)
	check(t, "nobody", err, "no user")
}

func TestParseRole(t *testing.T) {
	t.Parallel()
	if r, err := ParseRole(" Admin "); r != Admin || err != nil {
		t.Errorf("%q %v", r, err)
	}
	if _, err := ParseRole("king"); err == nil {
		t.Error("a king")
	}
}
