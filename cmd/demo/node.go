package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// secret is what the nodes of a demo share.
	secret = "the secret of a demo on loopback"
	// stopLimit is more than the nodes' own limit for an orderly stop.
	stopLimit = 15 * time.Second
	// commandLimit ends a command beside the nodes that hangs.
	commandLimit = 10 * time.Second
)

// node is one teiserver process, with what was done to it.
type node struct {
	name   string
	index  int
	spring string // address for clients
	http   string
	listen string // for the other nodes
	front  string // the proxy before it
	args   []string
	binary string
	log    string

	ready   atomic.Bool  // as a balancer sees it
	touches atomic.Int64 // how often somebody did something to it

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process has ended
	meant   bool          // its end was asked for
	paused  bool
	cut     bool
	drained bool      // it was asked to
	hit     time.Time // when something was done to it last
	how     string
}

// lost is told when a process ended though nobody asked for it.
type lost func(n *node, err error)

// start starts the process; it does not wait until it is ready.
func (n *node) start(told lost) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	out, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", n.name, err)
	}
	defer func() { _ = out.Close() }() // the child has its own
	cmd := exec.Command(n.binary, n.args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, childAttributes()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	ended := make(chan struct{})
	n.cmd, n.ended, n.meant, n.paused, n.drained = cmd, ended, false, false, false
	go func() {
		err := cmd.Wait()
		n.mu.Lock()
		meant := n.meant
		n.mu.Unlock()
		close(ended)
		if !meant {
			told(n, err)
		}
	}()
	return nil
}

// touch notes that something is done to a node, before it is done: from now on nobody
// on it is promised anything.
func (n *node) touch(how string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hit, n.how = time.Now(), how
	n.touches.Add(1)
}

// wellSince returns the number of touches if the node is well, else -1.
func (n *node) wellSince() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.paused || n.cut || n.drained || n.meant {
		return -1
	}
	return n.touches.Load()
}

// forgive forgets the last blow once the node is well and ready again: what happens
// from now on does not come of it.
func (n *node) forgive() {
	well := n.wellSince() >= 0 && n.ready.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	if well && time.Since(n.hit) > 2*lookGap {
		n.how = ""
	}
}

// blow is what was done last, and when.
func (n *node) blow() (string, time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.how, n.hit
}

// state is what it was asked to.
func (n *node) state() (drained, paused bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.drained, n.paused
}

func (n *node) running() bool {
	n.mu.Lock()
	ended := n.ended
	n.mu.Unlock()
	if ended == nil {
		return false
	}
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

// signal sends a signal; a process that has ended gets none. final says that it is
// meant to end by it.
func (n *node) signal(sig syscall.Signal, final bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	n.meant = n.meant || final
	_ = n.cmd.Process.Signal(sig) // it knows when its process is gone
}

// mark changes what is known of the node.
func (n *node) mark(change func(*node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// stop ends the process in order, or hard if that takes too long.
func (n *node) stop() {
	if !n.running() {
		return
	}
	n.signal(syscall.SIGTERM, true)
	n.signal(syscall.SIGCONT, true) // one that is paused would not end
	n.mu.Lock()
	ended := n.ended
	n.mu.Unlock()
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-ended:
	case <-limit.C:
		n.signal(syscall.SIGKILL, true)
		<-ended
	}
}

// body is what the process is doing, in one word.
func (n *node) body() string {
	if !n.running() {
		return "dead"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var words []string
	if n.meant {
		words = append(words, "stopping")
	}
	if n.paused {
		words = append(words, "paused")
	}
	if n.cut {
		words = append(words, "cut off")
	}
	if n.drained {
		words = append(words, "drain")
	}
	if len(words) == 0 {
		return "runs"
	}
	return strings.Join(words, ", ")
}

// site is where a demo's files are and how its command line is called.
type site struct {
	dir      string
	binary   string
	database string
}

// command runs the teiserver command line beside the nodes.
func (s *site) command(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary, append(args, "--database", s.database, "--data-dir", s.dir)...)
	cmd.SysProcAttr = childAttributes()
	var text bytes.Buffer
	cmd.Stderr = &text
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("teiserver %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(text.String()))
	}
	return out, nil
}

// prepare makes the nodes and their proxies; nothing is started.
func (s *site) prepare(ctx context.Context, l *links, count int) ([]*node, error) {
	addresses, err := freeAddresses(ctx, 3*count)
	if err != nil {
		return nil, err
	}
	var list []*node
	for i := range count {
		n := &node{
			name: fmt.Sprintf("n%d", i+1), index: i, binary: s.binary,
			spring: addresses[3*i], http: addresses[3*i+1], listen: addresses[3*i+2],
		}
		n.log = filepath.Join(s.dir, n.name+".log")
		if n.front, err = l.open(ctx, n.name, n.listen); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	for _, n := range list {
		var others []string
		for _, o := range list {
			if o != n {
				others = append(others, o.front)
			}
		}
		n.args = []string{
			"serve", "--unlimited", "--node-name", n.name, "--data-dir", filepath.Join(s.dir, n.name), "--database", s.database,
			"--spring-listen", n.spring, "--spring-tls-listen=", "--http-listen", n.http,
			"--cluster-listen", n.listen, "--cluster-advertise", n.front, "--cluster-join", strings.Join(others, ","),
			"--cluster-secret", secret, "--drain-timeout", "10s",
		}
	}
	return list, nil
}

// freeAddresses returns loopback addresses that nobody listens on. They lie below the
// ports that the system gives to whoever asks for any.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	const lowest, beyond, tries = 15_000, 32_000, 1000
	var out []string
	var lc net.ListenConfig
	for range tries {
		if len(out) == n {
			return out, nil
		}
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(beyond-lowest))))
		if err != nil {
			continue // taken, also by ourselves
		}
		defer func() { _ = l.Close() }() // all are held until the last is found
		out = append(out, l.Addr().String())
	}
	return nil, fmt.Errorf("no %d free ports from %d to %d", n, lowest, beyond)
}
