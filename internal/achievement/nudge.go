package achievement

import (
	"sync"
	"time"
)

// nudgeEvery is how often a node nudges at most: events come in crowds.
const nudgeEvery = 5 * time.Second

// Nudger tells the process of events on this node, in good measure.
type Nudger struct {
	Cast func(Nudge) // to the process; it must not block

	mu   sync.Mutex
	last time.Time
}

// Event says that there is an event. It does not block.
func (n *Nudger) Event() {
	n.mu.Lock()
	now := time.Now()
	wait := now.Sub(n.last) < nudgeEvery
	if !wait {
		n.last = now
	}
	n.mu.Unlock()
	if !wait {
		n.Cast(Nudge{})
	}
}
