package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"teiserver/internal/config"
	"teiserver/internal/mail"
	"teiserver/internal/mail/mailtest"
	"teiserver/internal/moderation"
	"teiserver/internal/setting"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
	"teiserver/test/transcript"
)

// TestMail: what is mailed, and what follows of it, on one node and on three.
func TestMail(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			t.Parallel()
			box := (&mailtest.Server{Plain: true, NoAuth: true}).Start(t)
			env, servers := startWith(t, nodes, map[string]string{"account.verify_email": "true", "account.login_attempts": "100"}, false, func(c *config.Config) {
				c.Mail = "smtp+plain://" + box.Address().String()
			})
			s := mailSite{env, servers, box}
			env.Mailed = func(t testing.TB, to string) string { return s.letter(t, to, "New account").Text }
			t.Run("transcript", func(t *testing.T) { transcript.RunMailed(t, env) })
			t.Run("reset", s.reset)
			t.Run("roles", s.roles)
			t.Run("once", s.once)
			t.Run("banned", s.banned)
			t.Run("agreement", s.agreement) // the last: all have to agree from then on
		})
	}
}

type mailSite struct {
	env     scenario.Env
	servers []*Server
	box     *mailtest.Server
}

func mailLimit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}

// letter waits for a letter and returns the last one.
func (s mailSite) letter(t testing.TB, to, subject string) mailtest.Letter {
	t.Helper()
	ctx, cancel := mailLimit()
	defer cancel()
	letters, err := s.box.Letters(ctx, to, subject, 1)
	if err != nil {
		t.Fatal(err)
	}
	return letters[len(letters)-1]
}

