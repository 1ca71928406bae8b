package chat

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
)

// channels is a Store in memory. away makes it fail.
type channels struct {
	kept   map[string]Channel
	away   error
	fenced bool
}

func (c *channels) Channel(_ context.Context, name string, author int64, authorName string) (Channel, error) {
	if c.away != nil {
		return Channel{}, c.away
	}
	if _, ok := c.kept[name]; !ok {
		c.kept[name] = Channel{Name: name, Author: author, AuthorName: authorName}
	}
	return c.kept[name], nil
}

func (c *channels) NewChannel(ctx context.Context, f registry.Fence, x Channel) error {
	if c.fenced {
		return registry.ErrFenced
	}
	_, err := c.Channel(ctx, x.Name, x.Author, x.AuthorName)
	return err
}

func (c *channels) FindChannel(_ context.Context, name string) (Channel, bool, error) {
	x, ok := c.kept[name]
	return x, ok, c.away
}

func (c *channels) Channels(context.Context) ([]Channel, error) { return nil, c.away }

func TestKind(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := &channels{kept: map[string]Channel{"main": {Name: "main", Author: 7, AuthorName: "Coordinator"}}}
	k := NewKind(store)
	got := []any{k.Name, k.Scope, k.Start, k.Doubt, k.Persist, k.Settle, k.Idle, k.Indexed}
	wanted := []any{"channel", process.PerID, process.OnDemand, process.Continue, false, 300 * time.Millisecond, time.Duration(0), true}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("kind (-want +got):\n%s", diff)
	}
	if !k.Repeats(Repeat{}) || !k.Repeats(Gone{}) || k.Repeats(Join{}) || k.Repeats(Leave{}) {
		t.Error("a new owner does not serve the edges first")
	}

	main, err := k.Open(ctx, "main", nil)
	if err != nil {
		t.Fatal(err)
	}
	out := must(t, main, Join{Member: member(alice), Name: "Alice"})
	want(t, out, Seated{}, Joined{member(alice)})
	if out.Record != nil {
		t.Error("a stored channel is recorded again")
	}

	room, err := k.Open(ctx, "room", nil)
	if err != nil {
		t.Fatal(err)
	}
	out = must(t, room, Join{Member: member(bob), Name: "Bob"})
	f := registry.Fence{Key: registry.NewKey(Kind, "room")}
	if err := k.Write(ctx, f, out.Record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Channel{Name: "room", Author: bob, AuthorName: "Bob"}, store.kept["room"]); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	store.fenced = true
	if err := k.Write(ctx, f, out.Record); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a fenced write: %v", err)
	}
	if err := k.Write(ctx, f, "no channel"); err == nil {
		t.Error("a record of another kind is written")
	}

	b, err := room.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.Open(ctx, "room", b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(room.View(), again.View()); diff != "" {
		t.Errorf("view of the snapshot (-want +got):\n%s", diff)
	}
	if _, err := k.Open(ctx, "room", []byte("{")); err == nil {
		t.Error("a broken snapshot is opened")
	}
}

// Without the store a channel can be made and joined, but not read.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := &channels{kept: map[string]Channel{}, away: errors.New("away")}
	k := NewKind(store)
	if err := k.Write(ctx, registry.Fence{}, Channel{Name: "room", Author: 1, AuthorName: "A"}); err != nil {
		t.Errorf("the first joiner is refused: %v", err)
	}
	if _, err := k.Open(ctx, "room", nil); !errors.Is(err, store.away) {
		t.Errorf("open: %v", err)
	}
	if _, refused := refusal.As(k.Write(ctx, registry.Fence{}, nil)); refused {
		t.Error("a programming error is shown to the user")
	}
}
