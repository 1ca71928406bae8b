package spring

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/client"
	"teiserver/internal/limit"
	"teiserver/internal/roster"
	"teiserver/internal/spring/wire"
)

// Reasons of s.system.disconnect.
const (
	endTerminate   = "Terminate"
	endHeartbeat   = "Heartbeat"
	endFlood       = "Flood protection"
	endInterrupt   = "Ctrl + C"
	endUnavailable = "Server unavailable, please try again"
)

// touchEvery is how exactly the idle time is kept.
const touchEvery = time.Second

// conn is one connection. Its fields belong to the reader, but for those used by
// Show and End.
type conn struct {
	srv     *Server
	nc      net.Conn
	secure  bool
	ip      string
	out     *client.Outbox
	in      *lineReader
	cut     context.CancelFunc // ends what its command waits for
	ended   chan struct{}      // closed when everything of it has ended
	greeted sync.Once
	spoke   atomic.Bool // something was written, or is about to be

	bucket  client.Bucket
	told    *client.Bucket // of what a stranger tells; nil: nothing yet
	related *client.Bucket // limits how many users it names in lists; nil: has named none
	began   time.Time
	touched time.Time
	late    bool // the read deadline is that of the login

	client   *client.Client
	interest roster.Interest // of the login
	login    wire.Login      // that waits for its verification code
	waiting  *account.User   // whose password was right

	queued // its place in the login queue, if it waits

	front *fronted    // nil: nobody connects for others
	met   atomic.Bool // it is known who has connected; before, nothing is written
	visit *visitor    // what the doors know of it; nil: they have not let it in

	openID   atomic.Pointer[string] // message id of the OPENBATTLE that Hosting answers
	accepted atomic.Bool            // its program knows of queues and terms of battles
}

func newConn(s *Server, nc net.Conn, secure bool) *conn {
	c := &conn{srv: s, secure: secure, ended: make(chan struct{})}
	if from, _, err := net.SplitHostPort(nc.RemoteAddr().String()); err == nil {
		c.ip = from
	}
	if limit.Within(c.ip, s.ProxyFrom) {
		c.front = &fronted{Conn: nc}
		nc = c.front
	} else {
		nc = &direct{Conn: nc}
		c.met.Store(true)
	}
	if secure {
		nc = tls.Server(nc, s.TLS)
	}
	c.nc, c.out = nc, client.NewOutbox(nc, client.PlayerBytes, s.pace)
	c.out.CountBytes(&s.Counters.BytesOut)
	if s.awake != nil {
		c.out.AskBeforeWrite(c.speaks)
	}
	c.in = newLineReader(nc, s.limits().lineBytes)
	return c
}