// dial connects to a node; the numbers go round.
func (s mailSite) dial(t *testing.T, node int, flavor springclient.Flavor) *springclient.Client {
	t.Helper()
	ctx, cancel := mailLimit()
	defer cancel()
	c, err := springclient.Dial(ctx, s.env.Nodes[node%len(s.env.Nodes)].Spring, flavor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// reset: asked for on one node, set on the page of another; the session on a third ends.
func (s mailSite) reset(t *testing.T) {
	ctx, cancel := mailLimit()
	defer cancel()
	name := s.env.Fresh(t, scenario.Moderator)
	email := name + "@example.com"
	online := s.dial(t, 0, springclient.Player)
	if err := online.Login(ctx, name); err != nil {
		t.Fatal(err)
	}
	asks := s.dial(t, 1, springclient.Player)
	for range 2 { // there is one link at a time
		if err := asks.Send("RESETPASSWORDREQUEST %s", email); err != nil {
			t.Fatal(err)
		}
		if _, err := asks.Expect(ctx, "OK cmd=…/password_reset"); err != nil {
			t.Fatal(err)
		}
	}
	_, link, found := strings.Cut(s.letter(t, email, "Password reset").Text, "/password_reset/")
	value, _, _ := strings.Cut(link, "\n")
	if !found || value == "" {
		t.Fatal("no link")
	}
	page := "http://" + s.env.Nodes[2%len(s.env.Nodes)].HTTP + "/password_reset/" + value
	for i, want := range []int{http.StatusOK, http.StatusNotFound} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, page, strings.NewReader(url.Values{"password": {"another secret"}, "password2": {"another secret"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("post %d: %d", i+1, resp.StatusCode)
		}
	}
	if _, err := online.Expect(ctx, "s.system.disconnect Logged out"); err != nil {
		t.Error(err)
	}
	if err := s.dial(t, 1, springclient.Player).LoginAs(ctx, name, "another secret"); err != nil {
		t.Error(err)
	}
	s.letter(t, email, "Password changed")
}

// TestLettersAreRead: letters in the log are there at every level, and the operator is told
// where nobody reads them.
func TestLettersAreRead(t *testing.T) {
	t.Parallel()
	verified, plain := map[string]string{"account.verify_email": "true"}, map[string]string(nil)
	for _, tc := range []struct {
		way      string
		settings map[string]string
		change   func(c *config.Config)
		want     string
	}{
		{config.MailLog, plain, func(*config.Config) {}, ""},
		{config.MailNone, plain, func(*config.Config) {}, ""},
		{config.MailNone, verified, func(*config.Config) {}, "account.verify_email is on"},
		{config.MailLog, verified, func(*config.Config) {}, "account.verify_email is on"},
		{config.MailNone, verified, func(c *config.Config) { c.Unlimited = true }, ""},
		{config.MailLog, plain, func(c *config.Config) { c.ClusterListen = "127.0.0.1:1" }, "whatever node"},
		{config.MailSMTP, verified, func(c *config.Config) { c.ClusterListen = "127.0.0.1:1" }, ""},
	} {
		var log bytes.Buffer
		s := &Server{cfg: config.Config{LogLevel: "warn"}, settings: setting.Fixed(tc.settings)}
		tc.change(&s.cfg)
		s.log = s.cfg.Logger(&log)
		if got := s.unread(t.Context(), config.Mailer{Way: tc.way}); !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") {
			t.Errorf("%s, %v: %q, want %q", tc.way, tc.settings, got, tc.want)
		}
		if !s.letterLog(t.Context()).Enabled(t.Context(), slog.LevelInfo) {
			t.Error("codes vanish")
		}
	}
}

// roles: whose roles are taken loses its session, wherever it is.
func (s mailSite) roles(t *testing.T) {
	ctx, cancel := mailLimit()
	defer cancel()
	name := s.env.Fresh(t, scenario.Moderator)
	c := s.dial(t, 2, springclient.Player)
	if err := c.Login(ctx, name); err != nil {
		t.Fatal(err)
	}
	s.env.Operate(t, "user", "role", "--take", "moderator", name)
	if _, err := c.Expect(ctx, "s.system.disconnect Logged out"); err != nil {
		t.Error(err)
	}
	if err := s.dial(t, 0, springclient.Player).Login(ctx, name); err != nil {
		t.Error(err)
	}
}

// once: all nodes send at the same time, and each letter leaves once.
func (s mailSite) once(t *testing.T) {
	ctx, cancel := mailLimit()
	defer cancel()
	const letters = 30
	for i := range letters { // as a command does: no node is told
		l := mail.Letter{Key: fmt.Sprint("once-", i), User: 1, Purpose: "notice", To: "once@example.com", Subject: "Once", Text: "x", Life: time.Hour}
		if err := s.servers[0].store.PutLetter(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for _, server := range s.servers {
		all.Go(func() {
			if err := server.post.Deliver(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := s.box.Letters(ctx, "once@example.com", "Once", letters)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, l := range got {
		if times[l.ID]++; times[l.ID] > 1 {
			t.Errorf("%s left %d times", l.ID, times[l.ID])
		}
	}
	if len(times) != letters {
		t.Errorf("%d of %d letters", len(times), letters)
	}
}

// banned: what is on the lists of moderators is in no name and no address that users choose,
// on any node.
func (s mailSite) banned(t *testing.T) {
	ctx, cancel := mailLimit()
	defer cancel()
	renames := s.env.Fresh(t, scenario.Moderator)
	// As a command does: the nodes follow.
	command := moderation.NewService(s.servers[0].store, nil, nil, slog.New(slog.DiscardHandler))
	if _, err := command.AddDomains(ctx, []string{"bad.example"}, moderation.Actor{}); err != nil {
		t.Fatal(err)
	}
	if _, err := command.AddPhrase(ctx, Phrase{Text: "slurry", Form: moderation.FormRaw, Severity: moderation.SeverityLow}, moderation.Actor{}); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i, server := range s.servers {
		for {
			flagged, err := server.moderation.FlaggedName(ctx, "slurry")
			if err != nil {
				t.Fatal(err)
			}
			if flagged {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal("a node does not follow the lists")
			}
		}
		c := s.dial(t, i, springclient.Player)
		for _, line := range [][2]string{
			{"Newcomer%d X03MO1qnZdYdgyfeuILPmQ== a%d@mail.bad.example", "REGISTRATIONDENIED Due to frequent abuse, that email provider is not allowed."},
			{"aSlurry%d X03MO1qnZdYdgyfeuILPmQ== b%d@good.example", "REGISTRATIONDENIED Not an acceptable name, please see section B3 of the code of conduct"},
		} {
			if err := c.Send("REGISTER "+line[0], i, i); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Expect(ctx, line[1]); err != nil {
				t.Error(err)
			}
		}
		if err := c.Login(ctx, renames); err != nil {
			t.Fatal(err)
		}
		if err := c.Send("RENAMEACCOUNT theSlurry"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Expect(ctx, "SERVERMSG Not an acceptable name, please see section B3 of the code of conduct"); err != nil {
			t.Error(err)
		}
	}
}

// agreement: a newer version is to be accepted at the next login, on any node; hosts are
// not asked.
func (s mailSite) agreement(t *testing.T) {
	ctx, cancel := mailLimit()
	defer cancel()
	name, host := s.env.Fresh(t, scenario.Moderator), s.env.Fresh(t, scenario.Bot)
	s.env.Operate(t, "config", "set", "account.agreement_version", "2")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, server := range s.servers {
		for setting.AgreementVersion.Get(ctx, server.settings) != 2 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal("a node does not follow the setting")
			}
		}
	}
	if err := s.dial(t, 1, springclient.Host).Login(ctx, host); err != nil {
		t.Errorf("a host: %v", err)
	}
	c := s.dial(t, 0, springclient.Player)
	if err := c.Send("%s", c.LoginLine(name, springclient.Password)); err != nil {
		t.Fatal(err)
	}
	if err := c.ExpectInOrder(ctx, "AGREEMENT Our terms…", "AGREEMENTEND"); err != nil {
		t.Fatal(err)
	}
	if err := c.Send("CONFIRMAGREEMENT"); err != nil {
		t.Fatal(err)
	}
	if err := c.ExpectInOrder(ctx, "ACCEPTED "+name, "LOGININFOEND"); err != nil {
		t.Fatal(err)
	}
	if err := s.dial(t, 2, springclient.Player).Login(ctx, name); err != nil {
		t.Errorf("who has agreed: %v", err)
	}
}
