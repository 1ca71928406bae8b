package lobby

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
)

// matches is a match.Recorder that keeps what it was given.
type matches struct {
	fence registry.Fence
	match match.Match
	err   error
}

func (m *matches) CreateMatch(_ context.Context, f registry.Fence, x match.Match) error {
	m.fence, m.match = f, x
	return m.err
}

func (m *matches) StartMatch(_ context.Context, f registry.Fence, x match.Start) error {
	m.fence, m.match = f, x.Match
	return m.err
}

func (m *matches) StopMatch(_ context.Context, f registry.Fence, x match.Stop) error {
	m.fence, m.match = f, x.Next
	return m.err
}

func (m *matches) KeepState(_ context.Context, f registry.Fence) error {
	m.fence = f
	return m.err
}

func TestKind(t *testing.T) {
	t.Parallel()
	store := &matches{}
	k := NewKind(store, nil)
	got := []any{k.Name, k.Scope, k.Start, k.Doubt, k.Persist, k.Settle, k.Idle, k.Indexed}
	want := []any{"lobby", process.PerID, process.Explicit, process.Freeze, true, 300 * time.Millisecond, time.Duration(0), true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kind (-want +got):\n%s", diff)
	}
	if !k.Repeats(Repeat{}) || !k.Repeats(Gone{}) || k.Repeats(Join{}) || k.Repeats(Leave{}) || k.Repeats(Tick{}) {
		t.Error("a new owner does not serve the edges first")
	}

	ctx := context.Background()
	fresh, err := k.Open(ctx, "3", nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	out, err := fresh.Apply(process.Command{Body: openCommand("sekret"), At: at})
	if err != nil {
		t.Fatal(err)
	}
	f := registry.Fence{Key: registry.NewKey(Kind, 3), Incarnation: 7, Epoch: 8, Writes: 9, Snapshot: []byte("state")}
	if err := k.Write(ctx, f, out.Record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, store.fence); diff != "" {
		t.Errorf("fence (-want +got):\n%s", diff)
	}
	wantRecord(t, store.match, at)
	if err := k.Write(ctx, f, "no match"); err == nil {
		t.Error("a record of another kind is written")
	}
	store.err = registry.ErrFenced
	if err := k.Write(ctx, f, out.Record); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a fenced write: %v", err)
	}

	b, err := fresh.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.Open(ctx, "3", b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fresh.View(), again.View()); diff != "" {
		t.Errorf("view of the snapshot (-want +got):\n%s", diff)
	}
	// The password and the ids have survived as well.
	if _, err := again.Apply(process.Command{Body: Join{Who: who(player), Password: "wrong"}}); err == nil {
		t.Error("a wrong password opens the lobby after a takeover")
	}
	wantEvents(t, must(t, again.(*State), Tick{}), TagsSet{Tags: map[string]string{tagMatchID: "3", tagHostUUID: "HOST", tagMatchUUID: "MATCH"}})
	if _, err := k.Open(ctx, "3", []byte("{")); err == nil {
		t.Error("a broken snapshot is opened")
	}
}
