package bus

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// Limits of what may wait for the dispatcher. Handlers do not block, so a full
// queue means that this node was stopped for long; feeds repair what is dropped.
const (
	inflowMessages = 1 << 20
	inflowBytes    = 512 << 20
	rawQueue       = 1 << 14 // in front of the pump, which only moves pointers
)

// inflow is a queue between two goroutines, bounded in messages and bytes.
type inflow struct {
	mu     sync.Mutex
	more   sync.Cond
	queue  []*nats.Msg
	bytes  int
	taken  []*nats.Msg // what the dispatcher works on; only take uses it
	closed bool
}

func newInflow() *inflow {
	q := &inflow{}
	q.more.L = &q.mu
	return q
}

// put is false if the queue is full.
func (q *inflow) put(m *nats.Msg) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= inflowMessages || q.bytes+len(m.Data) > inflowBytes {
		return false
	}
	q.queue = append(q.queue, m)
	q.bytes += len(m.Data)
	q.more.Signal()
	return true
}

// take waits for the next message; false after close.
func (q *inflow) take() (*nats.Msg, bool) {
	if len(q.taken) == 0 && !q.refill() {
		return nil, false
	}
	m := q.taken[0]
	q.taken[0] = nil
	q.taken = q.taken[1:]
	return m, true
}

func (q *inflow) refill() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) == 0 && !q.closed {
		q.more.Wait()
	}
	if q.closed {
		return false
	}
	q.taken, q.queue, q.bytes = q.queue, nil, 0
	return true
}

func (q *inflow) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}
