package account

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

	if err := s.SetPassword(ctx, u.ID, "x"); err == nil {
		t.Error("a short password")
	}
	if err := s.SetPassword(ctx, u.ID, "operator's"); err != nil || now().SignOuts != 1 {
		t.Error(err, now().SignOuts)
	}
	s.expectMail(t, "password", "notice to Alice@example.com")
	check(t, "login", s.login(t, "Alice", ClientPassword("operator's")), "")

	if _, err := s.SetRoles(ctx, u.ID, []Role{Moderator, VIP}, []Role{Verified}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]Role{Moderator, VIP}, now().Roles); diff != "" || now().SignOuts != 2 {
		t.Error(diff, now().SignOuts)
	}
	if _, err := s.SetRoles(ctx, u.ID, []Role{Moderator}, nil); err != nil || now().SignOuts != 2 {
		t.Error("nothing has changed, and the session ends", err)
	}

	if old, err := s.SetName(ctx, u.ID, "[tei]Alice"); err != nil || old != "Alice" {
		t.Error(old, err)
	}
	if _, err := s.SetName(ctx, u.ID, "bad name"); err == nil {
		t.Error("an illegal name")
	}
	if _, err := s.SetName(ctx, u.ID, "CAROL"); !errors.Is(err, ErrNameTaken) {
		t.Error(err)
	}
	if n := len(now().Renames); n != 0 {
		t.Error("an operator's rename counts as the user's")
	}
	s.store.mailed()

	if _, err := s.SetEmail(ctx, u.ID, "carol@example.com"); !errors.Is(err, ErrEmailTaken) {
		t.Error(err)
	}
	if old, err := s.SetEmail(ctx, u.ID, "new@example.com"); err != nil || old != "Alice@example.com" {
		t.Error(old, err)
	}
	s.expectMail(t, "address", "notice to Alice@example.com", "notice to new@example.com")

	country, rank := "gb-wls", 6
	if err := s.SetShown(ctx, u.ID, Shown{Country: &country, Rank: &rank}); err != nil {
		t.Fatal(err)
	}
	check(t, "login", s.login(t, "[tei]Alice", ClientPassword("operator's")), "")
	if now().Country != "GB-WLS" || now().Rank != 6 {
		t.Errorf("%s, rank %d after a login", now().Country, now().Rank)
	}
	country, rank = "", -1
	if err := s.SetShown(ctx, u.ID, Shown{Country: &country, Rank: &rank}); err != nil || now().Rank != 0 {
		t.Error(err, now().Rank)
	}
	for _, bad := range []string{"X", "England", "D1"} {
		if err := s.SetShown(ctx, u.ID, Shown{Country: &bad}); err == nil {
			t.Errorf("country %s", bad)
		}
	}

	server := s.add(t, "Coordinator2", Server)
	if _, err := s.SetName(ctx, server.ID, "Other"); !errors.Is(err, errServer) {
		t.Errorf("the server's own: %v", err)
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
	if err := s.SetPassword(t.Context(), u.ID, "secret 2"); !errors.Is(err, errForgotten) {
		t.Error(err)
	}
}

func TestRenamesOff(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.renames": "false"})
	s.add(t, "Alice")
	check(t, "rename", s.Rename(t.Context(), 1, "Alicia"), "Renames are currently disabled")
}
