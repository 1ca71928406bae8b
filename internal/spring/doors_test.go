package spring

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/limit"
	"teiserver/internal/setting"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// TestDoors: who comes too often, who has too many connections, and who fills the node
// with strangers is turned down; what has become of a connection counts.
func TestDoors(t *testing.T) {
	t.Parallel()
	var d doors
	var c DoorCounters
	l := &limits{connects: limit.PerMinute(100), perAddress: 4, strangersEach: 2, strangers: 5}
	enter := func(key, want string) {
		t.Helper()
		if got := d.enter(key, l, &c, noon); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	enter("a", "")
	enter("a", "")
	enter("a", endCrowd) // two strangers
	d.move("a", stranger, guest)
	enter("a", "")
	d.move("a", stranger, player)
	d.move("a", stranger, host)
	enter("a", "") // a guest, a player and this one; hosts do not count
	enter("a", "")
	enter("a", endCrowd) // four
	d.leave("a", player)
	d.leave("a", stranger)
	enter("a", "")
	enter("b", "")
	enter("c", "")
	if !d.crowded(5) || d.crowded(9) || d.crowded(0) {
		t.Errorf("%d strangers", d.strangers())
	}
	enter("d", "")
	enter("e", endUnavailable) // five strangers
	enter("", "")              // a network without limits
	for _, s := range []standing{guest, host, stranger, stranger} {
		d.leave("a", s)
	}
	for _, key := range []string{"b", "c", "d", ""} {
		d.leave(key, stranger)
	}
	if len(d.from) != 0 || d.all != 0 {
		t.Errorf("left over: %v, %d", d.from, d.all)
	}
	if c.Address.Load() != 2 || c.Strangers.Load() != 1 || c.Connects.Load() != 0 {
		t.Errorf("counted %d %d %d", c.Address.Load(), c.Strangers.Load(), c.Connects.Load())
	}
	for range 100 - 8 { // of a: eight were counted
		if d.enter("a", l, &c, noon) == "" {
			d.leave("a", stranger)
		}
	}
	enter("a", endConnects)
	enter("f", "")
}

// TestSlowLoris: who sends a byte now and then, and never a line, is closed as one who
// sends nothing.
func TestSlowLoris(t *testing.T) {
	serveTest(t, func(t *testing.T, _ *Server, _ *siteStore, dial func() *peer) {
		a := dial()
		a.want("TASSERVER ")
		began := time.Now()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-time.After(5 * time.Second):
					_, _ = a.conn.Write([]byte("P")) // until it is closed
				case <-stop:
					return
				}
			}
		}()
		a.want("s.system.disconnect Heartbeat")
		if took := time.Since(began); took != 120*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// addressed is one end of a pipe that says it comes from an address.
type addressed struct {
	net.Conn
	from net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.from }

func from(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 40000} }

// TestStrangersHurry: when half of the strangers that a node takes are there, they have
// a minute to log in, pings or not; before, any time.
func TestStrangersHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Options{Settings: setting.Fixed(map[string]string{"spring.strangers": "4"}), Log: slog.New(slog.DiscardHandler)})
		ended := func(ip string) (*peer, func() string) {
			ours, theirs := net.Pipe()
			if !s.start(context.Background(), addressed{ours, from(ip)}, false) {
				t.Fatal("not taken")
			}
			p := newPeer(t, theirs)
			p.want("TASSERVER ")
			return p, func() string {
				for {
					select {
					case <-time.After(25 * time.Second):
						p.send("PING\n")
						if line := <-p.lines; line != "PONG" {
							return line
						}
					case line := <-p.lines:
						return line
					}
				}
			}
		}
		first, _ := ended("10.0.0.1")
		for range 20 { // ten minutes
			<-time.After(30 * time.Second)
			first.send("PING\n")
			first.want("PONG")
		}
		_, end := ended("10.0.0.2")
		began := time.Now()
		if line := end(); line != "s.system.disconnect Terminate" || time.Since(began) != time.Minute {
			t.Errorf("%q after %v", line, time.Since(began))
		}
		stop, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(stop, "over"); err != nil {
			t.Error(err)
		}
		if s.Strangers() != 0 {
			t.Errorf("%d strangers are left", s.Strangers())
		}
	})
}

