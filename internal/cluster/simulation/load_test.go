package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
)

// record is what the clients know of one process.
type record struct {
	id       string
	owned    bool                   // an Own was acknowledged, of a room
	lasting  map[int]bool           // durable numbers that were acknowledged
	tried    map[int]bool           // all that were sent
	passing  map[int64]map[int]bool // the others that were acknowledged, by epoch
	epoch    int64                  // the highest of an answer
	shutting bool                   // a shut was sent
	shut     bool                   // and acknowledged, and stored
}

func (w *world) record(id string) *record {
	r := w.records[id]
	if r == nil {
		r = &record{id: id, lasting: map[int]bool{}, tried: map[int]bool{}, passing: map[int64]map[int]bool{}}
		w.records[id] = r
	}
	return r
}

func keyOf(id string) cluster.Key {
	kind, n, _ := strings.Cut(id, "/")
	return cluster.NewKey(kind, n)
}

// What became of a command.
const (
	answered = iota
	unclear  // it may have been executed
	nobody   // there is no such process
	outcomes
)

// sent notes a command before it is sent, and what any later answer must agree with.
type sent struct {
	id      string
	command any
	epoch   int64
	lasting []int
	shut    bool
}

func (w *world) sending(id string, command any) sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.record(id)
	s := sent{id: id, command: command, epoch: r.epoch, shut: r.shut}
	switch c := command.(type) {
	case put:
		r.tried[c.V] = true
	case get:
		for v := range r.lasting {
			s.lasting = append(s.lasting, v)
		}
	case shut:
		r.shutting = true
	}
	return s
}

// heard judges an answer against what was known when its command was sent.
func (w *world) heard(l *life, s sent, reply any, err error) {
	if l.dead.Load() {
		return // and so are its clients
	}
	a, ok := reply.(answer)
	row, _, _ := w.store.Lookup(context.Background(), keyOf(s.id))
	closed := row.State == registry.Closed
	var problem string
	w.mu.Lock()
	r := w.record(s.id)
	switch {
	case err == nil && ok:
		w.calls[answered]++
		problem = r.judge(s, a, closed)
	case errors.Is(err, cluster.ErrNone):
		w.calls[nobody]++
		problem = r.missing(s)
	case err == nil:
		problem = fmt.Sprintf("answered with %v", reply)
	default:
		w.calls[unclear]++
	}
	w.mu.Unlock()
	if problem != "" {
		w.bad("%s: %T %v from %s under epoch %d: %s", s.id, s.command, s.command, l.host.name, a.Epoch, problem)
	}
}

// judge takes an answer in. A process that was closed while the store was away is closed
// in the store later, if its node lives: closed says whether it is.
func (r *record) judge(s sent, a answer, closed bool) (problem string) {
	if !freezes(keyOf(r.id)) {
		return ""
	}
	if a.Epoch < s.epoch {
		problem = fmt.Sprintf("epoch %d had answered before it was sent", s.epoch)
	}
	if s.shut {
		problem = "it was closed before"
	}
	r.epoch = max(r.epoch, a.Epoch)
	switch c := s.command.(type) {
	case put:
		if c.Durable {
			r.lasting[c.V] = true
			return problem
		}
		if r.passing[a.Epoch] == nil {
			r.passing[a.Epoch] = map[int]bool{}
		}
		r.passing[a.Epoch][c.V] = true
	case shut:
		r.shut = closed
	case get:
		if p := r.lacks(a.Values, s.lasting); p != "" {
			return p
		}
	}
	return problem
}

// lacks compares a list with what must be in it.
func (r *record) lacks(list, lasting []int) string {
	seen := map[int]bool{}
	for _, v := range list {
		if seen[v] || !r.tried[v] {
			return fmt.Sprintf("%d is in it twice, or was never sent: %v", v, list)
		}
		seen[v] = true
	}
	for _, v := range lasting {
		if !seen[v] {
			return fmt.Sprintf("the acknowledged durable %d is not in it: %v", v, list)
		}
	}
	return ""
}

// missing judges that there is no such process.
func (r *record) missing(_ sent) string {
	if !strings.HasPrefix(r.id, "room/") {
		return "there is none"
	}
	if r.mustLive() {
		return "there is none, and it was not closed"
	}
	return ""
}

