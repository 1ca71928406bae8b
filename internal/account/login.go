package account

import (
	"context"
	"unicode/utf8"

	"teiserver/internal/limit"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Texts of the login, as clients know them.
const (
	textUnknown   = "No user found for '%s'"
	textCase      = "Username is case sensitive, try '%s'"
	textFloodWait = "Flood protection - Please wait 20 seconds and try again"
	textNoHash    = "LobbyHash/UserID missing in login"
	textFlood     = "Flood protection"
	textPassword  = "Invalid password"
	textCode      = "Incorrect code"
)

// LoginRequest is what a client says to log in.
type LoginRequest struct {
	Name     string
	Password string // as the client sends it
	Hash     string // "userID hash" of the client's machine
	IP       string
	Client   string // lobby client

	// Before is asked before anything dear is done for a known user, and may refuse; nil
	// refuses nobody. A login that it refuses does not count as one.
	Before func(u *User) error
}

// Authenticate says who somebody is. Refusals have the texts of DENIED, in the
// order in which clients expect the checks. An account that waits for its code, or has a
// newer agreement to accept, is refused with refusal.Unverified, and returned all the same:
// the caller shows the Agreement and goes on with ConfirmAgreement.
//
// A bot is never refused for what passes by itself, because autohosts take every
// DENIED as final: it is exempt from the login counter, waits for its turn when
// many log in, and only wrong passwords from its own network count against it; where very
// many were wrong it could not be decided.
// refusal.Unavailable and errors that are no refusals mean: could not be decided.
//
// It is Recognize, then Prove for whom is not known, then Welcome: a caller may let time
// pass in between.
func (s *Service) Authenticate(ctx context.Context, r LoginRequest) (*User, error) {
	u, proved, err := s.Recognize(ctx, r)
	if err == nil && !proved {
		err = s.Prove(ctx, u, r)
	}
	if err != nil {
		return nil, err
	}
	return s.Welcome(ctx, u, r.IP)
}

// Recognize is the cheap part: it refuses whatever can be refused without a hash, and
// reports whether the password is known to be right.
func (s *Service) Recognize(ctx context.Context, r LoginRequest) (u *User, proved bool, err error) {
	name := CleanName(r.Name)
	if u, err = s.known(ctx, name, r); err != nil {
		return nil, false, err
	}
	if err := s.opts.Verdicts.MayTry(ctx, u.ID); err != nil {
		return nil, false, err
	}
	if u.Name != name {
		return nil, false, refusal.New(refusal.Invalid, textCase, u.Name)
	}
	if r.Before != nil {
		if err := r.Before(u); err != nil {
			return nil, false, err
		}
	}
	proved = s.remembers(ctx, u, r)
	if err := s.mayLogIn(ctx, u, r); err != nil {
		return nil, false, err
	}
	return u, proved, nil
}

// known returns the user of a name as the store has it. Who comes from where others were
// wrong too often is refused here, whatever the name, before anything dear is done and before
// a try of the account is taken.
func (s *Service) known(ctx context.Context, name string, r LoginRequest) (u *User, err error) {
	possible := utf8.RuneCountInString(name) <= longestName // nobody has a longer one
	if s.failing(ctx, r.IP) {
		if possible {
			u, err = s.waiter(ctx, name, r)
		}
		if err == nil && u == nil {
			err = refusal.New(refusal.Flood, textFloodWait)
		}
		if _, refused := refusal.As(err); refused {
			s.Counters.Limits.Address.Add(1)
		}
		return u, err
	}
	if possible {
		u, err = s.lookup.stored(ctx, name)
	} else {
		name = string([]rune(name)[:longestName])
	}
	if err == nil && u == nil {
		s.failed(ctx, r.IP)
		err = refusal.New(refusal.NotFound, textUnknown, name)
	}
	return u, err
}

// Welcome computes what a login computes, for a user whose password was right.
func (s *Service) Welcome(ctx context.Context, u *User, ip string) (*User, error) {
	if err := s.opts.Verdicts.MayLogIn(ctx, u, ip); err != nil {
		return nil, err
	}
	known, err := s.mustAgree(ctx, s.refresh(ctx, u, ip))
	if u.Outdated(known) { // it was read anew
		return nil, errOutdated
	}
	return known, err
}

// mayLogIn refuses who tries too often, or without what a login needs. Also a password that
// is known to be right is a try: else who may try no more would learn from being let in that
// a guess was right.
func (s *Service) mayLogIn(ctx context.Context, u *User, r LoginRequest) error {
	now, network := s.now(), networkOf(r.IP)
	bot := u.IsBot()
	if !bot && !s.opts.Unlimited && s.attempts.flooding(u.ID, network, setting.LoginAttempts.Get(ctx, s.settings), now) {
		s.Counters.Limits.Account.Add(1)
		return refusal.New(refusal.Flood, textFloodWait)
	}
	if !bot && (r.Hash == "" || r.Hash == "0") {
		return refusal.New(refusal.Invalid, textNoHash)
	}
	if key := tries(u, r); !s.opts.Unlimited {
		s.attempts.note(u.ID, network, now)
		if bot && s.attempts.spent(key, now) || !bot && !s.attempts.try(key, now) {
			s.Counters.Limits.Account.Add(1)
			return refusal.New(refusal.Flood, textFlood)
		}
	}
	if u.Password == "" {
		return refusal.New(refusal.Password, textPassword) // nobody logs in as this user
	}
	return nil
}

// tries names what is tried by a login. Bots, and who logs in from where it did the last time,
// have tries of their own there: what is tried elsewhere uses up none of them.
func tries(u *User, r LoginRequest) windowKey {
	key := windowKey{user: u.ID, what: "password"}
	if u.IsBot() || atHome(u, r.IP) {
		key.ip = networkOf(r.IP)
	}
	return key
}

// networkOf is under what an address is counted whether it is limited or not.
func networkOf(ip string) string {
	if key := limit.Key(ip); key != "" {
		return key
	}
	return ip
}

// remembers reports whether the password was found right a short while ago.
func (s *Service) remembers(ctx context.Context, u *User, r LoginRequest) bool {
	known := s.hasProved(ctx, u, r)
	if known {
		s.Counters.Remembered.Add(1)
	}
	return known
}

func (s *Service) hasProved(ctx context.Context, u *User, r LoginRequest) bool {
	s.rememberFor(ctx)
	return s.remembered.has(u.ID, s.remembered.mark(u, r.Password), s.now())
}

// Prove is the dear part: it checks the password of a user that Recognize has returned,
// or of its account as it is now.
func (s *Service) Prove(ctx context.Context, u *User, r LoginRequest) error {
	s.Counters.Hashed.Add(1)
	right, err := s.passwords.verify(ctx, u.Password, r.Password, u.IsBot())
	if err != nil {
		return err
	}
	if !right {
		if u.IsBot() {
			s.wrongHost(ctx, u, r)
		} else {
			s.wrong(tries(u, r))
			s.failed(ctx, r.IP)
		}
		return refusal.New(refusal.Password, textPassword)
	}
	s.remembered.add(u.ID, s.remembered.mark(u, r.Password), s.now())
	return nil
}

// refresh computes what a login computes: rank and country. If the store cannot
// take them now, the login goes on with them all the same.
func (s *Service) refresh(ctx context.Context, u *User, ip string) *User {
	set := func(u *User) error {
		u.Rank, u.Country = s.rank(ctx, u), s.countryOf(u, ip)
		return nil
	}
	fresh := u.clone()
	_ = set(fresh)
	if fresh.Rank == u.Rank && fresh.Country == u.Country {
		return u
	}
	stored, err := s.change(ctx, u.ID, set)
	if err != nil {
		s.log.WarnContext(ctx, "rank and country not stored", "user", u.ID, "err", err)
		return fresh
	}
	return stored
}

// mayTry takes one of the few tries per minute for a secret: six digits are soon
// guessed by somebody who may try as fast as lines arrive.
func (s *Service) mayTry(id int64, what string) bool {
	return s.opts.Unlimited || s.attempts.try(windowKey{user: id, what: what}, s.now())
}

// NoteFlood makes a user who was thrown out for flooding wait before the next login.
func (s *Service) NoteFlood(id int64) {
	if !s.opts.Unlimited {
		s.attempts.punish(id, s.now())
		s.publish(tried{What: triedFlood, User: id})
	}
}
