//go:build realclient

package spads

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"teiserver/test/cluster"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// patience is for a program that looks at its work twice a second, and an engine.
const patience = 4 * time.Minute

// answerLimit is for one answer. SPADS sends at most 48 KB in five seconds, and a server
// hangs up on who is silent for a minute.
const answerLimit = 25 * time.Second

// A player's battle status: synced, on team 0 or 1 of ally team 0 or 1, and ready.
const (
	ready0 = 4195330
	ready1 = 4195330 | 1<<2 | 1<<6
)

// explained are what SPADS complains of in these tests without any fault of the server.
var explained = map[string]string{
	"SPADS process is currently running as root":   "so are tests in a container",
	"Adding following certificate to the trusted":  "it was told to",
	"Connection closed by peer":                    "a node was killed",
	"Error while reading data from socket":         "a node was killed",
	"Disconnected from lobby server (connection r": "a node was killed",
	"Unable to connect to lobby server":            "no node is there",
	"Connection to lobby server failed":            "no node is there",
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is the server under test.
func program(t *testing.T) string {
	t.Helper()
	if b := os.Getenv("TEISERVER"); b != "" {
		return b
	}
	b, err := cluster.Build(t.TempDir())
	must(t, err)
	return b
}

// nodes starts a cluster. One node is held to the limits that an operator has.
func nodes(t *testing.T, n int) *cluster.Cluster {
	t.Helper()
	cfg := cluster.Config{Binary: program(t), Nodes: n, Limited: n == 1}
	if n > 1 {
		cfg.Database = "sqlite:" + filepath.Join(t.TempDir(), "shared.db")
	}
	return cluster.Start(t, cfg)
}

// fingerprint is the SHA-256 of a node's certificate, as clients pin it.
func fingerprint(t *testing.T, address string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is what we ask for
	must(t, err)
	defer func() { _ = conn.Close() }()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

// results is where logs stay.
func results(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("OUT"); dir != "" {
		dir = filepath.Join(dir, t.Name())
		must(t, os.RemoveAll(dir))
		must(t, os.MkdirAll(dir, 0o700))
		return dir
	}
	return t.TempDir()
}

// judge is what must hold of every run: SPADS has never hung up on us, and every
// complaint is explained.
func (s *SPADS) judge(t *testing.T) {
	t.Helper()
	if s.Count("broken connection detected") > 0 {
		t.Errorf("SPADS has hung up:\n%s", s.tail())
	}
	for _, line := range s.complaints() {
		if !slices.ContainsFunc(keys(explained), func(known string) bool { return strings.Contains(line, known) }) {
			t.Errorf("SPADS complains: %s", line)
		}
	}
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// player is a strict client that fails the test by itself.
type player struct {
	*springclient.Client
	t    *testing.T
	ctx  context.Context
	name string
	host string // whose battle it plays in
}

func enter(ctx context.Context, t *testing.T, address, name string) *player {
	t.Helper()
	c, err := springclient.Dial(ctx, address, springclient.Player)
	must(t, err)
	must(t, c.Login(ctx, name))
	t.Cleanup(func() {
		for _, v := range c.Violations() {
			t.Errorf("%s was told something illegal: %v", name, v)
		}
		if t.Failed() {
			t.Logf("%s saw last:\n%s", name, c.Tail(60))
		}
		c.Close()
	})
	return &player{Client: c, t: t, ctx: ctx, name: name}
}

func (p *player) send(format string, args ...any) {
	p.t.Helper()
	must(p.t, p.Send(format, args...))
}

func (p *player) want(format string, args ...any) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, answerLimit)
	defer cancel()
	line, err := p.Expect(ctx, format, args...)
	must(p.t, err)
	return line
}

// say says something in the battle and waits for one answer of it.
func (p *player) say(line, answer string) {
	p.t.Helper()
	p.send("SAYBATTLE %s", line)
	p.want("%s", strings.ReplaceAll(answer, "HOST", p.host))
}

// room waits for the battle of a host, behind a mark, joins it and is greeted.
func (p *player) room(host string, from int) (id int64, port string) {
	p.t.Helper()
	p.host = host
	p.Rewind(from)
	line := p.want("BATTLEOPENED * 0 0 %s …", host)
	words := strings.Fields(line)
	id, err := strconv.ParseInt(words[1], 10, 64)
	must(p.t, err)
	p.enter(id)
	return id, words[6]
}

func (p *player) enter(id int64) {
	p.t.Helper()
	must(p.t, p.AskToJoin(id, "empty", "script"+p.name))
	must(p.t, p.Joined(p.ctx, id))
	p.want("SAIDBATTLEEX %s * Hi %s …", p.host, p.name)
}

// play makes it a player who is ready: that word is lost on the way from spectator.
func (p *player) play(status int) {
	p.t.Helper()
	p.send("MYBATTLESTATUS %d 255", status&^2)
	p.want("CLIENTBATTLESTATUS %s %d …", p.name, status&^2)
	p.send("MYBATTLESTATUS %d 255", status)
	p.want("CLIENTBATTLESTATUS %s %d …", p.name, status)
}

// engine starts the engine as that player, as its lobby client does when the host is in
// game. The headless engine does not end with the game.
func (p *player) engine(dir, port string) (quit func()) {
	p.t.Helper()
	home := filepath.Join(dir, "engine-"+p.name)
	must(p.t, os.MkdirAll(home, 0o700))
	script := filepath.Join(home, "script.txt")
	must(p.t, os.WriteFile(script, fmt.Appendf(nil, "[GAME]\n{\nHostIP=127.0.0.1;\nHostPort=%s;\nMyPlayerName=%s;\nMyPasswd=script%s;\nIsHost=0;\n}\n", port, p.name, p.name), 0o600))
	cmd := exec.Command(filepath.Join(environment("SPRING_ENGINE", defaultEngine), "spring-headless"), "--write-dir", home, script)
	cmd.Env = append(os.Environ(), "HOME="+home, "SPRING_DATADIR="+filepath.Join(dir, "data")+":"+environment("SPRING_CONTENT", defaultContent))
	out, err := os.Create(filepath.Join(home, "stdout"))
	must(p.t, err)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(p.t, cmd.Start())
	quit = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = out.Close() })
	p.t.Cleanup(quit)
	p.send("MYSTATUS 1")
	return quit
}

// config is a SPADS for a cluster, which trusts its certificate.
func config(t *testing.T, c *cluster.Cluster, lobby, owner string) Config {
	t.Helper()
	_, port, err := net.SplitHostPort(lobby)
	must(t, err)
	return Config{
		Lobby: "localhost:" + port, Login: c.Account(t, scenario.Bot), Password: springclient.Password, Owner: owner,
		TLS: "auto", Trust: fingerprint(t, c.Nodes[0].TLS), Dir: results(t),
	}
}
