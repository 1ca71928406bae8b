package lease

import (
	"context"
	"fmt"
	"time"
)

// Timeline is one history of a store.
type Timeline struct {
	ID    int64  // rises by one with each history that the store knows of
	Token string // no other history has it; of two that were begun apart the ids may be equal
	Why   string // it was begun, for the operator
	New   bool   // it was begun by this join
}

// Memory is what a node keeps outside of the store, to see that the store went back: its
// last incarnation and the last mark of it, a number that is raised in the store first.
type Memory struct {
	ClusterID   string `json:"cluster"`
	ID          int64  `json:"timeline"`
	Token       string `json:"token"`
	Incarnation int64  `json:"incarnation"`
	Mark        int64  `json:"mark"`
}

// Hold waits until this node may claim: on a young timeline some node of the one before may
// still trust itself to own what the store says is free. Renewals go on meanwhile.
func (l *Lease) Hold(ctx context.Context) error {
	for {
		left := time.Duration(l.holdUntil.Load()) - l.clock.Boot()
		if left <= 0 {
			return nil
		}
		t := time.NewTimer(min(left, l.timing.LookEvery)) // it may change meanwhile
		select {
		case <-t.C:
		case <-l.condemned:
			t.Stop()
			return fmt.Errorf("wait on a new timeline: %w", l.Fallen())
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("wait on a new timeline: %w", ctx.Err())
		}
	}
}
