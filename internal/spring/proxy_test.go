package spring

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"

	"teiserver/internal/setting"
	"teiserver/internal/spring/certificate"
)

var balancer = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// version2 is a header for somebody.
func version2(t *testing.T, ip string, command proxyproto.ProtocolVersionAndCommand) []byte {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(2, from(ip), from(map[bool]string{true: "10.0.0.9", false: "2001:db8::9"}[net.ParseIP(ip).To4() != nil]))
	h.Command = command
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOrigin: who has connected, by each form of the header, with lines behind it or not.
func TestOrigin(t *testing.T) {
	t.Parallel()
	udp := version2(t, "203.0.113.7", proxyproto.PROXY)
	udp[13] = byte(proxyproto.UDPv4)
	for name, tc := range map[string]struct {
		header string
		want   string // "" is the balancer itself
		err    string
	}{
		"v1":                {"PROXY TCP4 203.0.113.7 10.0.0.9 40000 8200\r\n", "203.0.113.7", ""},
		"v1, IPv6":          {"PROXY TCP6 2001:db8::1 2001:db8::9 40000 8200\r\n", "2001:db8::1", ""},
		"v1, mapped":        {"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:10.0.0.9 40000 8200\r\n", "203.0.113.7", ""},
		"v1, unknown":       {"PROXY UNKNOWN\r\n", "", ""},
		"v2":                {string(version2(t, "203.0.113.7", proxyproto.PROXY)), "203.0.113.7", ""},
		"v2, IPv6":          {string(version2(t, "2001:db8::1", proxyproto.PROXY)), "2001:db8::1", ""},
		"v2, a check":       {string(version2(t, "203.0.113.7", proxyproto.LOCAL)), "", ""},
		"v2, not TCP":       {string(udp), "", "it is not of a TCP connection"},
		"v1, nonsense":      {"PROXY TCP4 x y z\r\n", "", "read PROXY header: "},
		"v1, no line end":   {"PROXY TCP4 203.0.113.7 10.0.0.9 40000 8200 " + strings.Repeat("x", 200), "", "read PROXY header: "},
		"v2, very long":     {string(proxyproto.SIGV2) + "\x21\x11\xff\xff" + strings.Repeat("x", 100), "", "read PROXY header: "},
		"no header":         {"LISTCOMPFLAGS\n", "", "read PROXY header: "},
		"begins like one":   {"PING\n         ", "", "read PROXY header: "},
		"only looks":        {"", "", errLooked.Error()},
		"v2, half of it":    {string(proxyproto.SIGV2), "", "read PROXY header: "},
		"v1, half and ends": {"PROXY TCP4 203", "", "read PROXY header: "},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			defer func() { _ = near.Close() }()
			go func() {
				_, _ = far.Write([]byte(tc.header + map[bool]string{true: "PING\n", false: ""}[tc.err == ""])) // may be closed before
				_ = far.Close()
			}()
			f := &fronted{Conn: near}
			a, err := f.origin(time.Minute)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%v, %v; want %s", a, err, tc.err)
				}
				return
			}
			if got := map[bool]string{true: a.String()}[a.IsValid()]; err != nil || got != tc.want {
				t.Fatalf("%q, %v; want %q", got, err, tc.want)
			}
			if n := f.buffered(); n != 5 {
				t.Errorf("%d bytes are left behind the header", n)
			}
			if line := rest(t, f); line != "PING\n" {
				t.Errorf("behind the header: %q", line)
			}
		})
	}
}

// TestHeaderInTime: a balancer that says nothing, or a byte now and then, is closed.
func TestHeaderInTime(t *testing.T) {
	for name, drip := range map[string]bool{"silent": false, "byte by byte": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := NewServer(Options{Settings: setting.Fixed(nil), ProxyFrom: balancer, Log: slog.New(slog.NewTextHandler(&log, nil))})
				ours, theirs := net.Pipe()
				if !s.start(context.Background(), addressed{ours, from("127.0.0.1")}, false) {
					t.Fatal("not taken")
				}
				began := time.Now()
				p := newPeer(t, theirs)
				if drip {
					for _, b := range []byte("PROX") {
						_, _ = theirs.Write([]byte{b})
						<-time.After(time.Second)
					}
				}
				if line, open := <-p.lines; open {
					t.Errorf("was told %q", line)
				}
				if took := time.Since(began); took != headerTimeout {
					t.Errorf("closed after %v", took)
				}
				if err := s.Shutdown(context.Background(), "over"); err != nil {
					t.Error(err)
				}
				if !strings.Contains(log.String(), "no PROXY header from a balancer") || s.Doors.Headers.Load() != 1 {
					t.Errorf("log %q, counted %d", log.String(), s.Doors.Headers.Load())
				}
			})
		})
	}
}

// TestShutdownWithoutHeader: a stop does not wait for a header.
func TestShutdownWithoutHeader(t *testing.T) {
	for _, secure := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := NewServer(Options{Settings: setting.Fixed(nil), ProxyFrom: balancer, TLS: &tls.Config{MinVersion: tls.VersionTLS12}, Log: slog.New(slog.DiscardHandler)})
			ours, theirs := net.Pipe()
			if !s.start(context.Background(), addressed{ours, from("127.0.0.1")}, secure) {
				t.Fatal("not taken")
			}
			newPeer(t, theirs)
			synctest.Wait()
			began := time.Now()
			if err := s.Shutdown(context.Background(), "over"); err != nil || time.Since(began) != 0 {
				t.Errorf("TLS %v: %v after %v", secure, err, time.Since(began))
			}
		})
	}
}

