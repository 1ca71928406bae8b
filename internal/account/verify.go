package account

import (
	"context"
	"strings"
	"time"

	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// textReview answers who has the right code and has to be verified by a moderator.
const textReview = `Your account was flagged for manual validation. Please send an email to "%s" from the address you used to register.`

// unverified reports a user who waits for the code.
func (s *Service) unverified(ctx context.Context, u *User) bool {
	return u.Code != "" && s.verifies(ctx)
}

// verifies reports whether new accounts have to prove their address. A load test reads no mail.
func (s *Service) verifies(ctx context.Context) bool {
	return !s.opts.Unlimited && setting.VerifyEmail.Get(ctx, s.settings)
}

// mustAgree refuses who has something to agree to before the login goes on. A bot never
// has: autohosts end when they are asked. An unverified user is mailed the code again if
// that was a while ago.
func (s *Service) mustAgree(ctx context.Context, u *User) (*User, error) {
	switch {
	case s.unverified(ctx, u):
		u = s.remind(ctx, u)
	case u.IsBot() || u.Agreed >= s.agreement(ctx):
		return u, nil
	}
	return u, refusal.New(refusal.Unverified, "The agreement is not confirmed yet")
}

func (s *Service) agreement(ctx context.Context) int64 {
	return int64(setting.AgreementVersion.Get(ctx, s.settings))
}

// Agreement is what a user is shown who has something to agree to.
func (s *Service) Agreement(ctx context.Context, u *User) string {
	if s.unverified(ctx, u) {
		return s.settings.Agreement(ctx)
	}
	return strings.Join(setting.AgreementAgain.Get(ctx, s.settings), "\n")
}

// remind mails the code again. If the store cannot take that now, the old one counts.
func (s *Service) remind(ctx context.Context, u *User) *User {
	now := s.now()
	pause := time.Duration(setting.ResendMinutes.Get(ctx, s.settings)) * time.Minute
	if !s.expired(ctx, u.CodeAt) && now.Sub(u.CodeSent) < pause {
		return u
	}
	fresh, err := s.mailCode(ctx, u.ID, nil, func(u *User) bool {
		return s.expired(ctx, u.CodeAt) || now.Sub(u.CodeSent) >= pause // nobody else did it meanwhile
	})
	if err != nil {
		s.log.WarnContext(ctx, "verification code not mailed again", "user", u.ID, "err", err)
		return u
	}
	return fresh
}

// expired reports that a code of that time counts no more. Those of earlier releases, whose
// time is not known, count.
func (s *Service) expired(ctx context.Context, made time.Time) bool {
	return !made.IsZero() && s.now().Sub(made) >= s.codeLife(ctx)
}

// mailCode mails the verification code if due says so, another one if it has expired.
func (s *Service) mailCode(ctx context.Context, id int64, act *Act, due func(u *User) bool) (*User, error) {
	return s.changeWith(ctx, id, func(u *User) (With, error) {
		if u.Code == "" || !due(u) {
			return With{}, nil
		}
		if s.expired(ctx, u.CodeAt) {
			s.setCode(u)
		}
		u.CodeSent = s.now()
		return With{Letters: s.verifyLetter(ctx, u, u.Email), Act: act}, nil
	})
}

// setCode gives a user another verification code.
func (s *Service) setCode(u *User) {
	u.Code, u.CodeAt, u.CodeTries = newCode(), s.now(), 0
}

// ConfirmAgreement verifies an account by the code that its address was sent, and notes
// that its user agrees. Who is verified needs no code. proved is the user as a login has
// returned it: what that login knew must be so still.
func (s *Service) ConfirmAgreement(ctx context.Context, proved *User, code string) (*User, error) {
	id := proved.ID
	if !s.mayTry(id, "agreement") {
		return nil, refusal.New(refusal.Flood, textFlood)
	}
	var no *refusal.Error
	u, err := s.changeWith(ctx, id, func(u *User) (With, error) {
		if no = nil; proved.Outdated(u) {
			return With{}, errOutdated
		}
		if !s.unverified(ctx, u) { // confirmed meanwhile, or only to agree again
			u.Agreed = max(u.Agreed, s.agreement(ctx))
			return With{}, nil
		}
		right := sameCode(u.Code, strings.TrimSpace(code)) && !s.expired(ctx, u.CodeAt)
		switch {
		case right && u.Suspect:
			return With{}, refusal.New(refusal.Forbidden, textReview, setting.ReviewAddress.Get(ctx, s.settings))
		case right:
			s.verify(ctx, u)
			return With{}, nil
		}
		s.wrong(windowKey{user: id, what: "agreement"})
		no = refusal.New(refusal.Invalid, textCode)
		if u.CodeTries++; u.CodeTries < int64(setting.CodeTries.Get(ctx, s.settings)) {
			return With{}, nil
		}
		s.setCode(u) // whoever guesses begins anew
		u.CodeSent = s.now()
		return With{Letters: s.verifyLetter(ctx, u, u.Email)}, nil
	})
	if err == nil && no != nil {
		return nil, no
	}
	return u, err
}

// errOutdated refuses a login that began with what counts no more.
var errOutdated = refusal.New(refusal.Superseded, "Logged out")

// Outdated reports that what a login has proved of u counts no more: its user has another
// password now, or was signed out since.
func (u *User) Outdated(now *User) bool {
	return now == nil || now.SignOuts != u.SignOuts || now.Password != u.Password
}

// verify makes a verified user.
func (s *Service) verify(ctx context.Context, u *User) {
	u.Code, u.CodeAt, u.CodeTries, u.Suspect = "", time.Time{}, 0, false
	u.Agreed = max(u.Agreed, s.agreement(ctx))
	u.Roles = withRole(u.Roles, Verified)
}

// reviewed reports an address whose users a moderator has to look at.
func (s *Service) reviewed(ctx context.Context, ip string) bool {
	addr, err := parseIP(ip)
	if err != nil {
		return false
	}
	for _, p := range setting.ReviewNetworks.Get(ctx, s.settings) {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
