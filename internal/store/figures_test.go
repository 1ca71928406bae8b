package store

import (
	"errors"
	"testing"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

// TestFigures: statements, times and errors are counted by lane; what the database was
// asked for is no error.
func TestFigures(t *testing.T) {
	t.Parallel()
	for dialect, s := range openBoth(t) {
		moved := func(what, lane string, errs int64, f func()) {
			t.Helper()
			before := s.Figures()
			f()
			now := s.Figures()
			for name := range now {
				b, n := before[name], now[name]
				if used := n.Statements > b.Statements && n.Times.Count > b.Times.Count && n.Times.Sum > b.Times.Sum; used != (name == lane) {
					t.Errorf("%s: %s: lane %s: %+v, then %+v", dialect, what, name, b, n)
				}
				if want := map[bool]int64{true: errs}[name == lane]; n.Errors-b.Errors != want {
					t.Errorf("%s: %s: %d errors on lane %s, want %d", dialect, what, n.Errors-b.Errors, name, want)
				}
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		var a, b lease.Membership
		var err error
		moved("join", "lease", 0, func() {
			a, err = s.Join(t.Context(), lease.Candidate{Name: "a", TTL: lease.TTL})
			must(err)
		})
		moved("a name that is taken", "lease", 0, func() {
			if _, err := s.Join(t.Context(), lease.Candidate{Name: "a", TTL: lease.TTL}); !errors.Is(err, lease.ErrNameInUse) {
				t.Error(err)
			}
		})
		moved("look", "watch", 0, func() { _, err := s.Nodes(t.Context()); must(err) })
		moved("look up", "read", 0, func() { _, _ = s.UserByID(t.Context(), 1) })
		b, err = s.Join(t.Context(), lease.Candidate{Name: "b", TTL: lease.TTL})
		must(err)
		var own registry.Ownership
		k := registry.NewKey("lobby", 1)
		moved("claim", "durable", 0, func() { own, err = s.Claim(t.Context(), k, a.Incarnation); must(err) })
		moved("a key that is held", "durable", 0, func() {
			var held *registry.HeldError
			if _, err := s.Claim(t.Context(), k, b.Incarnation); !errors.As(err, &held) {
				t.Error(err)
			}
		})
		f := registry.Fence{Key: k, Incarnation: own.Incarnation, Epoch: own.Epoch, Writes: own.Writes}
		moved("save", "durable", 0, func() { _, err := s.Save(t.Context(), []registry.Snapshot{{Fence: f, Body: []byte("x")}}); must(err) })
		moved("a fence that holds", "durable", 0, func() {
			if err := s.CloseKey(t.Context(), f); !errors.Is(err, registry.ErrFenced) {
				t.Error(err)
			}
		})
		must(s.Close())
		moved("closed", "lease", 1, func() {
			if _, err := s.Renew(t.Context(), a.Incarnation, lease.Report{}); err == nil {
				t.Error("renewed in a closed store")
			}
		})
	}
}
