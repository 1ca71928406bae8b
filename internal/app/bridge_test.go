package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teiserver/internal/bridge"
	"teiserver/internal/bridge/bridgetest"
	"teiserver/internal/cluster"
	"teiserver/internal/config"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// TestBridge: on two nodes. Lines are carried once each way, whichever node the bridge
// is on, also when its node stops in between; accounts are linked; off, it is gone.
func TestBridge(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	there := bridgetest.Start(t)
	dir := t.TempDir()
	settings := map[string]string{"addon.bridge": "on", "bridge.rooms": "main=11 promote=12", "bridge.posts": "server-updates=21", "bridge.counters": "clients=31", "discord.link": "https://discord.example"}
	var servers []*Server
	var members []string
	for i := range 2 {
		members = append(members, freeAddress(t))
		name := string(rune('a' + i))
		cfg := config.Config{
			DataDir: filepath.Join(dir, name), NodeName: name, Database: config.DatabaseURL("sqlite:" + filepath.Join(dir, "teiserver.db")),
			SpringListen: "127.0.0.1:0", LogLevel: "warn", LogFormat: "text", Unlimited: true, StopTimeout: 10 * time.Second,
			ClusterListen: members[i], ClusterJoin: members[:i], ClusterSecret: "a secret for this test",
			DiscordToken: bridgetest.Token, DiscordAPI: there.URL,
		}
		for key, value := range settings {
			if err := SetConfig(ctx, cfg, key, value); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Start(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop(context.Background()) })
		servers = append(servers, s)
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for {
			changed := there.Changed()
			if ok() {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				t.Fatalf("%s: posts %v, %d listen", what, there.Posts(""), there.Ears())
			}
		}
	}
	texts := func(channel string) string {
		var list []string
		for _, p := range there.Posts(channel) {
			list = append(list, p.Text)
		}
		return strings.Join(list, "; ")
	}
	until("starts announced", func() bool {
		got := texts("21")
		return strings.Contains(got, "Teiserver startup for node a") && strings.Contains(got, "Teiserver startup for node b")
	})
	until("counters", func() bool { return there.Name("31") != "" })

	at := func(s *Server, name string) *springclient.Client {
		t.Helper()
		if err := AddUser(ctx, s.cfg, NewUser{Name: name, Password: springclient.Password, Email: name + "@example.com", Role: string(scenario.Plain)}); err != nil {
			t.Fatal(err)
		}
		c := loggedIn(ctx, t, scenario.Node{Spring: s.Addresses()["spring-listen"]}, name, springclient.Player)
		if err := c.Join(ctx, "main"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	expect := func(c *springclient.Client, pattern string) string {
		t.Helper()
		line, err := c.Expect(ctx, "%s", pattern)
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	owner := func() int {
		for i, s := range servers {
			found := false
			if s != nil {
				s.node.Local(bridge.Kind, func(cluster.Key) { found = true })
			}
			if found {
				return i
			}
		}
		return -1
	}
	first := owner()
	if first < 0 {
		t.Fatal("the bridge runs nowhere")
	}
	stays := servers[1-first]
	erin, gina := at(stays, "Erin"), at(stays, "Gina")
	if err := erin.Await(ctx, "DiscordBridge", func(m *springclient.Model) bool { return m.Users["DiscordBridge"] != nil }); err != nil {
		t.Fatal(err)
	}

	// Both ways.
	if err := erin.Send("SAY main hello @everyone"); err != nil {
		t.Fatal(err)
	}
	until("a line is carried", func() bool { return strings.Contains(texts("11"), "**Erin**: hello  at everyone") })
	until("somebody listens", func() bool { return there.Ears() > 0 })
	said := bridgetest.Said{Channel: "11", Guild: "5", Author: "77", Name: "Zoe", Text: "hi all"}
	id := there.Say(said)
	expect(erin, "SAID main DiscordBridge Zoe: hi all")
	expect(gina, "SAID main DiscordBridge Zoe: hi all")

	// Accounts are linked.
	if err := gina.Send("SAYPRIVATE Coordinator $discord"); err != nil {
		t.Fatal(err)
	}
	line := expect(gina, "SAIDPRIVATE Coordinator $discord *")
	there.Say(bridgetest.Said{Channel: "977", Author: "77", Name: "Zoe", Text: strings.TrimPrefix(line, "SAIDPRIVATE Coordinator ")})
	until("linked", func() bool { return strings.Contains(texts("977"), "your accounts are now linked") })

	// The node of the bridge stops.
	opened := there.Opened()
	if err := servers[first].Stop(ctx); err != nil {
		t.Error(err)
	}
	servers[first] = nil
	until("the end is announced", func() bool {
		return strings.Contains(texts("21"), "Teiserver shutdown for node "+string(rune('a'+first)))
	})
	if err := gina.Send("SAY main still here"); err != nil {
		t.Fatal(err)
	}
	until("a line is carried by another node", func() bool { return strings.Contains(texts("11"), "**Gina**: still here") })
	until("somebody else listens", func() bool { return there.Opened() > opened })
	there.SayAgain(id, said)
	there.Say(bridgetest.Said{Channel: "11", Guild: "5", Author: "77", Name: "Zoe", Text: "bye"})
	erin.Skip()
	mark := erin.Mark()
	expect(gina, "SAID main DiscordBridge Zoe: bye")
	for _, line := range erin.Lines(mark) {
		if strings.Contains(line, "hi all") {
			t.Errorf("said again: %s", line)
		}
	}
	counts := map[string]int{}
	for _, p := range there.Posts("") {
		counts[p.Channel+" "+p.Text]++
	}
	for text, n := range counts {
		if n != 1 {
			t.Errorf("%q posted %d times", text, n)
		}
	}

	// Off.
	if err := SetConfig(ctx, stays.cfg, "addon.bridge", "off"); err != nil {
		t.Fatal(err)
	}
	expect(erin, "REMOVEUSER DiscordBridge")
	if err := erin.Send("SAY main nobody there"); err != nil {
		t.Fatal(err)
	}
	expect(gina, "SAID main Erin nobody there")
	until("nobody listens", func() bool { return there.Ears() == 0 })
	if strings.Contains(texts("11"), "nobody there") {
		t.Error("carried, though off")
	}
}
