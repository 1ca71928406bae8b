package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
)

// testFormerNames: a name that was given up is remembered, once, and not while it is the
// present one.
func testFormerNames(t *testing.T, s Store) {
	_, err := s.InsertUser(t.Context(), &account.User{ID: 1, Name: "Alice"})
	must(t, err)
	rename := func(name string) {
		t.Helper()
		u, err := s.UserByID(t.Context(), 1)
		must(t, err)
		next := *u
		next.Name = name
		_, err = s.UpdateUser(t.Context(), &next)
		must(t, err)
	}
	for _, step := range []struct {
		name string
		want []string
	}{
		{"Alice", nil},
		{"Bob", []string{"Alice"}},
		{"Carol", []string{"Alice", "Bob"}},
		{"Alice", []string{"Bob", "Carol"}},
	} {
		rename(step.name)
		got, err := s.FormerNames(t.Context(), 1, step.name)
		must(t, err)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.name, diff)
		}
	}
	if got, err := s.FormerNames(t.Context(), 2, "Dave"); err != nil || got != nil {
		t.Errorf("of nobody: %v, %v", got, err)
	}
}
