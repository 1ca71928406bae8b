package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Probes keep below the limit of lines per minute of a connection.
const (
	probePing  = 500 * time.Millisecond
	probeSay   = time.Second
	probeSayer = 10 // so many of them speak
)

// probeCommand is the other process of a stampede: some clients that stay, in a process
// of their own so that the load tool's work does not count as the server's.
type probeCommand struct {
	Target  []string `required:"" placeholder:"ADDRESS" help:"Nodes."`
	Clients int      `default:"40" short:"n" help:"How many clients."`
	Prefix  string   `default:"Probe" help:"How the accounts begin."`
	Room    string   `default:"stampede" help:"Channel in which they speak."`
}

// Run prints a line for each answer and each line heard, "PING" or "line", the time
// and how long it took, in nanoseconds, until standard input ends.
func (m *probeCommand) Run(ctx context.Context, _ *Report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	c := newCrowd(m.Target, m.Clients)
	c.prefix = m.Prefix
	if err := c.comeIn(ctx, 4); err != nil { // makes the accounts
		return err
	}
	c.close()
	out := make(chan string, 1<<16)
	var wg sync.WaitGroup
	for i := range m.Clients {
		t, err := listen(ctx, m.Target[i%len(m.Target)], c.name(i), false)
		if err != nil {
			return err
		}
		defer t.close()
		if _, err := t.ask(ctx, "JOIN "+m.Room, "CLIENTS "); err != nil {
			return err
		}
		wg.Go(func() { t.probe(ctx, i, m.Room, out) })
	}
	go func() { wg.Wait(); close(out) }()
	w := bufio.NewWriter(os.Stdout)
	defer func() { _ = w.Flush() }()
	_, _ = fmt.Fprintln(w, "ready")
	for line := range out {
		if _, err := w.WriteString(line); err != nil {
			return err
		}
		if len(out) == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// probe asks and speaks in turn, and reports what it hears, until ctx ends.
func (t *talker) probe(ctx context.Context, i int, room string, out chan<- string) {
	start := time.NewTimer(probePing * time.Duration(i%25) / 25)
	defer start.Stop()
	select {
	case <-start.C:
	case <-ctx.Done():
		return
	}
	ping, say := time.NewTicker(probePing), time.NewTicker(probeSay)
	defer ping.Stop()
	defer say.Stop()
	if i >= probeSayer {
		say.Stop()
	}
	report := func(what string, at, began time.Time) {
		out <- fmt.Sprintln(what, at.UnixNano(), at.Sub(began).Nanoseconds())
	}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ping.C:
			t.pinged = append(t.pinged, time.Now())
			fmt.Fprintf(t.conn, "#%d PING\n", now.UnixMicro()%1e9) //nolint:errcheck // the reader notices
		case <-say.C:
			fmt.Fprintf(t.conn, "SAY %s %d\n", room, time.Now().UnixNano()) //nolint:errcheck // the reader notices
		case h, ok := <-t.lines:
			if !ok {
				out <- "gone " + t.name + " 0\n"
				return
			}
			if strings.HasSuffix(h.line, " PONG") && len(t.pinged) > 0 {
				report("PING", h.at, t.pinged[0])
				t.pinged = t.pinged[1:]
			}
			if rest, said := strings.CutPrefix(h.line, "SAID "+room+" "); said {
				_, text, _ := strings.Cut(rest, " ")
				if n, err := strconv.ParseInt(text, 10, 64); err == nil {
					report("line", h.at, time.Unix(0, n))
				}
			}
		}
	}
}

// sample is one measurement of a probe.
type sample struct {
	what string
	at   time.Time
	took time.Duration
}

// probes are the other process.
type probes struct {
	in    io.Closer
	ended chan struct{}
	once  sync.Once
	mu    sync.Mutex
	all   []sample
	gone  int
}

// startProbes starts the process and waits until it measures.
func startProbes(ctx context.Context, targets []string, prefix, room string, n int) (*probes, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	args := []string{"probe", "--clients", strconv.Itoa(n), "--prefix", prefix, "--room", room, "--target", strings.Join(targets, ",")}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // has its own share of the processors
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start probes: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start probes: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start probes: %w", err)
	}
	p := &probes{in: in, ended: make(chan struct{})}
	ready := make(chan struct{})
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "ready" {
				close(ready)
				continue
			}
			p.add(lines.Text())
		}
		_ = cmd.Wait() // has said why
	}()
	select {
	case <-ready:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("the probes have ended")
	case <-ctx.Done():
		p.stop()
		return nil, ctx.Err()
	}
}

func (p *probes) add(line string) {
	var what string
	var at, took int64
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Sscan(line, &what, &at, &took); err != nil {
		p.gone++
		return
	}
	p.all = append(p.all, sample{what, time.Unix(0, at), time.Duration(took)})
}

// wait lets them measure.
func (p *probes) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-p.ended:
		return fmt.Errorf("the probes have ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *probes) stop() {
	p.once.Do(func() { _ = p.in.Close() })
	<-p.ended
}

// between is what was measured between two moments.
func (p *probes) between(what string, from, to time.Time) (took []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.all {
		if begun := s.at.Add(-s.took); s.what == what && !begun.Before(from) && begun.Before(to) {
			took = append(took, s.took)
		}
	}
	return took
}
