package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// password is what all accounts of a run have.
const password = "password"

// perSource is how many connections one source address makes: less than the
// system has ports for.
const perSource = 20_000

// denied is in every refusal of a registration or login, failed in that of a battle.
var (
	denied = []byte("DENIED ")
	failed = []byte("BATTLEFAILED ")
)

// queued tells a client to wait.
var queued = []byte("QUEUED\n")

// client is one connection. Its reader counts lines and waits for at most one
// text at a time; it keeps nothing.
type client struct {
	conn    net.Conn
	name    string
	total   *atomic.Int64 // lines read by all clients of a run
	lines   atomic.Int64
	watch   atomic.Pointer[watch]
	queued  atomic.Bool            // was told to wait for its turn
	refusal atomic.Pointer[string] // the last one
	done    chan struct{}
	err     error // why the reader ended; read after done
}

// watch is a text that the reader looks for.
type watch struct {
	text []byte
	seen chan time.Time // gets one
}

// connect opens connection number i of a run.
func connect(ctx context.Context, addr string, i, buffer int, total *atomic.Int64) (*client, error) {
	conn, err := dial(ctx, addr, i)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, total: total, done: make(chan struct{})}
	go c.read(make([]byte, buffer))
	return c, nil
}

func dial(ctx context.Context, addr string, i int) (net.Conn, error) {
	d := net.Dialer{}
	if i >= perSource {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i/perSource))}
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return conn, nil
}

// read counts what comes. The end of each piece is kept in front of the next as
// far as the watched text may have begun in it.
func (c *client) read(buf []byte) {
	defer close(c.done)
	kept := 0
	for {
		n, err := c.conn.Read(buf[kept:])
		if n > 0 {
			lines := int64(bytes.Count(buf[kept:kept+n], []byte{'\n'}))
			c.lines.Add(lines)
			c.total.Add(lines)
			kept = c.look(buf, kept+n)
		}
		if err != nil {
			c.err = err
			return
		}
	}
}

func (c *client) look(buf []byte, n int) (kept int) {
	w := c.watch.Load()
	if w == nil {
		return 0
	}
	if bytes.Contains(buf[:n], w.text) {
		c.watch.Store(nil)
		w.seen <- time.Now()
		return 0
	}
	if n < 256 && bytes.Contains(buf[:n], queued) {
		c.queued.Store(true)
	}
	if bytes.Contains(buf[:n], denied) || bytes.Contains(buf[:n], failed) {
		c.refuse(buf[:n])
		c.watch.Store(nil)
		w.seen <- time.Time{} // no time: refused
		return 0
	}
	kept = min(len(w.text)-1, n)
	copy(buf, buf[n-kept:n])
	return kept
}

// refuse keeps the line that refuses.
func (c *client) refuse(b []byte) {
	_, line, found := bytes.Cut(b, denied)
	if !found {
		_, line, _ = bytes.Cut(b, failed)
	}
	line, _, _ = bytes.Cut(line, []byte{'\n'})
	text := string(line)
	c.refusal.Store(&text)
}

// reason is that of the last refusal, empty if there was none.
func (c *client) reason() string {
	if text := c.refusal.Load(); text != nil {
		return *text
	}
	return ""
}

// expect begins to look for a text; the result gets the time at which it was read.
func (c *client) expect(text string) <-chan time.Time {
	w := &watch{text: []byte(text), seen: make(chan time.Time, 1)}
	c.watch.Store(w)
	return w.seen
}

// ask sends a line and waits for a text in the answer.
func (c *client) ask(ctx context.Context, line, text string) (time.Duration, error) {
	seen := c.expect(text)
	began := time.Now()
	if err := c.send(line); err != nil {
		return 0, err
	}
	select {
	case at := <-seen:
		if at.IsZero() {
			return 0, fmt.Errorf("%s sent %.40q and was denied: %s", c.name, line, c.reason())
		}
		return at.Sub(began), nil
	case <-c.done:
		return 0, fmt.Errorf("%s waited for %q: %w", c.name, text, c.why())
	case <-ctx.Done():
		return 0, fmt.Errorf("%s waited for %q: %w", c.name, text, ctx.Err())
	}
}

func (c *client) why() error {
	if errors.Is(c.err, io.EOF) {
		return errors.New("the server closed the connection")
	}
	return c.err
}

