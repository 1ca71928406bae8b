package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"teiserver/internal/store/engine"
	"teiserver/internal/store/migrations"
	"teiserver/internal/store/pgtest"
)

// older makes a database as the release before the newest step of the schema left it.
func older(t *testing.T, kind, url string) (schema int) {
	t.Helper()
	steps, err := migrations.For(kind)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]string{"sqlite": "INTEGER NOT NULL DEFAULT 0", "postgres": "timestamptz NOT NULL DEFAULT now()"}[kind]
	text := "CREATE TABLE schema_version (version bigint NOT NULL PRIMARY KEY, name text NOT NULL, at " + at + ");\n"
	for _, step := range steps[:len(steps)-1] {
		text += step.SQL + fmt.Sprintf(";\nINSERT INTO schema_version (version, name) VALUES (%d, '%s');\n", step.Version, step.Name)
	}
	change(t, url, text)
	return len(steps) - 1
}

// asNode takes the right to use a database as a node of another release has it.
func asNode(t *testing.T, url string) (end func()) {
	t.Helper()
	path, file := strings.CutPrefix(url, "sqlite:")
	if !file {
		db := pgtest.OpenRaw(t, url)
		const useLock = "74610001" // of package postgres
		db.Number("SELECT 1 FROM pg_advisory_lock_shared(" + useLock + ")")
		return func() { db.Number("SELECT 1 FROM pg_advisory_unlock_shared(" + useLock + ")") }
	}
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// TestCommandSchema: a command that reads leaves an older schema alone, one that changes
// something migrates it only while no node runs.
func TestCommandSchema(t *testing.T) {
	t.Parallel()
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			before := older(t, kind, url)
			refused := func(use engine.Use, want string) {
				t.Helper()
				s, err := Open(t.Context(), url, Options{Use: use})
				if err == nil {
					s.Close()
					t.Fatalf("opened for %v", use)
				}
				want = fmt.Sprintf("has schema %d, this teiserver needs %d%s", before, before+1, want)
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%q, want %q in it", err, want)
				}
				if e, err := Examine(t.Context(), url); err != nil || e.Schema != int64(before) {
					t.Errorf("the schema is %d now, %v", e.Schema, err)
				}
			}
			refused(Look, ": the next start of a node")
			end := asNode(t, url)
			refused(Admin, ", and nodes run: ")
			refused(Setup, ", and nodes run: ")
			refused(Look, ": the next start of a node")
			end()
			openStore(t, url, Options{Use: Admin}).Close()
			if e, err := Examine(t.Context(), url); err != nil || e.Schema != e.Known {
				t.Errorf("the schema is %d, %v", e.Schema, err)
			}
			openStore(t, url, Options{Use: Look})
		})
	}
}

// TestCommandMissing: only a node and Setup make a database.
func TestCommandMissing(t *testing.T) {
	t.Parallel()
	for kind, url := range urls(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, use := range []engine.Use{Look, Admin} {
				if _, err := Open(t.Context(), url, Options{Use: use}); !errors.Is(err, ErrMissing) {
					t.Errorf("use %v: %v", use, err)
				}
			}
			if path, file := strings.CutPrefix(url, "sqlite:"); file {
				if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
					t.Errorf("there is %q", left)
				}
			}
			openStore(t, url, Options{Use: Setup}).Close()
			openStore(t, url, Options{Use: Look})
		})
	}
}
