package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/pgtest"
)

// urls returns an empty database of each engine.
func urls(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"sqlite":   "sqlite:" + filepath.Join(t.TempDir(), "test.db"),
		"postgres": pgtest.URL(t),
	}
}

// change runs SQL on a database that no store has open.
func change(t *testing.T, url, text string) {
	t.Helper()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
		return
	}
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), text); err != nil {
		t.Fatal(err)
	}
}

// raw is a connection that the store knows nothing of.
func raw(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// What cannot be opened is refused with one line that says why, and no password.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	change(t, "sqlite:"+other, "CREATE TABLE recipes (n INTEGER)")

	newer := urls(t)
	for _, url := range newer {
		s, err := Open(t.Context(), url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		change(t, url, "INSERT INTO schema_version (version, name, at) SELECT 99, name, at FROM schema_version WHERE version = 1")
	}
	for name, tc := range map[string]struct{ url, want string }{
		"no scheme":        {"teiserver.db", "it should be sqlite:PATH or postgres://"},
		"other scheme":     {"mysql://teiserver:secret@db/teiserver", `"mysql:…"`},
		"no path":          {"sqlite:", "needs the path of a file"},
		"memory":           {"sqlite::memory:", "needs the path of a file"},
		"folder":           {"sqlite:" + dir, "it is a folder"},
		"device":           {"sqlite:/dev/null", "it is not a regular file"},
		"no folder":        {"sqlite:" + dir + "/no/such/x.db", "/no/such does not exist"},
		"not writable":     {"sqlite:/proc/x.db", "/proc/x.db"},
		"text file":        {"sqlite:" + text, "it is not a SQLite database"},
		"other program":    {"sqlite:" + other, "it is a database of another program"},
		"newer sqlite":     {newer["sqlite"], "schema 99"},
		"newer postgres":   {newer["postgres"], "schema 99"},
		"bad address":      {"postgres://teiserver:secret@[/x", "address"},
		"postgres is away": {"postgres://teiserver:secret@127.0.0.1:1/x", "postgres teiserver@127.0.0.1:1/x"},
	} {
		s, err := Open(t.Context(), tc.url, Options{})
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, tc.want) || strings.ContainsAny(msg, "\n\t") || strings.Contains(msg, "secret") {
			t.Errorf("%s: %q, want %q in it", name, msg, tc.want)
		}
	}
	if got, err := os.ReadFile(text); string(got) != "hello" || err != nil {
		t.Errorf("the text file is now %q, %v", got, err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for kind, address := range urls(t) {
		if u, err := url.Parse(address); kind == "postgres" && err == nil && u.User != nil {
			u.User = url.UserPassword(u.User.Username(), "secret")
			address = u.String()
		}
		s := openStore(t, address, Options{})
		if s.Kind() != kind {
			t.Errorf("kind %q, want %q", s.Kind(), kind)
		}
		if d := s.Describe(); !strings.HasPrefix(d, kind+" ") || strings.Contains(d, "secret") {
			t.Errorf("description %q", d)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A node without a cluster has the database for itself; nodes of a cluster share
// it; a command of the operator disturbs nobody.
func TestExclusiveUse(t *testing.T) {
	t.Parallel()
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			open := func(use engine.Use) (*Store, error) {
				s, err := Open(t.Context(), url, Options{Use: use})
				if err == nil {
					t.Cleanup(func() { s.Close() })
				}
				return s, err
			}
			for _, tc := range []struct {
				name   string
				first  engine.Use
				second engine.Use
				inUse  bool
			}{
				{"single, single", Single, Single, true},
				{"single, clustered", Single, Clustered, true},
				{"clustered, single", Clustered, Single, true},
				{"clustered, clustered", Clustered, Clustered, false},
				{"single, admin", Single, Admin, false},
				{"admin, single", Admin, Single, false},
			} {
				first, err := open(tc.first)
				if err != nil {
					t.Fatalf("%s: %v", tc.name, err)
				}
				second, err := open(tc.second)
				if errors.Is(err, ErrInUse) != tc.inUse || err != nil != tc.inUse {
					t.Errorf("%s: %v", tc.name, err)
				}
				if tc.inUse && !strings.Contains(err.Error(), "is used by another teiserver") {
					t.Errorf("%s: %v", tc.name, err)
				}
				first.Close()
				if err == nil {
					second.Close()
				}
			}
		})
	}
}

// Programs that start at once on an empty database all find it complete.
func TestStartTogether(t *testing.T) {
	t.Parallel()
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					s, err := Open(context.Background(), url, Options{Use: Clustered})
					if err != nil {
						t.Error(err)
						return
					}
					defer s.Close()
					c := lease.Candidate{Name: string(rune('a' + i)), TTL: 1 << 40}
					if _, err := s.Join(context.Background(), c); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			s := openStore(t, url, Options{})
			nodes, err := s.Nodes(t.Context())
			if err != nil || len(nodes) != 8 {
				t.Errorf("%d nodes joined, %v", len(nodes), err)
			}
		})
	}
}

// In a cluster nobody joins without a lease, and who had none before is gone.
func TestClusterAfterSingle(t *testing.T) {
	t.Parallel()
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			single := openStore(t, url, Options{})
			before, err := single.Join(t.Context(), lease.Candidate{Name: "a"})
			if err != nil {
				t.Fatal(err)
			}
			single.Close()
			s := openStore(t, url, Options{Use: Clustered})
			if _, err := s.Join(t.Context(), lease.Candidate{Name: "a"}); err == nil {
				t.Error("joined a cluster without a lease")
			}
			after, err := s.Join(t.Context(), lease.Candidate{Name: "a", TTL: 1 << 40, ClusterID: before.ClusterID})
			if err != nil {
				t.Fatal(err)
			}
			if after.Incarnation <= before.Incarnation {
				t.Errorf("incarnation %d after %d", after.Incarnation, before.Incarnation)
			}
			if _, err := s.Renew(t.Context(), before.Incarnation, lease.Report{}); !errors.Is(err, lease.ErrCondemned) {
				t.Errorf("the single node of before: %v", err)
			}
		})
	}
}
