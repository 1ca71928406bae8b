package spring

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/setting"
)

// siteStore keeps settings, and may be away: then each access takes as long as the
// store's patience, and fails.
type siteStore struct {
	setting.Store
	away atomic.Bool

	mu    sync.Mutex
	texts map[string]string
}

func (s *siteStore) set(key, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[key] = text
}

func (s *siteStore) Setting(_ context.Context, key string) (setting.Value, bool, error) {
	if s.away.Load() {
		<-time.After(15 * time.Second)
		return setting.Value{}, false, errors.New("away")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.texts[key]
	return setting.Value{Text: text}, ok, nil
}

// serveTest runs a test with a server in a bubble.
func serveTest(t *testing.T, test func(t *testing.T, s *Server, store *siteStore, dial func() *peer)) {
	synctest.Test(t, func(t *testing.T) {
		store := &siteStore{texts: map[string]string{}}
		log := slog.New(slog.DiscardHandler)
		s := NewServer(Options{Settings: setting.NewService(store, nil, log), Log: log})
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { s.Run(ctx) })
		test(t, s, store, func() *peer {
			ours, theirs := net.Pipe()
			if !s.start(ctx, ours, false) {
				t.Fatal("not taken")
			}
			return newPeer(t, theirs)
		})
		stop, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		if err := s.Shutdown(stop, "over"); err != nil {
			t.Error(err)
		}
		cancel()
		all.Wait()
	})
}

// peer is the other end of a connection; it reads everything.
type peer struct {
	t     *testing.T
	conn  net.Conn
	lines chan string
}

func newPeer(t *testing.T, conn net.Conn) *peer {
	p := &peer{t: t, conn: conn, lines: make(chan string, 1000)}
	go func() {
		defer close(p.lines)
		for r := bufio.NewReader(conn); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			p.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return p
}

func (p *peer) send(lines string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(lines)); err != nil {
		p.t.Errorf("send %.40q: %v", lines, err)
	}
}

// want reads the next line, which must begin like this.
func (p *peer) want(start string) {
	p.t.Helper()
	if line := <-p.lines; !strings.HasPrefix(line, start) {
		p.t.Errorf("got %q, want %q", line, start)
	}
}

// TestStoreAway: connections are taken and PING is answered at once, however long
// the store takes.
func TestStoreAway(t *testing.T) {
	serveTest(t, func(t *testing.T, _ *Server, store *siteStore, dial func() *peer) {
		a := dial()
		a.want("TASSERVER ")
		store.away.Store(true)
		began := time.Now()
		<-time.After(2 * touchEvery)
		a.send("PING\n")
		a.want("PONG")
		b := dial()
		b.want("TASSERVER ")
		if took := time.Since(began); took > 3*touchEvery {
			t.Errorf("answered after %v", took)
		}
	})
}

// TestLimitsAreLive: a changed setting holds for connections that are there already.
func TestLimitsAreLive(t *testing.T) {
	serveTest(t, func(t *testing.T, _ *Server, store *siteStore, dial func() *peer) {
		a := dial()
		a.want("TASSERVER ")
		store.set("spring.rate_limit_per_minute", "3")
		store.set("spring.max_line_bytes", "512")
		<-time.After(2 * limitsEvery)
		a.send("PING\n") // what was being read is read by the old limits
		a.want("PONG")
		a.send(strings.Repeat("x", 5000) + "\nPING\n")
		a.want("PONG") // the line before was too long to be one
		a.send(strings.Repeat("PING\n", 2))
		a.want("PONG")
		a.want("s.system.disconnect Flood protection")
	})
}

// TestIdleConnections: who says nothing is closed after the idle time; who does not
// log in, after the site's time for that, pings or not.
func TestIdleConnections(t *testing.T) {
	for name, tc := range map[string]struct {
		login string
		pings bool
		after time.Duration
		last  string
	}{
		"silent":              {"0", false, 120 * time.Second, "s.system.disconnect Heartbeat"},
		"pings, no login":     {"60", true, 60 * time.Second, "s.system.disconnect Terminate"},
		"silent, no login":    {"60", false, 60 * time.Second, "s.system.disconnect Terminate"},
		"idle ends it before": {"600", false, 120 * time.Second, "s.system.disconnect Heartbeat"},
	} {
		t.Run(name, func(t *testing.T) {
			serveTest(t, func(t *testing.T, _ *Server, store *siteStore, dial func() *peer) {
				store.set("spring.login_timeout_s", tc.login)
				<-time.After(2 * limitsEvery)
				a := dial()
				a.want("TASSERVER ")
				began := time.Now()
				if tc.pings {
					<-time.After(40 * time.Second)
					a.send("PING\n")
					a.want("PONG")
				}
				a.want(tc.last)
				if took := time.Since(began); took != tc.after {
					t.Errorf("closed after %v, want %v", took, tc.after)
				}
			})
		})
	}
}

// TestShutdownCutsWhatWaits: a connection whose command waits for somebody else does
// not hold up the stop beyond its time.
func TestShutdownCutsWhatWaits(t *testing.T) {
	ping := handlers["PING"]
	defer func() { handlers["PING"] = ping }()
	handlers["PING"] = func(_ *conn, ctx context.Context, _ string, _ any) bool {
		<-ctx.Done()
		return true
	}
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Options{Settings: setting.Fixed(nil), Log: slog.New(slog.DiscardHandler)})
		ours, theirs := net.Pipe()
		a := newPeer(t, theirs)
		if !s.start(context.Background(), ours, false) {
			t.Fatal("not taken")
		}
		a.want("TASSERVER ")
		a.send("PING\n")
		synctest.Wait()
		stop, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Shutdown(stop, "over"); err == nil {
			t.Error("ended in order, though a command was waiting")
		}
	})
}
