package client

import (
	"context"
	"crypto/tls"
	"errors"
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
	// recordBytes is the most that one TLS record holds. SPADS takes that much at a time
	// and then waits until its socket is readable: of a larger record it would see the
	// rest only when something else comes.
	recordBytes = 4 << 10
	// keptPieces is the largest room for a queue that is used again: batches of a flood
	// of chat fit, those of a login stream need not.
	keptPieces = 256
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

// batch is the room for a queue. A connection has one only while it has something to
// write: ten thousand idle ones would notice.
type batch struct{ pieces [][]byte }

var batches = sync.Pool{New: func() any { return &batch{pieces: make([][]byte, 0, 8)} }}

func (b *batch) free() {
	if cap(b.pieces) > keptPieces {
		return
	}
	clear(b.pieces)
	b.pieces = b.pieces[:0]
	batches.Put(b)
}

// Outbox is the way out of a connection: a queue, bounded in bytes, and a writer, which
// is there while there is something to write. Send never blocks and never reorders; the
// slices given to it are shared with other connections and must not change. A full
// outbox closes the connection.
//
// Before each write it asks whether its node may still speak. What it has is kept until
// the node may, or dropped if the connection ends before: then only the last piece is
// written.
type Outbox struct {
	mu      sync.Mutex
	conn    net.Conn
	queue   *batch // nil: nothing
	bytes   int    // of the queue, what counts towards the limit
	limit   int
	pace    *Pace // of what can wait; nil: nothing can
	later   later
	writing bool   // the writer is at work
	writer  func() // write, made once: to start it allocates nothing
	urgent  bool   // some of the queue cannot wait
	ending  bool   // nothing more is accepted; the writer closes when it has written all
	failed  error
	last    []byte        // is written when all else is out, or is not to be
	speaks  func() bool   // nil: always
	count   *atomic.Int64 // of bytes written, nil counts none
	dry     chan struct{} // closed when all is written, for Flush; nil if nobody waits
	done    chan struct{}
}

// NewOutbox makes the outbox of a connection. It ends when it is closed or the
// connection fails; Done tells. pace is the turns of what can wait; with nil it is
// written at once.
func NewOutbox(conn net.Conn, limit int, pace *Pace) *Outbox {
	o := &Outbox{conn: conn, limit: limit, pace: pace, done: make(chan struct{})}
	o.writer = o.write
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

// rouse has a writer at work. It needs the lock.
func (o *Outbox) rouse() {
	if !o.writing {
		o.writing = true
		go o.writer()
	}
}

// put queues a piece. It needs the lock.
func (o *Outbox) put(b []byte) {
	if o.queue == nil {
		o.queue = batches.Get().(*batch)
	}
	o.queue.pieces = append(o.queue.pieces, b)
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
	first := o.queue == nil
	o.bytes += len(b)
	o.put(b)
	if urgent {
		o.urgent = true
	} else {
		o.later.pieces++
	}
	if !o.writing && (o.urgent || first && !o.holds()) {
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
			o.put(b)
		}
	}
	if o.queue != nil {
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
	o.rouse()
	o.mu.Unlock()
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
	o.rouse()
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
	if !o.writing && o.queue == nil || o.failed != nil {
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

// write writes until there is nothing left that cannot wait, or all has ended.
func (o *Outbox) write() {
	for {
		o.mu.Lock()
		if o.queue == nil {
			if o.dry != nil {
				close(o.dry)
				o.dry = nil
			}
			if o.failed != nil || o.ending {
				o.mu.Unlock()
				o.end()
				return
			}
			o.writing = false
			o.mu.Unlock()
			return
		}
		if o.holds() {
			o.writing = false
			o.mu.Unlock()
			return
		}
		b, conn, count, speaks := o.queue, o.conn, o.count, o.speaks
		o.queue, o.bytes, o.urgent = nil, 0, false
		o.mu.Unlock()

		err := o.writeBatch(conn, b.pieces, speaks)
		if count != nil && err == nil {
			written := 0
			for _, piece := range b.pieces {
				written += len(piece)
			}
			count.Add(int64(written))
		}
		b.free()
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

// end ends the connection; the writer is the last to use it.
func (o *Outbox) end() {
	o.mu.Lock()
	conn, last, failed := o.conn, o.last, o.failed
	o.mu.Unlock()
	if failed == nil {
		_ = write(conn, last) // that the connection ends may always be said
	}
	_ = conn.Close()
	close(o.done)
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
	if _, secured := conn.(*tls.Conn); secured {
		for ; len(b) > recordBytes; b = b[recordBytes:] {
			if _, err := conn.Write(b[:recordBytes]); err != nil {
				return err
			}
		}
	}
	_, err := conn.Write(b)
	return err
}
