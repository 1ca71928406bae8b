package process

import (
	"fmt"
	"runtime/debug"
	"time"
)

// When panics end a process, and when it rests after one. The command that panics is gone in
// any case, and the state is that of the last snapshot; so a process that does its work in
// between goes on, and one client that sends what it panics over closes no lobby to the
// others. A process that gets nothing done between panics has them from its state: it is
// closed. One that every cluster has is not missing meanwhile, nor loses what it has to do,
// so it is given more time, and rests longer and longer.
const (
	panicsInARow  = 3  // and nothing done in between
	panicsMost    = 10 // within panicWindow; in a row of an ensured process
	panicsAtOnce  = 2  // of an ensured process, before it rests
	panicWindow   = time.Minute
	panicRest     = time.Second // the first; each is twice the one before
	panicRestMost = time.Minute
)

// shock is what a process has of its panics.
type shock struct {
	recent []time.Time
	row    int       // without anything done in between
	level  int       // until there was none for panicWindow
	rest   time.Time // nothing is done before
}

// passed notes that something was done.
func (s *shock) passed() { s.row = 0 }

// takes notes a panic and reports whether it ends the process.
func (s *shock) takes(now time.Time, ensured bool) (ends bool) {
	if n := len(s.recent); n > 0 && now.Sub(later(s.rest, s.recent[n-1])) >= panicWindow {
		s.level, s.row = 0, 0
	}
	kept := s.recent[:0]
	for _, at := range s.recent {
		if now.Sub(at) < panicWindow {
			kept = append(kept, at)
		}
	}
	s.recent = append(kept, now)
	s.row++
	s.level++
	if !ensured {
		return s.row >= panicsInARow || len(s.recent) >= panicsMost
	}
	if s.level > panicsAtOnce {
		s.rest = now.Add(min(panicRest<<min(s.level-panicsAtOnce-1, 10), panicRestMost))
	}
	return s.row >= panicsMost
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recovered is the last resort for a command that panicked anywhere on its way.
func (p *Process) recovered(l *letter) {
	r := recover()
	if r == nil {
		return
	}
	p.host.count.Panics.Add(1)
	p.host.o.Log.Error("process panicked", "key", p.key.String(), "epoch", p.epoch,
		"command", fmt.Sprintf("%T", l.body), "err", fmt.Sprint(r), "stack", string(debug.Stack()))
	defer l.answer(nil, ErrPanicked)
	defer func() {
		if recover() != nil { // what is left of it panics too
			p.Drop()
		}
	}()
	now := p.host.o.Now()
	if p.shock.takes(now, p.kind.Start == Ensured) || l == p.unborn {
		p.host.o.Log.Error("process closed after panics", "key", p.key.String(), "epoch", p.epoch, "panics", p.shock.level)
		p.shut()
		return
	}
	p.rebuild(done{id: l.id, doubt: true, at: now})
}
