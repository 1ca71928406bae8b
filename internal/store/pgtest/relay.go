package pgtest

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Relay stands between programs and a server, and can be cut.
type Relay struct {
	network, server string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

// NewRelay returns a relay and the address of the database behind it, until the test ends.
func NewRelay(t testing.TB, address string) (*Relay, string) {
	t.Helper()
	config, err := pgconn.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{}
	r.network, r.server = pgconn.NetworkAddress(config.Host, config.Port)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() { r.accept(ln) })
	t.Cleanup(func() {
		_ = ln.Close()
		r.Cut(true)
		accepting.Wait()
	})
	u.Host, u.RawQuery = ln.Addr().String(), "sslmode=disable"
	return r, u.String()
}

func (r *Relay) accept(ln net.Listener) {
	var pumps sync.WaitGroup
	defer pumps.Wait()
	for {
		client, err := ln.Accept()
		if err != nil {
			return
		}
		var d net.Dialer
		server, err := d.DialContext(context.Background(), r.network, r.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !r.keep(client, server) {
			_, _ = client.Close(), server.Close()
			continue
		}
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			pumps.Go(func() {
				_, _ = io.Copy(way[0], way[1])
				_, _ = way[0].Close(), way[1].Close()
			})
		}
	}
}

// keep reports false while the relay is cut.
func (r *Relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.cut {
		r.conns = append(r.conns, conns...)
	}
	return !r.cut
}

// Cut breaks all connections and refuses new ones, or lets them through again.
func (r *Relay) Cut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if !cut {
		return
	}
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}