// mustLive reports whether the process must run in the end: rooms that keep something,
// and were not closed.
func (r *record) mustLive() bool {
	return strings.HasPrefix(r.id, "room/") && r.owned && len(r.lasting) > 0 && !r.shutting
}

// patience is how long a client waits for an answer at most.
const patience = 3 * time.Second

// client does one command after the other on a host.
func (w *world) client(h *host, dice *rand.Rand, next func() int) {
	for {
		select {
		case <-w.quiet:
			return
		case <-time.After(time.Duration(1+dice.IntN(w.plan.pause)) * time.Millisecond):
		}
		l := h.current()
		if l == nil || !l.started() {
			continue
		}
		id := w.plan.ids[dice.IntN(len(w.plan.ids))]
		var command any
		switch n := dice.IntN(100); {
		case n < 45:
			command = put{V: next()}
		case n < 70:
			command = put{V: next(), Durable: freezes(keyOf(id))}
		case n < 90:
			command = get{}
		case n < 95:
			w.number(l)
			continue
		case n < 97 && strings.HasPrefix(id, "room/"):
			if id != w.plan.ids[0] && dice.IntN(2) == 0 { // some go, one stays
				command = shut{}
				break
			}
			command = get{}
		default:
			command = get{}
		}
		w.call(l, id, command, time.Duration(1+dice.IntN(int(patience/time.Second)))*time.Second)
	}
}

func (w *world) call(l *life, id string, command any, wait time.Duration) {
	s := w.sending(id, command)
	ctx, cancel := within(wait)
	defer cancel()
	reply, err := l.node.Call(ctx, keyOf(id), command)
	w.heard(l, s, reply, err)
}

// open makes a room on a host.
func (w *world) open(l *life, id string, v int, durable bool) {
	s := w.sending(id, put{V: v, Durable: durable})
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	reply, err := l.node.Own(ctx, keyOf(id), s.command)
	var held *registry.HeldError
	if errors.As(err, &held) || err != nil || l.dead.Load() {
		w.note("%s opens %s: %v", l.host.name, id, err)
		return
	}
	w.heard(l, s, reply, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.record(id).owned = true
}

// number takes one of a sequence.
func (w *world) number(l *life) {
	ctx, cancel := within(time.Second)
	defer cancel()
	n, err := l.node.Next(ctx, "number")
	if err != nil || l.dead.Load() {
		return
	}
	w.mu.Lock()
	twice := w.numbers[n]
	w.numbers[n] = true
	w.mu.Unlock()
	if twice {
		w.bad("the number %d was given twice, now by %s", n, l.host.name)
	}
}

// load begins the work of the clients of all hosts.
func (w *world) load() {
	numbers := make(chan int)
	w.work.Go(func() {
		for v := 1; ; v++ {
			select {
			case numbers <- v:
			case <-w.quiet:
				close(numbers)
				return
			}
		}
	})
	next := func() int {
		if v, ok := <-numbers; ok {
			return v
		}
		return -1 - int(w.roll()%(1<<40)) // the last ones
	}
	for i, h := range w.hosts {
		for c := range w.plan.clients {
			dice := rand.New(rand.NewPCG(w.seed, uint64(1000*i+c+1)))
			w.work.Go(func() { w.client(h, dice, next) })
		}
	}
}

// openRooms opens every room of the plan on some node, and has followers for some.
func (w *world) openRooms() {
	dice := rand.New(rand.NewPCG(w.seed, 7))
	for i, id := range w.plan.ids {
		for _, h := range w.hosts {
			if dice.IntN(len(w.hosts)) < 2 {
				h.mu.Lock()
				h.wishes = append(slices.Clone(h.wishes), id)
				h.mu.Unlock()
			}
		}
		if strings.HasPrefix(id, "room/") {
			w.open(w.hosts[dice.IntN(w.plan.nodes)].current(), id, -i-1, dice.IntN(3) > 0)
		}
	}
	for _, l := range w.living() {
		for _, id := range l.host.wishes {
			l.follow(id)
		}
	}
}
