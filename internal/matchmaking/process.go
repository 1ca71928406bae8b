package matchmaking

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// known waits until there is a world.
func known(ctx context.Context, w World) bool {
	for !w.Known() {
		select {
		case <-time.After(knownLook):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// knownLook is how often it is looked for.
const knownLook = 50 * time.Millisecond

// settle is how long a new owner of a queue waits for the edges to repeat who is connected.
const settle = 300 * time.Millisecond

// Store keeps the state of queues and matches with each change that is acknowledged.
type Store interface {
	// KeepState stores f.Snapshot, fenced.
	KeepState(ctx context.Context, f registry.Fence) error
}

// Kinds describes queues and matches to the cluster. Without a world, which is for tests
// and the docs, effects are not carried out.
func Kinds(store Store, world World) []process.Kind {
	write := func(ctx context.Context, f registry.Fence, record any) error {
		if _, ok := record.(kept); !ok {
			return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
		}
		return store.KeepState(ctx, f)
	}
	do := func(f func(context.Context, World, any) any) func(context.Context, registry.Key, any) any {
		return func(ctx context.Context, _ registry.Key, effect any) any {
			if world == nil || !known(ctx, world) {
				return nil
			}
			return f(ctx, world, effect)
		}
	}
	return []process.Kind{{
		Name:    KindQueue,
		Scope:   process.PerID,
		Start:   process.OnDemand,
		Doubt:   process.Freeze,
		Persist: true,
		Settle:  settle,
		Indexed: true,
		Purpose: "A matchmaking queue: who waits in it, since when, and which matches were found.",
		Origin:  "says who its player is, and its party; repeats it to a new owner",
		Open: func(_ context.Context, id string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				n, err := strconv.Atoi(id)
				if err != nil {
					return nil, fmt.Errorf("open queue %s: %w", id, err)
				}
				return NewQueue(n), nil
			}
			q, err := RestoreQueue(snapshot)
			if err != nil {
				return nil, fmt.Errorf("open queue %s: %w", id, err)
			}
			return q, nil
		},
		Write: write,
		Do:    do(doQueue),
		Repeats: func(body any) bool {
			switch body.(type) {
			case Back, Gone:
				return true
			}
			return false
		},
	}, {
		Name:    KindMatch,
		Scope:   process.PerID,
		Start:   process.Explicit,
		Doubt:   process.Freeze,
		Persist: true,
		Indexed: true,
		Purpose: "A proposed match: claims its players, asks whether they are ready, finds a room and seats them.",
		Origin:  "keeps its players for one match, asks them, takes them into the room",
		Open: func(_ context.Context, id string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				return &Match{}, nil
			}
			m, err := RestoreMatch(snapshot)
			if err != nil {
				return nil, fmt.Errorf("open match %s: %w", id, err)
			}
			return m, nil
		},
		Write: write,
		Do:    do(doMatch),
	}}
}
