package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/registry"
)

// TestRule14_KilledBetweenCommitAndAnswer: the owner dies with a durable command
// committed and not answered. The caller's retry reaches the next owner: there is one
// record, and the answer is the one that the first owner would have given.
func TestRule14_KilledBetweenCommitAndAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		committed, hold := make(chan int64, 1), make(chan struct{})
		for i := range h.kinds {
			write := h.kinds[i].Write
			h.kinds[i].Write = func(ctx context.Context, f registry.Fence, record any) error {
				err := write(ctx, f, record)
				select {
				case committed <- f.Incarnation: // the first one
					<-hold
				default:
				}
				return err
			}
		}
		a, b, c := h.add("a"), h.add("b"), h.add("c")
		h.ready()
		key := cluster.NewKey("room", 1)
		h.own(b, key, 1)
		pass(time.Second) // a snapshot without what comes
		h.call(c, key, add{V: 2}, 1, 2)
		answered := make(chan any, 1)
		go func() {
			reply, err := a.Call(within(10*time.Second), key, add{V: 3, Durable: true})
			if err != nil {
				t.Errorf("call: %v", err)
			}
			answered <- reply
		}()
		if by := <-committed; by != b.Self().Incarnation {
			t.Fatalf("written by %d", by)
		}
		go func() {
			pass(100 * time.Millisecond)
			close(hold) // a dead node's goroutine ends, too
		}()
		h.kill(b)
		if diff := cmp.Diff(any(list{Values: []int{1, 2, 3}}), <-answered); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		h.call(c, key, add{V: 4, Durable: true}, 1, 2, 3, 4)
		want := []clustertest.Fact{{Key: key, Epoch: 1, Value: "3"}, {Key: key, Epoch: 2, Value: "4"}}
		if diff := cmp.Diff(want, h.store.Facts()); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
	})
}
