package springclient

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Agents that LOGIN names. The server shows their leading letters and blanks.
const (
	PlayerAgent = "LuaLobby Chobby:test"
	HostAgent   = "SPADS v0.13"
)

// writeLimit bounds a Send: a server that does not read for so long is broken.
const writeLimit = 20 * time.Second

// handshakeLimit bounds a TLS handshake.
const handshakeLimit = 20 * time.Second

// Client is one connection. A goroutine reads it until the connection ends or
// Close is called. All methods are safe for concurrent use.
type Client struct {
	flavor Flavor
	done   chan struct{} // closed when the reader has ended

	writeMu sync.Mutex // serializes writers and the change to TLS
	conn    net.Conn

	mu      sync.Mutex
	lines   []string
	cursor  int           // Expect looks from here
	changed chan struct{} // closed at the next line; nil while nobody waits
	ended   error         // why the reader ended
	model   *Model
	serial  int           // of the last message id used by Ping
	upgrade chan error    // not nil: the next OK starts TLS and its result goes here
	stalled chan struct{} // not nil: the reader waits here before it reads on
	closing bool
}

// Dial connects in plain text.
func Dial(ctx context.Context, addr string, flavor Flavor) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return start(conn, flavor), nil
}

// DialTLS connects to a port that speaks TLS from the first byte. The
// certificate is not verified: a test server signs its own.
func DialTLS(ctx context.Context, addr string, flavor Flavor) (*Client, error) {
	d := tls.Dialer{Config: insecure()}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s with TLS: %w", addr, err)
	}
	return start(conn, flavor), nil
}

// New makes a client of a connection that exists, for example one end of net.Pipe.
func New(conn net.Conn, flavor Flavor) *Client { return start(conn, flavor) }

func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // test servers sign their own
}

func start(conn net.Conn, flavor Flavor) *Client {
	c := &Client{flavor: flavor, conn: conn, done: make(chan struct{}), model: NewModel(flavor)}
	go c.read(conn)
	return c
}

// read is the one reader of the connection.
func (c *Client) read(conn net.Conn) {
	defer close(c.done)
	in := bufio.NewReaderSize(conn, 16<<10)
	for {
		if gate := c.gate(); gate != nil {
			<-gate
		}
		line, err := in.ReadString('\n')
		if err != nil {
			c.end(err, line)
			return
		}
		up := c.take(strings.TrimSuffix(line, "\n"))
		if up == nil {
			continue
		}
		secure, err := c.secure(conn, in)
		if err == nil {
			conn, in = secure, bufio.NewReaderSize(secure, 16<<10)
		}
		up <- err
		if err != nil {
			c.end(err, "")
			return
		}
	}
}

func (c *Client) gate() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stalled
}

// take stores a line and returns the waiter of a TLS upgrade if this line starts it.
func (c *Client) take(line string) (upgrade chan error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	c.model.Line(line)
	c.wake()
	if _, rest := splitID(line); rest == "OK cmd=STLS" {
		upgrade, c.upgrade = c.upgrade, nil
	}
	return upgrade
}

func (c *Client) end(err error, rest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rest != "" && !c.closing {
		c.lines = append(c.lines, rest)
		c.model.violate("the connection ended inside a line", rest)
	}
	c.ended = err
	c.wake()
}

// wake tells the waiters; c.mu is held.
func (c *Client) wake() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// wait returns a channel that is closed at the next change; c.mu is held.
func (c *Client) wait() chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// secure makes the TLS handshake on the reader's goroutine.
func (c *Client) secure(conn net.Conn, in *bufio.Reader) (net.Conn, error) {
	if n := in.Buffered(); n > 0 {
		return nil, fmt.Errorf("start TLS: %d bytes of plain text after OK", n)
	}
	secure := tls.Client(conn, insecure())
	ctx, cancel := context.WithTimeout(context.Background(), handshakeLimit)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("start TLS: %w", err)
	}
	c.writeMu.Lock()
	c.conn = secure
	c.writeMu.Unlock()
	return secure, nil
}

// StartTLS changes the connection to TLS by STLS. The greeting is repeated inside.
func (c *Client) StartTLS(ctx context.Context) error { return c.StartTLSBy(ctx, "STLS") }

// StartTLSBy is StartTLS by another name of the command.
func (c *Client) StartTLSBy(ctx context.Context, command string) error {
	up := make(chan error, 1)
	c.mu.Lock()
	c.upgrade = up
	c.mu.Unlock()
	if err := c.Send("%s", command); err != nil {
		return err
	}
	select {
	case err := <-up:
		return err
	case <-c.done:
		return fmt.Errorf("start TLS: connection ended: %w", c.Ended())
	case <-ctx.Done():
		return fmt.Errorf("start TLS: %w\n%s", ctx.Err(), c.Tail(20))
	}
}

// Send writes one line.
func (c *Client) Send(format string, args ...any) error {
	line := format
	if len(args) > 0 {
		line = fmt.Sprintf(format, args...)
	}
	return c.SendRaw([]byte(line + "\n"))
}

// SendRaw writes bytes as they are.
func (c *Client) SendRaw(b []byte) error {
	c.mu.Lock()
	for line := range strings.Lines(string(b)) {
		c.model.Sent(strings.TrimSuffix(line, "\n"))
	}
	c.mu.Unlock()
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if _, err := c.conn.Write(b); err != nil {
		return fmt.Errorf("send %d bytes: %w", len(b), err)
	}
	return nil
}

// Stall stops reading before the next read, until Close.
func (c *Client) Stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stalled == nil {
		c.stalled = make(chan struct{})
	}
	if t, ok := c.conn.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(4 << 10) // so that the server's side fills up soon
	}
}

// Close ends the connection and waits for the reader.
func (c *Client) Close() { c.stop(false) }

// Cut ends the connection abruptly, with a reset, and waits for the reader.
func (c *Client) Cut() { c.stop(true) }

func (c *Client) stop(reset bool) {
	c.mu.Lock()
	c.closing = true
	stalled := c.stalled
	c.stalled = nil
	c.mu.Unlock()
	c.writeMu.Lock()
	conn := c.conn
	c.writeMu.Unlock()
	if t, ok := conn.(*net.TCPConn); ok && reset {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
	if stalled != nil {
		close(stalled)
	}
	<-c.done
}

// Quit says EXIT, waits for the server to close, and closes.
func (c *Client) Quit(ctx context.Context) error {
	defer c.Close()
	if err := c.Send("EXIT"); err != nil {
		return err
	}
	return c.WaitClosed(ctx)
}

// WaitClosed waits until the server has closed the connection.
func (c *Client) WaitClosed(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the connection to end: %w\n%s", ctx.Err(), c.Tail(20))
	}
}

// Ended returns why the connection ended: io.EOF if the server closed it, nil if it is open.
func (c *Client) Ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Open reports whether the connection has not ended.
func (c *Client) Open() bool { return c.Ended() == nil }

// Dropped reports whether the server ended the connection.
func (c *Client) Dropped() bool {
	err := c.Ended()
	return errors.Is(err, io.EOF) || err != nil && !errors.Is(err, net.ErrClosed)
}

// LocalAddr is the client's side of the connection.
func (c *Client) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// Hash is a password as clients send it.
func Hash(password string) string {
	sum := md5.Sum([]byte(password)) //nolint:gosec // the protocol asks for it
	return base64.StdEncoding.EncodeToString(sum[:])
}
