package clustertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"teiserver/internal/cluster/lease"
)

// History records what a lease.Store is asked and answers, below all faults: an answer
// that its caller never hears is in it. It is a lease.Store itself.
type History struct {
	lease.Store

	clock atomic.Int64 // orders beginnings and ends
	mu    sync.Mutex   // guards ops
	ops   []porcupine.Operation
}

var _ lease.Store = (*History)(nil)

// asked is what a store was asked.
type asked struct {
	op                    string
	who                   lease.Candidate
	self, victim, renewal int64
	serving               bool
}

// answered is what it said.
type answered struct {
	err         error // one of package lease's
	incarnation int64
	rows        []life
}

// life is a row of the model: one life of a node.
type life struct {
	incarnation, renewal int64
	name, boot, state    string
	superseded           bool // by a namesake: it may not renew anymore
	expired              bool // the clock has passed it since its last renewal
}

func (l life) living() bool { return l.state == lease.Serving || l.state == lease.Draining }

func (h *History) note(in asked, f func() answered) answered {
	op := porcupine.Operation{Input: in, Call: h.clock.Add(1)}
	out := f()
	op.Output, op.Return = out, h.clock.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	return out
}

// Passed notes that the clock has passed all leases. Nothing else may run meanwhile.
func (h *History) Passed() { h.note(asked{op: "pass"}, func() answered { return answered{} }) }

// Join implements lease.Store.
func (h *History) Join(ctx context.Context, c lease.Candidate) (m lease.Membership, err error) {
	h.note(asked{op: "join", who: c}, func() answered {
		m, err = h.Store.Join(ctx, c)
		return answered{err: err, incarnation: m.Incarnation}
	})
	return m, err
}

// Renew implements lease.Store.
func (h *History) Renew(ctx context.Context, incarnation int64, r lease.Report) (renewed lease.Renewed, err error) {
	h.note(asked{op: "renew", self: incarnation, serving: r.Serving}, func() answered {
		renewed, err = h.Store.Renew(ctx, incarnation, r)
		return answered{err: err}
	})
	return renewed, err
}

// Nodes implements lease.Store.
func (h *History) Nodes(ctx context.Context) (rows []lease.Node, err error) {
	h.note(asked{op: "nodes"}, func() answered {
		rows, err = h.Store.Nodes(ctx)
		out := answered{err: err}
		for _, n := range rows {
			out.rows = append(out.rows, life{
				incarnation: n.Incarnation, renewal: n.Renewal, name: n.Name, state: n.State, expired: n.Left < 0,
			})
		}
		slices.SortFunc(out.rows, func(a, b life) int { return int(a.incarnation - b.incarnation) })
		return out
	})
	return rows, err
}

// Condemn implements lease.Store.
func (h *History) Condemn(ctx context.Context, self, victim, renewal int64) (err error) {
	h.note(asked{op: "condemn", self: self, victim: victim, renewal: renewal}, func() answered {
		err = h.Store.Condemn(ctx, self, victim, renewal)
		return answered{err: err}
	})
	return err
}

// Leave implements lease.Store.
func (h *History) Leave(ctx context.Context, incarnation int64) (err error) {
	h.note(asked{op: "leave", self: incarnation}, func() answered {
		err = h.Store.Leave(ctx, incarnation)
		return answered{err: err}
	})
	return err
}

// Check looks for one order of all that was asked which explains all answers: lives that
// are renewed until they are condemned, left or superseded, condemned only by who has a
// lease, and only with the number of the last renewal. passes says that the clock passes
// leases at Passed and at no other time; else it may have at any moment.
func (h *History) Check(passes bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range h.ops {
		err := op.Output.(answered).err
		known := err == nil || errors.Is(err, lease.ErrCondemned) || errors.Is(err, lease.ErrNameInUse) || errors.Is(err, lease.ErrNotExpired)
		if !known { // it may have happened or not
			return fmt.Errorf("%s without a clear outcome: %w", op.Input.(asked).op, err)
		}
	}
	if !porcupine.CheckOperations(leaseModel(passes), h.ops) {
		return fmt.Errorf("a history of %d operations is not linearizable", len(h.ops))
	}
	return nil
}

