package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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

// running is a server under test.
type running struct {
	name, addr, bot string
	cmd             *exec.Cmd
	dir             string // removed at the end
}

func (s *running) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(15*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.cmd.Wait()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
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
	dir, err := os.MkdirTemp("", "loadtest")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	addrs, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	database := c.Database
	if database == "" {
		database = "sqlite:" + filepath.Join(dir, "teiserver.db")
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(c.Server, "serve", "--data-dir", dir, "--node-name", "load", "--spring-listen", addrs[0], "--spring-tls-listen", "",
		"--http-listen", addrs[1], "--database", database, "--unlimited", "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Server, err)
	}
	s := &running{name: "teiserver", addr: addrs[0], cmd: cmd, dir: dir, bot: fmt.Sprintf("LoadBot%d", time.Now().UnixNano()%1_000_000_000)}
	err = errors.Join(waitReady(ctx, addrs[1]), addBot(ctx, c.Server, s.bot, database, dir))
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	return s, nil
}

func addBot(ctx context.Context, server, name, database, dir string) error {
	out, err := exec.CommandContext(ctx, server, "user", "add", name, "--password", password, "--email", name+"@example.com",
		"--role", "bot", "--database", database, "--data-dir", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("add user %s: %w\n%s", name, err, out)
	}
	return nil
}

// waitReady asks /readyz until it says yes.
func waitReady(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", err)
		}
	}
}

// freeAddresses returns loopback addresses that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	out := make([]string, n)
	for i := range out {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		out[i] = l.Addr().String()
	}
	return out, nil
}
