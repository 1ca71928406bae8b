package login

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/refusal"
)

// come is enter of somebody who need not have to wait.
func (r *rig) come(n *rigNode, id int64, roles ...account.Role) *Place {
	r.Helper()
	note := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.entered = append(r.entered, entry{id, n.Self().Node, time.Since(r.began)})
	}
	var p *Place
	have := make(chan struct{})
	p, err := n.queue.Enter(user(id, roles...), true, func() {
		note()
		go func() { <-have; p.Done() }()
	}, func() {})
	if err != nil {
		r.Fatalf("user %d: %v", id, err)
	}
	close(have)
	if p == nil {
		note()
	}
	return p
}

func storm(rate string) map[string]string {
	return map[string]string{"login.throttle": "false", "login.storm_rate": rate}
}

// promised reports the windows in which more came in than a storm may.
func (r *rig) promised(rate, nodes int) {
	r.Helper()
	for from := time.Duration(0); from < 30*time.Second; from += 100 * time.Millisecond {
		for _, w := range []int{1, 3, 10} {
			most := rate*(w+1) + 2*max(rate, nodes) + rate*(w+1)/calmShare
			if got := r.within(from, from+time.Duration(w)*time.Second); got > most {
				r.Errorf("%d came in within %d s of %v, promised are %d", got, w, from, most)
			}
		}
	}
}

// TestStorm: the clients of a node that is gone come to the two others. All are in when
// the rate says so, each node's in their order; bots are not held; only who waits for
// long is told.
func TestStorm(t *testing.T) {
	inCluster(t, 3, storm("40"), func(r *rig, _ *site) {
		runs, _ := r.owner()
		i := slices.Index(r.nodes, runs)
		stay := []*rigNode{r.nodes[i], r.nodes[(i+1)%3]}
		places := map[int64]*Place{}
		for id := range int64(600) {
			places[id] = r.come(stay[id%2], id)
		}
		if p := r.come(stay[0], 1000, account.Bot); p != nil {
			t.Error("a bot waits")
		}
		told := 0
		for id := range int64(600) {
			if p := places[id]; p != nil && !p.Decided(context.Background()) {
				told++
			}
		}
		if at := time.Since(r.began); at < stormPatience || at > 600*stormPatience {
			t.Errorf("told after %v", at)
		}
		pass(10 * time.Second)
		if all := len(r.in()); all != 601 {
			t.Fatalf("%d of 601 are in after %v", all, time.Since(r.began))
		}
		r.promised(40, 3)
		last := map[string]int64{}
		for _, e := range r.in() {
			if e.user < last[e.node] {
				t.Errorf("node %s: %d came in after %d", e.node, e.user, last[e.node])
			}
			if last[e.node] = e.user; e.user == 1000 {
				last[e.node] = -1
			}
			if p := places[e.user]; p != nil && p.Permitted() {
				t.Fatalf("%d counts as one for whom there is room", e.user)
			}
		}
		if end := slices.MaxFunc(r.in(), func(a, b entry) int { return int(a.at - b.at) }).at; end < 10*time.Second || end > 16*time.Second {
			t.Errorf("all are in after %v", end)
		}
	})
}

// TestStormTellsLate: who comes in within three seconds hears of no queue, the others
// do then.
func TestStormTellsLate(t *testing.T) {
	inCluster(t, 1, storm("10"), func(r *rig, _ *site) {
		n := r.nodes[0]
		var places []*Place
		for id := range int64(100) {
			places = append(places, r.come(n, id))
		}
		type answer struct{ in, out int }
		got := make(chan bool, len(places))
		direct := 0
		for _, p := range places {
			if p == nil {
				direct++
				continue
			}
			go func() { got <- p.Decided(context.Background()) }()
		}
		pass(stormPatience - time.Millisecond)
		early := answer{}
		for len(got) > 0 {
			if <-got {
				early.in++
			} else {
				early.out++
			}
		}
		if direct != 2 || early.out != 0 || early.in < 25 || early.in > 50 {
			t.Errorf("%d at once; before three seconds %+v", direct, early)
		}
		pass(time.Second)
		if len(got) != len(places)-direct-early.in {
			t.Errorf("%d of %d are told", len(got), len(places)-direct-early.in)
		}
	})
}

// TestStormIsSpread: permits come in blocks, and those of a second at the beginning; who
// has them comes in one after the other.
func TestStormIsSpread(t *testing.T) {
	inCluster(t, 2, storm("200"), func(r *rig, _ *site) {
		for id := range int64(600) {
			r.come(r.nodes[0], id)
		}
		pass(4 * time.Second)
		if got := len(r.in()); got != 600 {
			t.Errorf("%d are in", got)
		}
		most := 200/calmShare/2 + 20 + 200/paceParts + 1 // the first without asking
		for from := time.Duration(0); from < 4*time.Second; from += 10 * time.Millisecond {
			if got := r.within(from, from+100*time.Millisecond); got > most {
				t.Errorf("%d came in within 100 ms of %v", got, from)
			}
			most = 20 + 200/paceParts + 1
		}
	})
}

