package spring

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// headerTimeout bounds how long a balancer may take to say for whom it connects. It knows
// that when it does: the header is the first that it sends.
const headerTimeout = 5 * time.Second

// headerBuffer holds a header, but for very long additions.
const headerBuffer = 256

// errImpostor says that a PROXY header came from an address that may not send one.
var errImpostor = errors.New("spring: PROXY header from an address that is not in --spring-proxy-from")

// errLooked says that a balancer has only looked whether we are there.
var errLooked = errors.New("spring: nothing was said")

// fronted is a connection that a balancer makes for somebody else: it begins with a PROXY
// header, before TLS too.
type fronted struct {
	net.Conn
	early *bufio.Reader // what was read behind the header; nil: nothing
}

// origin reads the header and returns who has connected. It is not valid if the balancer
// connects for itself, to see whether we are there.
func (f *fronted) origin(timeout time.Duration) (netip.Addr, error) {
	if err := f.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return netip.Addr{}, fmt.Errorf("read PROXY header: %w", err)
	}
	in := bufio.NewReaderSize(f.Conn, headerBuffer)
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return netip.Addr{}, errLooked
	}
	h, err := proxyproto.Read(in)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("read PROXY header: %w", err)
	}
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return netip.Addr{}, fmt.Errorf("read PROXY header: %w", err)
	}
	if in.Buffered() > 0 {
		f.early = in
	}
	if h.Command.IsLocal() || h.TransportProtocol.IsUnspec() {
		return netip.Addr{}, nil
	}
	from, _, ok := h.TCPAddrs()
	if !ok {
		return netip.Addr{}, errors.New("read PROXY header: it is not of a TCP connection")
	}
	a, ok := netip.AddrFromSlice(from.IP)
	if !ok {
		return netip.Addr{}, errors.New("read PROXY header: no address in it")
	}
	return a.Unmap(), nil
}

// Read returns first what came with the header.
func (f *fronted) Read(b []byte) (int, error) {
	if f.early == nil {
		return f.Conn.Read(b)
	}
	n, err := f.early.Read(b)
	if f.early.Buffered() == 0 {
		f.early = nil
	}
	return n, err
}

// buffered is what came with the header and is not read yet.
func (f *fronted) buffered() int {
	if f.early == nil {
		return 0
	}
	return f.early.Buffered()
}

// direct is a connection from an address that may not speak for others: a PROXY header
// ends it, so that an operator sees what is wrong, and nobody takes it for commands.
type direct struct {
	net.Conn
	begun bool
}

// Read looks at what comes first.
func (d *direct) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	if !d.begun && n > 0 {
		d.begun = true
		if bytes.HasPrefix(b[:n], []byte("PROXY ")) || bytes.HasPrefix(b[:n], proxyproto.SIGV2) {
			return 0, errImpostor
		}
	}
	return n, err
}

// introduce learns who has connected, if a balancer has, and asks the doors.
func (c *conn) introduce() bool {
	if c.front == nil {
		return true // was asked before
	}
	from, err := c.front.origin(headerTimeout)
	if err != nil {
		c.out.Abort(err)
		if errors.Is(err, errLooked) || errors.Is(err, net.ErrClosed) { // the second: we did
			return false
		}
		c.srv.Doors.Headers.Add(1)
		if c.srv.headerless.may(time.Now()) {
			c.srv.Log.Warn("no PROXY header from a balancer", "conn", c.ip, "err", err)
		}
		return false
	}
	if from.IsValid() {
		c.ip = from.String()
	}
	c.met.Store(true)
	why := c.knock()
	switch {
	case why == "":
		return true
	case c.secure:
		c.out.Abort(errors.New(why)) // no handshake is made for it
	default:
		c.End(why)
	}
	return false
}

// impostor notes a header that nobody may send.
func (c *conn) impostor() {
	c.srv.Doors.Headers.Add(1)
	if c.srv.impostors.may(time.Now()) {
		c.srv.Log.Warn("PROXY header from an address that is not in --spring-proxy-from", "conn", c.ip)
	}
}