// Count is how often an operation has ended well.
func (h *History) Count(op string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.ops {
		if o.Input.(asked).op == op && o.Output.(answered).err == nil {
			n++
		}
	}
	return n
}

// leaseModel is the store as one list of lives in the order of their incarnations.
func leaseModel(passes bool) porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return []life(nil) },
		Equal: func(a, b any) bool { return slices.Equal(a.([]life), b.([]life)) },
		Step: func(state, input, output any) (bool, any) {
			ok, next := step(state.([]life), input.(asked), output.(answered), passes)
			return ok, next
		},
	}
}

func step(s []life, in asked, out answered, passes bool) (bool, []life) {
	switch in.op {
	case "pass":
		next := slices.Clone(s)
		for i := range next {
			next[i].expired = true
		}
		return true, next
	case "join":
		return stepJoin(s, in, out, passes)
	case "nodes":
		return sameRows(s, out.rows, passes), s
	case "renew":
		i := find(s, in.self)
		if may := i >= 0 && s[i].living() && !s[i].superseded; !may || out.err != nil {
			return !may && errors.Is(out.err, lease.ErrCondemned), s
		}
		return true, with(s, i, func(l *life) {
			l.renewal++
			l.expired = false
			l.state = lease.Draining
			if in.serving {
				l.state = lease.Serving
			}
		})
	case "condemn":
		self, victim := find(s, in.self), find(s, in.victim)
		may := self >= 0 && s[self].living() && !s[self].superseded && victim >= 0 && s[victim].living() &&
			s[victim].renewal == in.renewal
		if passes {
			may = may && !s[self].expired && s[victim].expired
		}
		if out.err != nil {
			return !may || !passes, s
		}
		return may, with(s, victim, func(l *life) { l.state = lease.Gone })
	case "leave":
		if i := find(s, in.self); i >= 0 && s[i].living() {
			return out.err == nil, with(s, i, func(l *life) { l.state = lease.Left })
		}
		return out.err == nil, s
	}
	return false, s
}

// stepJoin: a namesake that lives keeps the newcomer out, unless it is proven dead or its
// lease has run out. The incarnation is larger than all before.
func stepJoin(s []life, in asked, out answered, passes bool) (bool, []life) {
	next := slices.Clone(s)
	refused, last := false, int64(0)
	for i := range next {
		l := &next[i]
		last = max(last, l.incarnation)
		switch {
		case l.name != in.who.Name || !l.living() || l.superseded:
		case in.who.Proof && l.boot == in.who.BootID:
			l.state = lease.Gone
		case passes && !l.expired:
			refused = true
		case passes || out.err == nil:
			l.superseded = true
		default:
			refused = true
		}
	}
	if refused || out.err != nil {
		return refused && errors.Is(out.err, lease.ErrNameInUse), s
	}
	return out.incarnation > last, append(next, life{
		incarnation: out.incarnation, name: in.who.Name, boot: in.who.BootID, state: lease.Serving,
	})
}

func sameRows(s, rows []life, passes bool) bool {
	return slices.EqualFunc(s, rows, func(a, b life) bool {
		return a.incarnation == b.incarnation && a.renewal == b.renewal && a.name == b.name && a.state == b.state &&
			(!passes || a.expired == b.expired)
	})
}

func find(s []life, incarnation int64) int {
	return slices.IndexFunc(s, func(l life) bool { return l.incarnation == incarnation })
}

// with is s with one row changed.
func with(s []life, i int, change func(l *life)) []life {
	if i < 0 || i > math.MaxInt32 {
		return s
	}
	next := slices.Clone(s)
	change(&next[i])
	return next
}
