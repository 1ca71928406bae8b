package network

import (
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Rule is what happens to packets of a link in one direction. The zero Rule passes all.
type Rule struct {
	Cut    bool
	Loss   float64       // probability of each packet to be lost
	Delay  time.Duration // of each packet
	Jitter time.Duration // added at random; the order is kept
}

// queued is how many packets may be under way on a slow link. More are lost.
const queued = 4096

// link is one direction between two hosts.
type link struct {
	out io.Writer

	mu      sync.Mutex
	rule    Rule
	rand    *rand.Rand
	waiting int
	last    time.Time // when the last packet under way arrives
	queue   chan packet
	done    chan struct{}
	carried int64
	lost    int64
}

type packet struct {
	at   time.Time
	body []byte
}

func newLink(out io.Writer, seed int64) *link {
	l := &link{out: out, rand: rand.New(rand.NewPCG(uint64(seed), 77)), queue: make(chan packet, queued), done: make(chan struct{})} //nolint:gosec // faults, not secrets
	go l.slow()
	return l
}

func (l *link) set(r Rule) {
	l.mu.Lock()
	l.rule = r
	l.mu.Unlock()
}

// send takes a packet that the caller uses again.
func (l *link) send(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rule
	if r.Cut || r.Loss > 0 && l.rand.Float64() < r.Loss {
		l.lost++
		return
	}
	l.carried++
	if r.Delay == 0 && r.Jitter == 0 && l.waiting == 0 {
		_, _ = l.out.Write(p) // a full device loses it, as a wire does
		return
	}
	at := time.Now().Add(r.Delay)
	if r.Jitter > 0 {
		at = at.Add(time.Duration(l.rand.Int64N(int64(r.Jitter))))
	}
	if at.Before(l.last) {
		at = l.last
	}
	select {
	case l.queue <- packet{at, slices.Clone(p)}:
		l.waiting++
		l.last = at
	default:
		l.lost++
	}
}

// slow delivers what is under way. What a cut finds under way is lost.
func (l *link) slow() {
	defer close(l.done)
	for p := range l.queue {
		if wait := time.Until(p.at); wait > 0 {
			<-time.After(wait)
		}
		l.mu.Lock()
		l.waiting--
		if !l.rule.Cut {
			_, _ = l.out.Write(p.body)
		}
		l.mu.Unlock()
	}
}

func (l *link) close() {
	close(l.queue)
	<-l.done
}
