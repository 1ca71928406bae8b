package cluster_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
)

func TestCallFromEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		key := cluster.NewKey("room", 1)
		if _, err := a.Call(within(time.Second), key, add{V: 1}); !errors.Is(err, cluster.ErrNone) {
			t.Errorf("no such room: %v", err)
		}
		h.own(b, key, 1)
		h.call(a, key, add{V: 2}, 1, 2)
		h.call(b, key, add{V: 3}, 1, 2, 3)
		h.call(c, key, clustertest.Read{}, 1, 2, 3)
		if _, err := a.Call(within(time.Second), key, clustertest.Refuse{}); !refusal.Is(err, refusal.Forbidden) {
			t.Errorf("refusal over the bus: %v", err)
		}
		var held *registry.HeldError
		for _, n := range []*cluster.Node{a, b} {
			if _, err := n.Own(within(time.Second), key, add{V: 9}); !errors.As(err, &held) || held.Owner.Node != "b" {
				t.Errorf("own what is owned: %v", err)
			}
		}
		h.call(a, key, clustertest.Close{}, 1, 2, 3)
		for _, n := range h.nodes {
			if _, err := n.Call(within(time.Second), key, add{V: 1}); !errors.Is(err, cluster.ErrNone) {
				t.Errorf("closed: %v", err)
			}
		}
	})
}

func TestFollowAcrossNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		key := cluster.NewKey("room", 1)
		h.own(b, key, 1)
		var fs [3]follower
		var closed atomic.Int64
		for i, n := range []*cluster.Node{a, b, c} {
			n.Follow(key, &fs[i], func() { closed.Add(1) })
		}
		pass(time.Second)
		h.call(a, key, add{V: 2}, 1, 2)
		h.call(c, key, add{V: 3}, 1, 2, 3)
		pass(time.Second)
		for i := range fs {
			if got := fs[i].values(t); !slices.Equal(got, []int{1, 2, 3}) || fs[i].resets != 1 {
				t.Errorf("follower %d: %v after %d resets", i, got, fs[i].resets)
			}
		}
		h.call(a, key, clustertest.Close{}, 1, 2, 3)
		pass(10 * time.Second)
		if closed.Load() != 3 {
			t.Errorf("%d followers heard of the end, want 3", closed.Load())
		}
		var never follower
		ended := make(chan struct{})
		a.Follow(cluster.NewKey("room", 99), &never, func() { close(ended) })
		<-ended
	})
}

// TestIndexFeeds: each node lists its own, a follower of all of them knows all.
func TestIndexFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		h.own(a, cluster.NewKey("room", 1), 5)
		h.own(b, cluster.NewKey("room", 2), 6)
		var fs [2]follower
		for i, n := range []*cluster.Node{a, b} {
			a.FollowNode(cluster.IndexTopic("room"), n.Self(), &fs[i])
		}
		pass(time.Second)
		h.call(b, cluster.NewKey("room", 2), add{V: 7}, 6, 7)
		h.call(b, cluster.NewKey("room", 1), clustertest.Close{}, 5)
		pass(time.Second)
		want := process.IndexView{Entries: []process.Indexed{{ID: "2", Epoch: 1, Run: 1, Seq: 1, Summary: clustertest.Length{N: 1}}}}
		if diff := cmp.Diff(any(want), fs[1].view); diff != "" {
			t.Errorf("view of b (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]any{process.Indexed{ID: "2", Epoch: 1, Run: 1, Seq: 2, Summary: clustertest.Length{N: 2}}}, fs[1].events); diff != "" {
			t.Errorf("events of b (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]any{process.Indexed{ID: "1", Epoch: 1, Run: 1, Seq: 2, Closed: true}}, fs[0].events); diff != "" {
			t.Errorf("events of a (-want +got):\n%s", diff)
		}
	})
}
