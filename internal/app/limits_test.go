package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teiserver/internal/config"
	"teiserver/internal/store"
	"teiserver/test/springclient"
)

// limited starts a single node with all its limits and these settings.
func limited(t *testing.T, settings map[string]string) (*Server, config.Config) {
	t.Helper()
	return limitedBy(t, settings, func(*config.Config) {})
}

// limitedBy is limited with a changed configuration.
func limitedBy(t *testing.T, settings map[string]string, change func(*config.Config)) (*Server, config.Config) {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Config{
		DataDir: dir, NodeName: "n", Database: config.DatabaseURL("sqlite:" + filepath.Join(dir, "teiserver.db")),
		SpringListen: "127.0.0.1:0", SpringTLSListen: "127.0.0.1:0", HTTPListen: "127.0.0.1:0",
		LogLevel: "error", LogFormat: "text", StopTimeout: 10 * time.Second,
	}
	change(&cfg)
	for key, value := range settings {
		if err := SetConfig(t.Context(), cfg, key, value); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cfg.StopTimeout)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, cfg
}

func dial(t *testing.T, s *Server) (context.Context, *springclient.Client) {
	t.Helper()
	return dialAs(t, s, springclient.Player)
}

func dialAs(t *testing.T, s *Server, flavor springclient.Flavor) (context.Context, *springclient.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c, err := springclient.Dial(ctx, s.Addresses()["spring-listen"], flavor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return ctx, c
}

// TestFloodProtection: a player who sends more than the limit is cut off with the
// reason, and cannot come back at once; a bot may send more.
func TestFloodProtection(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, map[string]string{"spring.rate_limit_per_minute": "50"})
	add(t, cfg, "Player", "user")
	add(t, cfg, "Autohost", "bot")

	ctx, c := dial(t, s)
	expect(t, c.Login(ctx, "Player"))
	for range 60 {
		_ = c.Send("PING") // the connection may be closed already
	}
	if _, err := c.Expect(ctx, "s.system.disconnect Flood protection"); err != nil {
		t.Fatal(err)
	}
	expect(t, c.WaitClosed(ctx))
	ctx, again := dial(t, s)
	expect(t, again.Send("%s", again.LoginLine("Player", springclient.Password)))
	if _, err := again.Expect(ctx, "DENIED Flood protection…"); err != nil {
		t.Error(err)
	}

	ctx, host := dial(t, s)
	expect(t, host.Login(ctx, "Autohost"))
	for range 60 {
		expect(t, host.Send("PING"))
	}
	if _, err := host.ExpectCount(ctx, 60, "PONG"); err != nil {
		t.Error(err)
	}
}

// TestWrongPasswords: after three the account's logins are refused for a while.
func TestWrongPasswords(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, nil)
	add(t, cfg, "Player", "user")
	ctx, c := dial(t, s)
	for range 3 {
		expect(t, c.Send("%s", c.LoginLine("Player", "wrong")))
		if _, err := c.Expect(ctx, "DENIED Invalid password"); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, c.Send("%s", c.LoginLine("Player", springclient.Password)))
	if _, err := c.Expect(ctx, "DENIED Flood protection - Please wait 20 seconds and try again"); err != nil {
		t.Error(err)
	}
}

// TestAgreement: an account that waits for its code is shown the agreement, a wrong
// code is denied, the right one is a login.
func TestAgreement(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, map[string]string{"account.verify_email": "true", "account.agreement": `be kind\nalways`})
	ctx, c := dial(t, s)
	expect(t, c.Register(ctx, "Newbie"))
	expect(t, c.Send("CONFIRMAGREEMENT 1"))
	expect(t, c.Send("%s", c.LoginLine("Newbie", springclient.Password)))
	expect(t, c.ExpectInOrder(ctx, "SERVERMSG You need to login before you can confirm the agreement.",
		"AGREEMENT be kind", "AGREEMENT always", "AGREEMENT ", "AGREEMENTEND"))
	expect(t, c.Send("CONFIRMAGREEMENT 000000"))
	if _, err := c.Expect(ctx, "DENIED Incorrect code"); err != nil {
		t.Fatal(err)
	}
	code := ""
	expect(t, withStore(ctx, cfg, func(st *store.Store) error {
		id, err := st.UserIDByName(ctx, "newbie")
		if err != nil {
			return err
		}
		u, err := st.UserByID(ctx, id)
		if err != nil {
			return err
		}
		code = u.Code
		return nil
	}))
	expect(t, c.Send("CONFIRMAGREEMENT %s", code))
	expect(t, c.ExpectInOrder(ctx, "ACCEPTED Newbie", "ADDUSER Newbie …", "LOGININFOEND"))
	_, second := dial(t, s)
	expect(t, second.Login(ctx, "Newbie"))
}

// TestLoginTimeout: a connection that does not log in is closed with the reason; one
// that has logged in stays, though it says nothing.
func TestLoginTimeout(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, map[string]string{"spring.login_timeout_s": "1"})
	add(t, cfg, "Player", "user")
	_, in := dial(t, s)
	ctx, out := dial(t, s)
	expect(t, in.Login(ctx, "Player"))
	if _, err := out.Expect(ctx, "s.system.disconnect Terminate"); err != nil {
		t.Fatal(err)
	}
	// The one that is in began before the one that was closed.
	expect(t, in.Ping(ctx))
}

// TestSettingsWithoutARestart: what an operator sets beside a running node reaches it.
func TestSettingsWithoutARestart(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, nil)
	add(t, cfg, "Player", "user")
	expect(t, SetConfig(t.Context(), cfg, "spring.motd", "Be welcome"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if got := s.settings.MOTD(ctx); len(got) == 1 && got[0] == "Be welcome" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the running node still says %q", s.settings.MOTD(t.Context()))
		}
	}
}

func add(t *testing.T, cfg config.Config, name, role string) {
	t.Helper()
	err := AddUser(t.Context(), cfg, NewUser{Name: name, Password: springclient.Password, Email: fmt.Sprintf("%s@example.com", name), Role: role})
	expect(t, err)
}

func expect(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestManyFriends: a line names as many users as lines are allowed in a minute; what is
// beyond is answered, and the connection goes on.
func TestManyFriends(t *testing.T) {
	t.Parallel()
	s, cfg := limited(t, map[string]string{"spring.rate_limit_per_minute": "60"})
	add(t, cfg, "Player", "user")
	ctx, c := dial(t, s)
	expect(t, c.Login(ctx, "Player"))
	var ids []string
	for id := range 100 {
		ids = append(ids, fmt.Sprint(99_000_000+id))
	}
	expect(t, c.Send("c.user.rescind_friend_request %s", strings.Join(ids, "\t")))
	again := 0
	for i, id := range ids {
		line, err := c.Expect(ctx, fmt.Sprintf("s.user.rescind_friend_request %s\tfailure\t…", id))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(line, "\tplease try again") {
			again++
		}
		if i < 60 && again > 0 {
			t.Errorf("user %d: %s", i+1, line)
		}
	}
	if again == 0 {
		t.Error("all were looked at")
	}
	expect(t, c.Ping(ctx))
}
