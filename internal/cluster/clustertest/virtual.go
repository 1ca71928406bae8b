package clustertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster/lease"
)

// The size of a history: long enough that numbers seen long ago come back, short enough
// that it is checked in a moment.
const (
	historyRounds = 12
	historyMost   = 10 * historyRounds // if chance leaves something out
	historySteps  = 6
)

// historiesAreLinearizable lets virtual nodes join, renew, look, condemn and leave at
// once, with answers that are lost and requests that come late.
func historiesAreLinearizable(s suite) {
	h := s.history(1)
	if err := h.Check(true); err != nil {
		s.Error(err)
	}
	if never := h.never(); len(never) > 0 {
		s.Errorf("never succeeded: %v", never)
	}
}

// never lists what has not succeeded once: a history without it says nothing of it.
func (h *History) never() (ops []string) {
	for _, op := range []string{"join", "renew", "nodes", "condemn", "leave"} {
		if h.Count(op) == 0 {
			ops = append(ops, op)
		}
	}
	return ops
}

// history plays rounds. Between two of them all is quiet, and the clock passes all leases.
func (s suite) history(seed uint64) *History {
	h := &History{Store: s.Leases}
	var nodes []*virtual
	for i, name := range []string{"a", "b", "c", "a"} { // the last one is a namesake on another host
		nodes = append(nodes, &virtual{
			suite: s, store: h, rand: rand.New(rand.NewPCG(seed, uint64(i))), //nolint:gosec // reproducible, not secret
			who:  lease.Candidate{Name: name, BootID: fmt.Sprint("boot-", i), TTL: long},
			seen: map[int64]int64{},
		})
	}
	for round := 0; round < historyRounds || round < historyMost && len(h.never()) > 0; round++ {
		together(len(nodes), func(i int) {
			for range historySteps {
				nodes[i].act()
			}
			nodes[i].late.Wait()
		})
		s.Pass(2 * long)
		h.Passed()
	}
	return h
}

// virtual is a node that does one thing after the other, by chance, and does not always
// hear what came of it.
type virtual struct {
	suite
	store *History
	rand  *rand.Rand
	who   lease.Candidate
	self  int64           // incarnation, 0 if it knows of none
	seen  map[int64]int64 // renewal numbers by incarnation, perhaps old ones
	late  sync.WaitGroup  // requests that it has given up
}

var errLost = errors.New("the answer is lost")

// ask does something once. Its answer may be late, or lost; with later the request may
// come late as well, when nobody waits for it anymore.
func (v *virtual) ask(later bool, f func(ctx context.Context) error) error {
	wait := time.Duration(1+v.rand.IntN(3)) * time.Millisecond
	switch n := v.rand.IntN(10); {
	case n == 0 && later:
		v.late.Go(func() {
			<-time.After(wait)
			_ = f(v.ctx) // nobody listens
		})
		return errLost
	case n == 1:
		_ = f(v.ctx) // it has happened, and nobody hears so
		return errLost
	case n == 2:
		err := f(v.ctx)
		<-time.After(wait)
		return err
	}
	return f(v.ctx)
}

func (v *virtual) act() {
	switch n := v.rand.IntN(20); {
	case v.self == 0 || n == 0:
		v.joinAgain()
	case n < 8:
		if errors.Is(v.renewOnce(), lease.ErrCondemned) {
			v.self = 0
		}
	case n < 13:
		v.look()
	case n < 19:
		v.condemnOne()
	default:
		self := v.self
		_ = v.ask(true, func(ctx context.Context) error { return v.store.Leave(ctx, self) })
		v.self = 0
	}
}

// joinAgain joins, sometimes with proof that its life before is dead.
func (v *virtual) joinAgain() {
	c := v.who
	c.Proof = v.rand.IntN(2) == 0
	var m lease.Membership
	err := v.ask(false, func(ctx context.Context) (err error) {
		m, err = v.store.Join(ctx, c)
		return err
	})
	if err == nil {
		v.self = m.Incarnation
	}
}

func (v *virtual) renewOnce() error {
	self, serving := v.self, v.rand.IntN(3) > 0
	return v.ask(true, func(ctx context.Context) error {
		_, err := v.store.Renew(ctx, self, lease.Report{Serving: serving})
		return err
	})
}

func (v *virtual) look() {
	var rows []lease.Node
	if v.ask(false, func(ctx context.Context) (err error) { rows, err = v.store.Nodes(ctx); return err }) != nil {
		return
	}
	for _, n := range rows {
		// An old number is kept now and then: using it must fail.
		if n.State != lease.Gone && (v.seen[n.Incarnation] == 0 || v.rand.IntN(2) == 0) {
			v.seen[n.Incarnation] = n.Renewal
		}
	}
}

// condemnOne tries one of the lives that were seen, and renews first: who is not sure
// of its own lease condemns nobody.
func (v *virtual) condemnOne() {
	if len(v.seen) == 0 || v.rand.IntN(4) > 0 && v.renewOnce() != nil {
		return
	}
	var lives []int64
	for inc := range v.seen {
		if inc != v.self {
			lives = append(lives, inc)
		}
	}
	if len(lives) == 0 {
		return
	}
	slices.Sort(lives)
	victim := lives[v.rand.IntN(len(lives))]
	if v.rand.IntN(2) == 0 {
		victim = lives[len(lives)-1] // the youngest most likely lives
	}
	_ = v.ask(false, func(ctx context.Context) error {
		return v.store.Condemn(ctx, v.self, victim, v.seen[victim])
	})
}
