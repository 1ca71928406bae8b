package chat

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// settle is how long a new owner waits for the nodes to repeat who is in the channel.
const settle = 300 * time.Millisecond

// NewKind describes channels to the cluster. store keeps who made them.
func NewKind(store Store) process.Kind {
	return process.Kind{
		Name:    Kind,
		Scope:   process.PerID,
		Start:   process.OnDemand,
		Doubt:   process.Continue,
		Settle:  settle,
		Indexed: true,
		Purpose: "A chat channel: who is in it and what is said.",
		Open: func(ctx context.Context, id string, snapshot []byte) (process.Machine, error) {
			if snapshot != nil {
				s, err := RestoreState(snapshot)
				if err != nil {
					return nil, fmt.Errorf("open channel %s: %w", id, err)
				}
				return s, nil
			}
			c, ok, err := store.FindChannel(ctx, id)
			if err != nil {
				return nil, fmt.Errorf("open channel %s: %w", id, err)
			}
			if !ok {
				c = Channel{}
			}
			c.Name = id
			return NewState(c), nil
		},
		// A channel whose author could not be stored is a channel all the same: the
		// worst is that another one is its author after a restart. So this never fails.
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			c, ok := record.(Channel)
			if !ok {
				return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
			}
			if _, err := store.Channel(ctx, c.Name, c.Author, c.AuthorName); err != nil {
				slog.WarnContext(ctx, "channel not stored", "kind", Kind, "key", f.Key.ID, "err", err)
			}
			return nil
		},
		Repeats: func(body any) bool {
			_, ok := body.(Repeat)
			return ok
		},
	}
}
