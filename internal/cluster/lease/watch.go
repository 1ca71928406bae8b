package lease

import (
	"context"
	"errors"
	"time"

	"teiserver/internal/failpoint"
)

// sighting is a renewal number and since when it has been seen.
type sighting struct {
	renewal int64
	since   time.Duration
}

// watcher decides who may be condemned. It is pure: readings come in, victims go out.
type watcher struct {
	self   int64
	maxGap time.Duration
	seen   map[int64]sighting
	last   time.Duration // end of the last good read
	good   bool
}

func newWatcher(self int64, look time.Duration) *watcher {
	return &watcher{self: self, maxGap: 3 * look, seen: map[int64]sighting{}}
}

// blind notes a read that was not good: what was seen before proves nothing anymore.
func (w *watcher) blind() { w.good = false; clear(w.seen) }

// observe takes the rows of a read that lasted from start to end, and returns those
// whose number has not changed for their TTL and whose lease has run out by the
// store's clock; and how long until the next one may be due, 0 if none is.
func (w *watcher) observe(start, end time.Duration, rows []Node) (victims []Node, due time.Duration) {
	if w.good && start-w.last > w.maxGap || end-start > w.maxGap {
		w.blind()
	}
	w.good, w.last = true, end
	seen := make(map[int64]sighting, len(rows))
	for _, n := range rows {
		if n.Incarnation == w.self || !n.living() {
			continue
		}
		s, ok := w.seen[n.Incarnation]
		if !ok || s.renewal != n.Renewal {
			s = sighting{n.Renewal, end}
		}
		seen[n.Incarnation] = s
		left := n.TTL - (start - s.since)
		if left <= 0 && n.Left < 0 {
			victims = append(victims, n)
		}
		if left > 0 && (due == 0 || left < due) {
			due = left
		}
	}
	w.seen = seen
	return victims, due
}

// watch looks at the other rows and condemns who is dead.
func (l *Lease) watch(ctx context.Context) {
	defer l.ends.Done()
	w := newWatcher(l.Incarnation(), l.timing.LookEvery)
	bad := false
	for {
		next, err := l.lookOnce(ctx, w)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !bad:
			l.log.Warn("nodes not read", "node", l.name, "err", err)
		}
		bad = err != nil
		select {
		case <-time.After(next):
		case <-l.look:
		case <-l.condemned:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (l *Lease) lookOnce(ctx context.Context, w *watcher) (next time.Duration, err error) {
	try, cancel := context.WithTimeout(ctx, l.timing.LookEvery)
	defer cancel()
	self := l.Incarnation()
	w.self = self
	start := l.clock.Boot()
	rows, err := l.store.Nodes(try)
	if err != nil {
		w.blind()
		return l.timing.LookEvery, err
	}
	if self != l.Incarnation() { // read before this node came to another timeline
		w.blind()
		return l.timing.LookEvery / 10, nil
	}
	victims, due := w.observe(start, l.clock.Boot(), rows)
	l.take(rows)
	next = l.timing.LookEvery
	if due > 0 && due < next {
		next = max(due, l.timing.LookEvery/50)
	}
	if len(victims) == 0 || !l.mayCondemn() {
		return next, nil
	}
	return next, l.condemnAll(try, w, victims)
}

// mayCondemn: only while our own lease is good, and after an outage only after one
// full TTL of our own good renewals, or the first to come back condemns the rest.
func (l *Lease) mayCondemn() bool {
	l.mu.Lock()
	held := l.streak.held(l.clock.Boot(), l.timing.TTL)
	l.mu.Unlock()
	return held && l.Trusted()
}

func (l *Lease) condemnAll(ctx context.Context, w *watcher, victims []Node) error {
	done := false
	for _, v := range victims {
		ctx := failpoint.Wait(ctx, "condemn")
		err := l.store.Condemn(ctx, l.Incarnation(), v.Incarnation, v.Renewal)
		if errors.Is(err, ErrNotExpired) {
			continue
		}
		if err != nil {
			return err
		}
		took := l.clock.Boot() - w.seen[v.Incarnation].since
		l.meters.detections.Note(took)
		l.log.Warn("condemned a dead node", "node", v.Name, "incarnation", v.Incarnation, "seconds", took.Seconds())
		done = true
	}
	if !done {
		return nil
	}
	rows, err := l.store.Nodes(ctx)
	if err != nil {
		return err
	}
	l.take(rows)
	return nil
}
