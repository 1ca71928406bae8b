package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"teiserver/internal/cluster/lease"
)

// plan is a schedule: what there is, and what goes wrong when.
type plan struct {
	seed    uint64
	nodes   int // that run from the start
	hosts   int // that there are
	clients int // per host
	pause   int // between two commands, in milliseconds at most
	ids     []string
	steps   []step
	rates   []float64 // of the clocks
	skew    []time.Duration
}

// step is one fault.
type step struct {
	after time.Duration // the step before
	fault string
	on    int // a host
	with  int // another one
	lasts time.Duration
	much  float64 // 0 to 1
}

func (s step) String() string {
	return fmt.Sprintf("%s on n%02d with n%02d for %v, %.2f", s.fault, s.on, s.with, s.lasts.Round(time.Millisecond), s.much)
}

// faults and how often each is drawn.
var faults = []struct {
	name  string
	often int
	most  time.Duration
}{
	{"kill", 6, 6 * time.Second}, {"pause", 5, 8 * time.Second}, {"cut", 4, 9 * time.Second},
	{"cut for long", 1, 24 * time.Second}, {"cut one way", 3, 9 * time.Second}, {"cut off", 3, 9 * time.Second},
	{"away", 5, 8 * time.Second}, {"all away", 2, 8 * time.Second}, {"cut and away", 3, 8 * time.Second},
	{"rough store", 4, 8 * time.Second}, {"loss", 4, 8 * time.Second}, {"delay", 4, 8 * time.Second},
	{"twice", 2, 8 * time.Second}, {"drain", 4, 8 * time.Second}, {"leave", 3, 6 * time.Second},
	{"join", 3, 12 * time.Second}, {"jump", 3, time.Second}, {"wall", 2, 8 * time.Second},
	{"store clock", 2, 8 * time.Second}, {"lock", 2, 5 * time.Second},
}

// span is how long faults begin, and end at last.
const span = 14 * time.Second

// draw makes the schedule of a seed, of some faults only if they are named.
func draw(seed uint64, only ...string) plan {
	dice := rand.New(rand.NewPCG(seed, 0))
	p := plan{seed: seed, nodes: 3 + dice.IntN(3)*dice.IntN(2), clients: 2, pause: 700}
	rooms := 8
	if n := dice.IntN(100); n < 3 { // some are larger
		p.nodes, rooms, p.clients = 6+dice.IntN(7), 40, 1
	}
	return p.fill(dice, rooms, only)
}

// drawPair is draw for the smallest cluster, two nodes.
func drawPair(seed uint64, only ...string) plan {
	dice := rand.New(rand.NewPCG(seed, 2))
	p := plan{seed: seed, nodes: 2, clients: 2, pause: 700}
	return p.fill(dice, 8, only)
}

// fill draws what there is, and the faults.
func (p plan) fill(dice *rand.Rand, rooms int, only []string) plan {
	const others = 3
	p.hosts = p.nodes + 1 + dice.IntN(2)
	p.ids = append(p.ids, "boss/main")
	for i := range rooms {
		p.ids = append(p.ids, fmt.Sprintf("room/%d", i))
	}
	for i := range others {
		p.ids = append(p.ids, fmt.Sprintf("note/%d", i), fmt.Sprintf("talk/%d", i))
	}
	for range p.hosts {
		p.rates = append(p.rates, 1+(dice.Float64()-0.5)*2/7)
		p.skew = append(p.skew, time.Duration(dice.IntN(20_000)-10_000)*time.Millisecond)
	}
	var bag []int
	for i, f := range faults {
		if len(only) > 0 && !slices.Contains(only, f.name) {
			continue
		}
		bag = append(bag, slices.Repeat([]int{i}, f.often)...)
	}
	for at := time.Duration(0); at < span; {
		f := faults[bag[dice.IntN(len(bag))]]
		s := step{after: time.Duration(1 + dice.Int64N(int64(4*time.Second))), fault: f.name, on: dice.IntN(p.nodes), much: dice.Float64()}
		if dice.IntN(3) == 0 { // close to the one before
			s.after = time.Duration(1 + dice.Int64N(int64(300*time.Millisecond)))
		}
		s.with = (s.on + 1 + dice.IntN(p.nodes-1)) % p.nodes
		s.lasts = 200*time.Millisecond + time.Duration(dice.Int64N(int64(f.most)))
		if dice.IntN(3) == 0 { // about as long as a lease
			s.lasts = lease.TTL - time.Second + time.Duration(dice.Int64N(int64(2*time.Second)))
		}
		if f.name == "cut for long" {
			s.lasts = f.most
		}
		at += s.after
		p.steps = append(p.steps, s)
	}
	return p
}

