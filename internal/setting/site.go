package setting

import (
	"context"
	"strings"
	"time"
)

// The settings of a site. Each is read where it applies, at the moment it
// applies, so a change needs no restart.
var (
	Registration = Define("account.registration", true, Bool,
		"New accounts may be registered.")
	VerifyEmail = Define("account.verify_email", false, Bool,
		"New accounts wait for the six-digit code that is mailed to them. Where --mail sends none, the code is in the log.")
	AcceptAllEmails = Define("account.accept_all_emails", false, Bool,
		"Registration does not check the form and the uniqueness of addresses.")
	Agreement = Define("account.agreement", []string{
		"A verification code has been sent to your email address. Please read our terms of service and the code of conduct. Then enter your six digit code below if you agree to the terms.",
	}, Lines, "What a user is shown at login who waits for the code.")
	MaxNameLength = Define("account.max_name_length", 20, Int(3, 64),
		"Longest name of an account, in characters.")
	LoginAttempts = Define("account.login_attempts", 3, Int(1, 1000),
		"Wrong passwords within ten seconds after which an account's logins are refused for a while.")

	UserLimit = Define("account.user_limit", 0, Int(0, 10000000),
		"Most players online in the whole cluster, bots not counted; more are refused, or wait if login.throttle is on. 0: no limit.")

	LoginThrottle = Define("login.throttle", false, Bool,
		"Players log in at login.rate and wait in a queue for their turn. Bots, VIPs and contributors do not wait.")
	LoginRate = Define("login.rate", 2, Int(1, 10000),
		"Players let in per second in the whole cluster while login.throttle is on.")
	StormRate = Define("login.storm_rate", 200, Int(0, 10000),
		"Players let in per second in the whole cluster when very many come at once, while login.throttle is off; a quarter of it is let in without asking. 0: nobody waits.")
	LoginQueue = Define("login.queue", 5000, Int(1, 1000000),
		"Most players that wait on one node; more are refused.")

	RememberMinutes = Define("login.remember_minutes", 10, Int(0, 60),
		"Minutes for which the nodes remember, in memory only, that a password was right after its user has gone: who comes back costs no hash. 0: not at all.")

	SessionGrace = Define("session.grace", 30, Int(0, 600),
		"Seconds for which a player whose connection was lost keeps its place in a lobby. 0: not at all.")

	MaxRelations = Define("friend.max_relations", 300, Int(1, 10000),
		"Most relations of one kind that one user has.")

	PlayerLimit = Define("lobby.player_limit", 16, Int(1, 1000),
		"Players per lobby unless the lobby says otherwise.")

	MOTD = Define("spring.motd", []string{
		"Message of the day",
		"Welcome to Teiserver",
		"Connect on port 8201 for TLS",
		"---------",
		"",
	}, keepBlank(Lines), "Lines sent after each login.")
	RateLimit = Define("spring.rate_limit_per_minute", 200, Int(1, 1000000),
		"Lines one connection may send per minute, and at once.")
	MaxLineBytes = Define("spring.max_line_bytes", 65536, Int(512, 16<<20),
		"Longest line of a client; the rest of a longer one is skipped.")
	// SPADS and SpringLobby ping every 30 seconds: less than 35 would lose them.
	IdleTimeout = Define("spring.idle_timeout_s", 120, Int(35, 86400),
		"Seconds without a line after which a connection is closed.")
)

// LoginTimeout is off unless the site wants it: people who type LOGIN by hand are slow.
var LoginTimeout = Define("spring.login_timeout_s", 0, Int(0, 86400),
	"Seconds after which a connection that has not logged in is closed. 0: never.")

// keepBlank keeps blank lines at the end: the message of the day ends with one,
// and clients show it.
func keepBlank(f Form[[]string]) Form[[]string] {
	inner := f.Parse
	f.Parse = func(text string) ([]string, error) {
		if text == "" {
			return nil, nil
		}
		// The sentinel stops the trimming; it is taken off again.
		lines, err := inner(text + "\n.")
		if err != nil {
			return nil, err
		}
		return lines[:len(lines)-1], nil
	}
	return f
}

// SiteURL begins the addresses that clients show to their users.
var SiteURL = Define("web.url", "https://localhost", URL,
	"Address of the web site, without a slash at its end.")

// Agreement is what an unverified user is shown, one or more lines.
func (s *Service) Agreement(ctx context.Context) string {
	return strings.Join(Agreement.Get(ctx, s), "\n")
}

// MOTD is the message of the day, line by line.
func (s *Service) MOTD(ctx context.Context) []string { return MOTD.Get(ctx, s) }

// SiteURL is the address of the web site without a slash at its end.
func (s *Service) SiteURL(ctx context.Context) string { return SiteURL.Get(ctx, s) }

// LinesPerMinute is how many lines a connection may send in a minute, and at once.
func (s *Service) LinesPerMinute(ctx context.Context) int { return RateLimit.Get(ctx, s) }

// MaxLineBytes is the longest line a client may send.
func (s *Service) MaxLineBytes(ctx context.Context) int { return MaxLineBytes.Get(ctx, s) }

// IdleTimeout is how long a connection may be silent.
func (s *Service) IdleTimeout(ctx context.Context) time.Duration {
	return time.Duration(IdleTimeout.Get(ctx, s)) * time.Second
}

// LoginTimeout is how long a connection may go without a login; 0 is for ever.
func (s *Service) LoginTimeout(ctx context.Context) time.Duration {
	return time.Duration(LoginTimeout.Get(ctx, s)) * time.Second
}

// PlayerLimit is the number of players of a lobby that says nothing else.
func (s *Service) PlayerLimit(ctx context.Context) int { return PlayerLimit.Get(ctx, s) }

// UserLimit is how many players may be online; 0 is no limit.
func (s *Service) UserLimit(ctx context.Context) int { return UserLimit.Get(ctx, s) }

// SessionGrace is how long a place in a lobby is kept for who has lost its connection.
func (s *Service) SessionGrace(ctx context.Context) time.Duration {
	return time.Duration(SessionGrace.Get(ctx, s)) * time.Second
}

// LoginThrottle reports whether players wait for their turn to log in.
func (s *Service) LoginThrottle(ctx context.Context) bool { return LoginThrottle.Get(ctx, s) }

// LoginRate is how many players are let in per second in the whole cluster.
func (s *Service) LoginRate(ctx context.Context) int { return LoginRate.Get(ctx, s) }

// StormRate is how many players are let in per second in the whole cluster when very
// many come at once; 0 is any number.
func (s *Service) StormRate(ctx context.Context) int { return StormRate.Get(ctx, s) }

// LoginQueue is how many players may wait on one node.
func (s *Service) LoginQueue(ctx context.Context) int { return LoginQueue.Get(ctx, s) }

// MaxRelations is how many relations of one kind a user may have.
func (s *Service) MaxRelations(ctx context.Context) int { return MaxRelations.Get(ctx, s) }
