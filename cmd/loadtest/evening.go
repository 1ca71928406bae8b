package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type eveningCommand struct {
	Server   string        `required:"" placeholder:"FILE" help:"The teiserver binary."`
	Lobbies  int           `default:"500" short:"l" help:"How many battles are opened, each by a host of its own."`
	Clients  int           `default:"8000" short:"n" help:"How many players sit in them."`
	Playing  int           `default:"66" help:"Percent of the battles in which a game is going on when the measurement begins."`
	Pace     float64       `default:"1" help:"How many times as much happens as on an evening."`
	Rest     time.Duration `default:"30s" help:"How long to measure while nobody does anything but ping."`
	Churn    time.Duration `default:"2m" help:"How long to measure the evening."`
	Probes   int           `default:"10" help:"Clients outside of all battles whose PING is measured."`
	Workers  int           `default:"32" help:"How many log in and take their seats at once."`
	Limit    time.Duration `default:"40m" help:"Give up after this time."`
	Database string        `placeholder:"URL" help:"Database of the server; without it SQLite in a temporary folder."`
}

// Run measures.
func (m *eveningCommand) Run(ctx context.Context, r *Report) error {
	s, err := m.measure(ctx)
	if err != nil {
		return err
	}
	r.add(s)
	return nil
}

// spareFiles is how many files this program and the server need beside their connections.
const spareFiles = 200

// enoughFiles says in one line what is missing before a run of minutes.
func enoughFiles(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if need := uint64(connections) + spareFiles; limit.Max < need { //nolint:gosec // not negative
		return fmt.Errorf("%d connections need %d open files, for the server and for this program each; %d are allowed: raise the hard limit (ulimit -Hn)",
			connections, need, limit.Max)
	}
	return nil
}

// footprint is what the server occupies at a moment, after a garbage collection.
type footprint struct {
	rss        int64
	heap       float64 // bytes of live objects
	goroutines float64
}

func (s *running) footprint(ctx context.Context) (footprint, error) {
	var f footprint
	for range 2 { // what is pooled outlives one
		if _, err := s.get(ctx, "/debug/pprof/heap?gc=1"); err != nil {
			return f, err
		}
	}
	text, err := s.get(ctx, "/metrics")
	if err != nil {
		return f, err
	}
	if f.heap, err = metric(text, "go_memstats_heap_alloc_bytes"); err != nil {
		return f, err
	}
	if f.goroutines, err = metric(text, "go_goroutines"); err != nil {
		return f, err
	}
	f.rss, err = memory(s.cmd.Process.Pid)
	return f, err
}

func (e *evening) calmFootprint(ctx context.Context) (footprint, error) {
	if err := e.calm(ctx); err != nil {
		return footprint{}, err
	}
	return e.server.footprint(ctx)
}

// metric finds a value without labels in what /metrics shows.
func metric(text []byte, name string) (float64, error) {
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		if value, ok := strings.CutPrefix(in.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("the server shows no %s", name)
}

func (m *eveningCommand) measure(ctx context.Context) (s Section, err error) {
	s = Section{Server: "teiserver", Measure: "evening"}
	if m.Lobbies < 1 || m.Clients < m.Lobbies {
		return s, errors.New("an evening needs a battle, and a player in each")
	}
	if err := enoughFiles(m.Lobbies + m.Clients + m.Probes); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.Limit)
	defer cancel()
	server, err := startTeiserver(ctx, m.Server, m.Database)
	if err != nil {
		return s, err
	}
	defer server.stop()
	e := newEvening(m, server)
	defer e.close()
	defer e.pingEvenly(ctx)()
	if err := m.fill(ctx, &s, e); err != nil {
		return s, err
	}
	if err := m.window(ctx, &s, e, "at rest", m.Rest, nil); err != nil {
		return s, err
	}
	c := newChurn(e, m.Pace)
	if err := m.window(ctx, &s, e, "evening", m.Churn, c); err != nil {
		return s, err
	}
	c.report(&s, m.Churn)
	after, err := server.footprint(ctx)
	if err != nil {
		return s, err
	}
	s.put("memory after the evening", float64(after.rss)/(1<<20), "MiB")
	s.put("heap after the evening", after.heap/(1<<20), "MiB")
	if n := e.players.dropped() + e.probes.dropped() + e.hostsLost(); n > 0 {
		s.note("%d connections were lost", n)
	}
	if n, last := warnings(server.said()); n > 0 {
		s.note("the server logged %d warnings, the last: %s", n, last)
	}
	return s, nil
}