// TestTurnedDownBeforeTLS: nobody who is turned down is waited for.
func TestTurnedDownBeforeTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := setting.Fixed(map[string]string{"spring.strangers_per_address": "1"})
		s := NewServer(Options{Settings: settings, ProxyFrom: balancer, TLS: &tls.Config{MinVersion: tls.VersionTLS12}, Log: slog.New(slog.DiscardHandler)})
		var ends []net.Conn
		for range 2 {
			ours, theirs := net.Pipe()
			if !s.start(context.Background(), addressed{ours, from("127.0.0.1")}, true) {
				t.Fatal("not taken")
			}
			if _, err := theirs.Write(version2(t, "203.0.113.7", proxyproto.PROXY)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			ends = append(ends, theirs)
		}
		began := time.Now()
		if said := rest(t, ends[1]); said != "" || time.Since(began) != 0 || s.Doors.Address.Load() != 1 {
			t.Errorf("%q after %v, %d counted", said, time.Since(began), s.Doors.Address.Load())
		}
		if said := rest(t, ends[0]); said != "" || time.Since(began) != handshakeTimeout {
			t.Errorf("the first: %q after %v", said, time.Since(began))
		}
		if err := s.Shutdown(context.Background(), "over"); err != nil {
			t.Error(err)
		}
	})
}

// TestBehindABalancer: limits hold for the address in the header, not for the balancer's;
// what came with the header is executed.
func TestBehindABalancer(t *testing.T) {
	t.Parallel()
	settings := setting.Fixed(map[string]string{"spring.strangers_per_address": "1", "limit.unlimited_networks": ""})
	addr, s := listen(t, Options{Settings: settings, ProxyFrom: balancer})
	come := func(ip string) *peer {
		nc := connect(t, addr)
		if _, err := fmt.Fprintf(nc, "PROXY TCP4 %s 10.0.0.9 40000 8200\r\nPING\n", ip); err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, nc)
		p.want("TASSERVER ")
		return p
	}
	come("203.0.113.1").want("PONG")
	come("203.0.113.2").want("PONG")
	come("203.0.113.1").want("s.system.disconnect Too many connections from your address")
	if n := s.Strangers(); n != 2 {
		t.Errorf("%d strangers", n)
	}
}

// TestNobodySpeaksForOthers: a header from elsewhere ends the connection, whichever form it
// has, and is no command.
func TestNobodySpeaksForOthers(t *testing.T) {
	t.Parallel()
	addr, s := listen(t, Options{Settings: setting.Fixed(nil), ProxyFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for i, header := range []string{
		"PROXY TCP4 203.0.113.7 10.0.0.9 40000 8200\r\nPING\n",
		string(version2(t, "203.0.113.7", proxyproto.PROXY)) + "PING\n",
	} {
		nc := connect(t, addr)
		if _, err := nc.Write([]byte(header)); err != nil {
			t.Fatal(err)
		}
		if said := rest(t, nc); strings.Contains(said, "PONG") || strings.Contains(said, "DENIED") {
			t.Errorf("was told %q", said)
		}
		if n := s.Doors.Headers.Load(); n != int64(i+1) {
			t.Errorf("%d are counted", n)
		}
	}
	p := newPeer(t, connect(t, addr)) // and who sends none is served
	p.want("TASSERVER ")
	p.send("PING\n")
	p.want("PONG")
}

// TestHeaderBeforeTLS: the header comes before the handshake.
func TestHeaderBeforeTLS(t *testing.T) {
	t.Parallel()
	cert, err := certificate.Load(t.Context(), certificate.Source{
		Secret: func(_ context.Context, _ string, create func() ([]byte, error)) ([]byte, error) { return create() },
	})
	if err != nil {
		t.Fatal(err)
	}
	secure := func(nc net.Conn) *tls.Conn {
		return tls.Client(nc, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // a test
	}
	t.Run("from the first byte", func(t *testing.T) {
		addr, _ := listen(t, Options{Settings: setting.Fixed(nil), ProxyFrom: balancer, TLS: cert.Config()})
		nc := connect(t, addr)
		if _, err := nc.Write(version2(t, "203.0.113.7", proxyproto.PROXY)); err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, secure(nc))
		p.want("TASSERVER ")
		p.send("PING\n")
		p.want("PONG")
	})
	t.Run("impostor", func(t *testing.T) {
		addr, s := listen(t, Options{Settings: setting.Fixed(nil), TLS: cert.Config()})
		nc := connect(t, addr)
		if _, err := nc.Write(version2(t, "203.0.113.7", proxyproto.PROXY)); err != nil {
			t.Fatal(err)
		}
		rest(t, nc)
		if n := s.Doors.Headers.Load(); n != 1 {
			t.Errorf("%d are counted", n)
		}
	})
}
