package app

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"teiserver/internal/config"
	"teiserver/test/springclient"
)

// through connects as a balancer does for somebody: first the header, then TLS if secure.
func through(t *testing.T, addr, header string, secure bool, flavor springclient.Flavor) (context.Context, *springclient.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	nc, err := net.Dial("tcp", addr)
	expect(t, err)
	_, err = nc.Write([]byte(header))
	expect(t, err)
	if secure {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // a test
	}
	c := springclient.New(nc, flavor)
	t.Cleanup(c.Close)
	expect(t, c.Greeting(ctx))
	return ctx, c
}

func version1(ip string) string { return fmt.Sprintf("PROXY TCP4 %s 10.0.0.9 40000 8200\r\n", ip) }

func version2(ip string) string {
	a := netip.MustParseAddr(ip).As4()
	b := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c")
	b = append(append(b, a[:]...), 10, 0, 0, 9)
	return string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, 40000), 8201))
}

// TestBehindABalancer: a battle is announced with the address of its host, not with that of
// the balancer: over the plain listener, after STLS, and over the TLS listener.
func TestBehindABalancer(t *testing.T) {
	t.Parallel()
	s, cfg := limitedBy(t, nil, func(cfg *config.Config) { cfg.SpringProxyFrom = []string{"127.0.0.1"} })
	add(t, cfg, "Player", "user")
	plain, secure := s.Addresses()["spring-listen"], s.Addresses()["spring-tls-listen"]
	ctx, watcher := through(t, plain, version1("198.51.100.1"), false, springclient.Player)
	expect(t, watcher.Login(ctx, "Player"))
	for i, way := range []struct {
		name, addr, header string
		tls, stls          bool
	}{
		{"plain, version 1", plain, version1("203.0.113.1"), false, false},
		{"plain, version 2", plain, version2("203.0.113.2"), false, false},
		{"STLS", plain, version1("203.0.113.3"), false, true},
		{"TLS, version 1", secure, version1("203.0.113.4"), true, false},
		{"TLS, version 2", secure, version2("203.0.113.5"), true, false},
	} {
		name := fmt.Sprint("Host", i+1)
		add(t, cfg, name, "bot")
		ctx, host := through(t, way.addr, way.header, way.tls, springclient.Host)
		if way.stls {
			expect(t, host.StartTLS(ctx))
		}
		expect(t, host.Login(ctx, name))
		id, err := host.OpenBattle(ctx, springclient.Battle{Title: name})
		expect(t, err)
		line, err := watcher.Expect(ctx, "BATTLEOPENED %d …", id)
		expect(t, err)
		if f := strings.Fields(line); f[5] != fmt.Sprint("203.0.113.", i+1) {
			t.Errorf("%s: announced at %s: %s", way.name, f[5], line)
		}
	}
}

// TestImpostor: a header from an address that is no balancer's ends the connection; who
// sends none is served from its own address.
func TestImpostor(t *testing.T) {
	t.Parallel()
	s, cfg := limitedBy(t, nil, func(cfg *config.Config) { cfg.SpringProxyFrom = []string{"10.9.0.0/16"} })
	add(t, cfg, "Host1", "bot")
	nc, err := net.Dial("tcp", s.Addresses()["spring-listen"])
	expect(t, err)
	defer func() { _ = nc.Close() }()
	expect(t, nc.SetDeadline(time.Now().Add(time.Minute)))
	_, err = nc.Write([]byte(version1("203.0.113.1") + "PING\n"))
	expect(t, err)
	if said, err := io.ReadAll(nc); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(said), "PONG") {
		t.Fatalf("an impostor is served: %q, %v", said, err)
	}
	ctx, host := dialAs(t, s, springclient.Host)
	expect(t, host.Login(ctx, "Host1"))
	id, err := host.OpenBattle(ctx, springclient.Battle{Title: "mine"})
	expect(t, err)
	host.Rewind(0)
	line, err := host.Expect(ctx, "BATTLEOPENED %d …", id)
	expect(t, err)
	if f := strings.Fields(line); f[5] != "127.0.0.1" {
		t.Errorf("announced at %s", f[5])
	}
}
