package app

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"teiserver/internal/config"
	"teiserver/internal/store/pgtest"
	"teiserver/test/springclient"
)

func quiet(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// page reads one of the operators' pages.
func page(ctx context.Context, t *testing.T, address, path string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// untilReadyz waits until the page says what is wanted.
func untilReadyz(t *testing.T, address, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, body := page(ctx, t, address, "/readyz")
		if strings.Contains(body, want) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("/readyz says %q, want %q", body, want)
		}
	}
}

// TestAliveWhileStarting: a node whose database does not answer its start is alive, not
// ready, and says why; also in the time before it has any of its parts.
func TestAliveWhileStarting(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cfg := aloneIn(t.TempDir())
	cfg.Database = config.DatabaseURL("postgres://teiserver@" + silent.Addr().String() + "/teiserver?sslmode=disable")
	cfg.HTTPListen = freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := Start(ctx, cfg, quiet(t))
		ended <- err
	}()
	nc, err := silent.Accept() // the node waits for its database
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if status, body := page(t.Context(), t, cfg.HTTPListen, "/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d %s", status, body)
	}
	if status, body := page(t.Context(), t, cfg.HTTPListen, "/readyz"); status != http.StatusServiceUnavailable || body != "starting\n" {
		t.Errorf("/readyz: %d %q", status, body)
	}
	if status, _ := page(t.Context(), t, cfg.HTTPListen, "/metrics"); status != http.StatusOK {
		t.Errorf("/metrics: %d", status)
	}
	if status, _ := page(t.Context(), t, cfg.HTTPListen, "/teiserver/api/"); status != http.StatusServiceUnavailable {
		t.Errorf("/teiserver/api/: %d", status)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("the node has started")
	}
}

// TestReach: one look at the database that fails is nothing, two are.
func TestReach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan error)
		var r reach
		ctx, cancel := context.WithCancel(t.Context())
		var watch sync.WaitGroup
		watch.Go(func() {
			r.watch(ctx, func(ctx context.Context) error {
				select {
				case err := <-answers:
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			}, quiet(t))
		})
		broken := errors.New("no")
		for i, step := range []struct {
			err  error
			lost bool
		}{{nil, false}, {broken, false}, {nil, false}, {broken, false}, {broken, true}, {broken, true}, {nil, false}} {
			answers <- step.err
			synctest.Wait()
			if r.lost.Load() != step.lost {
				t.Errorf("look %d: lost is %v", i, r.lost.Load())
			}
		}
		// One that hangs is one that fails.
		<-time.After(reachMisses*(reachEvery+reachPatience) + time.Second)
		if !r.lost.Load() {
			t.Error("a database that does not answer is not lost")
		}
		cancel()
		watch.Wait()
	})
}

