package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/registry"
)

// TestRule13_OwnerLooksAtTheStore: a command that names a higher epoch is not executed,
// and makes the owner ask the store. If the store has another owner it drops its
// process; if the sender was wrong it goes on.
func TestRule13_OwnerLooksAtTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		key := cluster.NewKey("room", 1)
		h.own(b, key, 1)
		pass(2 * time.Second)
		if executed, err := a.CallAt(within(time.Second), "b", key, 99, add{V: 2}); executed || err != nil {
			t.Errorf("told of an epoch that is not: executed %v, %v", executed, err)
		}
		h.call(a, key, clustertest.Read{}, 1)
		pass(2 * time.Second) // it has nothing more to save, or the fence would tell it

		// Behind its back the key is released and taken by another.
		h.net.Drop(func(_, to, topic string) bool { return to == "b" && topic == "cluster.owner" })
		h.releaseFor(b, key)
		for limit := time.Now().Add(10 * time.Second); h.row(key).Epoch == 1; pass(100 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal("nobody has taken the key")
			}
		}
		if got := h.runs(key); len(got) != 2 {
			t.Fatalf("runs on %v, want it on b and on the new owner", got)
		}
		if executed, err := a.CallAt(within(time.Second), "b", key, 2, add{V: 3}); executed || err != nil {
			t.Errorf("the old owner: executed %v, %v", executed, err)
		}
		pass(time.Second)
		if got := h.runs(key); len(got) != 1 || got[0] == "b" {
			t.Errorf("runs on %v", got)
		}
		h.call(b, key, add{V: 4}, 1, 4)
	})
}

// releaseFor releases a key in the store as its owner would, who does not know of it.
func (h *house) releaseFor(n *cluster.Node, key cluster.Key) {
	h.Helper()
	for writes := range int64(100) {
		err := h.store.Release(context.Background(), registry.Fence{
			Key: key, Incarnation: n.Self().Incarnation, Epoch: 1, Writes: writes,
		}, nil)
		if err == nil {
			return
		}
		if !errors.Is(err, registry.ErrFenced) {
			h.Fatal(err)
		}
	}
	h.Fatal("the key cannot be released")
}
