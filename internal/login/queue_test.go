package login

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// TestRule27_FullRateOnOneNode: all clients come to one node of three, and come in at
// the full rate, in their order; the sum is never above it.
func TestRule27_FullRateOnOneNode(t *testing.T) {
	inCluster(t, 3, map[string]string{"login.rate": "5"}, func(r *rig, _ *site) {
		_, n := r.owner()
		var want []int64
		for i := range int64(100) {
			r.enter(n, i+1)
			want = append(want, i+1)
		}
		pass(10 * time.Second)
		if got := len(r.in()); got < 49 || got > 56 {
			t.Errorf("%d came in within 10 s, want 50 and a burst of 5", got)
		}
		pass(12 * time.Second)
		if diff := cmp.Diff(want, r.users()); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		for from := time.Duration(0); from < 20*time.Second; from += 100 * time.Millisecond {
			if got := r.within(from, from+3*time.Second); got > 5*3+5 {
				t.Errorf("%d came in within 3 s of %v", got, from)
			}
		}
	})
}

// TestThreeQueues: the sum over the nodes is the rate, each has its part, and the
// order of each is kept.
func TestThreeQueues(t *testing.T) {
	inCluster(t, 3, map[string]string{"login.rate": "4"}, func(r *rig, _ *site) {
		for i := range int64(60) {
			r.enter(r.nodes[i%3], i+1)
		}
		pass(11 * time.Second)
		parts := map[string]int{}
		last := map[string]int64{}
		for _, e := range r.in() {
			parts[e.node]++
			if e.user < last[e.node] {
				t.Errorf("node %s: %d came in after %d", e.node, e.user, last[e.node])
			}
			last[e.node] = e.user
		}
		if sum := parts["a"] + parts["b"] + parts["c"]; sum < 42 || sum > 49 {
			t.Errorf("%d in 11 s at 4 per second: %v", sum, parts)
		}
		for node, part := range parts {
			if part < 12 || part > 18 {
				t.Errorf("node %s let %d in: %v", node, part, parts)
			}
		}
	})
}

// TestRule27_TakeOver: the owner's node dies or leaves; nobody comes in faster, and
// after the take-over everybody comes in at the full rate again.
func TestRule27_TakeOver(t *testing.T) {
	for _, dies := range []bool{true, false} {
		t.Run(fmt.Sprint("dies ", dies), func(t *testing.T) {
			inCluster(t, 3, map[string]string{"login.rate": "10"}, func(r *rig, _ *site) {
				runs, n := r.owner()
				for i := range int64(600) {
					r.enter(n, i+1)
				}
				pass(3 * time.Second)
				if dies {
					r.die(runs)
				} else {
					runs.end()
				}
				pass(32 * time.Second)
				for from := time.Duration(0); from < 30*time.Second; from += 100 * time.Millisecond {
					if got := r.within(from, from+5*time.Second); got > 10*5+10 {
						t.Errorf("%d came in within 5 s of %v", got, from)
					}
				}
				if got := r.within(20*time.Second, 30*time.Second); got < 98 {
					t.Errorf("%d came in within 10 s, long after the take-over", got)
				}
			})
		})
	}
}

// TestDirect: who comes to an empty queue when there are permits does not wait.
func TestDirect(t *testing.T) {
	inCluster(t, 2, map[string]string{"login.rate": "5"}, func(r *rig, _ *site) {
		_, n := r.owner()
		got := []bool{}
		for i := range int64(8) {
			got = append(got, r.enter(n, i+1).Decided(context.Background()))
		}
		if diff := cmp.Diff([]bool{true, true, true, true, true, false, false, false}, got); diff != "" {
			t.Error(diff)
		}
		if waits := n.queue.Waiting(); waits != 3 {
			t.Errorf("%d wait", waits)
		}
		pass(2 * time.Second)
		if all := len(r.in()); all != 8 || n.queue.Counters.Admitted.Load() != 8 {
			t.Errorf("%d came in", all)
		}
	})
}

func TestAtOnce(t *testing.T) {
	inCluster(t, 2, map[string]string{"login.rate": "10"}, func(r *rig, _ *site) {
		_, n := r.owner()
		var places []*Place
		for i := range int64(15) {
			places = append(places, r.enter(n, i+1))
		}
		direct := 0
		for _, p := range places {
			if p.Decided(context.Background()) {
				direct++
			}
		}
		if direct != 10 {
			t.Errorf("%d of 15 came in at once at 10 per second", direct)
		}
	})
}

