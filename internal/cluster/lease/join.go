package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// NameError says that another live node has this node's name.
type NameError struct {
	Name string
	Why  string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("another live node is named %q (%s): give this node a name of its own", e.Name, e.Why)
}

// Is makes a NameError an ErrNameInUse.
func (e *NameError) Is(target error) bool { return target == ErrNameInUse }

// Join joins. A namesake that is proven dead is condemned at once; without proof its
// lease is waited for, and a renewal meanwhile is a *NameError.
func Join(ctx context.Context, o Options) (*Lease, error) {
	l := newLease(o)
	l.who.TTL = l.timing.TTL
	d := door{lease: l, candidate: l.who, namesake: namesake{name: l.name}}
	for {
		self, err := d.knock(ctx)
		switch {
		case err == nil:
			l.self.Store(&self)
			l.life = self.Incarnation
			l.enter(d.boot, d.wall, self)
			l.time.note(d.boot, l.clock.Boot(), self.Now)
			return l.joined(ctx)
		case !errors.Is(err, errKnockAgain):
			return nil, err
		}
		select {
		case <-time.After(l.timing.LookEvery):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the name %s: %w", l.name, errors.Join(ctx.Err(), ErrNameInUse))
		}
	}
}

// door is where a node asks to be let in, again and again.
type door struct {
	lease     *Lease
	candidate Candidate
	namesake  namesake
	tried     bool
	boot      time.Duration // before the store was asked last
	wall      int64
}

// errKnockAgain: somebody of the same name may live; its lease is waited for.
var errKnockAgain = fmt.Errorf("%w: waiting for its lease to run out", ErrNameInUse)

// knock is one try to join.
func (d *door) knock(ctx context.Context) (Membership, error) {
	l := d.lease
	// With proof the store may decide at once. Without, it would go by its clock alone,
	// and a clock that was set would condemn a namesake that lives.
	if !d.candidate.Proof || d.tried {
		rows, err := l.store.Nodes(ctx)
		if err != nil {
			return Membership{}, fmt.Errorf("look for a namesake of %s: %w", l.name, err)
		}
		wait, err := d.namesake.observe(l.clock.Boot(), rows)
		if err != nil {
			return Membership{}, err
		}
		if wait {
			return Membership{}, errKnockAgain
		}
	}
	d.tried = true
	d.boot, d.wall = l.clock.Boot(), l.clock.Wall()
	self, err := l.store.Join(ctx, d.candidate)
	switch {
	case errors.Is(err, ErrNameInUse):
		return self, errKnockAgain
	case err != nil:
		return self, fmt.Errorf("join as %s: %w", l.name, err)
	}
	return self, nil
}

// joined reads the members once, so that they are complete before anything starts.
func (l *Lease) joined(ctx context.Context) (*Lease, error) {
	rows, err := l.store.Nodes(ctx)
	if err != nil {
		_ = l.store.Leave(ctx, l.Incarnation())
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	l.take(rows)
	return l, nil
}

// namesake watches the row that has our name while its lease runs out.
type namesake struct {
	name  string
	life  int64 // whose rows are no namesake's: of a node that joins again; 0: none
	row   Node
	seen  bool
	since time.Duration // own clock, when this renewal was first seen
}

// observe reports whether to wait longer, or that the namesake lives. Only the newest
// row of the name counts: an earlier life may be listed until somebody condemns it. A
// lease without end (TTL 0) cannot be waited for: there the store decides.
func (n *namesake) observe(now time.Duration, rows []Node) (wait bool, err error) {
	var r Node
	for _, row := range rows {
		if row.Name == n.name && row.living() && row.TTL > 0 && row.Incarnation > r.Incarnation && (n.life == 0 || row.Life != n.life) {
			r = row
		}
	}
	switch {
	case r.Incarnation == 0:
		return false, nil
	case !n.seen:
		n.row, n.seen, n.since = r, true, now
	case r.Incarnation > n.row.Incarnation:
		return false, &NameError{n.name, "it has just joined"}
	case r.Renewal != n.row.Renewal:
		return false, &NameError{n.name, "it renews its lease"}
	case r.Left >= 0 && now-n.since > 3*r.TTL:
		// The store's clock stands still or went back: neither dead nor alive.
		return false, &NameError{n.name, "its lease does not run out"}
	}
	return r.Left >= 0 || now-n.since < r.TTL, nil
}
