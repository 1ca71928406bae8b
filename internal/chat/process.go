package chat

import (
	"context"
	"errors"
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
		Tells:   true,
		Purpose: "A chat channel: who is in it and what is said.",
		Origin:  "judges whether its client may speak; hands the line to the bridge, if the channel has one",
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
		// worst is that another one is its author after a restart. So the store's trouble
		// is not the joiner's.
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			c, ok := record.(Channel)
			if !ok {
				return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
			}
			err := store.NewChannel(ctx, f, c)
			if errors.Is(err, registry.ErrFenced) {
				return err // somebody else's channel by now
			}
			if err != nil {
				slog.WarnContext(ctx, "channel not stored", "kind", Kind, "key", f.Key.ID, "err", err)
			}
			return nil
		},
		// Gone as well: a node that takes a channel over from a dead one tells it both,
		// and casts come in order. Behind a Gone that waits, the Repeat would be late.
		Repeats: func(body any) bool {
			switch body.(type) {
			case Repeat, Gone:
				return true
			}
			return false
		},
	}
}