// TestWhoDoesNotWait: bots and who supports the site come in, and everybody when the
// throttle is off.
func TestWhoDoesNotWait(t *testing.T) {
	inCluster(t, 1, map[string]string{"login.rate": "1", "login.queue": "1"}, func(r *rig, s *site) {
		q := r.nodes[0].queue
		r.enter(r.nodes[0], 1).Decided(context.Background())
		r.enter(r.nodes[0], 2).Decided(context.Background())
		for _, role := range []account.Role{account.Bot, account.Server, account.VIP, account.Contributor, account.Moderator} {
			if p, err := q.Enter(user(9, role), true, nil, nil); p != nil || err != nil || q.Refuse(user(9, role)) != nil {
				t.Errorf("%s: %v, %v", role, p, err)
			}
		}
		if _, err := q.Enter(user(9, account.Trusted), true, nil, nil); !refusal.Is(err, refusal.Full) {
			t.Errorf("full queue: %v", err)
		}
		if err := q.Refuse(user(9)); !refusal.Is(err, refusal.Full) {
			t.Errorf("full queue, before the password: %v", err)
		}
		if err := q.Refuse(user(2)); err != nil {
			t.Errorf("who waits is refused: %v", err)
		}
		if n := q.Counters.Refused.Load(); n != 2 {
			t.Errorf("%d refused", n)
		}
		s.set("login.throttle", "off")
		pass(rulesEvery)
		if p, err := q.Enter(user(9), true, nil, nil); p != nil || err != nil {
			t.Errorf("no throttle: %v, %v", p, err)
		}
	})
}

func TestUnlimited(t *testing.T) {
	t.Parallel()
	q := New(Options{Settings: setting.Fixed(map[string]string{"login.throttle": "true"}), Unlimited: true})
	if p, err := q.Enter(user(1), true, nil, nil); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
}

// TestSwitchedOff: those who wait come in at once, not by a permit.
func TestSwitchedOff(t *testing.T) {
	inCluster(t, 1, map[string]string{"login.rate": "1", "login.storm_rate": "0"}, func(r *rig, s *site) {
		var places []*Place
		for i := range int64(100) {
			places = append(places, r.enter(r.nodes[0], i+1))
		}
		pass(2 * time.Second)
		s.set("login.throttle", "off")
		pass(rulesEvery)
		if n := len(r.in()); n != 100 || r.nodes[0].queue.Waiting() != 0 {
			t.Errorf("%d came in", n)
		}
		if !places[0].Permitted() || places[99].Permitted() || !places[99].In() {
			t.Error("the first came by a permit, the last did not")
		}
	})
}

// TestRateIsLive: a changed rate holds without a restart.
func TestRateIsLive(t *testing.T) {
	inCluster(t, 3, map[string]string{"login.rate": "1"}, func(r *rig, s *site) {
		for i := range int64(1000) {
			r.enter(r.nodes[i%3], i+1)
		}
		s.set("login.rate", "20")
		pass(rulesEvery + 2*beat)
		from := time.Since(r.began)
		pass(10 * time.Second)
		if n := r.within(from, from+10*time.Second); n < 190 || n > 220 {
			t.Errorf("%d in 10 s at 20 per second", n)
		}
		s.set("login.rate", "1")
		pass(rulesEvery + 2*beat)
		from = time.Since(r.began)
		pass(10 * time.Second)
		if n := r.within(from, from+10*time.Second); n < 8 || n > 13 {
			t.Errorf("%d in 10 s at 1 per second", n)
		}
	})
}

// TestRoomOnAllNodes: the limit of users holds for the cluster.
func TestRoomOnAllNodes(t *testing.T) {
	inCluster(t, 3, map[string]string{"login.rate": "100", "account.user_limit": "50"}, func(r *rig, _ *site) {
		r.people.Store(47)
		for i := range int64(30) {
			r.enter(r.nodes[i%3], i+1)
		}
		pass(visible / 2)
		if n := len(r.in()); n != 3 {
			t.Errorf("%d came in for 3 places", n)
		}
		r.people.Store(50)
		pass(10 * time.Second)
		r.people.Store(49)
		pass(visible / 2)
		if n := len(r.in()); n != 4 {
			t.Errorf("%d came in for 4 places", n)
		}
	})
}

