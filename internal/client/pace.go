package client

import (
	"sync"
	"time"
)

// What can wait is written at once on a calm day: so many pieces, and one more for each
// laterEvery. In a storm it waits for its turn, or goes with what cannot wait: when very
// many come and go, a write for each of them to everybody would cost more than all else,
// and take the processors from what cannot wait.
const (
	laterAtOnce = 20
	laterEvery  = 200 * time.Millisecond
	laterDebt   = time.Second // a storm is over when so long there were few
	// A turn comes after laterEvery, and no later than laterMost: the more connections
	// wait, the longer, as so many write at once.
	laterMost = time.Second
	turnEvery = 10 * time.Millisecond
	turnLeast = 20
)

// later is what an outbox knows of what can wait.
type later struct {
	pieces int           // since it was last looked whether to wait
	due    time.Duration // on the clock of the pace: when the next piece is, if they came evenly
	waits  bool          // for a turn
}

// Pace gives the outboxes of a node their turns, in the order in which they ask.
type Pace struct {
	began time.Time
	mu    sync.Mutex
	queue []turn
	timer *time.Timer
}

type turn struct {
	of    *Outbox
	since time.Duration
}

// NewPace makes the pace of a node.
func NewPace() *Pace { return &Pace{began: time.Now().Add(-laterAtOnce * laterEvery)} }

// holds reports whether what is queued waits, and sees to its being written in time.
// It needs the lock.
func (o *Outbox) holds() bool {
	if o.urgent || o.ending || o.failed != nil || o.pace == nil {
		return false
	}
	if o.pace.calm(&o.later) {
		o.urgent = true
		return false
	}
	if !o.later.waits {
		o.later.waits = true
		o.pace.join(o)
	}
	return true
}

// due has what waits written.
func (o *Outbox) due() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.later.waits = false
	if o.queue != nil {
		o.urgent = true
		o.rouse()
	}
}

// calm counts the new pieces and reports whether there are few.
func (p *Pace) calm(l *later) bool {
	now := time.Since(p.began)
	l.due = max(l.due, now-laterAtOnce*laterEvery) + time.Duration(l.pieces)*laterEvery
	l.due = min(l.due, now+laterDebt)
	l.pieces = 0
	return l.due <= now
}

func (p *Pace) join(o *Outbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, turn{o, time.Since(p.began)})
	if len(p.queue) > 1 {
		return
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(laterEvery, p.turns)
	} else {
		p.timer.Reset(laterEvery)
	}
}

// turns gives those their turn who have waited.
func (p *Pace) turns() {
	p.mu.Lock()
	now := time.Since(p.began)
	most := max(turnLeast, len(p.queue)/int(laterMost/turnEvery-laterEvery/turnEvery))
	n := 0
	for n < min(most, len(p.queue)) && now-p.queue[n].since >= laterEvery {
		n++
	}
	whose := p.queue[:n:n]
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil
	} else {
		p.timer.Reset(max(turnEvery, p.queue[0].since+laterEvery-now))
	}
	p.mu.Unlock()
	for _, t := range whose {
		t.of.due()
	}
}
