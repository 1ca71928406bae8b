package lease

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// When the store is on another timeline everything that it gave before is void: the node
// is trusted no more, from the renewal that says so. But nobody has given this life up,
// and its clients are connected: it joins the new timeline under a new incarnation and
// goes on. The others await it for a while, as it awaits them.

// The numbers of going on.
const (
	// AwaitLeases is for how many leases after its beginning a life may go on on a new
	// timeline: a store has it, each for the others. Who finds the new primary later has
	// been given up.
	AwaitLeases = 10
	// joinTry limits one try to join, in intervals of renewal: fewer than a hole.
	joinTry = 2
)

// awaited is a node that lived on the timeline before.
type awaited struct {
	node  Node
	until time.Duration // boot clock
}

// mayGoOn: a life that stood still may have been given up, and the store has forgotten it.
func (l *Lease) mayGoOn() bool { return !l.slept.Load() && l.goOn() }

// rejoin joins the timeline on which the store is now. An error says that this life is
// over. Renewals are not tried meanwhile, but they would be: Awake goes by that.
func (l *Lease) rejoin(ctx context.Context) error {
	l.drop()
	l.doubted.Store(false) // it is known why the rows did not know this node
	before := l.Membership()
	l.log.Warn("the database is on another timeline: joining it anew", "node", l.name, "incarnation", before.Incarnation)
	c := l.who
	c.Life, c.ClusterID = l.life, before.ClusterID
	c.Memory = Memory{ClusterID: before.ClusterID, ID: before.Timeline.ID, Token: before.Timeline.Token, Incarnation: before.Incarnation}
	d := door{lease: l, candidate: c, namesake: namesake{name: l.name, life: l.life}}
	most := l.clock.Boot() + AwaitLeases*max(l.timing.TTL, c.TTL)
	for {
		l.beat(l.clock.Boot(), l.clock.Wall())
		try, cancel := context.WithTimeout(ctx, joinTry*l.timing.RenewEvery)
		m, err := d.knock(try)
		cancel()
		l.beat(l.clock.Boot(), l.clock.Wall())
		name := (*NameError)(nil)
		switch {
		case err == nil:
			return l.reenter(d.boot, d.wall, m)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrLate), errors.As(err, &name), l.clock.Boot() > most:
			return fmt.Errorf("%w: %w", ErrTimeline, err)
		case !errors.Is(err, errKnockAgain):
			l.log.Warn("the new timeline is not joined yet", "node", l.name, "err", err)
		}
		select {
		case <-time.After(l.timing.LookEvery / 2):
		case <-l.condemned:
			return l.Fallen()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drop ends trust until the next timeline is joined and its time of holding back is over.
func (l *Lease) drop() {
	l.adrift.Store(true)
	l.holdUntil.Store(math.MaxInt64)
	l.window.Store(nil)
	l.mu.Lock()
	l.streak.bad()
	l.mu.Unlock()
}

// reenter goes on under a new membership. Who was a member is awaited.
func (l *Lease) reenter(boot time.Duration, wall int64, m Membership) error {
	now := l.clock.Boot()
	l.mu.Lock()
	for _, n := range l.members {
		if n.Life == l.life {
			continue
		}
		if !n.Awaited {
			n.Awaited = true
			// One lease more than the store gives it: it may be there and not be seen yet.
			l.awaited[n.Life] = awaited{n, now + (AwaitLeases+1)*l.timing.TTL}
		}
	}
	l.lives[m.Incarnation] = l.life
	l.mu.Unlock()
	select {
	case <-l.condemned:
		return l.Fallen()
	default:
	}
	l.self.Store(&m)
	l.moved(m)
	l.log.Warn("joined the new timeline", "node", l.name, "incarnation", m.Incarnation, "timeline", m.Timeline.ID, "why", m.Timeline.Why)
	l.time.note(boot, now, m.Now)
	l.enter(boot, wall, m)
	l.adrift.Store(false)
	l.Look()
	return nil
}

// enter trusts a membership that was asked for at these readings.
func (l *Lease) enter(boot time.Duration, wall int64, m Membership) {
	until := int64(0)
	if m.Hold > 0 {
		until = int64(l.clock.Boot() + m.Hold)
	}
	l.holdUntil.Store(until)
	l.trust(boot, wall)
	l.mu.Lock()
	l.streak.good(boot, l.timing.RenewEvery)
	l.mu.Unlock()
}

// Holding reports whether this node lives on a young timeline and holds its claims back.
func (l *Lease) Holding() bool {
	return l.adrift.Load() || l.clock.Boot() < time.Duration(l.holdUntil.Load())
}

// Recheck has the store asked now whether this node still has its lease: somebody met
// ErrTimeline. A node that is alone renews nothing, and joins the timeline at once.
func (l *Lease) Recheck() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// followAlone is the renewing of a node that is alone.
func (l *Lease) followAlone(ctx context.Context) {
	defer l.ends.Done()
	for {
		select {
		case <-l.again:
		case <-ctx.Done():
			return
		}
		if !l.goOn() {
			l.fall(ErrTimeline)
			return
		}
		if err := l.rejoin(ctx); err != nil {
			if ctx.Err() == nil {
				l.fall(err)
			}
			return
		}
	}
}

// doubt: the rows of the store do not know this node as living. Its next renewal, now,
// says why; until then it says nothing.
func (l *Lease) doubt() {
	if l.adrift.Load() || l.alone {
		return
	}
	l.mu.Lock()
	first := !l.doubted.Load()
	if first {
		l.doubtedAt = l.clock.Boot()
	}
	l.doubted.Store(true)
	l.window.Store(nil)
	l.mu.Unlock()
	l.seen.Store(nil)
	if first {
		l.Recheck()
	}
}