// TestUnlimitedDoors: a server without limits turns nobody down and hurries nobody, though
// thousands register before they log in.
func TestUnlimitedDoors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Options{Unlimited: true, Settings: setting.Fixed(map[string]string{
			"spring.strangers": "2", "spring.strangers_per_address": "1", "spring.connects_per_minute": "1", "limit.unlimited_networks": "",
		}), Log: slog.New(slog.DiscardHandler)})
		var all []*peer
		for range 5 {
			ours, theirs := net.Pipe()
			if !s.start(context.Background(), addressed{ours, from("127.0.0.1")}, false) {
				t.Fatal("not taken")
			}
			all = append(all, newPeer(t, theirs))
			all[len(all)-1].want("TASSERVER ")
		}
		for range 3 {
			<-time.After(50 * time.Second)
			for _, p := range all {
				p.send("PING\n")
				p.want("PONG")
			}
		}
		if err := s.Shutdown(context.Background(), "over"); err != nil {
			t.Error(err)
		}
	})
}

// TestTurnedDown: over a real socket, who may not come in reads why; over TLS the
// connection ends.
func TestTurnedDown(t *testing.T) {
	t.Parallel()
	settings := setting.Fixed(map[string]string{"spring.strangers_per_address": "2", "limit.unlimited_networks": ""})
	addr, s := listen(t, Options{Settings: settings})
	var in []*peer
	for range 2 {
		p := newPeer(t, connect(t, addr))
		p.want("TASSERVER ")
		in = append(in, p)
	}
	third := newPeer(t, connect(t, addr))
	third.want("TASSERVER ")
	third.want("s.system.disconnect Too many connections from your address")
	if line, open := <-third.lines; open {
		t.Errorf("got %q, and the connection is open", line)
	}
	in[0].send("EXIT\n")
	in[0].want("s.system.disconnect Terminate")
	for range in[0].lines {
	}
	for s.Strangers() != 1 { // it is the last that a connection does
		<-time.After(time.Millisecond)
	}
	fourth := newPeer(t, connect(t, addr))
	fourth.want("TASSERVER ")
	fourth.send("PING\n")
	fourth.want("PONG")
	if n := s.Doors.Address.Load(); n != 1 {
		t.Errorf("%d are counted", n)
	}
}

// TestConnectFlood: one address connects as fast as it can; beyond its rate it is turned
// down, and another address is taken meanwhile.
func TestConnectFlood(t *testing.T) {
	t.Parallel()
	settings := setting.Fixed(map[string]string{"spring.connects_per_minute": "20", "limit.unlimited_networks": "127.9.9.9"})
	addr, s := listen(t, Options{Settings: settings})
	for i := range 40 {
		p := newPeer(t, connect(t, addr))
		p.want("TASSERVER ")
		if i < 20 {
			_ = p.conn.Close()
			continue
		}
		if line := <-p.lines; line != "s.system.disconnect Too many connections from your address, please wait a minute" {
			// Twenty a minute are one in three seconds, which may have passed.
			if line != "" && s.Doors.Connects.Load() < 10 {
				t.Errorf("%d: %q", i, line)
			}
		}
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 9, 9, 9)}}
	nc, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	other := newPeer(t, nc)
	other.want("TASSERVER ")
	other.send("PING\n")
	other.want("PONG")
}

// listen serves a real socket until the test ends.
func listen(t *testing.T, o Options) (string, *Server) {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s := NewServer(o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln, o.TLS != nil) }()
	t.Cleanup(func() {
		_ = ln.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx, "over"); err != nil {
			t.Error(err)
		}
		if s.Strangers() != 0 || len(s.doors.from) != 0 {
			t.Errorf("the doors still count %d, %v", s.Strangers(), s.doors.from)
		}
	})
	return ln.Addr().String(), s
}

// connect is closed when the test ends, and fails after a minute.
func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return nc
}

// rest reads what is left of a connection.
func rest(t *testing.T, nc net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(nc)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(fmt.Errorf("read to the end: %w", err))
	}
	return string(b)
}
