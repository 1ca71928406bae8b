package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type stampedeCommand struct {
	Target   []string      `required:"" placeholder:"ADDRESS" help:"The nodes: the one that is killed first, then those that stay."`
	KillPID  int           `required:"" name:"kill-pid" placeholder:"PID" help:"Process of the first node."`
	Clients  int           `default:"3000" short:"n" help:"How many clients the first node has."`
	Stay     int           `default:"300" help:"How many clients the others have, those that are measured included."`
	Probes   int           `default:"40" help:"How many of them are measured."`
	Prefix   string        `default:"Stampede" help:"How the accounts begin; they are made if they are not there, and stay."`
	Room     string        `default:"stampede" help:"Channel in which they speak. While the node that runs it is dead nobody is heard there: choose one that another node runs."`
	Rest     time.Duration `default:"15s" help:"How long to measure before."`
	Workers  int           `default:"8" help:"How many log in at once at the beginning."`
	Retry    time.Duration `default:"1s" help:"How long a client that was refused waits at least; at most twice that."`
	Timeline bool          `help:"Say for every second how many are in, and the middle and worst latency."`
	Patience time.Duration `default:"2m" help:"How long to wait until all are in again."`
}

// Run measures.
func (m *stampedeCommand) Run(ctx context.Context, r *Report) error {
	s, err := m.measure(ctx)
	if err != nil {
		return err
	}
	r.add(s)
	return nil
}

// herd is the clients of the node that is killed.
type herd struct {
	*stampedeCommand
	*crowd
	queued, refused atomic.Int64
	mu              sync.Mutex
	took            []time.Duration
	reasons         map[string]int
}

func (m *stampedeCommand) crowd(addrs []string, what string, n int) *crowd {
	c := newCrowd(addrs, n)
	c.prefix, c.buffer = m.Prefix+what, 8<<10
	return c
}

func (m *stampedeCommand) measure(ctx context.Context) (s Section, err error) {
	s = Section{Server: strings.Join(m.Target, " "), Measure: "stampede"}
	if len(m.Target) < 2 {
		return s, errors.New("a stampede needs a node that stays")
	}
	h := &herd{stampedeCommand: m, crowd: m.crowd(m.Target[:1], "n", m.Clients), reasons: map[string]int{}}
	stay := m.crowd(m.Target[1:], "s", max(0, m.Stay-m.Probes))
	defer stay.close()
	defer h.close()
	for _, c := range []*crowd{stay, h.crowd} {
		defer c.stayAlive(ctx)()
		if err := c.comeIn(ctx, m.Workers); err != nil {
			return s, err
		}
	}
	p, err := startProbes(ctx, m.Target[1:], m.Prefix+"p", m.Room, m.Probes)
	if err != nil {
		return s, err
	}
	defer p.stop()
	if err := p.wait(ctx, m.Rest); err != nil {
		return s, err
	}
	began := time.Now()
	if err := syscall.Kill(m.KillPID, syscall.SIGKILL); err != nil {
		return s, fmt.Errorf("kill %d: %w", m.KillPID, err)
	}
	err = h.stampede(ctx, began)
	all := time.Since(began)
	if err != nil {
		return s, err
	}
	if err := p.wait(ctx, time.Second); err != nil {
		return s, err
	}
	p.stop()
	s.put("clients", float64(m.Clients), "")
	s.put("all in again", all.Seconds(), "s")
	s.latencies("to LOGININFOEND", h.took)
	s.put("told to wait", float64(h.queued.Load()), "")
	s.put("refused or closed", float64(h.refused.Load()), "")
	for _, what := range []string{"PING", "line"} {
		s.latencies(what+" at rest", p.between(what, began.Add(-m.Rest), began))
		s.latencies(what+" meanwhile", p.between(what, began, began.Add(all)))
	}
	for from := began; m.Timeline && from.Before(began.Add(all)); from = from.Add(time.Second) {
		in := 0
		for _, took := range h.took {
			if at := began.Add(took); at.Before(from.Add(time.Second)) {
				in++
			}
		}
		s.note("%2.0f s: %4d in, PING %s, line %s", from.Sub(began).Seconds(), in,
			brief(p.between("PING", from, from.Add(time.Second))), brief(p.between("line", from, from.Add(time.Second))))
	}
	for reason, n := range h.reasons {
		s.note("%d × %s", n, reason)
	}
	if n := stay.dropped(); n > 0 {
		s.note("%d clients of the nodes that stayed were dropped", n)
	}
	return s, nil
}

