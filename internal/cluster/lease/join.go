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
	o.Candidate.TTL = l.timing.TTL
	n := namesake{name: l.name}
	for try := 0; ; try++ {
		// With proof the store may decide at once. Without, it would go by its clock
		// alone, and a clock that was set would condemn a namesake that lives.
		wait := false
		if !o.Candidate.Proof || try > 0 {
			rows, err := o.Store.Nodes(ctx)
			if err != nil {
				return nil, fmt.Errorf("look for a namesake of %s: %w", l.name, err)
			}
			if wait, err = n.observe(l.clock.Boot(), rows); err != nil {
				return nil, err
			}
		}
		if !wait {
			boot, wall := l.clock.Boot(), l.clock.Wall()
			self, err := o.Store.Join(ctx, o.Candidate)
			if err == nil {
				l.self = self
				l.trust(boot, wall)
				if self.Hold > 0 {
					l.holdUntil = l.clock.Boot() + self.Hold
				}
				l.time.note(boot, l.clock.Boot(), self.Now)
				l.streak.good(boot, l.timing.RenewEvery)
				return l.joined(ctx)
			}
			if !errors.Is(err, ErrNameInUse) {
				return nil, fmt.Errorf("join as %s: %w", l.name, err)
			}
		}
		select {
		case <-time.After(l.timing.LookEvery):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the name %s: %w", l.name, errors.Join(ctx.Err(), ErrNameInUse))
		}
	}
}

// joined reads the members once, so that they are complete before anything starts.
func (l *Lease) joined(ctx context.Context) (*Lease, error) {
	rows, err := l.store.Nodes(ctx)
	if err != nil {
		_ = l.store.Leave(ctx, l.self.Incarnation)
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	l.take(rows)
	return l, nil
}

// namesake watches the row that has our name while its lease runs out.
type namesake struct {
	name  string
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
		if row.Name == n.name && row.living() && row.TTL > 0 && row.Incarnation > r.Incarnation {
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
