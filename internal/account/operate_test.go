package account

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/refusal"
)

func TestOperator(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	ctx := t.Context()
	u := s.add(t, "Alice")
	s.add(t, "Carol")
	now := func() *User {
		t.Helper()
		u, err := s.store.UserByID(ctx, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}

	if err := s.SetPassword(ctx, u.ID, "x", nil); err == nil {
		t.Error("a short password")
	}
	if err := s.SetPassword(ctx, u.ID, "operator's", nil); err != nil || now().SignOuts != 1 {
		t.Error(err, now().SignOuts)
	}
	s.expectMail(t, "password", "notice to Alice@example.com")
	check(t, "login", s.login(t, "Alice", ClientPassword("operator's")), "")

	if _, err := s.SetRoles(ctx, u.ID, []Role{Moderator, VIP}, []Role{Trusted}, &Act{Action: "roles"}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]Role{Verified, Moderator, VIP}, now().Roles); diff != "" || now().SignOuts != 2 {
		t.Error(diff, now().SignOuts)
	}
	if _, err := s.SetRoles(ctx, u.ID, []Role{Moderator}, nil, nil); err != nil || now().SignOuts != 2 {
		t.Error("nothing has changed, and the session ends", err)
	}

	if old, err := s.SetName(ctx, u.ID, "[tei]Alice", nil); err != nil || old != "Alice" {
		t.Error(old, err)
	}
	if _, err := s.SetName(ctx, u.ID, "bad name", nil); err == nil {
		t.Error("an illegal name")
	}
	if _, err := s.SetName(ctx, u.ID, "CAROL", nil); !errors.Is(err, ErrNameTaken) {
		t.Error(err)
	}
	if n := len(now().Renames); n != 0 {
		t.Error("an operator's rename counts as the user's")
	}
	s.store.mailed()

	if _, err := s.SetEmail(ctx, u.ID, "carol@example.com", nil); !errors.Is(err, ErrEmailTaken) {
		t.Error(err)
	}
	if old, err := s.SetEmail(ctx, u.ID, "new@example.com", nil); err != nil || old != "Alice@example.com" {
		t.Error(old, err)
	}
	s.expectMail(t, "address", "notice to Alice@example.com", "notice to new@example.com")

	country, rank := "gb-wls", 6
	if err := s.SetShown(ctx, u.ID, Shown{Country: &country, Rank: &rank}, nil); err != nil {
		t.Fatal(err)
	}
	check(t, "login", s.login(t, "[tei]Alice", ClientPassword("operator's")), "")
	if now().Country != "GB-WLS" || now().Rank != 6 {
		t.Errorf("%s, rank %d after a login", now().Country, now().Rank)
	}
	country, rank = "", -1
	if err := s.SetShown(ctx, u.ID, Shown{Country: &country, Rank: &rank}, nil); err != nil || now().Rank != 0 {
		t.Error(err, now().Rank)
	}
	for _, bad := range []string{"X", "England", "D1"} {
		if err := s.SetShown(ctx, u.ID, Shown{Country: &bad}, nil); err == nil {
			t.Errorf("country %s", bad)
		}
	}

	server := s.add(t, "Coordinator2", Server)
	if _, err := s.SetName(ctx, server.ID, "Other", nil); !errors.Is(err, errServer) {
		t.Errorf("the server's own: %v", err)
	}
}

// TestTakeVerified: who was verified waits for a code again, or the operator is told why not.
func TestTakeVerified(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	take := func(s *site, id int64) error {
		_, err := s.SetRoles(ctx, id, nil, []Role{Verified}, nil)
		return err
	}
	s := newSite(t, map[string]string{"account.verify_email": "true"})
	s.add(t, "Alice")
	s.add(t, "HostBot", Bot)
	nobody, err := s.Create(ctx, NewUser{Name: "Nobody", Password: pass})
	if err != nil {
		t.Fatal(err)
	}
	if err := take(s, 1); err != nil {
		t.Fatal(err)
	}
	s.expectMail(t, "taken", "verification to Alice@example.com")
	waiting, err := s.Authenticate(ctx, LoginRequest{Name: "Alice", Password: pass, Hash: "1"})
	if !refusal.Is(err, refusal.Unverified) {
		t.Fatalf("login: %v", err)
	}
	if _, err := s.ConfirmAgreement(ctx, waiting, proved(t, s, 1).Code); err != nil {
		t.Error(err)
	}
	off := newSite(t, nil)
	off.add(t, "Alice")
	for what, err := range map[string]error{"a bot": take(s, 2), "no address": take(s, nobody.ID), "off": take(off, 1)} {
		if !errors.Is(err, errNotUnverified) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestActs: what an operator does and what the audit log says of it are stored together.
func TestActs(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	u := s.add(t, "Alice")
	ctx := t.Context()
	act := func(action string) *Act {
		return &Act{Action: action, User: 7, Details: map[string]any{"user_id": u.ID}}
	}
	rank := 3
	_, roles := s.SetRoles(ctx, u.ID, []Role{VIP}, nil, act("roles"))
	_, name := s.SetName(ctx, u.ID, "Alicia", act("name"))
	_, email := s.SetEmail(ctx, u.ID, "new@example.com", act("email"))
	_, link := s.MailReset(ctx, u.ID, act("link"))
	for what, err := range map[string]error{
		"roles": roles, "name": name, "email": email, "link": link,
		"password": s.SetPassword(ctx, u.ID, "operator's", act("password")),
		"shown":    s.SetShown(ctx, u.ID, Shown{Rank: &rank}, act("shown")),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	got := map[string]map[string]any{}
	for _, a := range s.store.acts {
		got[a.Action] = a.Details
		if a.User != 7 {
			t.Errorf("%+v", a)
		}
	}
	id := u.ID
	want := map[string]map[string]any{
		"roles":    {"user_id": id, "before": []Role{Verified}, "after": []Role{Verified, VIP}},
		"name":     {"user_id": id, "from": "Alice", "to": "Alicia"},
		"email":    {"user_id": id, "from": "Alice@example.com", "to": "new@example.com"},
		"link":     {"user_id": id},
		"password": {"user_id": id},
		"shown":    {"user_id": id},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err := s.SetName(ctx, u.ID, "bad name", act("refused"))
	if err == nil || len(s.store.acts) != len(want) {
		t.Errorf("%v, %d acts", err, len(s.store.acts))
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	u := s.add(t, "Alice", Admin)
	gone := u.Forget()
	if gone.ID != u.ID || gone.Name == "Alice" || len(gone.Name) != 20 || gone.Password != "" || strings.Contains(gone.Email, "alice") ||
		!gone.Has(Forgotten) || gone.Moderates() || gone.SignOuts != u.SignOuts+1 {
		t.Errorf("%+v", gone)
	}
	if no := checkForm(gone.Name, 20); no != nil || Mailable(gone.Email) {
		t.Error(no, gone.Email)
	}
	gone.Version = 0
	s.store.users[u.ID] = gone
	check(t, "login", s.login(t, gone.Name, pass), badPass)
	if err := s.SetPassword(t.Context(), u.ID, "secret 2", nil); !errors.Is(err, errForgotten) {
		t.Error(err)
	}
}

func TestRenamesOff(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.renames": "false"})
	s.add(t, "Alice")
	check(t, "rename", s.Rename(t.Context(), 1, "Alicia"), "Renames are currently disabled")
}