// TestLeave: who leaves the queue is not let in, and costs no permit.
func TestLeave(t *testing.T) {
	inCluster(t, 1, map[string]string{"login.rate": "1"}, func(r *rig, _ *site) {
		var places []*Place
		for i := range int64(9) {
			places = append(places, r.enter(r.nodes[0], i+1))
			places[i].Decided(context.Background())
		}
		for _, i := range []int{1, 2, 5, 8} {
			places[i].Leave()
			places[i].Leave()
		}
		if n := r.nodes[0].queue.Waiting(); n != 4 {
			t.Errorf("%d wait", n)
		}
		pass(5 * time.Second)
		if diff := cmp.Diff([]int64{1, 4, 5, 7, 8}, r.users()); diff != "" {
			t.Errorf("came in (-want +got):\n%s", diff)
		}
		places[0].Leave() // is in already
		if n := r.nodes[0].queue.Waiting(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

// TestAgain: a user who comes again, because the connection was lost, has the place of
// before; the older connection is told.
func TestAgain(t *testing.T) {
	inCluster(t, 1, map[string]string{"login.rate": "1"}, func(r *rig, _ *site) {
		q := r.nodes[0].queue
		r.enter(r.nodes[0], 1).Decided(context.Background())
		lost := 0
		old, _ := q.Enter(user(2), true, func() { t.Error("the older one came in") }, func() { lost++ })
		r.enter(r.nodes[0], 3)
		next := r.enter(r.nodes[0], 2)
		if next.Decided(context.Background()) || lost != 1 || q.Waiting() != 2 {
			t.Errorf("lost %d, %d wait", lost, q.Waiting())
		}
		old.Leave()
		pass(3 * time.Second)
		if diff := cmp.Diff([]int64{1, 2, 3}, r.users()); diff != "" {
			t.Errorf("came in (-want +got):\n%s", diff)
		}
	})
}

// TestWithoutAnOwner: a node whose asks nobody answers has its share, later.
func TestWithoutAnOwner(t *testing.T) {
	inCluster(t, 3, map[string]string{"login.rate": "6"}, func(r *rig, _ *site) {
		runs, n := r.owner()
		for i := range int64(300) {
			r.enter(n, i+1)
			r.enter(runs, 1000+i)
		}
		r.net.Cut(n.Self().Node, runs.Self().Node)
		pass(20 * time.Second)
		from := time.Since(r.began)
		pass(10 * time.Second)
		got := map[string]int{}
		for _, e := range r.in() {
			if e.at >= from {
				got[e.node]++
			}
		}
		if own := got[n.Self().Node]; own < 18 || own > 22 {
			t.Errorf("%d in 10 s without an owner, want a third of 60", own)
		}
		if others := got[runs.Self().Node]; others < 36 || others > 41 {
			t.Errorf("%d in 10 s beside it, want two thirds of 60", others)
		}
	})
}

// TestTheStoresClockIsSet: users come in at the rate whatever becomes of the store's clock.
func TestTheStoresClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, time.Hour} {
		inCluster(t, 2, map[string]string{"login.rate": "5"}, func(r *rig, _ *site) {
			_, n := r.owner()
			for i := range int64(200) {
				r.enter(n, i+1)
			}
			pass(2 * time.Second)
			r.store.Step(step)
			pass(20 * time.Second)
			if got := len(r.in()); got < 105 || got > 115 {
				t.Errorf("%v: %d came in within 22 s at 5 per second", step, got)
			}
		})
	}
}

// TestInDoubt: a node that is not trusted lets nobody in, as no login could succeed
// there; when it is again, those who wait come in.
func TestInDoubt(t *testing.T) {
	inCluster(t, 3, map[string]string{"login.rate": "10"}, func(r *rig, _ *site) {
		_, n := r.owner()
		r.store.OnAccess(func(a clustertest.Access) clustertest.Fault {
			if a.Incarnation == n.Self().Incarnation {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		for n.Trusted() {
			pass(100 * time.Millisecond)
		}
		r.enter(n, 1)
		pass(500 * time.Millisecond) // it is not given up yet
		if len(r.in()) != 0 || n.Trusted() {
			t.Error("came in while the node was in doubt")
		}
		r.store.OnAccess(nil)
		pass(3 * time.Second)
		if len(r.in()) != 1 {
			t.Error("did not come in afterwards")
		}
	})
}

func BenchmarkQueue(b *testing.B) {
	q := New(Options{Settings: setting.Fixed(map[string]string{"login.throttle": "true", "login.queue": "1000000"})})
	b.ReportAllocs()
	for i := int64(1); b.Loop(); i++ {
		p, err := q.Enter(user(i), true, func() {}, func() {})
		if err != nil {
			b.Fatal(err)
		}
		if q.Waiting() > 5000 {
			q.letIn(1, permitted)
		}
		_ = p
	}
}
