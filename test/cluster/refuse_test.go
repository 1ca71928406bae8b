package cluster

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/pgtest"
)

// flags are those of a `serve`; a pair of the same name takes the place of one before.
type flags [][2]string

func (f flags) with(pairs ...string) flags {
	out := append(flags{}, f...)
pairs:
	for i := 0; i < len(pairs); i += 2 {
		for j := range out {
			if out[j][0] == pairs[i] {
				out[j][1] = pairs[i+1]
				continue pairs
			}
		}
		out = append(out, [2]string{pairs[i], pairs[i+1]})
	}
	return out
}

// newcomer are the flags of one more node: alone, with ports and a folder of its own.
func newcomer(t *testing.T, database string) flags {
	t.Helper()
	addrs, err := freeAddresses(4)
	if err != nil {
		t.Fatal(err)
	}
	return flags{}.with("node-name", "newcomer", "data-dir", t.TempDir(), "database", database,
		"spring-listen", addrs[0], "spring-tls-listen", addrs[1], "http-listen", addrs[2])
}

// clustered makes a newcomer one of a cluster.
func (f flags) clustered(t *testing.T, join string) flags {
	t.Helper()
	addrs, err := freeAddresses(1)
	if err != nil {
		t.Fatal(err)
	}
	return f.with("cluster-listen", addrs[0], "cluster-join", join, "cluster-secret", "test secret of this cluster")
}

// of returns the value of a flag of a running node.
func (p *Process) of(flag string) string {
	for i, arg := range p.args {
		if arg == "--"+flag {
			return p.args[i+1]
		}
	}
	return ""
}

// refused starts a node that must not start: it ends by itself with 1, its last words
// are one line that says each of want, and it was never ready.
func refused(t *testing.T, f flags, want ...string) {
	t.Helper()
	args := []string{"serve", "--unlimited"}
	for _, pair := range f {
		args = append(args, "--"+pair[0], pair[1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v\n%s%s", err, out.String(), errs.String())
		return
	}
	lines := strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
	last := lines[len(lines)-1]
	for _, text := range append(want, "teiserver: ") {
		if !strings.Contains(last, text) {
			t.Errorf("the last line is %q, want %q in it", last, text)
		}
	}
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("more than one line: %q\n%s", line, errs.String())
		}
	}
	if strings.Contains(errs.String(), "hunter2") {
		t.Errorf("it tells the password:\n%s", errs.String())
	}
	if strings.Contains(out.String(), "ready") {
		t.Errorf("it was ready:\n%s", out.String())
	}
}

// TestRefusedBesideACluster: a node that does not fit ends with one line, and the
// cluster and its clients do not notice.
func TestRefusedBesideACluster(t *testing.T) {
	t.Parallel()
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, database)
			for node := range 3 {
				r.player(node)
			}
			r.meet()
			r.mark()
			before := r.nodes()
			node := r.c.Processes[0]
			join := node.of("cluster-listen")
			fits := func(t *testing.T) flags { return newcomer(t, database).clustered(t, join) }
			for name, start := range map[string]func(t *testing.T){
				"another secret": func(t *testing.T) {
					refused(t, fits(t).with("cluster-secret", "another secret than theirs"), "secret")
				},
				"another database": func(t *testing.T) {
					refused(t, newcomer(t, pgtest.URL(t)).clustered(t, join), "another cluster")
				},
				"busy cluster port": func(t *testing.T) {
					refused(t, fits(t).with("cluster-listen", join), "--cluster-listen", join)
				},
				"busy spring port": func(t *testing.T) {
					refused(t, fits(t).with("spring-listen", node.Spring), "--spring-listen", node.Spring)
				},
				"alone": func(t *testing.T) {
					refused(t, newcomer(t, database), "database")
				},
				"name in use": func(t *testing.T) {
					refused(t, fits(t).with("node-name", node.Name), node.Name)
				},
				"folder in use": func(t *testing.T) {
					refused(t, fits(t).with("data-dir", node.DataDir), node.DataDir)
				},
			} {
				t.Run(name, start)
			}
			for name, n := range r.nodes() {
				if old, was := before[name]; was && n.Incarnation != old.Incarnation {
					t.Errorf("%s was %+v and is %+v", name, old, n)
				} else if !was && n.State != lease.Left {
					t.Errorf("the newcomer is %+v", n)
				}
			}
			for _, p := range r.here() {
				p.sync()
				p.told(nil, nil)
			}
			if got := len(r.here()); got != 3 {
				t.Errorf("%d of 3 clients are there", got)
			}
		})
	}
}

// TestRefusedBesideASingleNode: a node that is alone has its database to itself.
func TestRefusedBesideASingleNode(t *testing.T) {
	t.Parallel()
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := Start(t, Config{Binary: binary, Nodes: 1, Database: database})
			addrs, err := freeAddresses(1)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, newcomer(t, database), "database", "used")
			refused(t, newcomer(t, database).clustered(t, addrs[0]), "database", "used")
			refused(t, newcomer(t, database).with("http-listen", c.Processes[0].HTTP), "--http-listen")
			if err := ready(t.Context(), c.Processes[0].HTTP); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRefusedDatabase: a database that cannot be used is named, without its password.
func TestRefusedDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ database, want string }{
		{"sqlite:" + filepath.Join(dir, "none", "t.db"), "does not exist"},
		{"sqlite:" + dir, "folder"},
		{"sqlite:" + text, "not a SQLite database"},
		{"postgres://someone:hunter2@127.0.0.1:1/none", "127.0.0.1"},
		{pgtest.URL(t) + "&dbname=absent", "absent"},
	} {
		refused(t, newcomer(t, tc.database), tc.want)
	}
}