// brief is the middle and the worst, in milliseconds.
func brief(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return fmt.Sprintf("%.1f %.0f", percentile(all, 0.5).Seconds()*1000, all[len(all)-1].Seconds()*1000)
}

// comeIn logs all in, with accounts that are made if they are missing.
func (c *crowd) comeIn(ctx context.Context, workers int) error {
	return c.each(ctx, workers, func(ctx context.Context, i int) error {
		for {
			cl, err := connect(ctx, c.addrs[i%len(c.addrs)], i, c.buffer, &c.total)
			if err != nil {
				return err
			}
			cl.name = c.name(i)
			_, err = cl.ask(ctx, loginLine(cl.name), "LOGININFOEND\n")
			if err == nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.clients[i] = cl
				return nil
			}
			if reason := cl.reason(); strings.Contains(reason, "No user found") {
				_, err = cl.ask(ctx, registerLine(cl.name), "REGISTRATIONACCEPTED\n")
			} else if reason != "" {
				err = fmt.Errorf("%w: %s", err, reason)
			}
			cl.close()
			if err != nil {
				return err
			}
		}
	})
}

// stayAlive pings who is in until the returned function is called.
func (c *crowd) stayAlive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(pingEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			c.mu.Lock()
			for _, cl := range c.clients {
				if cl != nil {
					_ = cl.send("PING") // who has gone is noticed by who waits for it
				}
			}
			c.mu.Unlock()
		}
	})
	return func() { cancel(); wg.Wait() }
}

// stampede has everybody connect again at once to the nodes that stay, and returns
// when all are in.
func (h *herd) stampede(ctx context.Context, began time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, h.Patience)
	defer cancel()
	var wg sync.WaitGroup
	again := make([]*client, len(h.clients))
	for i, old := range h.clients {
		wg.Go(func() {
			<-old.done
			again[i] = h.comeBack(ctx, i, began)
		})
	}
	wg.Wait()
	out := 0
	for _, cl := range again {
		if cl == nil {
			out++
		}
	}
	h.crowd.mu.Lock()
	h.clients = again
	h.crowd.mu.Unlock()
	if out > 0 {
		return fmt.Errorf("%d of %d are not in again after %s: %v", out, len(again), h.Patience, h.reasons)
	}
	return nil
}

// comeBack tries until it is in, nil if that was too late.
func (h *herd) comeBack(ctx context.Context, i int, began time.Time) *client {
	stay := h.Target[1:]
	for try := 0; ctx.Err() == nil; try++ {
		cl, err := connect(ctx, stay[(i+try)%len(stay)], i, h.buffer, &h.total)
		if err == nil {
			cl.name = h.name(i)
			_, err = cl.ask(ctx, loginLine(cl.name), "LOGININFOEND\n")
			if cl.queued.Load() {
				h.queued.Add(1)
			}
			if err == nil {
				h.mu.Lock()
				h.took = append(h.took, time.Since(began))
				h.mu.Unlock()
				return cl
			}
			cl.close()
		}
		reason := "connection not made"
		if cl != nil {
			if reason = cl.reason(); reason == "" {
				reason = "connection closed"
			}
		}
		h.refused.Add(1)
		h.mu.Lock()
		h.reasons[reason]++
		h.mu.Unlock()
		select {
		case <-time.After(h.Retry + rand.N(h.Retry)):
		case <-ctx.Done():
		}
	}
	return nil
}
