package app

import (
	"context"
	"testing"
	"time"

	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// TestFarewell: when a node stops, the members of a battle whose host is there are told, once
// and before it closes, also those on another node; those of a battle that stays are not.
func TestFarewell(t *testing.T) {
	env, servers := startServers(t, 2, nil, true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	join := func(name string, node int, role scenario.Role, flavor springclient.Flavor) *springclient.Client {
		t.Helper()
		if err := AddUser(ctx, servers[node].cfg, NewUser{Name: name, Password: springclient.Password, Email: name + "@example.com", Role: string(role)}); err != nil {
			t.Fatal(err)
		}
		return loggedIn(ctx, t, env.Nodes[node], name, flavor)
	}
	want := func(c *springclient.Client, format string, args ...any) {
		t.Helper()
		if _, err := c.Expect(ctx, format, args...); err != nil {
			t.Fatal(err)
		}
	}
	enter := func(host, player *springclient.Client, name string) int64 {
		t.Helper()
		id, err := host.OpenBattle(ctx, springclient.Battle{Title: name})
		if err != nil {
			t.Fatal(err)
		}
		want(player, "BATTLEOPENED %d …", id)
		if err := player.Send("JOINBATTLE %d empty 77", id); err != nil {
			t.Fatal(err)
		}
		want(host, "JOINBATTLEREQUEST %s *", name)
		if err := host.Send("JOINBATTLEACCEPT %s", name); err != nil {
			t.Fatal(err)
		}
		if err := player.Joined(ctx, id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	goes, stays := join("HostGoes", 0, scenario.Bot, springclient.Host), join("HostStays", 1, scenario.Bot, springclient.Host)
	a, b := join("Anna", 1, scenario.Plain, springclient.Player), join("Bert", 1, scenario.Plain, springclient.Player)
	closes := enter(goes, a, "Anna")
	enter(stays, b, "Bert")
	if err := servers[0].Stop(ctx); err != nil {
		t.Fatal(err)
	}
	const line = "SAIDBATTLE Coordinator " + textFarewell
	want(a, line)
	want(a, "BATTLECLOSED %d", closes)
	want(b, "BATTLECLOSED %d", closes)
	for name, c := range map[string]*springclient.Client{"Anna": a, "Bert": b} {
		heard := map[string]int{"Anna": 1}[name]
		if n := c.Count(0, line); n != heard {
			t.Errorf("%s was told %d times, want %d", name, n, heard)
		}
	}
}
