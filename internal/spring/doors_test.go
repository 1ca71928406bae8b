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

	"teiserver/internal/account"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/limit"
	"teiserver/internal/setting"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// doorstep is where visitors of a test come.
type doorstep struct {
	*testing.T
	doors
	DoorCounters
	l    *limits
	gone []*visitor // for whom they made room
}

func (d *doorstep) enter(key, want string) (v *visitor) {
	d.Helper()
	v = newVisitor(key, func() { d.gone = append(d.gone, v) })
	if got := d.doors.enter(v, d.l, &d.DoorCounters, noon); got != want {
		d.Errorf("%s: %q, want %q", key, got, want)
	}
	return v
}

func (d *doorstep) empty() {
	d.Helper()
	if len(d.from) != 0 || d.strangers() != 0 || len(d.crowd.of) != 0 || len(d.crowd.with) != 0 || d.crowd.most != 0 {
		d.Errorf("left over: %v, %d, %v", d.from, d.strangers(), &d.crowd)
	}
}

// TestDoors: who comes too often, who has too many connections, and who fills the node
// with strangers is turned down; what has become of a connection counts.
func TestDoors(t *testing.T) {
	t.Parallel()
	d := doorstep{T: t, l: &limits{connects: limit.PerMinute(100), perAddress: 4, strangersEach: 2, strangers: 4}}
	a := []*visitor{d.enter("a", ""), d.enter("a", "")}
	d.enter("a", endCrowd) // two strangers
	d.move(a[0], guest)
	a = append(a, d.enter("a", ""))
	d.move(a[1], player)
	d.move(a[2], host)
	a = append(a, d.enter("a", ""), d.enter("a", "")) // hosts do not count
	d.enter("a", endCrowd)                            // four
	d.leave(a[1])
	d.leave(a[3])
	a = append(a, d.enter("a", "")) // two strangers and a guest
	free := []*visitor{d.enter("", ""), d.enter("", ""), d.enter("", "")}
	if !d.crowded(4) || d.crowded(5) || d.crowded(0) {
		t.Errorf("%d strangers that are limited", d.crowd.size())
	}
	b, c := d.enter("b", ""), d.enter("c", "")
	if d.strangers() != 7 || len(d.gone) != 0 {
		t.Errorf("%d strangers, %d had to go", d.strangers(), len(d.gone))
	}
	d.move(b, player)
	d.enter("e", "")
	f := d.enter("f", "") // a has most
	if len(d.gone) != 1 || d.gone[0] != a[4] {
		t.Errorf("had to go: %v", d.gone)
	}
	d.move(a[4], player) // too late
	for _, v := range []*visitor{a[0], a[2], a[4], a[4], a[5], b, c, f, free[0], free[1], free[2]} {
		d.leave(v)
	}
	d.leave(d.crowd.oldest("nobody")) // e
	d.empty()
	if d.Address.Load() != 2 || d.Strangers.Load() != 1 || d.Connects.Load() != 0 {
		t.Errorf("counted %d %d %d", d.Address.Load(), d.Strangers.Load(), d.Connects.Load())
	}
	for range 100 - 8 { // of a: eight were counted
		d.leave(d.enter("a", ""))
	}
	d.enter("a", endConnects)
	d.leave(d.enter("f", ""))
	d.empty()
}

// TestFullOfOne: who has very many networks fills no more than its part of a node, and makes
// room for everybody else.
func TestFullOfOne(t *testing.T) {
	t.Parallel()
	d := doorstep{T: t, l: &limits{connects: limit.PerMinute(1000), strangersEach: 5, strangers: 30}}
	var all []*visitor
	for i := range 20 { // of 48 bits: four times what one of 64 has
		all = append(all, d.enter(limit.Key(fmt.Sprintf("2001:db8:1:%x::1", i)), ""))
	}
	d.enter(limit.Key("2001:db8:1:7777::1"), endCrowd)
	for i := range 10 {
		all = append(all, d.enter(fmt.Sprintf("10.0.0.%d", i), ""))
	}
	for i := range 19 { // the node is full: the oldest of the largest go
		all = append(all, d.enter(limit.Key(fmt.Sprintf("2001:db8:2:%x::1", i%10)), map[bool]string{true: "", false: endUnavailable}[i < 10]))
	}
	if len(d.gone) != 10 {
		t.Fatalf("%d had to go, want 10: then both have as many", len(d.gone))
	}
	for i, v := range d.gone {
		if v != all[i] {
			t.Errorf("%d: %s had to go", i, v.key)
		}
	}
	d.enter("10.1.0.1", "") // one of two that have ten each
	if d.gone[10] != all[10] {
		t.Errorf("%s had to go", d.gone[10].key)
	}
	if d.strangers() != 30 {
		t.Errorf("%d strangers", d.strangers())
	}
}

