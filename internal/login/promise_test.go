package login

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"teiserver/internal/cluster/process"
)

// world is a cluster of pure parts in virtual time: nodes with their purses, an owner
// that dies and is replaced, messages that are late or lost, and nodes that die, join
// and see each other late.
type world struct {
	rng   *rand.Rand
	now   time.Time
	rate  int
	nodes []*simNode
	owner *State // nil: there is none
	back  time.Time
	mail  []mail
	used  []time.Time
	next  int64
	most  int // nodes at once
}

type simNode struct {
	id      int64
	purse   purse
	sees    map[int64]time.Time // members, and since when they are not there anymore
	born    time.Time
	dead    time.Time
	cut     time.Time // no message gets through until then
	waiting int
	sent    time.Time // of the ask that is not answered
	asking  bool
	ask     time.Time // next
}

// mail is a message on its way.
type mail struct {
	at    time.Time
	to    int64 // 0: the owner
	from  int64
	ask   Ask
	sent  time.Time
	grant Grant
}

const tick = 10 * time.Millisecond

func (w *world) chance(perSecond float64) bool { return w.rng.Float64() < perSecond*tick.Seconds() }

func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)+1))
}

// join makes a node that the others see within three seconds.
func (w *world) join() {
	w.next++
	n := &simNode{id: w.next, born: w.now, sees: map[int64]time.Time{}, ask: w.now, purse: purse{joined: w.now}}
	w.nodes = append(w.nodes, n)
	alive := 0
	for _, other := range w.nodes {
		if other.dead.IsZero() {
			alive++
			n.sees[other.id] = time.Time{}
			other.sees[n.id] = time.Time{}
		}
	}
	w.most = max(w.most, alive)
}

// members is what a node sees: others up to three seconds late, the dead up to five.
func (w *world) members(n *simNode) (ids []int64) {
	for _, other := range w.nodes {
		_, seen := n.sees[other.id]
		late := time.Duration(other.id*7+n.id*13) % 30 * 100 * time.Millisecond
		born := other == n || !w.now.Before(other.born.Add(late))
		gone := !other.dead.IsZero() && !w.now.Before(other.dead.Add(2*time.Second+late))
		if seen && born && !gone {
			ids = append(ids, other.id)
		}
	}
	return ids
}

func (w *world) send(m mail) {
	if w.rng.IntN(20) == 0 {
		return // lost
	}
	late := w.between(0, 20*time.Millisecond)
	if w.rng.IntN(20) == 0 {
		late = w.between(0, 2*term)
	}
	m.at = w.now.Add(late)
	w.mail = append(w.mail, m)
}

func (w *world) step() {
	w.now = w.now.Add(tick)
	if w.owner != nil && w.chance(0.03) {
		w.owner, w.back = nil, w.now.Add(w.between(0, 20*time.Second))
	}
	if w.owner == nil && !w.now.Before(w.back) {
		w.owner = &State{}
	}
	alive := 0
	for _, n := range w.nodes {
		if n.dead.IsZero() {
			alive++
		}
	}
	if alive < 4 && w.chance(0.03) {
		w.join()
	}
	due := w.mail[:0:0]
	w.mail = slices.DeleteFunc(w.mail, func(m mail) bool {
		if m.at.After(w.now) {
			return false
		}
		due = append(due, m)
		return true
	})
	for _, m := range due {
		w.deliver(m)
	}
	for _, n := range w.nodes {
		if !n.dead.IsZero() {
			continue
		}
		switch {
		case alive > 1 && w.chance(0.005):
			n.dead = w.now
			alive--
			continue
		case w.chance(0.02):
			n.cut = w.now.Add(w.between(0, 30*time.Second))
		case w.chance(0.2):
			n.waiting = w.rng.IntN(50)
		}
		w.run(n)
	}
}

func (w *world) deliver(m mail) {
	if m.to != 0 {
		i := slices.IndexFunc(w.nodes, func(n *simNode) bool { return n.id == m.to })
		n := w.nodes[i]
		if n.dead.IsZero() && !w.now.Before(n.cut) && n.asking && n.sent.Equal(m.sent) {
			n.asking = false
			n.ask = w.now.Add(min(m.grant.Next, beat))
			if n.purse.answered(m.sent, m.grant) {
				n.ask = w.now
			}
			w.use(n)
		}
		return
	}
	// What is late is not executed.
	if w.owner == nil || w.now.After(m.sent.Add(term)) {
		return
	}
	out, err := w.owner.Apply(process.Command{Body: m.ask, At: w.now})
	if err != nil {
		panic(err)
	}
	w.send(mail{to: m.from, sent: m.sent, grant: out.Reply.(Grant)})
}

