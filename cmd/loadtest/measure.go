package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// target is the server that a measurement loads.
type target struct {
	Target  []string      `required:"" placeholder:"ADDRESS" help:"Where the server listens; several for a cluster."`
	PID     int           `placeholder:"PID" help:"Process of the server, to read its processor time and memory."`
	Clients int           `default:"500" short:"n" help:"How many clients."`
	Workers int           `default:"32" help:"How many log in at once."`
	Limit   time.Duration `default:"5m" help:"Give up after this time."`

	name string
}

func (t *target) label() string {
	if t.name != "" {
		return t.name
	}
	return strings.Join(t.Target, " ")
}

func (t *target) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.Limit)
}

type fanoutCommand struct {
	target
	Rate     int           `placeholder:"N" help:"Lines a second; without it as many as get through."`
	Duration time.Duration `default:"10s" short:"d" help:"How long to speak."`
	Window   int           `default:"64" help:"Without a rate: lines that may be on their way at once."`
	Speakers int           `default:"1" help:"How many of the clients speak in turn."`
}

// Run measures.
func (f *fanoutCommand) Run(ctx context.Context, r *Report) error {
	s, err := f.measure(ctx)
	if err != nil {
		return err
	}
	r.add(s)
	return nil
}

func (f *fanoutCommand) measure(ctx context.Context) (Section, error) {
	s := Section{Server: f.label(), Measure: "fanout"}
	ctx, cancel := f.within(ctx)
	defer cancel()
	c := newCrowd(f.Target, f.Clients)
	defer c.close()
	if err := c.connect(ctx, f.Workers); err != nil {
		return s, err
	}
	if _, err := c.login(ctx, f.Workers); err != nil {
		return s, err
	}
	if err := c.join(ctx, f.Workers); err != nil {
		return s, err
	}
	if err := c.settle(ctx); err != nil {
		return s, err
	}
	before, err := look(f.PID)
	if err != nil {
		return s, err
	}
	start := c.total.Load()
	sent, err := f.speak(ctx, c, start)
	if err != nil {
		return s, err
	}
	want := start + int64(sent)*int64(f.Clients)
	missing := arrive(ctx, c, want)
	after, err := look(f.PID)
	if err != nil {
		return s, err
	}
	got := float64(c.total.Load() - start)
	seconds := after.at.Sub(before.at).Seconds()
	s.put("clients", float64(f.Clients), "")
	s.put("lines", float64(sent), "")
	s.put("deliveries", got, "")
	s.put("deliveries/s", got/seconds, "1/s")
	if f.PID != 0 {
		s.put("server time per delivery", (after.server-before.server).Seconds()*1e6/got, "µs")
		s.put("server load", (after.server-before.server).Seconds()/seconds, "processors")
		s.put("memory", float64(after.rss)/(1<<20), "MiB")
	}
	s.put("own load", (after.self-before.self).Seconds()/seconds, "processors")
	if missing != 0 || c.dropped() != 0 {
		s.note("%d deliveries are missing, %d clients were dropped", missing, c.dropped())
	}
	return s, nil
}

// payload makes a line of the usual length.
const payload = "the quick brown fox jumps over the lazy dog, again and again"

// speak says lines for the duration and returns how many.
func (f *fanoutCommand) speak(ctx context.Context, c *crowd, start int64) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Duration)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	sent := 0
	began := time.Now()
	speakers := max(1, min(f.Speakers, len(c.clients)))
	for ctx.Err() == nil {
		room := f.room(c, start, sent, time.Since(began))
		if room <= 0 {
			select {
			case <-poll.C:
			case <-ctx.Done():
			}
			continue
		}
		var b strings.Builder
		for i := range room {
			fmt.Fprintf(&b, "SAY main %d %s\n", sent+i, payload)
		}
		speaker := c.clients[(sent/max(1, room))%speakers]
		if _, err := speaker.conn.Write([]byte(b.String())); err != nil {
			return sent, fmt.Errorf("say: %w", err)
		}
		sent += room
	}
	return sent, nil
}

// pollEvery is how often a speaker looks whether it may go on.
const pollEvery = 200 * time.Microsecond

// room is how many lines may be said now.
func (f *fanoutCommand) room(c *crowd, start int64, sent int, passed time.Duration) int {
	if f.Rate > 0 {
		return int(passed.Seconds()*float64(f.Rate)) - sent
	}
	arrived := int((c.total.Load() - start) / int64(len(c.clients)))
	free := f.Window - (sent - arrived)
	if free < f.Window/4 {
		return 0 // wait for more, so that lines go out in batches
	}
	return free
}

// arrive waits until so many lines have come in all, or until nothing has come
// for a while, and returns how many are missing.
func arrive(ctx context.Context, c *crowd, want int64) int64 {
	const patience = 5 * time.Second
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	last, since := c.total.Load(), time.Now()
	for {
		now := c.total.Load()
		if now >= want {
			return 0
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			return want - now
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return want - now
		}
	}
}

// loginCommand logs all clients in twice. The first time each password is hashed; the second
// time the server knows from the first that they are right, so what it costs then is the login
// without the password check.
type loginCommand struct {
	target
}

// Run measures.
func (l *loginCommand) Run(ctx context.Context, r *Report) error {
	s, err := l.measure(ctx)
	if err != nil {
		return err
	}
	r.add(s)
	return nil
}

