//go:build faults

package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"teiserver/test/faults/network"
)

// TestShortCut: a link to the database that is cut for less than a lease is trusted, and
// long enough for tries to fail, costs nobody its lease.
func TestShortCut(t *testing.T) {
	r := newRig(t, settings{nodes: 3})
	for range 5 {
		r.net.Both("node1", database, cut)
		rest(1200 * time.Millisecond)
		r.net.Both("node1", database, network.Rule{})
		rest(4 * time.Second)
	}
	r.waitReady(readyLimit)
	r.collect()
	for _, e := range r.history.Events() {
		if c := e.Change; c != nil && c.Table == "node" && c.Before != nil {
			t.Errorf("%s: %+v", e.Key, c.After)
		}
	}
}

// TestBack measures how long a node needs to get its lease back after a cut link to the
// database, for docs/failures.md. Only that it does is judged.
func TestBack(t *testing.T) {
	r := newRig(t, settings{nodes: 3})
	for _, long := range []time.Duration{1500 * time.Millisecond, 5 * time.Second, 15 * time.Second} {
		r.net.Both("node1", database, cut)
		rest(long)
		r.net.Both("node1", database, network.Rule{})
		healed := time.Now()
		err := r.until(readyLimit, func(ctx context.Context) error {
			c, err := r.sql(ctx)
			if err != nil {
				return err
			}
			defer func() { _ = c.Close(ctx) }()
			var n int
			if err := c.QueryRow(ctx, "SELECT count(*) FROM node WHERE name = 'node1' AND state = 'serving' AND expires_at > store_now() + 1500").Scan(&n); err != nil {
				return err
			}
			if n == 0 {
				return fmt.Errorf("node1 has no lease")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		t.Logf("cut for %s: the lease is back %.1f s after the link", long, time.Since(healed).Seconds())
		r.waitReady(readyLimit)
	}
}