// run reads and executes until the connection ends.
func (c *conn) run(ctx context.Context) {
	defer c.cut()
	defer c.cleanup(ctx)
	if !c.introduce() {
		return
	}
	if tc, ok := c.nc.(*tls.Conn); ok {
		hctx, stop := context.WithTimeout(ctx, handshakeTimeout)
		err := tc.HandshakeContext(hctx)
		stop()
		if err != nil {
			if errors.Is(err, errImpostor) {
				c.impostor()
			}
			c.out.Abort(err)
			return
		}
	}
	held := c.srv.limits()
	c.began = time.Now()
	c.bucket = client.NewBucket(held.perMinute, c.began)
	c.greet()
	c.touch(time.Now())
	for {
		if c.called() && !c.comeIn(ctx) {
			return
		}
		line, err := c.in.next()
		if errors.Is(err, os.ErrDeadlineExceeded) && c.turn.Load() {
			continue
		}
		if err != nil {
			c.finish(err)
			return
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		now := time.Now()
		if l := c.srv.limits(); l != held {
			held = l
			c.bucket.Resize(l.perMinute, now)
			c.in.limit = l.lineBytes
		}
		c.touch(now)
		c.srv.Counters.LinesIn.Add(1)
		if c.limited() && !c.bucket.Take(now) {
			c.srv.Counters.Floods.Add(1)
			if c.client != nil {
				c.srv.Accounts.NoteFlood(c.client.User().ID)
			}
			c.End(endFlood)
			return
		}
		if !c.execute(ctx, line) {
			return
		}
	}
}

// touch moves the moment at which the connection counts as dead.
func (c *conn) touch(now time.Time) {
	if now.Sub(c.touched) < touchEvery {
		return
	}
	c.touched = now
	l := c.srv.limits()
	deadline := now.Add(l.idle)
	c.late = false
	if c.client == nil && c.place == nil {
		login := l.login
		if login == 0 && c.hurries(l) {
			login = crowdedLogin
		}
		if by := c.began.Add(login); login > 0 && by.Before(deadline) {
			deadline, c.late = by, true
		}
	}
	_ = c.nc.SetReadDeadline(deadline)
}

// limited reports whether the flood limit holds for this connection.
func (c *conn) limited() bool {
	if c.srv.Unlimited {
		return false
	}
	return c.client == nil || !c.client.User().IsBot() && !c.client.User().Moderates()
}

func (c *conn) finish(err error) {
	switch {
	case errors.Is(err, errInterrupted):
		c.End(endInterrupt)
	case errors.Is(err, errImpostor):
		c.impostor()
		c.out.Abort(err)
	case errors.Is(err, os.ErrDeadlineExceeded) && c.late:
		c.End(endTerminate)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.End(endHeartbeat)
	default: // the peer has gone, or the writer has closed
		c.out.Close(nil)
	}
}

// cleanup leaves everything and waits for the writer.
func (c *conn) cleanup(ctx context.Context) {
	c.leaveQueue()
	if c.client != nil {
		c.lose(ctx)
	}
	c.out.Close(nil)
	<-c.out.Done()
	c.depart()
	if errors.Is(c.out.Err(), client.ErrSlow) {
		c.srv.Counters.Slow.Add(1)
		c.srv.Log.Info("closed a client that does not read", "conn", c.ip, "user", c.userID())
	}
}

// lose waits for what the server does for the client meanwhile, which does not take long.
func (c *conn) lose(ctx context.Context) {
	done, err := c.client.Turn(context.WithoutCancel(ctx))
	if err != nil {
		return // it cannot be: nothing ends the wait
	}
	defer done()
	c.client.Lose(ctx)
}

func (c *conn) userID() int64 {
	if c.client == nil {
		return 0
	}
	return c.client.User().ID
}

// speaks reports whether the node may write. The first write is the greeting, which says
// nothing of what the node knows: a node that was given up says it too, before the reason
// for which it closes.
func (c *conn) speaks() bool { return c.spoke.CompareAndSwap(false, true) || c.srv.awake() }

// greet sends the first line of a connection, once: whatever else is written comes after.
func (c *conn) greet() { c.greeted.Do(func() { c.out.Send(wire.Greeting) }) }

// End closes the connection after a last line with the reason. It does not block.
func (c *conn) End(reason string) {
	if !c.met.Load() {
		c.out.Abort(net.ErrClosed)
		return
	}
	c.greet()
	c.out.Close(wire.AppendDisconnect(nil, reason))
}

// execute runs one line. It reports false if the connection is over.
func (c *conn) execute(ctx context.Context, raw []byte) (goOn bool) {
	line, ok := wire.ParseLine(raw)
	if !ok {
		c.srv.Counters.Dropped.Add(1)
		return true
	}
	defer c.caught(line.Command, &goOn)
	spec, known := wire.Commands[line.Command]
	if !known && wire.Silent(line.Command, c.client != nil) {
		return true
	}
	if c.client == nil && (!known || !spec.BeforeLogin) {
		c.deny(line.ID, "Unauthenticated")
		return true
	}
	if !known {
		c.noMatch(line)
		return true
	}
	request, err := spec.Decode(line.Args)
	if err != nil {
		c.badArguments(line, spec, err)
		return true
	}
	if c.client != nil {
		done, err := c.client.Turn(ctx)
		if err != nil {
			return false
		}
		defer done()
	}
	return handlers[line.Command](c, ctx, line.ID, request)
}

// caught is deferred: a command that panics ends neither server nor connection.
func (c *conn) caught(command string, goOn *bool) {
	if r := recover(); r != nil {
		c.srv.Counters.Panics.Add(1)
		c.srv.Log.Error("command panicked", "conn", c.ip, "user", c.userID(),
			"err", fmt.Sprint(r), "command", command, "stack", string(debug.Stack()))
		*goOn = true
	}
}

// reply answers the sender; every line gets the message id.
func (c *conn) reply(id string, lines []byte) {
	if id != "" {
		lines = wire.WithID(id, lines)
	}
	c.out.Send(lines)
}

func (c *conn) deny(id, reason string) {
	c.srv.Counters.Refused.Add(1)
	c.reply(id, wire.AppendDenied(nil, reason))
}

func (c *conn) message(id, text string) { c.reply(id, wire.AppendServerMsg(nil, text)) }

func (c *conn) noMatch(line wire.Line) {
	user := ""
	if c.client != nil {
		user = fmt.Sprint(c.client.User().ID)
	}
	c.reply(line.ID, wire.AppendNoMatch(nil, line.Command, line.Args, user))
}

// badArguments answers a known command whose arguments do not fit.
func (c *conn) badArguments(line wire.Line, spec wire.Spec, err error) {
	if errors.Is(err, wire.ErrIgnored) {
		return
	}
	if spec.InBattle {
		if _, in := c.client.Lobby(); !in {
			return
		}
	}
	c.noMatch(line)
}

// startTLS upgrades the connection, before the login: inside, what others do would
// be written into the handshake, and not while the queue may call the reader away from
// it. Nothing may be pipelined behind STLS: what was sent in plain text must not be
// taken for something said inside.
func (c *conn) startTLS(ctx context.Context, id string, _ wire.STLS) bool {
	if c.secure || c.srv.TLS == nil || c.client != nil || c.place != nil {
		c.noMatch(wire.Line{ID: id, Command: "STLS"})
		return true
	}
	c.reply(id, wire.AppendOK(nil, "STLS", ""))
	if err := c.out.Flush(ctx); err != nil || c.in.buffered() > 0 || c.front != nil && c.front.buffered() > 0 {
		c.out.Close(nil)
		return false
	}
	tc := tls.Server(c.nc, c.srv.TLS)
	hctx, stop := context.WithTimeout(ctx, handshakeTimeout)
	defer stop()
	if err := tc.HandshakeContext(hctx); err != nil {
		c.srv.Log.Debug("tls handshake not finished", "conn", c.ip, "err", err)
		c.out.Abort(err)
		return false
	}
	c.nc, c.secure = tc, true
	c.in = newLineReader(tc, c.srv.limits().lineBytes)
	c.out.Upgrade(tc)
	c.touched = time.Time{}
	c.touch(time.Now())
	c.reply(id, wire.Greeting)
	return true
}
