package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of an outbox.
const (
	// PlayerBytes is how far a player's connection may fall behind. A client that
	// reads at all never gets near it; one that does not is cut before it costs more.
	PlayerBytes = 1 << 20
	// HostBytes is the same for autohosts, which are told more and matter to a whole room.
	HostBytes = 8 << 20
	// writeTimeout ends a connection whose peer takes nothing at all for so long.
	writeTimeout = 20 * time.Second
	// gatherBytes is the size of the buffer in which small lines are gathered for
	// one write. Larger pieces are written from where they are.
	gatherBytes = 16 << 10
	// keptPieces is how much room for the queue a busy connection keeps: batches of a
	// flood of chat fit, those of a login stream need not.
	keptPieces = 256
	// calmPieces and calmBatches: after so many small batches in a row the connection
	// gives the room back. Ten thousand idle ones would notice.
	calmPieces  = 32
	calmBatches = 64
	// What can wait is written at once, but for a storm: then so often at most, or with
	// what cannot wait. When very many come and go, a write for each of them to everybody
	// would cost more than all else. Each pause of laterEvery allows one more at once.
	laterAtOnce = 50
	laterEvery  = 200 * time.Millisecond
	laterSpread = 100 * time.Millisecond // not everybody in the same moment
	// A writer that may not write looks again, first soon and then less often: there
	// are as many as there are connections.
	holdFirst = 20 * time.Millisecond
	holdMost  = 500 * time.Millisecond
)

// ErrSlow says that a client did not read what it was sent.
var ErrSlow = errors.New("client: too slow: outbox full")

// errUnsaid: the connection ends, and what it holds may not be said.
var errUnsaid = errors.New("client: not said")

var gatherBuffers = sync.Pool{New: func() any { b := make([]byte, 0, gatherBytes); return &b }}

// Outbox is the way out of a connection: a queue, bounded in bytes, and one writer.
// Send never blocks and never reorders; the slices given to it are shared with
// other connections and must not change. A full outbox closes the connection.
//
// Before each write it asks whether its node may still speak. What it has is kept until
// the node may, or dropped if the connection ends before: then only the last piece is
// written.
type Outbox struct {
	mu     sync.Mutex
	conn   net.Conn
	queue  [][]byte
	bytes  int // of the queue, what counts towards the limit
	limit  int
	idle   bool // the writer waits for wake
	urgent bool // some of the queue cannot wait
	later  later
	ending bool // nothing more is accepted; the writer closes when it has written all
	failed error
	last   []byte        // is written when all else is out, or is not to be
	speaks func() bool   // nil: always
	count  *atomic.Int64 // of bytes written, nil counts none
	wake   chan struct{}
	dry    chan struct{} // closed when idle, for Flush; nil if nobody waits
	done   chan struct{}
}

// NewOutbox starts the writer of a connection. It ends when the outbox is closed or
// the connection fails; Done tells.
func NewOutbox(conn net.Conn, limit int) *Outbox {
	o := &Outbox{conn: conn, limit: limit, wake: make(chan struct{}, 1), done: make(chan struct{})}
	o.later.every = laterEvery + rand.N(laterSpread) //nolint:gosec // not secret
	go o.write()
	return o
}

// CountBytes adds what is written to c.
func (o *Outbox) CountBytes(c *atomic.Int64) {
	o.mu.Lock()
	o.count = c
	o.mu.Unlock()
}

// AskBeforeWrite has speaks asked before each write. It must not block.
func (o *Outbox) AskBeforeWrite(speaks func() bool) {
	o.mu.Lock()
	o.speaks = speaks
	o.mu.Unlock()
}

// SetLimit changes the bound.
func (o *Outbox) SetLimit(bytes int) {
	o.mu.Lock()
	o.limit = bytes
	o.mu.Unlock()
}

// later is when what can wait is written.
type later struct {
	every time.Duration
	last  time.Time // it was
	left  int       // times at once
	timer *time.Timer
}

// holds reports whether what is queued waits, and sees to its being written in time.
// It needs the lock.
func (o *Outbox) holds() bool {
	if o.urgent || o.ending || o.failed != nil {
		return false
	}
	l, now := &o.later, time.Now()
	passed := now.Sub(l.last)
	l.left = int(min(laterAtOnce, int64(l.left)+int64(passed/laterEvery)))
	if l.left == 0 && passed < l.every {
		if l.timer == nil {
			l.timer = time.AfterFunc(l.every-passed, o.due)
		} else {
			l.timer.Reset(l.every - passed)
		}
		return true
	}
	l.left, l.last = max(0, l.left-1), now
	o.urgent = true
	return false
}

// due has what waits written.
func (o *Outbox) due() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return
	}
	o.later.last, o.urgent = time.Now(), true
	o.rouse()
}

// rouse wakes the writer. It needs the lock.
func (o *Outbox) rouse() {
	if o.idle {
		o.idle = false
		o.wake <- struct{}{}
	}
}

// SendLater is Send of a piece that may wait for a moment.
func (o *Outbox) SendLater(b []byte) bool { return o.send(b, false) }

// Send queues one piece. It reports false when the outbox takes nothing more.
func (o *Outbox) Send(b []byte) bool { return o.send(b, true) }

func (o *Outbox) send(b []byte, urgent bool) bool {
	if len(b) == 0 {
		return true
	}
	o.mu.Lock()
	if o.ending || o.failed != nil {
		o.mu.Unlock()
		return false
	}
	if o.bytes+len(b) > o.limit {
		o.fail(ErrSlow)
		o.mu.Unlock()
		return false
	}
	o.bytes += len(b)
	o.queue = append(o.queue, b)
	if urgent {
		o.urgent = true
	}
	if o.idle && (o.urgent || len(o.queue) == 1 && !o.holds()) {
		o.rouse()
	}
	o.mu.Unlock()
	return true
}