func (c *client) send(line string) error {
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (c *client) open() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

func (c *client) close() {
	_ = c.conn.Close()
	<-c.done
}

func hash() string {
	sum := md5.Sum([]byte(password)) //nolint:gosec // the protocol asks for it
	return base64.StdEncoding.EncodeToString(sum[:])
}

func registerLine(name string) string {
	return fmt.Sprintf("REGISTER %s %s %s@example.com", name, hash(), name)
}

func loginLine(name string) string {
	return fmt.Sprintf("LOGIN %s %s 0 * LuaLobby Chobby:load\t1234567890 deadbeef\tsp b", name, hash())
}

// crowd is the clients of a run.
type crowd struct {
	addrs   []string
	prefix  string
	buffer  int
	total   atomic.Int64
	mu      sync.Mutex // of clients while they come and are kept alive at once
	clients []*client
}

// newCrowd makes n names but no connections. Clients are spread over the addresses.
func newCrowd(addrs []string, n int) *crowd {
	c := &crowd{addrs: addrs, prefix: fmt.Sprintf("L%d", time.Now().UnixNano()%1_000_000_000), buffer: 32 << 10, clients: make([]*client, n)}
	if n > 2000 {
		c.buffer = 4 << 10
	}
	return c
}

func (c *crowd) name(i int) string { return fmt.Sprintf("%sn%d", c.prefix, i) }

// each does something for all numbers on some goroutines and returns the first error.
func (c *crowd) each(ctx context.Context, workers int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(c.clients)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(c.clients) || ctx.Err() != nil {
					return
				}
				if err := f(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// pingEvery keeps connections from being idle while the others log in, as real
// clients do.
const pingEvery = 40 * time.Second

// keepAlive pings everybody until ctx ends.
func (c *crowd) keepAlive(ctx context.Context) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.mu.Lock()
			all := slices.Clone(c.clients)
			c.mu.Unlock()
			for _, cl := range all {
				_ = cl.send("PING") // who has gone is noticed by who waits for it
			}
		}
	}
}

// connect opens all connections and registers their accounts; they are kept alive
// until ctx ends.
func (c *crowd) connect(ctx context.Context, workers int) error {
	defer func() { go c.keepAlive(ctx) }()
	return c.each(ctx, workers, func(ctx context.Context, i int) error {
		cl, err := connect(ctx, c.addrs[i%len(c.addrs)], i, c.buffer, &c.total)
		if err != nil {
			return err
		}
		cl.name = c.name(i)
		c.clients[i] = cl
		_, err = cl.ask(ctx, registerLine(cl.name), "REGISTRATIONACCEPTED\n")
		return err
	})
}

// login logs all in and returns how long each waited for LOGININFOEND.
func (c *crowd) login(ctx context.Context, workers int) ([]time.Duration, error) {
	took := make([]time.Duration, len(c.clients))
	err := c.each(ctx, workers, func(ctx context.Context, i int) (err error) {
		took[i], err = c.clients[i].ask(ctx, loginLine(c.clients[i].name), "LOGININFOEND\n")
		return err
	})
	return took, err
}

// comeBack has all log out, waits until the last has gone, and connects them again.
func (c *crowd) comeBack(ctx context.Context, workers int) error {
	err := c.each(ctx, workers, func(ctx context.Context, i int) error {
		cl := c.clients[i]
		if err := cl.send("EXIT"); err != nil {
			return fmt.Errorf("%s leaves: %w", cl.name, err)
		}
		select {
		case <-cl.done:
			cl.close()
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%s leaves: %w", cl.name, ctx.Err())
		}
	})
	if err != nil {
		return err
	}
	return c.each(ctx, workers, func(ctx context.Context, i int) error {
		cl, err := connect(ctx, c.addrs[i%len(c.addrs)], i, c.buffer, &c.total)
		if err != nil {
			return err
		}
		cl.name = c.name(i)
		c.mu.Lock() // who pings looks there
		c.clients[i] = cl
		c.mu.Unlock()
		_, err = cl.ask(ctx, "#4242 PING", "#4242 PONG\n")
		return err
	})
}

// settle waits until every client has read what the server had for it.
func (c *crowd) settle(ctx context.Context) error {
	return c.each(ctx, 64, func(ctx context.Context, i int) error {
		_, err := c.clients[i].ask(ctx, "#4242 PING", "#4242 PONG\n")
		return err
	})
}

// join brings all into channel main.
func (c *crowd) join(ctx context.Context, workers int) error {
	return c.each(ctx, workers, func(ctx context.Context, i int) error {
		_, err := c.clients[i].ask(ctx, "JOIN main", "\nCLIENTS main ")
		return err
	})
}

// dropped counts the clients whose connection has ended.
func (c *crowd) dropped() int {
	n := 0
	for _, cl := range c.clients {
		if cl == nil || !cl.open() {
			n++
		}
	}
	return n
}

func (c *crowd) close() {
	for _, cl := range c.clients {
		if cl != nil {
			cl.close()
		}
	}
}