// warnings counts the warnings and errors in a log, without the one that there are no limits.
func warnings(log string) (n int, last string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "level=WARN") && !strings.Contains(line, "UNLIMITED") || strings.Contains(line, "level=ERROR") {
			n, last = n+1, strings.TrimSpace(line)
		}
	}
	return n, last
}

// fill lets everybody come in, open battles and take seats, and looks at the memory of the
// server after each, when what was told has been taken.
func (m *eveningCommand) fill(ctx context.Context, s *Section, e *evening) error {
	began := time.Now()
	if err := e.comeIn(ctx, m.Workers); err != nil {
		return err
	}
	online, err := e.calmFootprint(ctx)
	if err != nil {
		return err
	}
	if err := e.open(ctx, m.Workers); err != nil {
		return err
	}
	opened, err := e.calmFootprint(ctx)
	if err != nil {
		return err
	}
	if err := e.seat(ctx, m.Workers); err != nil {
		return err
	}
	seated, err := e.calmFootprint(ctx)
	if err != nil {
		return err
	}
	if err := e.begin(ctx, m.Playing); err != nil {
		return err
	}
	playing, err := e.calmFootprint(ctx)
	if err != nil {
		return err
	}
	n := float64(m.Lobbies)
	s.put("battles", n, "")
	s.put("players", float64(m.Clients), "")
	s.put("games going on", float64(e.playing()), "")
	s.put("to fill it", time.Since(began).Seconds(), "s")
	s.put("memory, all online", float64(online.rss)/(1<<20), "MiB")
	s.put("memory, all seated", float64(seated.rss)/(1<<20), "MiB")
	s.put("heap, all online", online.heap/(1<<20), "MiB")
	s.put("heap, battles opened", opened.heap/(1<<20), "MiB")
	s.put("heap, all seated", seated.heap/(1<<20), "MiB")
	s.put("heap, games going on", playing.heap/(1<<20), "MiB")
	s.put("heap per empty battle", (opened.heap-online.heap)/n/(1<<10), "KiB")
	s.put("heap per full battle", (seated.heap-online.heap)/n/(1<<10), "KiB")
	s.put("resident memory per full battle", float64(seated.rss-online.rss)/n/(1<<10), "KiB")
	s.put("goroutines per battle", (seated.goroutines-online.goroutines)/n, "")
	return nil
}

// window measures the server for a while, in which c goes on if there is one.
func (m *eveningCommand) window(ctx context.Context, s *Section, e *evening, what string, d time.Duration, c *churn) error {
	if err := e.calm(ctx); err != nil {
		return err
	}
	pid := e.server.cmd.Process.Pid
	before, err := look(pid)
	if err != nil {
		return err
	}
	lines := e.total.Load()
	span, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	probed := make(chan []time.Duration, 1)
	go func() { probed <- e.probe(span) }()
	if c != nil {
		c.run(span)
	}
	<-span.Done()
	took := <-probed
	after, err := look(pid)
	if err != nil {
		return errors.Join(err, errors.New(e.server.said()))
	}
	if c != nil {
		c.wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	seconds := after.at.Sub(before.at).Seconds()
	got := float64(e.total.Load() - lines)
	s.put("server load, "+what, (after.server-before.server).Seconds()/seconds, "processors")
	s.put("own load, "+what, (after.self-before.self).Seconds()/seconds, "processors")
	s.put("lines delivered, "+what, got/seconds, "1/s")
	if c != nil && got > 0 {
		s.put("server time per line delivered", (after.server-before.server).Seconds()*1e6/got, "µs")
	}
	s.latencies("PING, "+what, took)
	return nil
}