// SendShared queues pieces that do not count towards the bound, because they are
// shared by many: the login stream.
func (o *Outbox) SendShared(parts [][]byte) {
	o.mu.Lock()
	if o.ending || o.failed != nil {
		o.mu.Unlock()
		return
	}
	for _, b := range parts {
		if len(b) > 0 {
			o.queue = append(o.queue, b)
		}
	}
	if len(o.queue) > 0 {
		o.urgent = true
		o.rouse()
	}
	o.mu.Unlock()
}

// Close queues a last piece, if any, and lets the writer end the connection when
// everything is out.
func (o *Outbox) Close(last []byte) {
	o.mu.Lock()
	if o.ending || o.failed != nil {
		o.mu.Unlock()
		return
	}
	o.ending, o.last = true, last
	wake := o.idle
	o.idle = false
	o.mu.Unlock()
	if wake {
		o.wake <- struct{}{}
	}
}

// Abort ends the connection at once.
func (o *Outbox) Abort(err error) {
	o.mu.Lock()
	if o.failed == nil {
		o.fail(err)
	}
	o.mu.Unlock()
}

// fail needs the lock.
func (o *Outbox) fail(err error) {
	o.failed = err
	o.queue, o.bytes = nil, 0
	_ = bare(o.conn).Close()
	if o.idle {
		o.idle = false
		o.wake <- struct{}{}
	}
}

// bare is the connection below TLS. Closing TLS says farewell to a peer that may not
// be reading, for up to five seconds; fail is called under the lock of the view.
func bare(conn net.Conn) net.Conn {
	if secured, ok := conn.(*tls.Conn); ok {
		return secured.NetConn()
	}
	return conn
}

// Queued is the number of bytes that wait and count towards the bound.
func (o *Outbox) Queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}

// Err returns why the connection failed, nil while it works or if it was closed in order.
func (o *Outbox) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

// Done is closed when the writer has ended and the connection is closed.
func (o *Outbox) Done() <-chan struct{} { return o.done }

// Flush waits until everything queued has been written.
func (o *Outbox) Flush(ctx context.Context) error {
	o.mu.Lock()
	if o.idle && len(o.queue) == 0 || o.failed != nil {
		defer o.mu.Unlock()
		return o.failed
	}
	o.urgent = true
	o.rouse()
	if o.dry == nil {
		o.dry = make(chan struct{})
	}
	dry := o.dry
	o.mu.Unlock()
	select {
	case <-dry:
		return o.Err()
	case <-o.done:
		return o.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Upgrade replaces the connection underneath, after a Flush: STLS.
func (o *Outbox) Upgrade(conn net.Conn) {
	o.mu.Lock()
	o.conn = conn
	o.mu.Unlock()
}

func (o *Outbox) write() {
	defer close(o.done)
	var spare [][]byte
	calm := 0 // small batches in a row
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			if o.failed != nil || o.ending {
				conn, last, failed := o.conn, o.last, o.failed
				o.mu.Unlock()
				if failed == nil {
					_ = write(conn, last) // that the connection ends may always be said
				}
				_ = conn.Close()
				return
			}
			o.idle = true
			if o.dry != nil {
				close(o.dry)
				o.dry = nil
			}
			o.queue = spare // gives the memory of the last batch back to the queue
			spare = nil
			o.mu.Unlock()
			<-o.wake
			continue
		}
		if o.holds() {
			o.idle = true
			o.mu.Unlock()
			<-o.wake
			continue
		}
		batch, conn, count, speaks := o.queue, o.conn, o.count, o.speaks
		o.queue, o.bytes, o.urgent = spare, 0, false
		o.mu.Unlock()

		err := o.writeBatch(conn, batch, speaks)
		if count != nil && err == nil {
			for _, b := range batch {
				count.Add(int64(len(b)))
			}
		}
		if calm++; len(batch) > calmPieces {
			calm = 0
		}
		clear(batch)
		spare = batch[:0]
		if cap(spare) > keptPieces || calm > calmBatches && cap(spare) > calmPieces {
			spare = nil
		}
		switch {
		case errors.Is(err, errUnsaid):
			o.mu.Lock()
			o.queue, o.bytes = nil, 0
			o.mu.Unlock()
		case err != nil:
			o.Abort(err)
		}
	}
}

// writeBatch writes pieces in order: small ones gathered into one buffer, large
// ones from where they are.
func (o *Outbox) writeBatch(conn net.Conn, batch [][]byte, speaks func() bool) error {
	if len(batch) == 1 {
		return o.say(conn, batch[0], speaks)
	}
	p := gatherBuffers.Get().(*[]byte)
	buf := (*p)[:0]
	defer func() { *p = buf[:0]; gatherBuffers.Put(p) }()
	for _, b := range batch {
		if len(buf)+len(b) > cap(buf) {
			if err := o.say(conn, buf, speaks); err != nil {
				return err
			}
			buf = buf[:0]
			if len(b) >= cap(buf)/2 {
				if err := o.say(conn, b, speaks); err != nil {
					return err
				}
				continue
			}
		}
		buf = append(buf, b...)
	}
	return o.say(conn, buf, speaks)
}

// say writes as soon as the node may speak, which is asked as the last thing before.
func (o *Outbox) say(conn net.Conn, b []byte, speaks func() bool) error {
	for wait := holdFirst; speaks != nil && !speaks(); wait = min(2*wait, holdMost) {
		o.mu.Lock()
		over := o.ending || o.failed != nil
		o.mu.Unlock()
		if over {
			return errUnsaid
		}
		<-time.After(wait)
	}
	return write(conn, b)
}

func write(conn net.Conn, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}
