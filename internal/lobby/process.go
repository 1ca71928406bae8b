package lobby

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
)

// settle is how long a new owner waits for the edges to repeat what their clients
// hold. Longer delays everybody else's commands, shorter loses the last second's joins.
const settle = 300 * time.Millisecond

// Store keeps what lobbies may not lose.
type Store interface {
	match.Recorder
	// KeepState stores f.Snapshot, fenced.
	KeepState(ctx context.Context, f registry.Fence) error
}

// NewKind describes lobbies to the cluster. store keeps the records that they make when
// they open and when matches start and end, and orders that keep people out. Without a world, which is for tests, effects
// are not carried out.
func NewKind(store Store, world World) process.Kind {
	return process.Kind{
		Name:    Kind,
		Scope:   process.PerID,
		Start:   process.Explicit,
		Doubt:   process.Freeze,
		Persist: true,
		Settle:  settle,
		Indexed: true,
		Tells:   true,
		Purpose: "A room before and between games: members, statuses, computer players, map and settings, with all rules, and its consul with queue, bosses, limits, bans and what is ordered with $.",
		Origin:  "says who its client is and what it may; lets a joiner in, or not, by what the store has of it; repeats seats and statuses to a new owner",
		Open: func(_ context.Context, id string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				return NewState(), nil
			}
			s, err := RestoreState(snapshot)
			if err != nil {
				return nil, fmt.Errorf("open lobby %s: %w", id, err)
			}
			return s, nil
		},
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			switch r := record.(type) {
			case match.Match:
				return store.CreateMatch(ctx, f, r)
			case match.Start:
				return store.StartMatch(ctx, f, r)
			case match.Stop:
				return store.StopMatch(ctx, f, r)
			case keptOrder:
				return store.KeepState(ctx, f)
			}
			return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
		},
		Do: func(ctx context.Context, key registry.Key, effect any) any { return do(ctx, world, key, effect) },
		// Gone as well: a node that takes a lobby over from a dead one tells it both, and
		// casts come in order. Behind a Gone that waits, the Repeat would be late.
		Repeats: func(body any) bool {
			switch body.(type) {
			case Repeat, Gone:
				return true
			}
			return false
		},
	}
}