// run is what Queue.Run does.
func (w *world) run(n *simNode) {
	w.use(n)
	if n.asking {
		if w.now.Sub(n.sent) >= term {
			n.asking = false
			n.purse.failed()
			n.ask = w.now.Add(retry)
			w.use(n)
		}
		return
	}
	if w.now.Before(n.ask) {
		return
	}
	a := Ask{Node: n.id, Members: w.members(n), Rate: w.rate, Waiting: n.waiting, Room: -1, Alone: n.purse.ask(w.now)}
	n.asking, n.sent = true, w.now
	if !w.now.Before(n.cut) {
		w.send(mail{from: n.id, ask: a, sent: w.now})
	}
}

func (w *world) use(n *simNode) {
	members := 1
	if n.purse.alone { // else there is no own share
		members = len(w.members(n))
	}
	got := n.purse.take(w.now, n.waiting, w.rate, members)
	n.waiting -= got
	for range got {
		w.used = append(w.used, w.now)
	}
}

// TestRule27_NeverAboveThePromise: whatever happens, in no window more come in than
// promised; and in the long run the rate is not wasted.
func TestRule27_NeverAboveThePromise(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{1, 2, 5, 40} {
		for seed := range uint64(5) {
			w := &world{rng: rand.New(rand.NewPCG(seed, uint64(rate))), now: epoch, rate: rate}
			for range 1 + seed%4 {
				w.join()
			}
			w.back = epoch
			for range int(5 * time.Minute / tick) {
				w.step()
			}
			burst := 2 * max(rate, w.most)
			if from, to, over := worst(w.used, rate, burst); over > 0 {
				t.Errorf("rate %d, seed %d: %d more than promised, from %v to %v", rate, seed, over, from.Sub(epoch), to.Sub(epoch))
			}
			if len(w.used) < rate*40 {
				t.Errorf("rate %d, seed %d: only %d in five minutes", rate, seed, len(w.used))
			}
		}
	}
}

// worst finds the window that is most above the promise of rate·(w+term)+burst.
func worst(used []time.Time, rate, burst int) (from, to time.Time, over int) {
	// over(i,j) = (j-i+1) - rate·(t_j-t_i+term) - burst: keep the best start on the way.
	best, start := -1e18, 0
	most := 0.0
	for j, at := range used {
		if v := rateAt(used[j], rate) - float64(j); v > best {
			best, start = v, j
		}
		if x := float64(j+1) - rateAt(at, rate) + best - float64(rate)*term.Seconds() - float64(burst); x > most {
			most, from, to = x, used[start], at
		}
	}
	return from, to, int(most + 0.999)
}

func rateAt(at time.Time, rate int) float64 { return at.Sub(epoch).Seconds() * float64(rate) }

// TestPurse is the own share by example: a third of six per second, and none of it
// before the last promise is void.
func TestPurse(t *testing.T) {
	t.Parallel()
	count := func(p *purse, from, to time.Duration) (n int) {
		for at := from; at <= to; at += retry {
			n += p.take(epoch.Add(at), 1000, 6, 3)
		}
		return n
	}
	p := &purse{joined: epoch.Add(-time.Hour)}
	if p.ask(epoch) {
		t.Fatal("alone at once")
	}
	p.failed()
	void := term + silence + slack
	if n := count(p, 0, void); n != 0 {
		t.Errorf("%d before the promise is void", n)
	}
	if !p.ask(epoch.Add(void)) {
		t.Error("promises again without an answer")
	}
	if n := count(p, void+retry, void+10*time.Second); n < 19 || n > 20 {
		t.Errorf("%d in ten seconds, want a third of 60", n)
	}
	at := epoch.Add(void + 10*time.Second)
	if !p.answered(at, Grant{}) || p.ask(at) {
		t.Error("an answer does not end it")
	}
	if p.answered(at, Grant{Permits: 4}) {
		t.Error("asks again for nothing")
	}
	if n := p.take(at, 3, 6, 3); n != 3 {
		t.Errorf("took %d of 4 for 3", n)
	}
	if n := p.take(at.Add(term), 3, 6, 3); n != 0 {
		t.Errorf("%d of a permit that is void", n)
	}
	fresh := &purse{joined: epoch}
	fresh.ask(epoch)
	fresh.failed()
	if n := count(fresh, 0, newcomer); n != 0 {
		t.Errorf("a newcomer took %d", n)
	}
}