func (l *loginCommand) measure(ctx context.Context) (Section, error) {
	s := Section{Server: l.label(), Measure: "login"}
	ctx, cancel := l.within(ctx)
	defer cancel()
	c := newCrowd(l.Target, l.Clients)
	defer c.close()
	if err := c.connect(ctx, l.Workers); err != nil {
		return s, err
	}
	before, err := look(l.PID)
	if err != nil {
		return s, err
	}
	after, err := l.pass(ctx, c, &s, before, "")
	if err != nil {
		return s, err
	}
	if l.PID != 0 {
		s.put("memory", float64(after.rss)/(1<<20), "MiB")
		s.put("memory per client", float64(after.rss-before.rss)/float64(l.Clients)/(1<<10), "KiB")
	}
	if err := c.comeBack(ctx, l.Workers); err != nil {
		return s, err
	}
	if before, err = look(l.PID); err != nil {
		return s, err
	}
	_, err = l.pass(ctx, c, &s, before, ", password known")
	return s, err
}

// pass logs all in and puts what it has cost since before; what says which time it is.
func (l *loginCommand) pass(ctx context.Context, c *crowd, s *Section, before usage, what string) (after usage, err error) {
	read := c.total.Load()
	took, err := c.login(ctx, l.Workers)
	if err != nil {
		return after, err
	}
	if err := c.settle(ctx); err != nil {
		return after, err
	}
	if after, err = look(l.PID); err != nil {
		return after, err
	}
	n, seconds := float64(l.Clients), after.at.Sub(before.at).Seconds()
	if what == "" {
		s.put("clients", n, "")
		read = 0 // of the connections, too
	}
	s.put("logins/s"+what, n/seconds, "1/s")
	s.put("lines per login"+what, float64(c.total.Load()-read)/n, "")
	if l.PID != 0 {
		s.put("server time per login"+what, (after.server-before.server).Seconds()*1e3/n, "ms")
	}
	s.put("own load"+what, (after.self-before.self).Seconds()/seconds, "processors")
	s.latencies("to LOGININFOEND"+what, took)
	return after, nil
}

type idleCommand struct {
	target
	Chatters int           `default:"50" help:"Clients in channel main."`
	Rate     int           `default:"20" help:"Lines a second in channel main."`
	Probes   int           `default:"50" help:"Clients that send PING all the time."`
	Duration time.Duration `default:"20s" short:"d" help:"How long to watch."`
}

// Run measures.
func (m *idleCommand) Run(ctx context.Context, r *Report) error {
	s, err := m.measure(ctx)
	if err != nil {
		return err
	}
	r.add(s)
	return nil
}

func (m *idleCommand) measure(ctx context.Context) (Section, error) {
	s := Section{Server: m.label(), Measure: "idle"}
	ctx, cancel := m.within(ctx)
	defer cancel()
	c := newCrowd(m.Target, m.Clients)
	defer c.close()
	if err := c.connect(ctx, m.Workers); err != nil {
		return s, err
	}
	if _, err := c.login(ctx, m.Workers); err != nil {
		return s, err
	}
	chat := &crowd{addrs: c.addrs, clients: c.clients[:min(m.Chatters, len(c.clients))]}
	if err := chat.join(ctx, m.Workers); err != nil {
		return s, err
	}
	if err := c.settle(ctx); err != nil {
		return s, err
	}
	before, err := look(m.PID)
	if err != nil {
		return s, err
	}
	took, sent, err := m.watch(ctx, c)
	if err != nil {
		return s, err
	}
	after, err := look(m.PID)
	if err != nil {
		return s, err
	}
	seconds := after.at.Sub(before.at).Seconds()
	s.put("clients", float64(m.Clients), "")
	s.put("lines", float64(sent), "")
	s.latencies("PING", took)
	if m.PID != 0 {
		s.put("server load", (after.server-before.server).Seconds()/seconds, "processors")
		s.put("memory", float64(after.rss)/(1<<20), "MiB")
		s.put("memory per client", float64(after.rss)/float64(m.Clients)/(1<<10), "KiB")
	}
	s.put("own load", (after.self-before.self).Seconds()/seconds, "processors")
	if n := c.dropped(); n != 0 {
		s.note("%d clients were dropped", n)
	}
	return s, nil
}

// watch chats at the rate and sends PING from the last clients, one after the
// answer to the other with a pause between.
func (m *idleCommand) watch(ctx context.Context, c *crowd) (took []time.Duration, sent int, err error) {
	window, cancel := context.WithTimeout(ctx, m.Duration)
	defer cancel()
	var mu sync.Mutex
	var first error
	var wg sync.WaitGroup
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil && !errors.Is(err, context.DeadlineExceeded) {
			first = err
		}
	}
	for i := range min(m.Probes, len(c.clients)) {
		probe := c.clients[len(c.clients)-1-i]
		wg.Go(func() {
			pause := time.NewTicker(100 * time.Millisecond)
			defer pause.Stop()
			for {
				select {
				case <-pause.C:
				case <-window.Done():
					return
				}
				d, err := probe.ask(ctx, "#77 PING", "#77 PONG\n")
				if err != nil {
					fail(err)
					return
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	talk := fanoutCommand{target: m.target, Rate: m.Rate, Duration: m.Duration}
	if m.Rate > 0 && m.Chatters > 0 {
		sent, err = talk.speak(window, c, c.total.Load())
	} else {
		<-window.Done()
	}
	wg.Wait()
	if err == nil {
		err = first
	}
	return took, sent, err
}
