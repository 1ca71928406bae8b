package bus

import (
	"container/heap"
	"slices"
	"sync"
	"time"
)

// Network connects buses inside one process, for tests: the promises of the real
// one with faults on demand. It uses channels, locks and time only, so it works
// inside a synctest bubble. Everything is encoded and decoded on its way.
type Network struct {
	mu     sync.Mutex
	ends   []*memory
	cuts   map[[2]string]bool
	drop   func(from, to, topic string) bool
	delay  func(from, to string) time.Duration
	copies func(from, to, topic string) int
}

// NewNetwork makes an empty network without faults.
func NewNetwork() *Network { return &Network{cuts: map[[2]string]bool{}} }

// Join adds a node. Close the bus to take it off again.
func (n *Network) Join(self Origin) Bus {
	began := time.Now()
	c := newCore(self, nil, func() time.Duration { return time.Since(began) })
	m := &memory{
		network:  n,
		core:     c,
		topics:   map[string]bool{},
		services: map[string]bool{},
		lastDue:  map[*memory]time.Time{},
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		ended:    make(chan struct{}),
	}
	n.mu.Lock()
	n.ends = append(slices.Clone(n.ends), m)
	n.mu.Unlock()
	go m.run()
	_ = c.start(m) // cannot fail here
	return c
}

// Cut parts two nodes from each other. What is sent between them is lost.
func (n *Network) Cut(a, b string) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// CutOneWay loses what from sends to to.
func (n *Network) CutOneWay(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[[2]string{from, to}] = true
}

// Heal takes all cuts back.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cuts)
}

// Crash takes a node off in the middle of whatever it does: nothing that it sends from
// here on, or that was on its way to it, arrives. Its bus is closed by its owner, in time.
func (n *Network) Crash(self Origin) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends = slices.DeleteFunc(slices.Clone(n.ends), func(m *memory) bool {
		if m.core.self != self {
			return false
		}
		m.crashed = true
		clear(m.queue)
		m.queue = nil
		return true
	})
}

// Drop loses messages for which f is true; nil loses none. For a request topic is
// the name of the service, for an answer it is "answer". f must not use the bus.
func (n *Network) Drop(f func(from, to, topic string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = f
}

// Delay holds messages up. The order from one node to another stays.
func (n *Network) Delay(f func(from, to string) time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = f
}

// Copies delivers published messages f(…) times more than once, which the real
// bus does not do, but a receiver should bear.
func (n *Network) Copies(f func(from, to, topic string) int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.copies = f
}

// memory is one end of a network.
type memory struct {
	network *Network
	core    *core

	// Guarded by network.mu.
	topics, services map[string]bool
	queue            arrivals
	arrived          int64
	lastDue          map[*memory]time.Time // per sender, so that delays keep its order
	crashed          bool

	wake, done, ended chan struct{}
}

// send puts a frame into the queue of to, unless it is lost. network.mu is held.
func (m *memory) send(to *memory, topic string, f frame) {
	n := m.network
	from, dest := m.core.self.Node, to.core.self.Node
	if m.crashed || n.cuts[[2]string{from, dest}] || (n.drop != nil && n.drop(from, dest, topic)) {
		return
	}
	due := time.Now()
	if n.delay != nil {
		due = due.Add(n.delay(from, dest))
	}
	if last := to.lastDue[m]; due.Before(last) {
		due = last
	}
	to.lastDue[m] = due
	count := 1
	if n.copies != nil && f.kind == published {
		count += n.copies(from, dest, topic)
	}
	for range count {
		to.arrived++
		heap.Push(&to.queue, arrival{due: due, seq: to.arrived, frame: f})
	}
	to.wakeUp()
}

func (m *memory) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *memory) publish(topic string, data []byte) error {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	for _, to := range m.network.ends {
		if to != m && to.topics[topic] {
			m.send(to, topic, frame{kind: published, name: topic, data: data})
		}
	}
	return nil
}

func (m *memory) listen(topic string) error {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	m.topics[topic] = true
	return nil
}

func (m *memory) unlisten(topic string) {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	delete(m.topics, topic)
}

func (m *memory) serve(service string) error {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	m.services[service] = true
	return nil
}

// ask sends a request, or tells ourselves that nobody is there.
func (m *memory) ask(node, service string, id uint64, data []byte) error {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	sent := false
	for _, to := range m.network.ends {
		if to != m && to.core.self.Node == node && to.services[service] {
			m.send(to, service, frame{kind: asked, name: service, id: id, data: data})
			sent = true
		}
	}
	if !sent {
		m.arrived++
		heap.Push(&m.queue, arrival{due: time.Now(), seq: m.arrived, frame: frame{kind: nobody, id: id}})
		m.wakeUp()
	}
	return nil
}

func (m *memory) answer(to Origin, id uint64, data []byte) error {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	for _, end := range m.network.ends {
		if end.core.self == to {
			m.send(end, "answer", frame{kind: answered, id: id, data: data})
		}
	}
	return nil
}

func (m *memory) close() error {
	m.network.mu.Lock()
	m.network.ends = slices.DeleteFunc(slices.Clone(m.network.ends), func(e *memory) bool { return e == m })
	m.network.mu.Unlock()
	close(m.done)
	<-m.ended
	return nil
}

// run hands frames to the core, one after the other, when they are due.
func (m *memory) run() {
	defer close(m.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		f, wait, ok := m.next()
		if ok {
			m.core.receive(f)
			select {
			case <-m.done:
				return
			default:
				continue
			}
		}
		timer.Reset(wait)
		select {
		case <-m.done:
			return
		case <-m.wake:
		case <-timer.C:
		}
	}
}

// next takes the first frame that is due, or says how long to wait for one.
func (m *memory) next() (frame, time.Duration, bool) {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	if len(m.queue) == 0 {
		return frame{}, time.Hour, false
	}
	if wait := time.Until(m.queue[0].due); wait > 0 {
		return frame{}, wait, false
	}
	return heap.Pop(&m.queue).(arrival).frame, 0, true
}

// arrival is a frame on its way.
type arrival struct {
	due   time.Time
	seq   int64
	frame frame
}

// arrivals is a heap: the first due is on top, of equals the first sent.
type arrivals []arrival

func (a arrivals) Len() int { return len(a) }
func (a arrivals) Less(i, j int) bool {
	if !a[i].due.Equal(a[j].due) {
		return a[i].due.Before(a[j].due)
	}
	return a[i].seq < a[j].seq
}
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)   { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	old := *a
	last := old[len(old)-1]
	old[len(old)-1] = arrival{}
	*a = old[:len(old)-1]
	return last
}
