package spring

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/client"
	"teiserver/internal/friend"
	"teiserver/internal/login"
	"teiserver/internal/setting"
)

// handshakeTimeout bounds a TLS handshake.
const handshakeTimeout = 5 * time.Second

// Options of a Server.
type Options struct {
	Clients   *client.Service
	Accounts  *account.Service
	Friends   *friend.Service
	Settings  *setting.Service
	Queue     *login.Queue // nil: nobody waits to log in
	TLS       *tls.Config
	Unlimited bool // no flood limit
	// ProxyFrom are the balancers whose connections begin with a PROXY header.
	ProxyFrom []netip.Prefix
	Log       *slog.Logger
	// Properties is told what programs tell of themselves; nil: nobody wants to know.
	Properties Properties
	// Telemetry keeps what programs tell; nil: nothing is kept.
	Telemetry Telemetry
}

// Properties are what programs tell of themselves, by name. user is 0 before login; then
// hash says who it is.
type Properties interface {
	Property(ctx context.Context, user int64, hash, name, value string)
}

// Counters count what a server has done since it started.
type Counters struct {
	Connections atomic.Int64 // open now
	Accepted    atomic.Int64
	LinesIn     atomic.Int64
	BytesOut    atomic.Int64
	Dropped     atomic.Int64 // lines that were no lines: binary, bad UTF-8
	Logins      atomic.Int64
	Refused     atomic.Int64 // logins
	Floods      atomic.Int64
	Told        atomic.Int64 // events and the like of strangers that were too many
	Slow        atomic.Int64 // connections closed because they did not read
	Panics      atomic.Int64
}

// Server accepts connections and owns them.
type Server struct {
	Options
	Counters Counters
	Doors    DoorCounters

	doors      doors
	headerless seldom // in the log
	impostors  seldom
	unaccepted seldom

	pace    *client.Pace // of presence, in a storm
	now     atomic.Pointer[limits]
	changed chan struct{} // the limits have
	awake   func() bool   // the node has not stood still; nil: always

	mu       sync.Mutex
	conns    map[*conn]struct{}
	stopping bool
	away     bool // new connections are turned away
	running  sync.WaitGroup
}

// NewServer makes a server; Serve feeds it, Run keeps its limits.
func NewServer(o Options) *Server {
	s := &Server{Options: o, pace: client.NewPace(), conns: map[*conn]struct{}{}, changed: make(chan struct{}, 1)}
	if o.Clients != nil {
		s.awake = o.Clients.Runtime.Awake
	}
	s.readLimits(context.Background())
	s.watchLimits()
	return s
}

// Serve accepts connections until the listener is closed. Over a listener with
// secure set TLS begins at once, over others after STLS.
//
// When very many come at once they are accepted one after the other; the others wait in
// the queue of the system, where they cost nothing.
func (s *Server) Serve(ctx context.Context, ln net.Listener, secure bool) error {
	var g gate
	for {
		nc, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			// Out of descriptors, or a connection that was reset before it was
			// accepted: neither ends the server.
			if s.unaccepted.may(time.Now()) {
				s.Log.Warn("connection not accepted", "err", err)
			}
			if !pause(ctx, 50*time.Millisecond) {
				return nil
			}
			continue
		}
		if !s.start(ctx, nc, secure) {
			_ = nc.Close()
			continue // costs nothing: one address cannot take the turns of the others
		}
		if wait := g.pass(time.Now()); wait > 0 && !s.Unlimited && !pause(ctx, wait) {
			return nil
		}
	}
}

// How fast connections are accepted: so many at once, then one after each pause.
const (
	acceptAtOnce = 100
	acceptEvery  = 2 * time.Millisecond
)

// gate paces connections. The zero value has let nobody in.
type gate struct {
	due time.Time // of the next connection, if they came evenly
}

// pass notes a connection and says how long to wait before the next.
func (g *gate) pass(now time.Time) time.Duration {
	if most := now.Add(-acceptAtOnce * acceptEvery); g.due.Before(most) {
		g.due = most
	}
	g.due = g.due.Add(acceptEvery)
	return g.due.Sub(now)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) start(ctx context.Context, nc net.Conn, secure bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || s.away {
		return false
	}
	c := newConn(s, nc, secure)
	if c.front == nil {
		if why := c.knock(); why != "" {
			turnDown(nc, secure, why)
			return false
		}
	}
	ctx, c.cut = context.WithCancel(ctx)
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.Counters.Accepted.Add(1)
	s.Counters.Connections.Add(1)
	go func() {
		defer s.running.Done()
		c.run(ctx)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		close(c.ended)
		s.Counters.Connections.Add(-1)
	}()
	return true
}

// Shutdown asks every connection to end with a reason and waits for them until ctx
// ends; then they are cut.
func (s *Server) Shutdown(ctx context.Context, reason string) error {
	s.mu.Lock()
	s.stopping = true
	for c := range s.conns {
		c.End(reason)
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	left := len(s.conns)
	for c := range s.conns {
		c.out.Abort(context.Cause(ctx))
		c.cut() // its command may be waiting for somebody else
	}
	s.mu.Unlock()
	<-done
	return fmt.Errorf("cut %d connections that did not end in time", left)
}

// QueuedBytes is what waits to be written to all connections.
func (s *Server) QueuedBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for c := range s.conns {
		sum += c.out.Queued()
	}
	return sum
}
