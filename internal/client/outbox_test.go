package client

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCutWithoutWaiting: a full outbox ends its connection from inside Send, which
// runs under the lock of the view: a peer that reads nothing must not hold it, not
// even for the farewell of TLS.
func TestCutWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn, peer := secured(t, ours, theirs)
		o := NewOutbox(conn, 1000, nil)
		shaken := make(chan error)
		go func() { shaken <- peer.Handshake() }()
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if o.Send(make([]byte, 2000)) {
			t.Error("took more than its bound")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Send stood still for %v", took)
		}
		<-o.Done()
	})
}

// TestRule02_HeldUntilTheNodeMaySpeak: what is queued while the node may not speak is
// written in order when it may again, and dropped when the connection ends before.
func TestRule02_HeldUntilTheNodeMaySpeak(t *testing.T) {
	for name, tc := range map[string]struct {
		back bool
		want string
	}{
		"goes on":   {true, "abcde."},
		"condemned": {false, "a."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				var asleep atomic.Bool
				o := NewOutbox(ours, 1000, nil)
				o.AskBeforeWrite(func() bool { return !asleep.Load() })
				got := make(chan string)
				var out strings.Builder
				go func() {
					_, _ = io.Copy(&out, theirs)
					got <- out.String()
				}()
				o.Send([]byte("a"))
				synctest.Wait()
				asleep.Store(true)
				for _, b := range []string{"b", "c", "d"} {
					o.Send([]byte(b))
					<-time.After(time.Second)
				}
				if tc.back {
					asleep.Store(false)
					<-time.After(holdMost)
				}
				o.Send([]byte("e"))
				synctest.Wait()
				o.Close([]byte("."))
				<-o.Done()
				if s := <-got; s != tc.want {
					t.Errorf("wrote %q, want %q", s, tc.want)
				}
				if err := o.Err(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestHeldIsBounded: a writer that may not write does not gather without end.
func TestHeldIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		o := NewOutbox(ours, 1000, nil)
		o.AskBeforeWrite(func() bool { return false })
		for range 25 {
			o.Send(make([]byte, 100))
			synctest.Wait()
		}
		<-o.Done()
		if !errors.Is(o.Err(), ErrSlow) {
			t.Errorf("ended with %v", o.Err())
		}
	})
}

// sink is a connection that takes everything.
type sink struct{ net.Conn }

func (sink) Write(b []byte) (int, error)      { return len(b), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }
func (sink) Close() error                     { return nil }

func BenchmarkOutbox(b *testing.B) {
	for name, speaks := range map[string]func() bool{
		"always": nil,
		"asked": func() bool {
			return true
		},
	} {
		b.Run(name, func(b *testing.B) {
			o := NewOutbox(sink{}, 1<<30, nil)
			o.AskBeforeWrite(speaks)
			line := []byte("SAID main somebody says something\n")
			b.ReportAllocs()
			for b.Loop() {
				o.Send(line)
			}
			o.Close(nil)
			<-o.Done()
		})
	}
}

func secured(t *testing.T, ours, theirs net.Conn) (server, client *tls.Conn) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	server = tls.Server(ours, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
	client = tls.Client(theirs, &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}) //nolint:gosec // a test's own peer
	return server, client
}

// BenchmarkFanOut is a line to a thousand connections that have nothing else to write.
func BenchmarkFanOut(b *testing.B) {
	const n = 1000
	var written sync.WaitGroup
	outs := make([]*Outbox, n)
	for i := range outs {
		outs[i] = NewOutbox(doneSink{of: &written}, 1<<30, nil)
	}
	line := []byte("SAID main somebody says something\n")
	b.ReportAllocs()
	for b.Loop() {
		written.Add(n)
		for _, o := range outs {
			o.Send(line)
		}
		written.Wait()
	}
	for _, o := range outs {
		o.Close(nil)
		<-o.Done()
	}
}

type doneSink struct {
	sink
	of *sync.WaitGroup
}

func (s doneSink) Write(b []byte) (int, error) { s.of.Done(); return len(b), nil }

// TestRecordsThatSPADSTakesWhole: whatever is written over TLS, gathered or large, comes
// in records of at most 4096 bytes. SPADS reads so much for each time its socket is
// readable, and what a larger record has left is in its TLS library, not in the socket.
func TestRecordsThatSPADSTakesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn, peer := secured(t, ours, theirs)
		shaken := make(chan error)
		go func() { shaken <- peer.Handshake() }()
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		o := NewOutbox(conn, HostBytes, nil)
		line := []byte(strings.Repeat("a", 99) + "\n")
		large := []byte(strings.Repeat("b", 50_000))
		want := 0
		for range 500 {
			o.SendShared([][]byte{line, line})
			want += 2 * len(line)
		}
		o.Send(large)
		o.Send(line)
		o.Close(line)
		want += len(large) + 2*len(line)
		got, buf := 0, make([]byte, 64<<10)
		for {
			n, err := peer.Read(buf) // the rest of one record, never of two
			if n > 4096 {
				t.Fatalf("a record of %d bytes or more", n)
			}
			got += n
			if err != nil {
				break
			}
		}
		if got != want {
			t.Errorf("%d bytes came, want %d", got, want)
		}
	})
}
