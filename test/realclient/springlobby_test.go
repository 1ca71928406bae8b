//go:build realclient

package realclient

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
	"testing"
	"time"

	"teiserver/test/cluster"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// patience is for a desktop program on a busy machine.
const patience = 90 * time.Second

// said is what SpringLobby is made to type.
const said = "hello from SpringLobby"

// TestSpringLobby: it logs in on the first node by STLS with a pinned certificate,
// joins a channel and says a line, which the host on the second node reads. That it shows
// the battle which that host has opened is for eyes, in battles.png: its log names no battle.
func TestSpringLobby(t *testing.T) {
	binary, err := cluster.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.Start(t, cluster.Config{Binary: binary, Nodes: 2, Database: "sqlite:" + filepath.Join(t.TempDir(), "shared.db")})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	host, err := springclient.Dial(ctx, c.Nodes[1].Spring, springclient.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	must(t, host.Login(ctx, c.Account(t, scenario.Bot)))
	must(t, host.Join(ctx, "realclient"))
	battle, err := host.OpenBattle(ctx, springclient.Battle{Title: "Across the cluster", MapHash: "1565299817", GameHash: "-1540855590"})
	must(t, err)

	player := c.Account(t, scenario.Plain)
	home := t.TempDir()
	configure(t, home, c.Nodes[0], player)
	screen := display(t)
	client := exec.CommandContext(ctx, "/usr/games/springlobby", "--console-logging", "--log-verbosity=5")
	client.Env = append(os.Environ(), "HOME="+home, "DISPLAY="+screen)
	log, err := os.Create(filepath.Join(results(t), "springlobby.log"))
	must(t, err)
	defer log.Close()
	client.Stdout, client.Stderr = log, log
	must(t, client.Start())
	defer func() { _ = client.Process.Kill(); _ = client.Wait() }()

	must1(host.Expect(ctx, "ADDUSER %s…", player))(t)
	must1(host.Expect(ctx, "JOINED realclient %s", player))(t)
	// The input line has the focus when the channel's tab has opened.
	pause := time.NewTicker(time.Second)
	defer pause.Stop()
	for host.Count(0, "SAID realclient "+player+" "+said) == 0 {
		xdotool(t, screen, "mousemove", "200", "536", "click", "1", "type", said)
		xdotool(t, screen, "key", "Return")
		select {
		case <-pause.C:
		case <-ctx.Done():
			picture(t, screen, "chat.png")
			t.Fatalf("SpringLobby has said nothing; the host saw\n%s", host.Tail(20))
		}
	}
	picture(t, screen, "chat.png")
	xdotool(t, screen, "mousemove", "180", "47", "click", "1")
	must(t, host.Ping(ctx))
	picture(t, screen, "battles.png")
	if v := host.Violations(); len(v) > 0 {
		t.Errorf("the host was told something illegal: %v", v)
	}
	t.Logf("SpringLobby on %s and the host of battle %d on %s talked; pictures and log in %s", c.Nodes[0].Name, battle, c.Nodes[1].Name, results(t))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must1(_ string, err error) func(*testing.T) {
	return func(t *testing.T) { t.Helper(); must(t, err) }
}

// results is where pictures and logs stay.
func results(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("OUT"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// configure writes SpringLobby's configuration: connect at start, trust the
// certificate, join a channel.
func configure(t *testing.T, home string, node scenario.Node, player string) {
	t.Helper()
	address, port, err := net.SplitHostPort(node.Spring)
	must(t, err)
	text := fmt.Sprintf(`[General]
firstrun=0
SettingsVersion=35
CacheVersion=11
[Server]
Default=Here
Autoconnect=1
[Server/Servers/Here]
Host=%s
Port=%s
Nick=%s
Pass=%s
savepass=1
Certificate=%s
[Channels/AutoJoin/Channel0]
Name=realclient
Password=
`, address, port, player, springclient.Hash(springclient.Password), fingerprint(t, node.TLS))
	dir := filepath.Join(home, ".springlobby")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "springlobby.conf"), []byte(text), 0o600))
}

// fingerprint is the SHA-256 of a node's certificate, as clients pin it.
func fingerprint(t *testing.T, address string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is what we ask for
	must(t, err)
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

// display starts an X server without a screen and returns its name.
func display(t *testing.T) string {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1200x800x24")
	x.ExtraFiles = []*os.File{w}
	must(t, x.Start())
	_ = w.Close()
	t.Cleanup(func() { _ = x.Process.Kill(); _ = x.Wait() })
	var number int
	if _, err := fmt.Fscan(r, &number); err != nil {
		t.Fatalf("X server: %v", err)
	}
	return fmt.Sprintf(":%d", number)
}

func xdotool(t *testing.T, screen string, args ...string) {
	t.Helper()
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+screen)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("xdotool %v: %v\n%s", args, err, out)
	}
}

func picture(t *testing.T, screen, name string) {
	t.Helper()
	path := filepath.Join(results(t), name)
	cmd := exec.Command("import", "-display", screen, "-window", "root", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("picture %s: %v\n%s", name, err, out)
	}
}
