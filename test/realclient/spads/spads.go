//go:build realclient

package spads

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Where the programs are, unless the environment says otherwise.
const (
	defaultEngine   = "/usr/games"
	defaultUnitsync = "/usr/lib/spring"
	defaultContent  = "/usr/share/games/spring"
)

// stopLimit is how long SPADS may take to say goodbye.
const stopLimit = 30 * time.Second

// Config says what SPADS is to do.
type Config struct {
	Lobby    string // address of the Spring port, or of what stands before it
	Login    string
	Password string
	Owner    string // who may command everything
	Trust    string // fingerprint of the certificate to trust first; empty: none
	TLS      string // auto, on or off
	Dir      string // where it keeps what it learns; the same again for a second start
}

// SPADS is the running program.
type SPADS struct {
	Log  string // the file
	cfg  Config
	cmd  *exec.Cmd
	gone chan struct{}
}

// environment is a setting of the test machine.
func environment(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// installation is the folder of SPADS: spads.pl with its modules.
func installation(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SPADS")
	if _, err := os.Stat(filepath.Join(dir, "spads.pl")); dir == "" || err != nil { //nolint:gosec // the tester's own setting
		t.Fatalf("SPADS=%q is no folder with spads.pl; see docs/spads.md", dir)
	}
	return dir
}

// Start starts SPADS; it ends with the test.
func Start(t testing.TB, cfg Config) *SPADS {
	t.Helper()
	for _, dir := range []string{"var", "log", "data"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteContent(filepath.Join(cfg.Dir, "data")); err != nil {
		t.Fatal(err)
	}
	s := &SPADS{Log: filepath.Join(cfg.Dir, "log", "spads.log"), cfg: cfg, gone: make(chan struct{})}
	if cfg.Trust != "" {
		host, _, _ := net.SplitHostPort(cfg.Lobby)
		if out, err := s.command(t, "--tls-cert-trust="+host+":"+cfg.Trust).CombinedOutput(); err != nil {
			t.Fatalf("trust the certificate: %v\n%s", err, out)
		}
	}
	s.cmd = s.command(t)
	out, err := os.Create(filepath.Join(cfg.Dir, "log", "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start SPADS: %v", err)
	}
	go func() {
		_ = s.cmd.Wait()
		_ = out.Close()
		close(s.gone)
	}()
	t.Cleanup(s.Stop)
	return s
}

func (s *SPADS) command(t testing.TB, flags ...string) *exec.Cmd {
	t.Helper()
	host, port, err := net.SplitHostPort(s.cfg.Lobby)
	if err != nil {
		t.Fatal(err)
	}
	etc, err := filepath.Abs("etc")
	if err != nil {
		t.Fatal(err)
	}
	ports, err := freeUDP(2)
	if err != nil {
		t.Fatal(err)
	}
	macros := map[string]string{
		"lobbyHost": host, "lobbyPort": port, "lobbyTls": s.cfg.TLS, "lobbyReconnectDelay": "2",
		"lobbyLogin": s.cfg.Login, "lobbyPassword": s.cfg.Password, "owner": s.cfg.Owner,
		"autoHostPort": ports[0], "gamePort": ports[1],
		"etcDir": etc, "varDir": filepath.Join(s.cfg.Dir, "var"), "logDir": filepath.Join(s.cfg.Dir, "log"),
		"unitsyncDir":   environment("SPRING_UNITSYNC", defaultUnitsync),
		"springServer":  filepath.Join(environment("SPRING_ENGINE", defaultEngine), "spring-dedicated"),
		"springDataDir": filepath.Join(s.cfg.Dir, "data") + ":" + environment("SPRING_CONTENT", defaultContent),
	}
	args := append([]string{filepath.Join(installation(t), "spads.pl"), filepath.Join(etc, "spads.conf")}, flags...)
	for name, value := range macros {
		args = append(args, name+"="+value)
	}
	cmd := exec.Command("perl", args...)
	cmd.Dir = s.cfg.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Stop asks SPADS to end and waits for it.
func (s *SPADS) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.gone:
	case <-time.After(stopLimit):
		_ = s.cmd.Process.Kill()
		<-s.gone
	}
}

// Lines is what SPADS has logged so far.
func (s *SPADS) Lines() []string {
	b, err := os.ReadFile(s.Log)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// Count counts the logged lines that contain a text.
func (s *SPADS) Count(text string) int {
	n := 0
	for _, line := range s.Lines() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// Await waits until n lines that contain the text have been logged.
func (s *SPADS) Await(ctx context.Context, n int, text string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for s.Count(text) < n {
		select {
		case <-tick.C:
		case <-s.gone:
			if s.Count(text) >= n {
				return nil
			}
			return fmt.Errorf("SPADS has ended before it logged %q\n%s", text, s.tail())
		case <-ctx.Done():
			return fmt.Errorf("SPADS has not logged %q %d times: %w\n%s", text, n, ctx.Err(), s.tail())
		}
	}
	return nil
}

func (s *SPADS) tail() string {
	lines := s.Lines()
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// complaints are the logged lines above NOTICE.
func (s *SPADS) complaints() []string {
	var out []string
	for _, line := range s.Lines() {
		for _, level := range []string{" - WARNING ", " - ERROR ", " - CRITICAL", "PERL WARNING", "Fatal error"} {
			if strings.Contains(line, level) {
				out = append(out, line)
				break
			}
		}
	}
	return out
}

// freeUDP finds UDP ports that nobody has.
func freeUDP(n int) ([]string, error) {
	var ports []string
	for range n {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = c.Close() }()
		_, port, _ := net.SplitHostPort(c.LocalAddr().String())
		ports = append(ports, port)
	}
	return ports, nil
}
