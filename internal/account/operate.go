package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"teiserver/internal/mail"
	"teiserver/internal/setting"
)

// What operators do to accounts: without the limits of users, and with errors for people
// who type commands.

// errForgotten refuses what makes no sense anymore.
var errForgotten = errors.New("the user of this account is forgotten")

// errServer keeps the server's own accounts as they are.
var errServer = errors.New("this is an account of the server itself")

// operate changes an account of a person or a bot.
func (s *Service) operate(ctx context.Context, id int64, f func(u *User) ([]mail.Letter, error)) (*User, error) {
	return s.changeWith(ctx, id, func(u *User) ([]mail.Letter, error) {
		switch {
		case u.Has(Forgotten):
			return nil, errForgotten
		case u.Has(Server):
			return nil, errServer
		}
		return f(u)
	})
}

// SetPassword sets the password, as it was typed, and ends all sessions.
func (s *Service) SetPassword(ctx context.Context, id int64, typed string) error {
	if len(typed) < minPassword || len(typed) > maxPassword {
		return fmt.Errorf("a password has %d to %d characters", minPassword, maxPassword)
	}
	hash, err := s.passwords.hash(ctx, ClientPassword(typed))
	if err != nil {
		return err
	}
	_, err = s.operate(ctx, id, func(u *User) ([]mail.Letter, error) {
		u.Password = hash
		u.SignOuts++
		return s.passwordChanged(ctx, u), nil
	})
	return err
}

// MailReset mails a link by which the user sets the password; false if there is one that
// counts still.
func (s *Service) MailReset(ctx context.Context, id int64) (bool, error) {
	u, err := s.store.UserByID(ctx, id)
	switch {
	case err != nil:
		return false, err
	case u.Has(Forgotten):
		return false, errForgotten
	case !Mailable(u.Email):
		return false, fmt.Errorf("nobody reads mail under %s", u.Email)
	}
	return s.mailReset(ctx, u)
}

// SetRoles gives and takes roles. What a session may do was decided at its login: it ends.
func (s *Service) SetRoles(ctx context.Context, id int64, give, take []Role) (*User, error) {
	return s.operate(ctx, id, func(u *User) ([]mail.Letter, error) {
		before := slices.Clone(u.Roles)
		for _, r := range take {
			u.Roles = slices.DeleteFunc(u.Roles, func(has Role) bool { return has == r })
		}
		for _, r := range give {
			u.Roles = withRole(u.Roles, r)
		}
		if slices.Contains(give, Verified) {
			s.verify(ctx, u)
		}
		if !slices.Equal(before, u.Roles) {
			u.SignOuts++
		}
		return nil, nil
	})
}

// SetName gives a user a name, of whatever kind as long as its form is legal, and ends its
// session: others see the old name go.
func (s *Service) SetName(ctx context.Context, id int64, name string) (old string, err error) {
	if no := checkForm(name, setting.MaxNameLength.Get(ctx, s.settings)); no != nil {
		return "", errors.New(no.Message)
	}
	_, err = s.operate(ctx, id, func(u *User) ([]mail.Letter, error) {
		if u.Name == name {
			return nil, fmt.Errorf("the name is %s already", name)
		}
		old, u.Name = u.Name, name
		u.SignOuts++
		return s.notice(ctx, u, u.Email, "Name changed", "a moderator has changed the name of your account from "+old+" to "+name+"."), nil
	})
	return old, err
}

// SetEmail gives a user an address.
func (s *Service) SetEmail(ctx context.Context, id int64, email string) (old string, err error) {
	if !validEmail(email) {
		return "", errors.New(textEmail)
	}
	_, err = s.operate(ctx, id, func(u *User) ([]mail.Letter, error) {
		old, u.Email = u.Email, email
		u.NewEmail, u.NewCode = "", ""
		return s.emailChanged(ctx, u, old), nil
	})
	return old, err
}

// Verify makes a user verified; false if it was.
func (s *Service) Verify(ctx context.Context, id int64) (was bool, err error) {
	_, err = s.operate(ctx, id, func(u *User) ([]mail.Letter, error) {
		was = u.Code != "" || !u.Has(Verified)
		s.verify(ctx, u)
		return nil, nil
	})
	return was, err
}

// MailCode mails the verification code again; false if the user waits for none.
func (s *Service) MailCode(ctx context.Context, id int64) (bool, error) {
	mailed := false
	_, err := s.mailCode(ctx, id, func(u *User) bool {
		mailed = Mailable(u.Email)
		return mailed
	})
	return mailed, err
}

// Shown is what an operator sets of what others see of a user; nil leaves it.
type Shown struct {
	Country *string // empty: that of the address
	Rank    *int    // negative: that of the time in the game
}

// maxCountry is for such as GB-WLS.
const maxCountry = 6

// SetShown sets it; it is seen from the next login on.
func (s *Service) SetShown(ctx context.Context, id int64, shown Shown) error {
	if c := shown.Country; c != nil {
		*c = strings.ToUpper(*c)
		if len(*c) == 1 || len(*c) > maxCountry || strings.Trim(*c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-?") != "" {
			return fmt.Errorf("%q is no country like DE or GB-WLS", *c)
		}
	}
	if r := shown.Rank; r != nil && *r > highestRank {
		return fmt.Errorf("ranks go from 0 to %d", highestRank)
	}
	_, err := s.operate(ctx, id, func(u *User) ([]mail.Letter, error) {
		if shown.Country != nil {
			if u.FixedCountry = *shown.Country; u.FixedCountry != "" {
				u.Country = u.FixedCountry
			}
		}
		if shown.Rank != nil {
			u.FixedRank = max(*shown.Rank, -1) + 1
			u.Rank = s.rank(ctx, u)
		}
		return nil, nil
	})
	return err
}
