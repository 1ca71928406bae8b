package bus

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/message"
)

const (
	// requestsAtOnce bounds the goroutines that answer requests. Beyond it a node
	// is so far behind that a quick no helps more than a late answer.
	requestsAtOnce = 1024
	// defaultDeadline is for a caller that has set none.
	defaultDeadline = 5 * time.Second
	// beatEvery and heardFor: two beats may be lost before a peer counts as silent.
	beatEvery = time.Second
	heardFor  = 3 * time.Second
)

// HeartbeatTopic tells the other nodes that this one is heard.
var HeartbeatTopic = RegisterTopic("bus.heartbeat", "each node, every second: it can be heard; a lost one is followed by the next")

// Heartbeat is the body of HeartbeatTopic.
type Heartbeat struct {
	Leaving bool `json:"leaving,omitempty"` // the last one: it will not be heard again
}

var _ = message.Register[Heartbeat]("bus.heartbeat")

// carrier moves encoded envelopes between nodes. It hands everything that comes
// in to core.receive on one goroutine in the order of arrival, never what this
// node sent itself.
type carrier interface {
	publish(topic string, data []byte) error
	listen(topic string) error
	unlisten(topic string)
	serve(service string) error
	ask(node, service string, id uint64, data []byte) error
	answer(to Origin, id uint64, data []byte) error
	// close ends the receiving goroutine and waits for it.
	close() error
}

// frame is something that has come in.
type frame struct {
	kind frameKind
	name string // topic or service
	id   uint64 // of the request
	data []byte
}

type frameKind uint8

const (
	published frameKind = iota
	asked
	answered
	nobody // the request with this id has reached nobody
)

// Stats counts messages between this node and others, requests and answers included,
// and what was not delivered.
type Stats struct {
	Sent, SentBytes         int64
	Received, ReceivedBytes int64

	Malformed int64 // no envelope, or a body that does not fit its type
	Unknown   int64 // a type that this release does not know
	Overflow  int64 // the queue in front of the handlers was full
	Late      int64 // requests that arrived after their deadline
	Refused   int64 // requests beyond requestsAtOnce

	Panics int64 // of servers and handlers; each is in the log
}

// core is what both buses have in common: everything but the way.
type core struct {
	self    Origin
	carrier carrier // nil: alone
	log     *slog.Logger
	uptime  func() time.Duration

	beat, silence time.Duration

	mu     sync.RWMutex
	local  map[string][]*subscription // by topic; slices are replaced, never changed
	served map[string]Server
	closed bool

	latency latency

	peersMu sync.Mutex
	peers   map[Origin]time.Duration // uptime when last heard

	pending pending
	slots   chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	malformed, unknown, overflow, late, refused atomic.Int64
	sent, sentBytes, received, receivedBytes    atomic.Int64
	panics                                      atomic.Int64
}

// subscription is one handler of one topic. Its address is its identity.
type subscription struct{ handle Handler }

func newCore(self Origin, log *slog.Logger, uptime func() time.Duration) *core {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &core{
		self:    self,
		log:     log,
		uptime:  uptime,
		beat:    beatEvery,
		silence: heardFor,
		local:   map[string][]*subscription{},
		served:  map[string]Server{},
		peers:   map[Origin]time.Duration{},
		slots:   make(chan struct{}, requestsAtOnce),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// start begins to be heard. The carrier works from here on.
func (c *core) start(with carrier) error {
	c.carrier = with
	if with == nil {
		return nil
	}
	c.Subscribe(HeartbeatTopic, c.heard)
	c.wg.Go(c.beatLoop)
	return nil
}

func (c *core) Self() Origin { return c.self }

func (c *core) Alone() bool { return c.carrier == nil }

// Stats counts so far.
func (c *core) Stats() Stats {
	return Stats{
		Sent: c.sent.Load(), SentBytes: c.sentBytes.Load(),
		Received: c.received.Load(), ReceivedBytes: c.receivedBytes.Load(),

		Malformed: c.malformed.Load(),
		Unknown:   c.unknown.Load(),
		Overflow:  c.overflow.Load(),
		Late:      c.late.Load(),
		Refused:   c.refused.Load(),

		Panics: c.panics.Load(),
	}
}

// Publish sends to the others first: what a local handler publishes in answer
// must not overtake what it answers.
func (c *core) Publish(topic string, body any) error {
	if c.ctx.Err() != nil {
		return ErrClosed
	}
	if c.carrier != nil {
		data, err := c.seal(&envelope{}, body)
		if err != nil {
			return err
		}
		if err := c.carrier.publish(topic, data); err != nil {
			return err
		}
		c.countSent(data)
	}
	c.PublishLocal(topic, body)
	return nil
}

func (c *core) PublishLocal(topic string, body any) {
	c.deliver(Message{Topic: topic, Origin: c.self, Body: body})
}

func (c *core) deliver(m Message) {
	c.mu.RLock()
	subs := c.local[m.Topic]
	c.mu.RUnlock()
	for _, s := range subs {
		c.hand(s, m)
	}
}

// hand gives a message to one handler. A panic of it is its own: the others get the message,
// and it gets the next.
func (c *core) hand(s *subscription, m Message) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r, "topic", m.Topic, "node", m.Origin.Node)
		}
	}()
	s.handle(m)
}

