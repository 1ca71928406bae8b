package sqlite

import "context"

// gate lets one writer of this process in at a time. Without it SQLite's busy
// handler polls, and a lease may lose to a stream of other writers.
//
// Ordinary writers pass turn and then lock, leases only lock: so at most one
// ordinary writer is ahead of a lease.
type gate struct {
	turn chan struct{}
	lock chan struct{}
}

func newGate() *gate {
	return &gate{turn: make(chan struct{}, 1), lock: make(chan struct{}, 1)}
}

// enter waits for the right to write.
func (g *gate) enter(ctx context.Context, urgent bool) (leave func(), err error) {
	if !urgent {
		if err := take(ctx, g.turn); err != nil {
			return nil, err
		}
		defer func() { <-g.turn }()
	}
	if err := take(ctx, g.lock); err != nil {
		return nil, err
	}
	return func() { <-g.lock }, nil
}

func take(ctx context.Context, slot chan struct{}) error {
	select {
	case slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
