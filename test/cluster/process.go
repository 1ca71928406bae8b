package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"teiserver/test/scenario"
)

const (
	// readyLimit is far more than a start takes: it ends hopeless waiting.
	readyLimit = 90 * time.Second
	// stopLimit is more than the server's own limit for an orderly stop.
	stopLimit = 30 * time.Second
	// logTail is how many lines of each node's log are shown after a failure, and how
	// many of those before them that are warnings or worse: what the test itself says
	// must not drown in them.
	logTail = 25
)

// Process is one node. It can be killed, stopped and started again with the same
// name, folder and addresses.
type Process struct {
	scenario.Node
	DataDir string
	args    []string
	binary  string
	log     *os.File

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
	err   error         // how it ended; read after ended
	meant bool          // its end was asked for
}

// start starts the process; it does not wait until it is ready.
func (p *Process) start() error {
	p.cmd = exec.Command(p.binary, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0", "GOTRACEBACK=all")
	p.ended, p.meant = make(chan struct{}), false
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start node %s: %w", p.Name, err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		p.err = cmd.Wait()
		close(ended)
	}(p.cmd, p.ended)
	return nil
}

// PID is the process id, for measuring.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// WaitReady waits until /readyz answers 200.
func (p *Process) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = ready(ctx, p.HTTP); last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return fmt.Errorf("node %s ended before it was ready: %w", p.Name, p.err)
		case <-ctx.Done():
			return fmt.Errorf("node %s is not ready: %w", p.Name, last)
		}
	}
}

func ready(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz says %s", resp.Status)
	}
	return nil
}

// Kill ends the process at once.
func (p *Process) Kill() { p.finish(syscall.SIGKILL) }

// Stop asks the process to stop in order and kills it if it does not.
func (p *Process) Stop() { p.finish(syscall.SIGTERM) }

// Pause stops the process from running until Resume. When it returns none of its
// threads runs.
func (p *Process) Pause(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause node %s: %w", p.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !stopped(p.PID()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("pause node %s: %w", p.Name, ctx.Err())
		}
	}
	return nil
}

// stopped reports whether every thread of a process is stopped by a signal.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, file := range threads {
		stat, err := os.ReadFile(file)
		_, state, ok := strings.Cut(string(stat), ") ")
		if err != nil || !ok || !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// Resume lets a paused process run.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Restart starts a process that has ended and waits until it is ready.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.start(); err != nil {
		return err
	}
	return p.WaitReady(ctx)
}

// Move gives the node another, empty folder for its next start, as a container has it.
func (p *Process) Move(dir string) {
	p.args[slices.Index(p.args, "--data-dir")+1] = dir
	p.DataDir = dir
}

func (p *Process) finish(sig syscall.Signal) {
	p.meant = true
	_ = p.cmd.Process.Signal(sig)
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-p.ended:
	case <-limit.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// alone fails the test if the process has ended by itself.
func (p *Process) alone(t testing.TB) {
	if !p.Running() && !p.meant {
		t.Errorf("node %s ended by itself: %v", p.Name, p.err)
	}
}

// check fails the test if the process has reported what it must not.
func (p *Process) check(t testing.TB) {
	text := p.logged()
	for _, sign := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
		if at := strings.Index(text, sign); at >= 0 {
			t.Errorf("node %s: %s", p.Name, text[at:min(len(text), at+6000)])
		}
	}
}

func (p *Process) logged() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// show prints the end of the log if the test has failed, and what it warned of before.
func (p *Process) show(t testing.TB) {
	if !t.Failed() {
		return
	}
	lines := strings.Split(strings.TrimRight(p.logged(), "\n"), "\n")
	end := lines[max(0, len(lines)-logTail):]
	var warned []string
	for _, line := range lines[:len(lines)-len(end)] {
		if !strings.Contains(line, "level=INFO") {
			warned = append(warned, line)
		}
	}
	warned = warned[max(0, len(warned)-logTail):]
	t.Logf("log of node %s:\n%s", p.Name, strings.Join(append(warned, end...), "\n"))
}

// freeAddresses returns loopback addresses that nobody listens on. They lie below the
// ports that the system gives to whoever asks for any, or another process would
// sometimes be given one of them before its node takes it.
func freeAddresses(n int) ([]string, error) {
	const lowest, beyond, tries = 15_000, 32_000, 1000
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	var out []string
	for range tries {
		if len(out) == n {
			return out, nil
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(beyond-lowest))))
		if err != nil {
			continue // taken, also by ourselves
		}
		held, out = append(held, l), append(out, l.Addr().String())
	}
	return nil, fmt.Errorf("no %d free ports from %d to %d", n, lowest, beyond)
}

// Build builds the server into a folder and returns its path: as operators run it, or with
// TEST_RACE in the environment with the race detector.
func Build(dir string) (string, error) {
	binary := filepath.Join(dir, "teiserver")
	args := []string{"build", "-o", binary}
	if os.Getenv("TEST_RACE") != "" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "teiserver/cmd/teiserver")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build teiserver: %w\n%s", err, out)
	}
	return binary, nil
}