// panicked notes a panic that was caught.
func (c *core) panicked(r any, where ...any) {
	c.panics.Add(1)
	c.log.Error("message panicked", append(where, "err", fmt.Sprint(r), "stack", string(debug.Stack()))...)
}

func (c *core) Subscribe(topic string, h Handler) func() {
	s := &subscription{handle: h}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.local[topic]
	c.local[topic] = append(old[:len(old):len(old)], s)
	if len(old) == 0 && c.carrier != nil && !c.closed {
		if err := c.carrier.listen(topic); err != nil {
			c.log.Error("topic not subscribed", "topic", topic, "err", err)
		}
	}
	return func() { c.unsubscribe(topic, s) }
}

func (c *core) unsubscribe(topic string, s *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.local[topic]
	rest := make([]*subscription, 0, len(old))
	for _, o := range old {
		if o != s {
			rest = append(rest, o)
		}
	}
	if len(rest) == len(old) {
		return
	}
	if len(rest) > 0 {
		c.local[topic] = rest
		return
	}
	delete(c.local, topic)
	if c.carrier != nil && !c.closed {
		c.carrier.unlisten(topic)
	}
}

func (c *core) countSent(data []byte) {
	c.sent.Add(1)
	c.sentBytes.Add(int64(len(data)))
}

// seal encodes an envelope with our origin and time on it.
func (c *core) seal(e *envelope, body any) ([]byte, error) {
	if err := e.set(body); err != nil {
		return nil, err
	}
	e.Node, e.Incarnation, e.Sent = c.self.Node, c.self.Incarnation, c.uptime().Milliseconds()
	return e.append(make([]byte, 0, 96+len(e.Node)+len(e.Type)+len(e.Error)+len(e.Body))), nil
}

// receive takes what comes in. It runs on the carrier's one goroutine.
func (c *core) receive(f frame) {
	if f.kind == nobody {
		c.pending.settle(f.id, outcome{nobody: true})
		return
	}
	e, err := openEnvelope(f.data)
	if err != nil {
		c.malformed.Add(1)
		c.log.Debug("envelope dropped", "topic", f.name, "err", err)
		return
	}
	if e.origin() == c.self {
		return
	}
	c.received.Add(1)
	c.receivedBytes.Add(int64(len(f.data)))
	held := c.latency.note(e.origin(), time.Duration(e.Sent)*time.Millisecond, c.uptime())
	if f.kind == answered {
		c.settle(f.id, e)
		return
	}
	body, err := e.body()
	if err != nil {
		if _, known := message.New(e.Type); known {
			c.malformed.Add(1)
		} else {
			c.unknown.Add(1)
		}
		c.log.Debug("message dropped", "topic", f.name, "node", e.Node, "err", err)
		if f.kind == asked {
			c.answerWith(e.origin(), f.id, nil, err)
		}
		return
	}
	if f.kind == asked {
		c.asked(f, e, body, held)
		return
	}
	c.deliver(Message{Topic: f.name, Origin: e.origin(), Body: body})
}

// Close says that we leave, then goes, and waits for the answers being worked on.
func (c *core) Close() error {
	if c.carrier != nil {
		_ = c.Publish(HeartbeatTopic, Heartbeat{Leaving: true}) // a courtesy; silence says the same
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	if c.carrier == nil {
		return nil
	}
	return c.carrier.close()
}
