package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// running is a server under test.
type running struct {
	name, addr string
	http       string // of operators; empty: none
	bot        string // an account that may host
	cmd        *exec.Cmd
	dir        string // removed at the end
	binary     string
	database   string
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

// startTeiserver starts a server without limits; without a database it has a fresh one.
func startTeiserver(ctx context.Context, binary, database string) (*running, error) {
	dir, err := os.MkdirTemp("", "loadtest")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	addrs, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	if database == "" {
		database = "sqlite:" + filepath.Join(dir, "teiserver.db")
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(binary, "serve", "--data-dir", dir, "--node-name", "load", "--spring-listen", addrs[0], "--spring-tls-listen", "",
		"--http-listen", addrs[1], "--database", database, "--unlimited", "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	s := &running{name: "teiserver", addr: addrs[0], http: addrs[1], cmd: cmd, dir: dir, binary: binary, database: database}
	if err := waitReady(ctx, s.http); err != nil {
		said := s.said()
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	return s, nil
}

// said is what the server has logged so far.
func (s *running) said() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log")) //nolint:gosec // our own file
	return string(text)
}

// addUser makes an account with the password of the run.
func (s *running) addUser(ctx context.Context, name, role string) error {
	out, err := exec.CommandContext(ctx, s.binary, "user", "add", name, "--password", password, "--email", name+"@example.com",
		"--role", role, "--database", s.database, "--data-dir", s.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("add user %s: %w\n%s", name, err, out)
	}
	return nil
}

// get asks the operators' listener.
func (s *running) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	return body, nil
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
