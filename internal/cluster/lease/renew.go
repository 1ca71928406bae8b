package lease

import (
	"context"
	"errors"
	"time"

	"teiserver/internal/failpoint"
)

// renew keeps the lease, on a goroutine of its own with nothing else on it: whatever
// waits in front of a renewal is taken from everybody's trust.
func (l *Lease) renew(ctx context.Context) {
	defer l.ends.Done()
	t := time.NewTicker(l.timing.RenewEvery)
	defer t.Stop()
	bad, drain := false, false
	for {
		renewed, err := l.renewOnce(ctx)
		if errors.Is(err, ErrCondemned) {
			err = l.why(ctx, err)
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrTimeline) && l.mayGoOn():
			if err := l.rejoin(ctx); err != nil {
				if ctx.Err() == nil {
					l.fall(err)
				}
				return
			}
			bad = false
			l.keepDrain(ctx, drain)
			continue
		case errors.Is(err, ErrCondemned):
			l.fall(err)
			return
		case err != nil && !bad:
			l.log.Warn("lease not renewed", "node", l.name, "err", err)
		case err == nil && bad:
			l.log.Info("lease renewed again", "node", l.name)
		}
		if err == nil && renewed.Drain != drain {
			drain = renewed.Drain
			l.drain(drain)
		}
		bad = err != nil
		select {
		case <-t.C:
		case <-l.again:
		case <-ctx.Done():
			return
		case <-l.condemned:
			return
		}
	}
}

// why looks again at the reason why this node has no lease: a store that has lost its row
// cannot tell that it was never condemned.
func (l *Lease) why(ctx context.Context, err error) error {
	if errors.Is(err, ErrTimeline) {
		return err
	}
	try, cancel := context.WithTimeout(ctx, l.timing.RenewEvery)
	defer cancel()
	if rows, readErr := l.store.Nodes(try); readErr == nil && errors.Is(l.judge(rows), ErrTimeline) {
		return ErrTimeline
	}
	return err
}

// keepDrain tells the new timeline what the operator wanted on the one before.
func (l *Lease) keepDrain(ctx context.Context, drain bool) {
	if !drain {
		return
	}
	try, cancel := context.WithTimeout(ctx, l.timing.RenewEvery)
	defer cancel()
	if err := l.store.SetDrain(try, l.name, true); err != nil {
		l.log.Warn("the operator's wish is lost with the timeline", "node", l.name, "drain", drain, "err", err)
	}
}

func (l *Lease) renewOnce(ctx context.Context) (Renewed, error) {
	report := l.report()
	// Before a connection is taken: the lease may run from any moment after this.
	boot, wall := l.clock.Boot(), l.clock.Wall()
	l.beat(boot, wall)
	try, cancel := context.WithTimeout(ctx, l.timing.RenewEvery)
	defer cancel()
	renewed, err := l.store.Renew(try, l.Incarnation(), report)
	end := l.clock.Boot()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.meters.failed.Add(1)
		l.streak.bad()
		return renewed, err
	}
	select {
	case <-l.condemned: // the watcher has seen it first
		return renewed, ErrCondemned
	default:
	}
	if l.doubted.Load() {
		if boot < l.doubtedAt {
			return renewed, errDoubted
		}
		l.doubted.Store(false)
	}
	l.meters.renewals.Note(end - boot)
	if failpoint.Broken("answer") {
		boot, wall = l.clock.Boot(), l.clock.Wall()
	}
	l.trust(boot, wall)
	l.time.note(boot, end, renewed.Now)
	l.streak.good(boot, l.timing.RenewEvery)
	return renewed, nil
}

// errDoubted: a good answer, but from before the rows were seen not to know this node.
var errDoubted = errors.New("lease: renewed, but the rows say something else")

// streak is the unbroken series of own good renewals.
type streak struct {
	since time.Duration // start of the first one, -1 if the last one was bad
	last  time.Duration
}

func (s *streak) bad() { s.since = -1 }

// good notes a renewal. A hole of several intervals, as a paused process has, begins
// a new series: whoever was away must not judge the others by what it missed.
func (s *streak) good(at, every time.Duration) {
	if s.since < 0 || at-s.last > hole(every) {
		s.since = at
	}
	s.last = at
}

// held reports whether the series is at least ttl long.
func (s *streak) held(now, ttl time.Duration) bool { return s.since >= 0 && now-s.since >= ttl }
