package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// ending stops a node; one that cannot be stopped fails the test and does not hold it up.
func ending(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
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
	ended := make(chan error, 1)
	go func() {
		_, err := Start(ctx, cfg, quiet(t))
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; err == nil {
			t.Error("the node has started")
		}
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

// TestReadyDatabaseAway: a node that could log nobody in is not ready: alone when its
// database does not answer, in a cluster when its lease is not renewed.
func TestReadyDatabaseAway(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(cfg *config.Config)
		why    string
	}{
		"alone": {func(*config.Config) {}, "the database does not answer"},
		"cluster": {func(cfg *config.Config) {
			cfg.ClusterListen, cfg.ClusterSecret = freeAddress(t), "a secret for this test"
		}, "the lease is not trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			relay, url := pgtest.NewRelay(t, pgtest.URL(t))
			cfg := aloneIn(t.TempDir())
			cfg.Database = config.DatabaseURL(url)
			tc.change(&cfg)
			s, err := Start(t.Context(), cfg, quiet(t))
			if err != nil {
				t.Fatal(err)
			}
			defer ending(t, s)
			defer relay.Cut(false)
			at := s.Addresses()["http-listen"]
			untilReadyz(t, at, "ready")
			relay.Cut(true)
			untilReadyz(t, at, tc.why)
			if status, _ := page(t.Context(), t, at, "/livez"); status != http.StatusOK {
				t.Errorf("/livez: %d", status)
			}
			relay.Cut(false)
			untilReadyz(t, at, "ready")
		})
	}
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
	defer ending(t, s)
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
		out := tap{printed: func() {}}
		s, err := startAfter(t.Context(), cfg, quiet(t), &out, 0)
		if err != nil {
			t.Fatal(err)
		}
		ending(t, s)
		if got := strings.Contains(out.String(), "name      admin"); got != made {
			t.Errorf("beside a %s: printed %q", role, out.String())
		}
	}
}
