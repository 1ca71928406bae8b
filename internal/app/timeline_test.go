package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/config"
)

// alone is the configuration of a single node on SQLite in a folder.
func aloneIn(dir string) config.Config {
	return config.Config{
		DataDir: dir, NodeName: "n", Database: config.DatabaseURL("sqlite:" + filepath.Join(dir, "teiserver.db")),
		SpringListen: "127.0.0.1:0", SpringTLSListen: "127.0.0.1:0", HTTPListen: "127.0.0.1:0",
		LogLevel: "error", LogFormat: "text", StopTimeout: 10 * time.Second, Unlimited: true,
	}
}

// TestRule11_BackupIsPutBack: the file of a single node is overwritten by an older one while
// the node is down. It sees that, and numbers go on above those that it gave since; when
// nothing was put back they go on as they were.
func TestRule11_BackupIsPutBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := aloneIn(dir)
	file, backup := filepath.Join(dir, "teiserver.db"), filepath.Join(dir, "backup")
	var number, incarnation int64
	life := func(timeline, above int64) {
		t.Helper()
		s, err := Start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})))
		if err != nil {
			t.Fatal(err)
		}
		m := s.node.Membership()
		if m.Timeline.ID != timeline || m.Incarnation <= incarnation || m.Incarnation <= above {
			t.Errorf("joined %+v as %d, before as %d", m.Timeline, m.Incarnation, incarnation)
		}
		for range 60 { // more than a block
			n, err := s.node.Next(t.Context(), "lobby")
			if err != nil || n <= number || n <= above {
				t.Fatalf("number %d after %d, %v", n, number, err)
			}
			number = n
		}
		incarnation = m.Incarnation
		ctx, cancel := context.WithTimeout(context.Background(), cfg.StopTimeout)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	life(1, 0)
	life(1, 0)
	copyFile(t, backup, file)
	life(1, 0)
	copyFile(t, file, backup)
	life(2, 1_000_000)
	life(2, 1_000_000)
	if err := DatabaseRestored(t.Context(), cfg, t.Output()); err != nil {
		t.Error(err)
	}
	life(3, 2_000_000)
}

// copyFile writes into the file that is there, as cp does.
func copyFile(t *testing.T, to, from string) {
	t.Helper()
	body, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMemory: what a node remembers is read as it was written, or said to be unreadable.
func TestMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if m, err := readMemory(dir); err != nil || m != (lease.Memory{}) {
		t.Errorf("at the first start: %+v, %v", m, err)
	}
	want := lease.Memory{ClusterID: "c", ID: 2, Token: "t", Incarnation: 7, Mark: 9}
	for range 2 {
		if err := writeMemory(dir, want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readMemory(dir)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := os.WriteFile(filepath.Join(dir, memoryName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := readMemory(dir); err == nil || m != (lease.Memory{}) {
		t.Errorf("half a file: %+v", m)
	}
}
