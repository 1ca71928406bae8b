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

// The hosts beside the nodes.
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
	pg      *postgres
	nodes   []*node
	history *History
	began   int64

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
	nodes int      // started at the beginning
	spare int      // prepared, for those who join later
	env   []string // for every node
	first []string // for node1 alone
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
	if r.net, err = network.New(append(names, database, clients, operator)...); err != nil {
		t.Fatal(err)
	}
	if r.pg, err = newPostgres(r.dir, r.net.Host(database)); err != nil {
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
		}
		r.nodes = append(r.nodes, n)
	}
	r.waitDatabase()
	r.command("config", "list") // makes the tables
	r.audit()
	for _, n := range r.nodes[:s.nodes] {
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
	}
	r.waitReady(readyLimit)
	t.Logf("%d nodes run in %s", s.nodes, r.dir)
	return r
}

// end ends everything, and keeps the folder of a failed run.
func (r *rig) end() {
	if r.pg != nil && r.pg.cmd != nil && r.pg.cmd.Process != nil {
		r.pg.signal(syscall.SIGCONT)
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
	if r.pg != nil && r.pg.ended != nil {
		r.pg.stop(syscall.SIGQUIT)
	}
	if r.net != nil {
		r.net.Close()
	}
	if r.history != nil {
		if err := r.history.Close(); err != nil {
			r.t.Errorf("the history: %v", err)
		}
	}
	if r.t.Failed() || os.Getenv("FAULTS_KEEP") != "" {
		_ = os.RemoveAll(filepath.Join(r.dir, "pg"))
		r.t.Logf("logs and history are kept in %s", r.dir)
		return
	}
	_ = os.RemoveAll(r.dir)
}

// sweepOldRuns kills what a run has left that was itself killed: processes in the
// folder of a run whose test is no more.
func sweepOldRuns(t testing.TB) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		dir, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(dir, runs()+"/run-") {
			continue
		}
		of, _, _ := strings.Cut(strings.TrimPrefix(dir, runs()+"/run-"), "-")
		owner, err := strconv.Atoi(of)
		if err != nil || syscall.Kill(owner, 0) == nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		t.Logf("killing process %d, left by an earlier run in %s", pid, dir)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (r *rig) waitDatabase() {
	r.t.Helper()
	err := r.until(readyLimit, func(ctx context.Context) error {
		c, err := connect(ctx, r.net.Host(operator), r.pg.url())
		if err != nil {
			return err
		}
		return c.Close(ctx)
	})
	if err != nil {
		r.t.Fatalf("PostgreSQL: %v", err)
	}
}

// waitReady waits until all nodes that were started are ready.
func (r *rig) waitReady(limit time.Duration) {
	r.t.Helper()
	for _, n := range r.nodes {
		if !n.up {
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
	cmd := exec.Command(r.binary, append(args, "--database", r.pg.url(), "--data-dir", filepath.Join(r.dir, operator))...)
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