func (p plan) clock(i int) *clock {
	c := &clock{began: time.Now(), rate: p.rates[i]}
	c.ahead.Store(int64(time.Minute)) // as of a host that was on before
	c.wall.Store(int64(p.skew[i]))
	return c
}

// begin makes a fault happen; undo ends it.
func (w *world) begin(s step) (undo func()) {
	h, o := w.hosts[s.on], w.hosts[s.with]
	pair := func(a, b *host) [2]string { return [2]string{a.name, b.name} }
	apart := func() (pairs [][2]string) {
		for _, other := range w.hosts {
			if other != h {
				pairs = append(pairs, pair(h, other), pair(other, h))
			}
		}
		return pairs
	}
	away := func(hosts ...*host) func() {
		how := refuses
		if s.much < 0.5 {
			how = hangs
		}
		for _, h := range hosts {
			h.line.away.Store(how)
		}
		return func() {
			for _, h := range hosts {
				h.line.away.Store(present)
			}
		}
	}
	switch s.fault {
	case "kill":
		h.turn(true, s.lasts)
		h.kill()
	case "pause":
		h.paused.Store(int64(time.Since(w.began) + s.lasts))
	case "cut", "cut for long":
		return w.cut(pair(h, o), pair(o, h))
	case "cut one way":
		return w.cut(pair(h, o))
	case "cut off":
		return w.cut(apart()...)
	case "away":
		return away(h)
	case "all away":
		return away(w.hosts...)
	case "cut and away":
		heal, back := w.cut(apart()...), away(h)
		return func() { heal(); back() }
	case "rough store":
		h.line.rough.Store(true)
		return func() { h.line.rough.Store(false) }
	case "loss":
		w.loss.Store(int64(50 + 300*s.much))
		return func() { w.loss.Store(0) }
	case "delay":
		w.slow.Store(int64(20*time.Millisecond) + int64(s.much*float64(300*time.Millisecond)))
		return func() { w.slow.Store(0) }
	case "twice":
		w.twice.Store(true)
		return func() { w.twice.Store(false) }
	case "drain":
		w.operator(h.name, true)
		return func() { w.operator(h.name, false) }
	case "leave":
		h.turn(false, 0)
		h.stop()
		return func() { h.turn(true, 0) }
	case "join":
		extra := w.hosts[len(w.hosts)-1-int(s.much*float64(w.plan.hosts-w.plan.nodes))]
		extra.turn(true, 0)
		return func() {
			extra.turn(false, 0)
			extra.stop()
		}
	case "jump":
		h.clock.ahead.Add(int64(s.much * float64(10*time.Second)))
	case "wall":
		by := int64((s.much - 0.5) * float64(20*time.Second))
		h.clock.wall.Add(by)
		return func() { h.clock.wall.Add(-by) }
	case "store clock":
		w.store.Step(time.Duration((s.much - 0.3) * float64(10*time.Second)))
	case "lock":
		return w.store.Lock(keyOf(w.plan.ids[int(s.much*float64(len(w.plan.ids)))]))
	}
	return func() {}
}

// operator drains a node, or takes it back.
func (w *world) operator(name string, drain bool) {
	ctx, cancel := within(time.Second)
	defer cancel()
	_ = w.store.SetDrain(ctx, name, drain) // it may not be there
}

// play makes everything happen, and returns when it is over.
func (w *world) play() {
	var undos []chan struct{}
	for _, s := range w.plan.steps {
		<-time.After(s.after)
		if w.broken() {
			break
		}
		w.note("%s", s)
		undo := w.begin(s)
		over := make(chan struct{})
		undos = append(undos, over)
		w.work.Go(func() {
			defer close(over)
			<-time.After(s.lasts)
			undo()
			w.note("over: %s", s)
		})
	}
	if w.seed%2 == 1 {
		w.hush() // what is lost now is followed by nothing
	}
	for _, over := range undos {
		<-over
	}
}
