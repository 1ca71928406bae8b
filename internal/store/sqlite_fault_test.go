package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/statement"
)

// testClock is a clock that the test sets.
type testClock struct {
	mu    sync.Mutex
	value statement.Instant
}

func (c *testClock) Instant() statement.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

func (c *testClock) set(change func(i *statement.Instant)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.value)
}

// Only the time since boot decides about leases: not the wall clock, and what is of
// another boot has ended.
func TestLeaseClock(t *testing.T) {
	t.Parallel()
	clock := &testClock{value: statement.Instant{Now: 5000, Boot: "one", Wall: 1_700_000_000_000}}
	s := openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{Use: Clustered, Clock: clock})
	join := func(name string) int64 {
		t.Helper()
		m, err := s.Join(t.Context(), lease.Candidate{Name: name, BootID: "host", TTL: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return m.Incarnation
	}
	left := func(incarnation int64) time.Duration {
		t.Helper()
		nodes, err := s.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			if n.Incarnation == incarnation {
				return n.Left
			}
		}
		t.Fatalf("node %d is not listed", incarnation)
		return 0
	}
	a, b := join("a"), join("b")
	k := registry.NewKey("lobby", 1)
	if _, err := s.Claim(t.Context(), k, a); err != nil {
		t.Fatal(err)
	}
	for _, jump := range []int64{10_000, -20_000} {
		clock.set(func(i *statement.Instant) { i.Wall += jump })
		if got := left(a); got != 3*time.Second {
			t.Errorf("the wall clock jumped by %d: %v left", jump, got)
		}
		if err := s.Condemn(t.Context(), b, a, 0); !errors.Is(err, lease.ErrNotExpired) {
			t.Errorf("the wall clock jumped by %d: %v", jump, err)
		}
	}
	clock.set(func(i *statement.Instant) { i.Now += 2999 })
	if got := left(a); got != time.Millisecond {
		t.Errorf("%v left", got)
	}
	if _, err := s.Renew(t.Context(), b, lease.Report{Serving: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Condemn(t.Context(), b, a, 0); !errors.Is(err, lease.ErrNotExpired) {
		t.Errorf("a millisecond before the end: %v", err)
	}
	clock.set(func(i *statement.Instant) { i.Now++ })
	if _, err := s.Claim(t.Context(), k, a); !errors.Is(err, registry.ErrLeaseLost) {
		t.Errorf("claim at the end: %v", err)
	}
	if _, err := s.Claim(t.Context(), k, b); !errors.As(err, new(*registry.HeldError)) {
		t.Errorf("claim of a key of the not yet condemned: %v", err)
	}
	if err := s.Condemn(t.Context(), b, a, 0); err != nil {
		t.Errorf("condemn at the end: %v", err)
	}
	if o, err := s.Claim(t.Context(), k, b); err != nil || o.Epoch != 2 {
		t.Errorf("claim from the condemned: %+v, %v", o, err)
	}

	// The host boots anew: its time is less than before, yet all leases have ended.
	clock.set(func(i *statement.Instant) { i.Now, i.Boot = 10, "two" })
	if got := left(b); got >= 0 {
		t.Errorf("%v left of a lease of before the boot", got)
	}
	if _, err := s.Claim(t.Context(), k, b); !errors.Is(err, registry.ErrLeaseLost) {
		t.Errorf("claim with a lease of before the boot: %v", err)
	}
	again := join("b") // proven dead: no waiting
	if o, err := s.Claim(t.Context(), k, again); err != nil || o.Epoch != 3 {
		t.Errorf("claim after the boot: %+v, %v", o, err)
	}
}

// A full disk is an error that says so; nothing that was acknowledged is lost, and
// when there is room again all goes on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	s := openStore(t, url, Options{})
	o := owned(t, s)
	limit := s.db.DB.(interface{ LimitPages(n int) error })
	if err := limit.LimitPages(1); err != nil { // as many as there are
		t.Fatal(err)
	}
	f := fenceOf(o)
	body := make([]byte, 4096)
	var full error
	for full == nil {
		passed, err := s.Save(t.Context(), []registry.Snapshot{{Fence: f, Body: body}})
		if err == nil {
			f.Writes = passed[o.Key]
			body = append(body, body...)
		}
		full = err
	}
	if !strings.Contains(full.Error(), "full") || errors.Is(full, registry.ErrFenced) {
		t.Errorf("full disk: %v", full)
	}
	if err := limit.LimitPages(1 << 30); err != nil {
		t.Fatal(err)
	}
	got, err := s.Claim(t.Context(), o.Key, o.Incarnation)
	if err != nil {
		t.Fatal(err)
	}
	if got.Writes != f.Writes || (f.Writes > 0 && len(got.Snapshot) != len(body)/2) {
		t.Errorf("%d writes, %d bytes; acknowledged were %d writes", got.Writes, len(got.Snapshot), f.Writes)
	}
	if _, err := s.Save(t.Context(), []registry.Snapshot{{Fence: fenceOf(got), Body: body}}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// victim, in the environment of a copy of this test binary, makes it write.
const victim = "TEISERVER_STORE_VICTIM"

// A process is killed while it writes: what it was told is kept, and the next one
// has the database at once.
func TestProcessKilled(t *testing.T) {
	if url := os.Getenv(victim); url != "" {
		s, err := Open(context.Background(), url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Join(context.Background(), lease.Candidate{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		for {
			now, _, err := s.ClaimSession(context.Background(), 1, "a", m.Incarnation)
			if err != nil {
				t.Fatal(err)
			}
			first, err := s.Reserve(context.Background(), "a", 1)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintln(os.Stdout, "told", now.Epoch, first)
		}
	}
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	var epoch, number int64
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProcessKilled$")
		cmd.Env = append(os.Environ(), victim+"="+url)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, read := bufio.NewScanner(out), 0
		for lines.Scan() {
			var e, n int64
			if _, err := fmt.Sscanf(lines.Text(), "told %d %d", &e, &n); err != nil {
				t.Errorf("%q: %v", lines.Text(), err)
				continue
			}
			if e <= epoch || n <= number {
				t.Errorf("told epoch %d after %d, number %d after %d", e, epoch, n, number)
			}
			epoch, number = e, n
			if read++; read == 50 {
				cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		if read < 50 {
			t.Fatalf("the process ended by itself after %d writes", read)
		}
	}
	s := openStore(t, url, Options{})
	m, err := s.Join(t.Context(), lease.Candidate{Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	now, before, err := s.ClaimSession(t.Context(), 1, "b", m.Incarnation)
	if err != nil || before.Epoch < epoch || now.Epoch != before.Epoch+1 {
		t.Errorf("session %+v after %+v, told was %d: %v", now, before, epoch, err)
	}
}

// One file has one lock, by whatever name it is opened.
func TestOneFileTwoNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	openStore(t, "sqlite:"+filepath.Join(dir, "test.db"), Options{})
	if err := os.Symlink(filepath.Join(dir, "test.db"), filepath.Join(dir, "alias.db")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link/test.db", "alias.db", "./test.db"} {
		if _, err := Open(t.Context(), "sqlite:"+dir+"/"+name, Options{}); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "test.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database can be read by others: %v %v", info.Mode(), err)
	}
}
