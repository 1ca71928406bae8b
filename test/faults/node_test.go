//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"teiserver/test/faults/network"
)

const (
	// readyLimit is far more than a start takes: it ends hopeless waiting.
	readyLimit = 2 * time.Minute
	// stopLimit is more than the server's own limit for an orderly stop.
	stopLimit = 40 * time.Second
)

// node is one teiserver in a host of its own.
type node struct {
	name   string
	host   *network.Host
	data   string
	binary string
	args   []string
	env    []string
	log    *os.File

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
	err   error
	meant bool // its end was asked for
	once  bool // it is not started again
	up    bool // it was started and its end was not asked for
}

func (n *node) spring() string { return n.host.Address + ":8200" }

// start starts the process; it does not wait until it is ready.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.launch(); err != nil {
		return err
	}
	n.ended, n.meant, n.up = make(chan struct{}), false, true
	go n.supervise(n.cmd, n.ended)
	return nil
}

// launch starts a process. The lock is held.
func (n *node) launch() error {
	cmd := exec.Command(n.binary, n.args...)
	cmd.Dir = n.data
	cmd.Stdout, cmd.Stderr = n.log, n.log
	cmd.Env = append(os.Environ(), n.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is ours alone
	fmt.Fprintf(n.log, "%s%s at %s\n", startMark, n.name, time.Now().UTC().Format(time.RFC3339Nano))
	if err := n.host.Start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	n.cmd = cmd
	return nil
}

// startMark begins the log of each process of a node.
const startMark = "===== start of "

// startAgain is between two tries to start.
const startAgain = 500 * time.Millisecond

// supervise waits for the end of a process. One that ends before it has served is started
// again, as a service manager does: its database may be away. One that has served must
// not end by itself.
func (n *node) supervise(cmd *exec.Cmd, ended chan struct{}) {
	defer close(ended)
	for {
		err := cmd.Wait()
		if n.once || !n.failedToStart() {
			n.end(err)
			return
		}
		rest(startAgain)
		n.mu.Lock()
		if !n.meant {
			if err = n.launch(); err == nil {
				cmd = n.cmd
				n.mu.Unlock()
				continue
			}
		}
		n.err = err
		n.mu.Unlock()
		return
	}
}

func (n *node) end(err error) {
	n.mu.Lock()
	n.err = err
	n.mu.Unlock()
}

// failedToStart reports whether the process that has ended was never ready.
func (n *node) failedToStart() bool {
	text := n.logged()
	return !strings.Contains(text[max(0, strings.LastIndex(text, startMark)):], "msg=ready ")
}

// running reports whether the node was started and is not meant to end.
func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up
}

// stop sends a signal that ends the process and waits for that.
func (n *node) stop(sig syscall.Signal) {
	n.mu.Lock()
	cmd, ended := n.cmd, n.ended
	n.meant, n.up = true, false
	n.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig)
	select {
	case <-ended:
	case <-time.After(stopLimit):
		_ = cmd.Process.Kill()
		<-ended
	}
}

func (n *node) signal(sig syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(sig)
	}
}

// alone says that the process has ended by itself.
func (n *node) alone() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return nil
	}
	select {
	case <-n.ended:
		if !n.meant {
			return fmt.Errorf("node %s ended by itself: %w", n.name, n.err)
		}
	default:
	}
	return nil
}

// ready asks /readyz.
func (n *node) ready(ctx context.Context, from *network.Host) error {
	client := http.Client{Transport: &http.Transport{DialContext: from.Dial, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.host.Address+":4000/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: /readyz says %s", n.name, resp.Status)
	}
	return nil
}

// logged returns the log so far.
func (n *node) logged() string {
	b, err := os.ReadFile(n.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// path is a file of the suite for a node.
func (r *rig) path(name, what string) string { return filepath.Join(r.dir, name+"."+what) }

// newNode prepares a node.
func (r *rig) newNode(name string, peers []string) (*node, error) {
	h := r.net.Host(name)
	data := filepath.Join(r.dir, name)
	if r.file != nil {
		data = filepath.Join(r.disk(), name)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(r.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	return &node{
		name: name, host: h, data: data, binary: r.binary, log: log,
		args: []string{
			"serve", "--data-dir", data, "--node-name", name, "--database", r.store.url(), "--unlimited",
			"--spring-listen", h.Address + ":8200", "--spring-tls-listen", "", "--http-listen", h.Address + ":4000",
			"--cluster-listen", h.Address + ":4100", "--cluster-join", strings.Join(peers, ","), "--cluster-secret", "secret of the fault suite",
			"--log-format", "text", "--log-level", "info",
		},
		env: []string{
			"GOTRACEBACK=all",
			"TEISERVER_FAULT_ACTS=" + r.path(name, "acts"),
			"TEISERVER_FAULT_CLOCK=" + r.path(name, "clock"),
			"TEISERVER_FAULT_BY=" + h.Address,
		},
	}, nil
}
