package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
)

// TestRule13_NewFollowerAsksTheStore: a key has two owners, as the old one does not know
// yet that it was taken from it. It answers and talks, and who begins to follow has
// heard of no other. It begins with the one that the store names.
func TestRule13_NewFollowerAsksTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, c := three(t)
		key := cluster.NewKey("room", 1)
		h.own(b, key, 1)
		h.call(a, key, add{V: 2}, 1, 2)
		h.call(c, key, add{V: 3}, 1, 2, 3)
		pass(2 * time.Second) // it has nothing more to save, or the fence would tell it
		h.net.Drop(func(_, _, topic string) bool {
			return topic == "cluster.owner" || topic == key.String() || topic == feed.HeartbeatTopic
		})
		h.releaseFor(b, key)
		for limit := time.Now().Add(10 * time.Second); h.row(key).Epoch == 1; pass(100 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal("nobody has taken the key")
			}
		}
		fresh := a
		if h.row(key).Node == "a" {
			fresh = c
		}
		h.call(b, key, add{V: 4}, 1, 2, 3, 4) // the old one, at home
		var f follower
		stop := fresh.Follow(key, &f, nil)
		defer stop()
		pass(2 * time.Second)
		if f.v.Epoch != h.row(key).Epoch || f.resets != 1 {
			t.Errorf("at %+v after %d resets, the store has epoch %d", f.v, f.resets, h.row(key).Epoch)
		}
		h.net.Drop(nil)
	})
}

// TestFollowWithoutTheStore: what this node has heard is believed while the store is away.
func TestFollowWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, a, b, _ := three(t)
		key := cluster.NewKey("talk", "main")
		h.call(a, key, add{V: 1}, 1)
		home := h.runs(key)[0]
		other := a
		if home == "a" {
			other = b
		}
		h.call(other, key, add{V: 2}, 1, 2)
		h.lose(true)
		pass(5 * time.Second)
		var f follower
		stop := other.Follow(key, &f, nil)
		defer stop()
		pass(2 * time.Second)
		if got := f.values(t); len(got) != 2 {
			t.Errorf("has %v", got)
		}
		h.lose(false)
	})
}

// lose makes the store answer nothing.
func (h *house) lose(away bool) {
	if !away {
		h.store.OnAccess(nil)
		return
	}
	h.store.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
}

// ear notes what it is told, apart from views.
type ear struct {
	mu   sync.Mutex
	told []int
	here bool
}

func (e *ear) Reset(feed.Version, any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.here = true
}

func (e *ear) Event(_ feed.Version, event any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a, ok := event.(clustertest.Added); ok {
		e.told = append(e.told, a.V)
	}
}

// TestNoLineIsLostWhenTheOwnerDies: senders on the survivors go on while the owner's node
// dies and another takes over. What was acknowledged is heard by whoever was there,
// once, and in the order of each sender.
func TestNoLineIsLostWhenTheOwnerDies(t *testing.T) {
	for _, kind := range []string{"talk", "room"} {
		for _, lossy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, lossy %v", kind, lossy), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { ownerDies(t, kind, lossy) })
			})
		}
	}
}

func ownerDies(t *testing.T, kind string, lossy bool) {
	h, a, b, c := three(t)
	key := cluster.NewKey(kind, "main")
	dies := b
	if kind == "talk" {
		h.call(a, key, add{V: 0}, 0)
		home := h.runs(key)[0]
		dies = h.nodes[slices.IndexFunc(h.nodes, func(n *cluster.Node) bool { return n.Self().Node == home })]
	} else {
		h.own(b, key, 0)
	}
	survivors := slices.DeleteFunc([]*cluster.Node{a, b, c}, func(n *cluster.Node) bool { return n == dies })
	ears := make([]ear, len(survivors))
	for i, n := range survivors {
		defer n.Follow(key, &ears[i], nil)()
	}
	pass(time.Second)
	faults := rand.New(rand.NewPCG(1, uint64(len(kind))))
	var mu sync.Mutex
	var deaf atomic.Bool // nobody hears the feed, nor gets a view of it
	if lossy {
		h.net.Drop(func(from, _, topic string) bool {
			mu.Lock()
			defer mu.Unlock()
			if topic == "feed.view" || topic == feed.HeartbeatTopic {
				return deaf.Load()
			}
			return topic == key.String() && from != dies.Self().Node && (deaf.Load() || faults.IntN(3) == 0)
		})
	}
	acknowledged := make([][]int, len(survivors))
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i, n := range survivors {
		all.Go(func() {
			for j := 1; ; j++ {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
				}
				v := 1000*(i+1) + j
				if _, err := n.Call(within(10*time.Second), key, add{V: v}); err != nil {
					t.Errorf("line %d: %v", v, err)
					continue
				}
				acknowledged[i] = append(acknowledged[i], v)
			}
		})
	}
	pass(2 * time.Second)
	epoch := h.row(key).Epoch
	h.kill(dies)
	deaf.Store(true)
	for began := time.Now(); h.row(key).Epoch == epoch && time.Since(began) < time.Minute; {
		pass(50 * time.Millisecond)
	}
	pass(1500 * time.Millisecond) // lines are said meanwhile
	deaf.Store(false)
	pass(5 * time.Second)
	close(stop)
	all.Wait()
	pass(3 * time.Second)
	h.net.Drop(nil)
	for i := range ears {
		for j, want := range acknowledged {
			got := slices.DeleteFunc(slices.Clone(ears[i].told), func(v int) bool { return v/1000 != j+1 })
			if len(want) < 50 || !slices.Equal(got, want) {
				t.Errorf("ear %d heard %v of sender %d, acknowledged %v", i, got, j, want)
			}
		}
	}
}
