package bus_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/bus/bustest"
)

func TestPeerThatDoesNotFitIsReported(t *testing.T) {
	for name, tc := range map[string]struct {
		other bus.Options
		want  string
	}{
		"secret":  {bus.Options{Secret: "another secret"}, "another secret"},
		"cluster": {bus.Options{ClusterID: "another"}, "another cluster"},
		"TLS":     {bus.Options{TLS: testTLS(t)}, "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			var text lockedBuffer
			log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
			first, second := make(chan error, 100), make(chan error, 100)
			a := open(t, bus.Options{Self: bus.Origin{Node: "a", Incarnation: 1}, Log: log, OnPeerError: func(err error) { first <- err }})
			o := tc.other
			o.Self, o.Join, o.Log = bus.Origin{Node: "b", Incarnation: 1}, []string{a.Address()}, log
			o.OnPeerError = func(err error) { second <- err }
			b := open(t, o)
			for side, errs := range map[string]chan error{"listener": first, "dialer": second} {
				if tc.want == "TLS" && side == "dialer" {
					continue // the plain side answers garbage; which side notices is a race
				}
				select {
				case err := <-errs:
					if !strings.Contains(err.Error(), tc.want) {
						t.Errorf("%s: %v, want %s", side, err, tc.want)
					}
					// Whoever reaches the port must not end a node by knocking at it.
					var e *bus.PeerError
					if !errors.As(err, &e) || e.Joined != (side == "dialer") {
						t.Errorf("%s: %+v", side, e)
					}
				case <-time.After(10 * time.Second):
					t.Errorf("%s: nothing reported", side)
				}
			}
			if len(a.Peers())+len(b.Peers()) != 0 {
				t.Error("they hear each other")
			}
			if strings.Contains(text.String(), "secret\"") || strings.Contains(text.String(), "a secret") {
				t.Error("the secret is in the log")
			}
		})
	}
}

func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = bus.OpenNATS(t.Context(), bus.Options{
		Self: bus.Origin{Node: "a", Incarnation: 1}, ClusterID: "test", Secret: "s", Listen: l.Addr().String(),
	})
	if err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	self := bus.Origin{Node: "a", Incarnation: 1}
	for name, o := range map[string]bus.Options{
		"no name":    {},
		"no secret":  {Self: self, ClusterID: "c", Listen: "127.0.0.1:0"},
		"no cluster": {Self: self, Secret: "s", Listen: "127.0.0.1:0"},
		"no port":    {Self: self, ClusterID: "c", Secret: "s", Listen: "127.0.0.1"},
		"bad port":   {Self: self, ClusterID: "c", Secret: "s", Listen: "127.0.0.1:http"},
		"bad peer":   {Self: self, ClusterID: "c", Secret: "s", Listen: "127.0.0.1:0", Join: []string{"x"}},
		"no listen":  {Self: self, ClusterID: "c", Secret: "s", Join: []string{"127.0.0.1:1"}},
	} {
		if b, err := bus.OpenNATS(t.Context(), o); err == nil {
			b.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// A peer that comes up later is found, and one that comes back under a new
// incarnation is heard as such.
func TestPeerComesLaterAndAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	a := open(t, bus.Options{Self: bus.Origin{Node: "a", Incarnation: 1}, Join: []string{address}})
	for _, incarnation := range []int64{7, 8} {
		b := open(t, bus.Options{Self: bus.Origin{Node: "b", Incarnation: incarnation}, Listen: address})
		bustest.Await(t, "b is heard", func() bool {
			p := a.Peers()
			return len(p) == 1 && p[0] == b.Self()
		})
		b.Serve("who", func(context.Context, bus.Origin, any) (any, error) { return bustest.Note{N: int(incarnation)}, nil })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		got, err := a.Request(ctx, "b", "who", nil)
		cancel()
		if err != nil || got != any(bustest.Note{N: int(incarnation)}) {
			t.Errorf("%v, %v", got, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		bustest.Await(t, "b has gone", func() bool { return len(a.Peers()) == 0 })
	}
}

func TestTLSBetweenNodes(t *testing.T) {
	conf := testTLS(t)
	a := open(t, bus.Options{Self: bus.Origin{Node: "a", Incarnation: 1}, TLS: conf})
	b := open(t, bus.Options{Self: bus.Origin{Node: "b", Incarnation: 1}, TLS: conf, Join: []string{a.Address()}})
	bustest.Await(t, "they hear each other", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
}

// A node alone opens no port: two of them need nothing from each other.
func TestAloneHasNoAddress(t *testing.T) {
	b := alone(t, "a").(*bus.NATS)
	if b.Address() != "" {
		t.Errorf("listens on %s", b.Address())
	}
}

// testTLS is a certificate for 127.0.0.1 that both sides present and demand.
func testTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs:      pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