// relay stands between a node and PostgreSQL until it is cut.
type relay struct {
	network, server string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (r *relay) accept(ln net.Listener) {
	var pumps sync.WaitGroup
	defer pumps.Wait()
	for {
		client, err := ln.Accept()
		if err != nil {
			r.set(true)
			return
		}
		server, err := net.Dial(r.network, r.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.mu.Lock()
		if r.cut {
			_, _ = client.Close(), server.Close()
		}
		r.conns = append(r.conns, client, server)
		r.mu.Unlock()
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			pumps.Go(func() {
				_, _ = io.Copy(way[0], way[1])
				_, _ = way[0].Close(), way[1].Close()
			})
		}
	}
}

func (r *relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut = cut; cut {
		for _, nc := range r.conns {
			_ = nc.Close()
		}
		r.conns = nil
	}
}

// TestReadyDatabaseAway: a node that could log nobody in is not ready: alone when its
// database does not answer, in a cluster when its lease is not renewed.
func TestReadyDatabaseAway(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, cfg config.Config, away func(bool), why string) {
		s, err := Start(t.Context(), cfg, quiet(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}()
		at := s.Addresses()["http-listen"]
		untilReadyz(t, at, "ready")
		away(true)
		untilReadyz(t, at, why)
		if status, _ := page(t.Context(), t, at, "/livez"); status != http.StatusOK {
			t.Errorf("/livez: %d", status)
		}
		away(false)
		untilReadyz(t, at, "ready")
	}
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		address := pgtest.URL(t)
		pg, err := pgconn.ParseConfig(address)
		if err != nil {
			t.Fatal(err)
		}
		var r relay
		r.network, r.server = pgconn.NetworkAddress(pg.Host, pg.Port)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var accepting sync.WaitGroup
		accepting.Go(func() { r.accept(ln) })
		t.Cleanup(func() { _ = ln.Close(); accepting.Wait() })
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		u.Host, u.RawQuery = ln.Addr().String(), "sslmode=disable"
		cfg := aloneIn(t.TempDir())
		cfg.Database = config.DatabaseURL(u.String())
		run(t, cfg, r.set, "the database does not answer")
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		cfg := aloneIn(t.TempDir())
		cfg.ClusterListen, cfg.ClusterSecret = freeAddress(t), "a secret for this test"
		db, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, "teiserver.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		run(t, cfg, func(away bool) { // somebody else writes, and does not come to an end
			word := map[bool]string{true: "BEGIN IMMEDIATE", false: "ROLLBACK"}[away]
			for _, err = db.Exec(word); err != nil && t.Context().Err() == nil; {
				_, err = db.Exec(word) // the node writes
			}
		}, "the lease is not trusted")
	})
}

// tap keeps what is printed, and says when that was.
type tap struct {
	bytes.Buffer
	printed func()
}

func (w *tap) Write(p []byte) (int, error) {
	defer w.printed()
	return w.Buffer.Write(p)
}

// TestPasswordIsPrinted: a start that fails after it has made the administrator has
// printed the password; the next one makes no other, and it lets the operator in.
func TestPasswordIsPrinted(t *testing.T) {
	t.Parallel()
	cfg := aloneIn(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	first := tap{printed: cancel} // what comes after it fails
	if _, err := startAfter(ctx, cfg, quiet(t), &first, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("the first start: %v", err)
	}
	found := regexp.MustCompile(`(?m)^  name      admin\n  password  ([A-Z2-7]{26})$`).FindStringSubmatch(first.String())
	if found == nil {
		t.Fatalf("printed %q", first.String())
	}
	second := tap{printed: func() {}}
	s, err := startAfter(t.Context(), cfg, quiet(t), &second, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if second.Len() > 0 {
		t.Errorf("the second start printed %q", second.String())
	}
	in := func(password string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, err := springclient.Dial(ctx, s.Addresses()["spring-listen"], springclient.Player)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.LoginAs(ctx, "admin", password); err != nil {
			t.Errorf("login: %v", err)
		}
	}
	in(found[1])
	// And if it was lost all the same.
	if err := SetPassword(t.Context(), cfg, "admin", "another one", ""); err != nil {
		t.Error(err)
	}
	in("another one")
}

// TestPasswordNotPrinted: where it cannot be printed the start says so, and what helps.
func TestPasswordNotPrinted(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	_ = r.CloseWithError(errors.New("nobody reads"))
	_, err := startAfter(t.Context(), aloneIn(t.TempDir()), quiet(t), w, 0)
	if err == nil || !strings.Contains(err.Error(), "nobody reads") || !strings.Contains(err.Error(), "set-password") {
		t.Errorf("the start: %v", err)
	}
}

// TestFirstAdministrator: accounts that were added before the first start are no reason
// to have no administrator, unless one of them is one.
func TestFirstAdministrator(t *testing.T) {
	t.Parallel()
	for role, made := range map[string]bool{"bot": true, "admin": false} {
		cfg := aloneIn(filepath.Join(t.TempDir(), "data"))
		if err := AddUser(t.Context(), cfg, NewUser{Name: "Host", Password: "secret1", Role: role}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{made, false} { // the second start makes none
			out := tap{printed: func() {}}
			s, err := startAfter(t.Context(), cfg, quiet(t), &out, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
			if got := strings.Contains(out.String(), "name      admin"); got != want {
				t.Errorf("beside a %s: printed %q", role, out.String())
			}
		}
	}
}
