package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/setting"
	"teiserver/internal/spring"
	"teiserver/test/springclient"
)

// everywhere are settings under which loopback is limited as any other address.
func everywhere(more map[string]string) map[string]string {
	settings := map[string]string{"limit.unlimited_networks": ""}
	for key, value := range more {
		settings[key] = value
	}
	return settings
}

// TestConnectionsOfAnAddress: who has too many connections that did not log in is told so;
// who logs in makes room, and a bot counts for nothing.
func TestConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, everywhere(map[string]string{"spring.strangers_per_address": "2", "spring.connections_per_address": "3"}))
	add(t, cfg, "Player", "user")
	add(t, cfg, "Autohost", "bot")
	told := func() {
		t.Helper()
		ctx, c := dial(t, s)
		if _, err := c.Expect(ctx, "s.system.disconnect Too many connections from your address"); err != nil {
			t.Error(err)
		}
		expect(t, c.WaitClosed(ctx))
	}
	ctx, a := dial(t, s)
	expect(t, a.Greeting(ctx))
	_, b := dial(t, s)
	expect(t, b.Greeting(ctx))
	told() // two strangers
	expect(t, a.Login(ctx, "Player"))
	_, c := dial(t, s)
	expect(t, c.Greeting(ctx))
	told() // a player and two strangers
	expect(t, c.Login(ctx, "Autohost"))
	_, d := dial(t, s)
	expect(t, d.Greeting(ctx))
	if n := s.limited()["connections"]; n != 2 {
		t.Errorf("%v are counted", n)
	}
}

// TestGuessing: an address from which many accounts' passwords are guessed waits; a bot there
// and a player elsewhere do not.
func TestGuessing(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, everywhere(map[string]string{"account.failures_per_address": "3", "spring.rate_limit_per_minute": "100000"}))
	for i := range 4 {
		add(t, cfg, fmt.Sprint("Player", i), "user")
	}
	add(t, cfg, "Autohost", "bot")
	ctx, c := dial(t, s)
	for i := range 3 {
		expect(t, c.Send("%s", c.LoginLine(fmt.Sprint("Player", i), "wrong")))
		if _, err := c.Expect(ctx, "DENIED Invalid password"); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, c.Send("%s", c.LoginLine("Player3", springclient.Password)))
	if _, err := c.Expect(ctx, "DENIED Flood protection - Please wait 20 seconds and try again"); err != nil {
		t.Error(err)
	}
	_, host := dialAs(t, s, springclient.Host)
	expect(t, host.Login(ctx, "Autohost"))
	expect(t, SetConfig(ctx, cfg, "limit.unlimited_networks", "127.0.0.1"))
	_, again := dial(t, s)
	for { // until the node knows it
		mark := again.Mark()
		expect(t, again.Send("%s", again.LoginLine("Player3", springclient.Password)))
		expect(t, again.Ping(ctx))
		if again.Count(mark, "ACCEPTED *") > 0 {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestGiantRegistrations: what is too long is refused with a short line, or is no line, and
// the connection goes on.
func TestGiantRegistrations(t *testing.T) {
	t.Parallel()
	s, _ := limited(t, nil)
	ctx, c := dial(t, s)
	giant := strings.Repeat("x", 20_000)
	for _, tc := range []struct{ line, want string }{
		{"REGISTER " + giant + " " + springclient.Hash("p") + " a@b.c", "REGISTRATIONDENIED Max length 20 characters"},
		{"REGISTER Anna " + giant + " a@b.c", "REGISTRATIONDENIED User creation failed"},
		{"REGISTER Anna " + springclient.Hash("p") + " " + giant + "@b.c", "REGISTRATIONDENIED invalid email"},
		{c.LoginLine(giant, "p"), "DENIED No user found for '" + giant[:64] + "'"},
	} {
		expect(t, c.Send("%s", tc.line))
		if _, err := c.Expect(ctx, "%s", tc.want); err != nil {
			t.Error(err)
		}
	}
	expect(t, c.Send("%s", "REGISTER "+strings.Repeat(giant, 5))) // more than a line may have
	expect(t, c.Ping(ctx))
}

// TestGiantIntroduction: what a program says of itself is shown to everybody, and kept: it is
// cut to what programs have.
func TestGiantIntroduction(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, nil)
	add(t, cfg, "Player", "user")
	add(t, cfg, "Watcher", "user")
	ctx, watcher := dial(t, s)
	expect(t, watcher.Login(ctx, "Watcher"))
	giant := strings.Repeat("x", 20_000)
	_, c := dial(t, s)
	expect(t, c.Send("LOGIN Player %s 0 * %s\t%s\tsp", springclient.Hash(springclient.Password), giant, giant))
	line, err := watcher.Expect(ctx, "ADDUSER Player …")
	expect(t, err)
	if len(line) > 200 {
		t.Errorf("others are told %d bytes of it", len(line))
	}
	u, err := s.accounts.UserByName(ctx, "Player")
	expect(t, err)
	if shown, _ := s.roster.User(u.ID); len(shown.LobbyHash) > 256 || len(shown.Client) > 64 {
		t.Errorf("kept are %d and %d bytes", len(shown.LobbyHash), len(shown.Client))
	}
}

// TestRegistrationsOfTheCluster: accounts that were made on one node count on the others.
func TestRegistrationsOfTheCluster(t *testing.T) {
	t.Parallel()
	_, servers := startServers(t, 3, everywhere(map[string]string{"account.registrations_per_address": "3"}), false)
	for i := range 3 {
		ctx, c := dial(t, servers[0])
		expect(t, c.Register(ctx, fmt.Sprint("Newbie", i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, s := range servers[1:] {
		for s.accounts.Counters.Limits.Heard.Load() < 3 {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				t.Fatal("the others were not told")
			}
		}
		ctx, c := dial(t, s)
		expect(t, c.Greeting(ctx))
		expect(t, c.Send("REGISTER Fourth %s fourth@example.com", springclient.Hash("p")))
		if _, err := c.Expect(ctx, "REGISTRATIONDENIED Too many accounts were made from your address, please try again later"); err != nil {
			t.Error(err)
		}
	}
}

// TestLimitsPage: docs/limits.md names each limit that is counted, and each setting of limits.
func TestLimitsPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, s := range []interface{ Key() string }{
		setting.RateLimit, setting.MaxLineBytes, setting.IdleTimeout, setting.LoginTimeout, setting.ConnectsPerMinute, setting.ConnectionsPerAddress,
		setting.StrangersPerAddress, setting.Strangers, setting.UnlimitedNetworks, setting.StrangersTell, setting.RegistrationsPerAddress,
		setting.Registrations, setting.FailuresPerAddress, setting.LoginAttempts, setting.UserLimit, setting.LoginThrottle, setting.LoginRate,
		setting.StormRate, setting.LoginQueue, setting.RingCount, setting.RingSeconds, setting.MaxRelations,
	} {
		if !strings.Contains(page, "`"+s.Key()+"`") {
			t.Errorf("docs/limits.md does not name %s", s.Key())
		}
	}
	none := &Server{spring: &spring.Server{}, accounts: &account.Service{}}
	for limit := range none.limited() {
		if !strings.Contains(page, "| `"+limit+"` |") {
			t.Errorf("docs/limits.md does not name the limit %s", limit)
		}
	}
}