// TestEverybodyIsAlone: when no two strangers are of one network the oldest makes room.
func TestEverybodyIsAlone(t *testing.T) {
	t.Parallel()
	d := doorstep{T: t, l: &limits{strangers: 3}}
	var all []*visitor
	for i := range 9 {
		all = append(all, d.enter(fmt.Sprintf("10.0.0.%d", i), ""))
	}
	if len(d.gone) != 6 || d.gone[0] != all[0] || d.gone[5] != all[5] {
		t.Errorf("%d had to go", len(d.gone))
	}
	d.enter("10.0.0.8", endUnavailable) // it has as many as anybody
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
	synctest.Test(t, func(t *testing.T) {
		settings := setting.Fixed(map[string]string{"spring.connects_per_minute": "20"})
		s := NewServer(Options{Settings: settings, Log: slog.New(slog.DiscardHandler)})
		come := func(ip string, taken bool) *peer {
			t.Helper()
			ours, theirs := net.Pipe()
			p := newPeer(t, theirs)
			if s.start(context.Background(), addressed{ours, from(ip)}, false) != taken {
				t.Errorf("taken: %v", !taken)
			}
			p.want("TASSERVER ")
			if !taken {
				p.want("s.system.disconnect " + endConnects)
				_ = ours.Close() // as Serve does
			}
			return p
		}
		for i := range 40 {
			come("10.0.0.1", i < 20)
		}
		if n := s.Doors.Connects.Load(); n != 20 {
			t.Errorf("%d are counted, want 20", n)
		}
		other := come("10.0.0.2", true)
		other.send("PING\n")
		other.want("PONG")
		<-time.After(3 * time.Second)
		come("10.0.0.1", true)
		come("10.0.0.1", false)
		if err := s.Shutdown(context.Background(), "over"); err != nil {
			t.Error(err)
		}
	})
}

// TestRoomForANewcomer: on a node that is full of strangers, one of the network that has most
// is told that it has to go.
func TestRoomForANewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Options{Settings: setting.Fixed(map[string]string{"spring.strangers": "3"}), Log: slog.New(slog.DiscardHandler)})
		come := func(ip string) *peer {
			ours, theirs := net.Pipe()
			if !s.start(context.Background(), addressed{ours, from(ip)}, false) {
				t.Fatal("not taken")
			}
			p := newPeer(t, theirs)
			p.want("TASSERVER ")
			return p
		}
		first := come("10.0.0.1")
		old, young := come("2001:db8:1:1::1"), come("2001:db8:1:2::1")
		newcomer := come("10.0.0.2")
		old.want("s.system.disconnect Server unavailable, please try again")
		if line, open := <-old.lines; open {
			t.Errorf("it goes on: %q", line)
		}
		for _, p := range []*peer{first, young, newcomer} {
			p.send("PING\n")
			p.want("PONG")
		}
		if n := s.Strangers(); n != 3 {
			t.Errorf("%d strangers", n)
		}
		if err := s.Shutdown(context.Background(), "over"); err != nil || s.Strangers() != 0 {
			t.Error(err, s.Strangers())
		}
	})
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

// oneUser is a store of accounts with one user.
type oneUser struct {
	account.Store
	u *account.User
}

func (o *oneUser) InsertUser(_ context.Context, u *account.User, _ ...account.With) ([]cache.Change, error) {
	o.u = u
	return nil, nil
}

func (o *oneUser) UserIDByName(context.Context, string) (int64, error) { return o.u.ID, nil }

func (o *oneUser) UserByID(context.Context, int64) (*account.User, error) { return o.u, nil }

// TestWhoWaitsForALetter: who has said who it is and waits for its code is no stranger, and
// has the time that a letter takes, however many strangers there are.
func TestWhoWaitsForALetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := setting.Fixed(map[string]string{"spring.strangers": "2", "account.agreement_version": "3", "account.verify_email": "true"})
		store := &oneUser{}
		accounts := account.NewService(store, nil, func(context.Context) (int64, error) { return 1, nil }, settings, account.Options{Cheap: true})
		s := NewServer(Options{Settings: settings, Accounts: accounts, Log: slog.New(slog.DiscardHandler)})
		come := func(ip string) *peer {
			ours, theirs := net.Pipe()
			if !s.start(context.Background(), addressed{ours, from(ip)}, false) {
				t.Fatal("not taken")
			}
			p := newPeer(t, theirs)
			p.want("TASSERVER ")
			return p
		}
		const password = "X03MO1qnZdYdgyfeuILPmQ=="
		if _, err := accounts.Create(t.Context(), account.NewUser{Name: "Erin", Password: password}); err != nil {
			t.Fatal(err)
		}
		stranger, waits := come("10.0.0.1"), come("10.0.0.2")
		waits.send(loginLine)
		for line := range waits.lines {
			if line == "AGREEMENTEND" {
				break
			}
			if !strings.HasPrefix(line, "AGREEMENT ") {
				t.Fatalf("got %q", line)
			}
		}
		began := time.Now()
		stranger.want("s.system.disconnect Terminate")
		if took := time.Since(began); took != time.Minute {
			t.Errorf("a stranger has %v", took)
		}
		for range 9 {
			waits.send("PING\n")
			waits.want("PONG")
			<-time.After(time.Minute)
		}
		if n := s.Strangers(); n != 0 {
			t.Errorf("%d strangers", n)
		}
		if err := s.Shutdown(context.Background(), "over"); err != nil {
			t.Error(err)
		}
	})
}
