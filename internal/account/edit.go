package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Texts of the account commands, as clients know them.
const (
	textRenames     = "Rename limit reached (2 times in 5 days or 3 times in 30 days)"
	textNoRenames   = "Renames are currently disabled"
	textOldPassword = "Current password entered incorrectly"
	textEmailInUse  = "Email already in use"
	textNoUser      = "no user"
	textBadCode     = "bad code"
	textBadEmail    = "bad email"
)

// keptRenames is how many times of renames are kept; the rule looks at the last three.
const keptRenames = 20

const day = 24 * time.Hour

// Rename gives a user another name. The caller ends the session: others see the
// old name go and, with the next login, the new one come.
func (s *Service) Rename(ctx context.Context, id int64, name string) error {
	u, err := s.lookup.user(ctx, id)
	if err != nil {
		return err
	}
	if u == nil {
		return refusal.New(refusal.NotFound, textNoUser)
	}
	if !setting.Renames.Get(ctx, s.settings) && !u.Moderates() {
		return refusal.New(refusal.Forbidden, textNoRenames)
	}
	if err := s.opts.Verdicts.MayRename(ctx, id); err != nil {
		return err
	}
	if s.renamedOften(u) {
		return refusal.New(refusal.Flood, textRenames)
	}
	if err := s.checkChosen(ctx, name); err != nil {
		return err
	}
	if err := s.checkFree(ctx, name, id); err != nil {
		return err
	}
	old := ""
	_, err = s.change(ctx, id, func(u *User) error {
		// Again on what the store has: two renames at once must not both pass.
		if s.renamedOften(u) {
			return refusal.New(refusal.Flood, textRenames)
		}
		if u.Name == name {
			return refusal.New(refusal.Taken, textTaken)
		}
		old, u.Name = u.Name, name
		u.Renames = append(u.Renames, s.now().Unix())
		u.Renames = u.Renames[max(0, len(u.Renames)-keptRenames):]
		return nil
	})
	if errors.Is(err, ErrNameTaken) {
		return refusal.New(refusal.Taken, textTaken)
	}
	if err != nil {
		return err
	}
	s.log.InfoContext(ctx, "user renamed", "user", id, "from", old, "to", name)
	s.NoteFlood(id)
	return nil
}

func (s *Service) renamedOften(u *User) bool {
	if u.Can(VIP) {
		return false
	}
	within := func(last int, span time.Duration) bool {
		i := len(u.Renames) - last
		return i >= 0 && s.now().Sub(time.Unix(u.Renames[i], 0)) < span
	}
	return within(2, 5*day) || within(3, 30*day)
}

// ChangePassword replaces the password. Both are what clients send.
func (s *Service) ChangePassword(ctx context.Context, id int64, old, replacement string) error {
	u, err := s.store.UserByID(ctx, id) // past the cache: an old password must not count
	if u, err = found(u, err, "user", id); err != nil {
		return err
	}
	if u == nil {
		return refusal.New(refusal.NotFound, textNoUser)
	}
	if !s.mayTry(id, "password") {
		return refusal.New(refusal.Flood, textFlood)
	}
	right := false
	if u.Password != "" {
		if right, err = s.passwords.verify(ctx, u.Password, old, false); err != nil {
			return err
		}
	}
	if !right {
		s.wrong(windowKey{user: id, what: "password"})
		return refusal.New(refusal.Password, textOldPassword)
	}
	if len(replacement) > maxPassword {
		return refusal.New(refusal.Invalid, textLong)
	}
	if !acceptablePassword(replacement) {
		return refusal.New(refusal.Invalid, textShort)
	}
	hash, err := s.passwords.hash(ctx, replacement)
	if err != nil {
		return err
	}
	checked := u.Password
	_, err = s.changeWith(ctx, id, func(u *User) (With, error) {
		if u.Password != checked {
			return With{}, refusal.New(refusal.Password, textOldPassword) // changed while we hashed
		}
		u.Password = hash
		return With{Letters: s.passwordChanged(ctx, u)}, nil
	})
	return err
}

// requestPause is how long one waits before the next code for a new address is mailed.
const requestPause = time.Minute

// ChangeEmailRequest begins a change of address: the code that confirms it is mailed to
// the new one.
func (s *Service) ChangeEmailRequest(ctx context.Context, id int64, email string) error {
	if err := s.checkNewEmail(ctx, email); err != nil {
		return err
	}
	_, err := s.changeWith(ctx, id, func(u *User) (With, error) {
		now := s.now()
		if !s.opts.Unlimited && now.Sub(u.NewCodeAt) < requestPause {
			return With{}, refusal.New(refusal.Flood, textFlood)
		}
		u.NewEmail, u.NewCode, u.NewCodeAt = email, newCode(), now
		return With{Letters: s.emailLetter(ctx, u)}, nil
	})
	if errors.Is(err, ErrNotFound) {
		return refusal.New(refusal.NotFound, textNoUser)
	}
	return err
}

// ChangeEmail completes a change of address with its code.
func (s *Service) ChangeEmail(ctx context.Context, id int64, email, code string) error {
	if !s.mayTry(id, "email") {
		return refusal.New(refusal.Flood, textFlood)
	}
	_, err := s.changeWith(ctx, id, func(u *User) (With, error) {
		if !sameCode(u.NewCode, code) || s.expired(ctx, u.NewCodeAt) {
			s.wrong(windowKey{user: id, what: "email"})
			return With{}, refusal.New(refusal.Invalid, textBadCode)
		}
		if !strings.EqualFold(u.NewEmail, email) {
			return With{}, refusal.New(refusal.Invalid, textBadEmail)
		}
		old := u.Email
		u.Email, u.NewEmail, u.NewCode = u.NewEmail, "", ""
		return With{Letters: s.emailChanged(ctx, u, old)}, nil
	})
	if errors.Is(err, ErrEmailTaken) {
		return refusal.New(refusal.Taken, textEmailInUse)
	}
	return err
}

func (s *Service) checkNewEmail(ctx context.Context, email string) error {
	err := s.checkEmail(ctx, email)
	if refusal.Is(err, refusal.Taken) {
		return refusal.New(refusal.Taken, textEmailInUse)
	}
	return err
}