// TestSlowNode: as long as those who were let in are not there, or have given up, no
// more are let in.
func TestSlowNode(t *testing.T) {
	inCluster(t, 2, storm("200"), func(r *rig, _ *site) {
		n := r.nodes[0]
		var places []*Place
		for id := range int64(200) {
			p, err := n.queue.Enter(user(id), true, func() {}, func() {})
			if err != nil {
				t.Fatal(err)
			}
			if p != nil {
				places = append(places, p)
			}
		}
		in := func(want int) {
			t.Helper()
			got := 0
			for _, p := range places {
				if p.In() {
					got++
				}
			}
			if got != want {
				t.Errorf("%d are let in, want %d", got, want)
			}
		}
		pass(5 * time.Second)
		in(stormAtOnce)
		places[0].Done()
		places[0].Done()
		places[1].Leave()
		pass(2 * time.Second)
		in(stormAtOnce + 2)
		for _, p := range places {
			p.Leave()
		}
		if w := n.queue.Waiting(); w != 0 || n.queue.coming != 0 {
			t.Errorf("%d wait, %d are coming", w, n.queue.coming)
		}
	})
}

// TestCalm: on a normal day nobody waits, whatever becomes of the owner of the rate.
func TestCalm(t *testing.T) {
	inCluster(t, 3, storm("120"), func(r *rig, _ *site) {
		runs, n := r.owner()
		for id := range int64(300) {
			if id == 100 {
				r.die(runs)
			}
			for k := range int64(2) { // twenty a second, on two nodes
				if x := r.nodes[(slices.Index(r.nodes, runs)+1+int(k))%3]; r.come(x, 2*id+k) != nil {
					t.Fatalf("%d waits", id)
				}
			}
			pass(100 * time.Millisecond)
		}
		if w := n.queue.Waiting(); w != 0 {
			t.Errorf("%d wait", w)
		}
	})
}

// TestStormTakesOwner: the node that is gone ran the owner of the rate. Some come in at
// once, and all when the rate says so from when it has a new owner.
func TestStormTakesOwner(t *testing.T) {
	inCluster(t, 3, storm("80"), func(r *rig, _ *site) {
		runs, _ := r.owner()
		r.die(runs)
		var stay []*rigNode
		for _, n := range r.nodes {
			if n != runs {
				stay = append(stay, n)
			}
		}
		for id := range int64(800) {
			r.come(stay[id%2], id)
		}
		pass(2 * time.Second)
		if got := len(r.in()); got < 20 {
			t.Errorf("%d came in without an owner", got)
		}
		pass(20 * time.Second)
		if got := len(r.in()); got != 800 {
			t.Errorf("%d of 800 are in", got)
		}
		r.promised(80, 3)
	})
}

// TestStormIsRefused: beyond the places of a node, before anything dear is done; and
// nobody waits if the site does not want it.
func TestStormIsRefused(t *testing.T) {
	s := storm("4")
	s["login.queue"] = "10"
	inCluster(t, 1, s, func(r *rig, site *site) {
		n := r.nodes[0]
		for id := range int64(11) { // one of them need not wait
			r.come(n, id)
		}
		if err := n.queue.Refuse(user(99)); !refusal.Is(err, refusal.Full) {
			t.Errorf("a full queue: %v", err)
		}
		if err := n.queue.Refuse(user(99, account.Bot)); err != nil {
			t.Errorf("a bot: %v", err)
		}
		site.set("login.storm_rate", "0")
		pass(rulesEvery + 5*time.Second)
		if got := len(r.in()); got != 11 {
			t.Errorf("%d of 11 are in", got)
		}
		for id := range int64(1000) {
			if r.come(n, 100+id) != nil {
				t.Fatal("waits with the rate off")
			}
		}
	})
}

// TestCalmPart: what one node lets in without asking.
func TestCalmPart(t *testing.T) {
	var c calm
	now := epoch
	for _, step := range []struct {
		after   time.Duration
		want    int
		members int64
		got     int
	}{
		{0, 100, 2, 15}, // a second's worth
		{334 * time.Millisecond, 100, 2, 5},
		{0, 1, 2, 0},
		{time.Minute, 3, 2, 3},
		{0, 100, 2, 12},
		{time.Minute, 100, 100, 1}, // one at least
		{time.Minute, 100, 0, 30},
		{-time.Minute, 1, 1, 0},
	} {
		now = now.Add(step.after)
		if diff := cmp.Diff(step.got, c.take(now, step.want, 120, step.members)); diff != "" {
			t.Errorf("%+v: %s", step, diff)
		}
	}
}
