//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teiserver/test/faults/network"
)

// The hosts beside the nodes, and standby.
const (
	database = "database"
	clients  = "clients"
	operator = "operator" // for us: its links are never broken
)

// runs is where runs keep their folders, also those of failed runs.
func runs() string {
	if dir := os.Getenv("FAULTS_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(os.TempDir(), "teiserver-faults")
}

// rig is a cluster in a network.
type rig struct {
	t       testing.TB
	dir     string
	binary  string
	net     *network.Network
	store   store
	pg      *pair // nil on SQLite
	file    *file // nil on PostgreSQL
	nodes   []*node
	history *History
	began   int64

	// Who holds the lock of the database in lives has these.
	branch  int    // of the database: each failover and restore begins a new one
	audited int64  // the last change of this branch that is in the history
	since   int64  // when what a fault of the database may lose began
	emptied func() // ends the filling of the disk

	mu    sync.Mutex
	rules map[int][]rule // by the fault that asked for them
	lives map[string]*sync.Mutex
}

// rule is what a fault does to one directed link.
type rule struct {
	from, to string
	network.Rule
}

// settings of a run.
type settings struct {
	db    string   // onPostgres if empty
	nodes int      // started at the beginning
	spare int      // prepared, for those who join later
	env   []string // for every node
	first []string // for node1 alone
	rest  []string // for all others
}

// now reads the boot clock.
func now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return ts.Nano()
}

// rest lets time go by in which something may happen that must not.
func rest(d time.Duration) { <-time.After(d) }

