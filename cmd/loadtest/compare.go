package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

type compareCommand struct {
	Server   string        `required:"" placeholder:"FILE" help:"The teiserver binary."`
	Clients  int           `default:"500" short:"n" help:"Clients for fanout and login."`
	Idle     int           `default:"0" help:"Clients for idle10k; 0 leaves it out."`
	Workers  int           `default:"32" help:"How many log in at once."`
	Duration time.Duration `default:"10s" short:"d" help:"How long each measurement of a steady state takes."`
	Rounds   int           `default:"3" help:"How often everything is repeated, floor and server in turn."`
	Limit    time.Duration `default:"10m" help:"Give up a measurement after this time."`
	Database string        `placeholder:"URL" help:"Database of the server; without it SQLite in a temporary folder."`
}

// trickle is how many deliveries a second are asked for when a server is not flat out.
const trickle = 20000

// Run measures floor and server in turn.
func (c *compareCommand) Run(ctx context.Context, r *Report) error {
	for range c.Rounds {
		floor, err := c.run(ctx, r, c.startFloor)
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		server, err := c.run(ctx, r, c.startServer)
		if err != nil {
			return fmt.Errorf("teiserver: %w", err)
		}
		for i := range server {
			r.add(ratio(server[i], floor[i]))
		}
	}
	return nil
}

// run starts a server for each measurement, so that none pays for the one before.
func (c *compareCommand) run(ctx context.Context, r *Report, start func(context.Context) (*running, error)) ([]Section, error) {
	type measurement func(ctx context.Context, t target, s *running) (Section, error)
	measurements := []measurement{
		func(ctx context.Context, t target, _ *running) (Section, error) {
			return (&fanoutCommand{target: t, Duration: c.Duration, Window: 64, Speakers: 1}).measure(ctx)
		},
		func(ctx context.Context, t target, _ *running) (Section, error) {
			t.name += ", trickle"
			rate := max(1, trickle/c.Clients)
			return (&fanoutCommand{target: t, Duration: c.Duration, Rate: rate, Window: 64, Speakers: 1}).measure(ctx)
		},
		func(ctx context.Context, t target, _ *running) (Section, error) {
			return (&loginCommand{target: t}).measure(ctx)
		},
	}
	if c.Idle > 0 {
		measurements = append(measurements, func(ctx context.Context, t target, _ *running) (Section, error) {
			t.Clients = c.Idle
			return (&idleCommand{target: t, Chatters: 50, Rate: 20, Probes: 50, Duration: c.Duration}).measure(ctx)
		})
	}
	measurements = append(measurements, func(ctx context.Context, t target, s *running) (Section, error) {
		return (&latencyCommand{target: t, Rounds: 300, Bot: s.bot}).measure(ctx)
	})
	var out []Section
	for _, m := range measurements {
		s, err := start(ctx)
		if err != nil {
			return nil, err
		}
		section, err := m(ctx, target{
			Target: []string{s.addr}, PID: s.cmd.Process.Pid, Clients: c.Clients, Workers: c.Workers, Limit: c.Limit, name: s.name,
		}, s)
		s.stop()
		if err != nil {
			return nil, err
		}
		r.add(section)
		out = append(out, section)
	}
	return out, nil
}

// startFloor starts this program again as floor.
func (c *compareCommand) startFloor(ctx context.Context) (*running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(self, "floor")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start floor: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start floor: %w", err)
	}
	s := &running{name: "floor", cmd: cmd}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start floor: %w", err)
	}
	s.addr = strings.TrimSpace(strings.TrimPrefix(line, "floor listens on "))
	return s, nil
}

// startServer starts a teiserver with a fresh store and a bot account.
func (c *compareCommand) startServer(ctx context.Context) (*running, error) {
	s, err := startTeiserver(ctx, c.Server, c.Database)
	if err != nil {
		return nil, err
	}
	s.bot = fmt.Sprintf("LoadBot%d", time.Now().UnixNano()%1_000_000_000)
	if err := s.addUser(ctx, s.bot, "bot"); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}