// newRig starts a cluster and waits until it is ready. Its end is the test's.
func newRig(t testing.TB, s settings) *rig {
	t.Helper()
	if err := network.Supported(); err != nil {
		t.Fatalf("the fault suite cannot run here: %v", err)
	}
	sweepOldRuns(t)
	r := &rig{t: t, binary: binary, began: now(), rules: map[int][]rule{}, lives: map[string]*sync.Mutex{}}
	if err := os.MkdirAll(runs(), 0o755); err != nil { //nolint:gosec // the user of PostgreSQL has to pass
		t.Fatal(err)
	}
	var err error
	r.dir, err = os.MkdirTemp(runs(), fmt.Sprintf("run-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(r.dir, 0o755); err != nil { //nolint:gosec // as above
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	if r.history, err = NewHistory(filepath.Join(r.dir, "history.jsonl")); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for i := range s.nodes + s.spare {
		names = append(names, fmt.Sprintf("node%d", i+1))
	}
	if r.net, err = network.New(append(names, database, standby, clients, operator)...); err != nil {
		t.Fatal(err)
	}
	if err := r.prepareStore(s.db); err != nil {
		t.Fatal(err)
	}
	var peers []string
	for _, name := range names {
		peers = append(peers, r.net.Host(name).Address+":4100")
	}
	for _, name := range names {
		n, err := r.newNode(name, peers)
		if err != nil {
			t.Fatal(err)
		}
		n.env = append(n.env, s.env...)
		if name == names[0] {
			n.env = append(n.env, s.first...)
		} else {
			n.env = append(n.env, s.rest...)
		}
		r.nodes = append(r.nodes, n)
	}
	if err := r.until(readyLimit, r.attendStore); err != nil {
		t.Fatalf("the database: %v", err)
	}
	r.command("config", "reset", "spring.motd") // makes the tables
	r.audit()
	if r.pg != nil {
		ctx, cancel := context.WithTimeout(t.Context(), readyLimit)
		defer cancel()
		if err := r.pg.attach(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range r.nodes[:s.nodes] {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	r.waitReady(readyLimit)
	stop, err := r.watchMachine()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	t.Logf("%d nodes run in %s", s.nodes, r.dir)
	return r
}

// prepareStore makes the database.
func (r *rig) prepareStore(kind string) (err error) {
	if kind != onSQLite {
		r.pg, err = newPair(r.dir, r.net)
		r.store = r.pg
		return err
	}
	if err := mountDisk(r.disk()); err != nil {
		return err
	}
	r.file, err = newFile(r.disk())
	r.store = r.file
	return err
}

// disk is where the small disk of SQLite is.
func (r *rig) disk() string { return filepath.Join(r.dir, "disk") }

func (r *rig) attendStore(ctx context.Context) error {
	if r.pg == nil {
		return nil
	}
	return r.pg.attend(ctx)
}

// end ends everything, and keeps the folder of a failed run.
func (r *rig) end() {
	keep := r.t.Failed() || os.Getenv("FAULTS_KEEP") != ""
	if r.pg != nil {
		for _, s := range r.pg.servers {
			if s != nil {
				s.signal(syscall.SIGCONT)
			}
		}
	}
	var all sync.WaitGroup
	for _, n := range r.nodes {
		all.Go(func() {
			n.signal(syscall.SIGCONT)
			n.stop(syscall.SIGKILL)
			_ = n.log.Close()
		})
	}
	all.Wait()
	if r.pg != nil {
		r.pg.end()
	}
	if r.file != nil {
		r.file.end()
		if keep {
			_ = os.CopyFS(filepath.Join(r.dir, "database"), os.DirFS(filepath.Dir(r.file.path)))
		}
		if err := unmountDisk(r.disk()); err != nil {
			r.t.Errorf("unmount the disk: %v", err)
		}
	}
	if r.net != nil {
		r.net.Close()
	}
	if r.history != nil {
		if err := r.history.Close(); err != nil {
			r.t.Errorf("the history: %v", err)
		}
	}
	if keep {
		r.t.Logf("logs and history are kept in %s", r.dir)
		return
	}
	_ = os.RemoveAll(r.dir)
}

// sweepOldRuns kills what a run has left that was itself killed: processes in the
// folder of a run whose test is no more.
func sweepOldRuns(t testing.TB) {
	// left says that a path is in the folder of a run whose test is no more.
	left := func(path string) bool {
		rest, ok := strings.CutPrefix(path, runs()+"/run-")
		of, _, _ := strings.Cut(rest, "-")
		owner, err := strconv.Atoi(of)
		return ok && err == nil && syscall.Kill(owner, 0) != nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		dir, err := os.Readlink(link)
		if err != nil || !left(dir) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		t.Logf("killing process %d, left by an earlier run in %s", pid, dir)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && left(f[1]) {
			t.Logf("unmounting %s, left by an earlier run", f[1])
			_ = unmountDisk(f[1])
		}
	}
}

// waitReady waits until all nodes that were started are ready.
func (r *rig) waitReady(limit time.Duration) {
	r.t.Helper()
	for _, n := range r.nodes {
		if !n.running() {
			continue
		}
		err := r.until(limit, func(ctx context.Context) error {
			if err := n.alone(); err != nil {
				return errors.Join(errHopeless, err)
			}
			return n.ready(ctx, r.net.Host(operator))
		})
		if err != nil {
			r.t.Errorf("node %s is not ready: %v", n.name, err)
		}
	}
}

var errHopeless = errors.New("hopeless")

// until tries until there is no error.
func (r *rig) until(limit time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		try, done := context.WithTimeout(ctx, 10*time.Second)
		err := f(try)
		done()
		if err == nil || errors.Is(err, errHopeless) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		}
	}
}

// try runs the command line beside the nodes.
func (r *rig) try(ctx context.Context, args ...string) (string, error) {
	cmd := exec.Command(r.binary, append(args, "--database", r.store.url(), "--data-dir", filepath.Join(r.dir, operator))...)
	cmd.Dir = r.dir
	var out, text strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &text
	if err := r.net.Host(operator).Start(cmd); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), errors.Join(err, ctx.Err()), text.String())
	}
	return out.String(), nil
}

func (r *rig) command(args ...string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	out, err := r.try(ctx, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// read reads a command's JSON.
func (r *rig) read(ctx context.Context, into any, args ...string) error {
	out, err := r.try(ctx, append(args, "--json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// breakLinks gives links the rules of a fault; with none, what it asked for ends.
func (r *rig) breakLinks(fault int, rules ...rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.rules[fault]
	if len(rules) == 0 {
		delete(r.rules, fault)
	} else {
		r.rules[fault] = rules
	}
	for _, touched := range append(before, rules...) {
		var sum network.Rule
		for _, asked := range r.rules {
			for _, a := range asked {
				if a.from == touched.from && a.to == touched.to {
					sum.Cut = sum.Cut || a.Cut
					sum.Loss = max(sum.Loss, a.Loss)
					sum.Delay = max(sum.Delay, a.Delay)
					sum.Jitter = max(sum.Jitter, a.Jitter)
				}
			}
		}
		r.net.Set(touched.from, touched.to, sum)
	}
}

func (r *rig) node(name string) *node {
	for _, n := range r.nodes {
		if n.name == name {
			return n
		}
	}
	panic("no node " + name)
}

// note adds an event of a fault.
func (r *rig) note(what, arg, line string) {
	r.history.Add(Event{Kind: Fault, At: now(), What: what, Arg: arg, Line: line})
}
