package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"teiserver/internal/setting"
)

// What operators do to accounts: without the limits of users, and with errors for people
// who type commands.

// errForgotten refuses what makes no sense anymore.
var errForgotten = errors.New("the user of this account is forgotten")

// errServer keeps the server's own accounts as they are.
var errServer = errors.New("this is an account of the server itself")

// operate changes an account of a person or a bot. What f returns is stored with it, and the
// act is that of f, or the one that is given.
func (s *Service) operate(ctx context.Context, id int64, act *Act, f func(u *User) (With, error)) (*User, error) {
	return s.changeWith(ctx, id, func(u *User) (With, error) {
		switch {
		case u.Has(Forgotten):
			return With{}, errForgotten
		case u.Has(Server):
			return With{}, errServer
		}
		with, err := f(u)
		if with.Act == nil {
			with.Act = act
		}
		return with, err
	})
}

// SetPassword sets the password, as it was typed, and ends all sessions.
func (s *Service) SetPassword(ctx context.Context, id int64, typed string, act *Act) error {
	if len(typed) < minPassword || len(typed) > maxPassword {
		return fmt.Errorf("a password has %d to %d characters", minPassword, maxPassword)
	}
	hash, err := s.passwords.hash(ctx, ClientPassword(typed))
	if err != nil {
		return err
	}
	_, err = s.operate(ctx, id, act, func(u *User) (With, error) {
		u.Password = hash
		u.SignOuts++
		return With{Letters: s.passwordChanged(ctx, u)}, nil
	})
	return err
}

// MailReset mails a link by which the user sets the password; false if there is one that
// counts still.
func (s *Service) MailReset(ctx context.Context, id int64, act *Act) (bool, error) {
	u, err := s.store.UserByID(ctx, id)
	switch {
	case err != nil:
		return false, err
	case u.Has(Forgotten):
		return false, errForgotten
	case !Mailable(u.Email):
		return false, fmt.Errorf("nobody reads mail under %s", u.Email)
	}
	return s.mailReset(ctx, u, act)
}

// errNotUnverified refuses to take `verified` where that would keep nobody out, or somebody
// for good.
var errNotUnverified = errors.New("verified can be taken from people with an address that somebody reads, where account.verify_email is on: they are mailed a code")

// SetRoles gives and takes roles. What a session may do was decided at its login: it ends.
// From whom `verified` is taken waits for a code again.
func (s *Service) SetRoles(ctx context.Context, id int64, give, take []Role, act *Act) (*User, error) {
	return s.operate(ctx, id, act, func(u *User) (with With, err error) {
		before := slices.Clone(u.Roles)
		for _, r := range take {
			u.Roles = slices.DeleteFunc(u.Roles, func(has Role) bool { return has == r })
		}
		for _, r := range give {
			u.Roles = withRole(u.Roles, r)
		}
		switch {
		case slices.Contains(give, Verified):
			s.verify(ctx, u)
		case slices.Contains(take, Verified) && slices.Contains(before, Verified):
			if u.IsBot() || !Mailable(u.Email) || !s.verifies(ctx) {
				return with, errNotUnverified
			}
			s.setCode(u)
			u.CodeSent = u.CodeAt
			with.Letters = s.verifyLetter(ctx, u, u.Email)
		}
		if !slices.Equal(before, u.Roles) {
			u.SignOuts++
		}
		with.Act = act.with("before", before).with("after", u.Roles)
		return with, nil
	})
}

// SetName gives a user a name, of whatever kind as long as its form is legal, and ends its
// session: others see the old name go.
func (s *Service) SetName(ctx context.Context, id int64, name string, act *Act) (old string, err error) {
	if no := checkForm(name, setting.MaxNameLength.Get(ctx, s.settings)); no != nil {
		return "", errors.New(no.Message)
	}
	_, err = s.operate(ctx, id, act, func(u *User) (With, error) {
		if u.Name == name {
			return With{}, fmt.Errorf("the name is %s already", name)
		}
		old, u.Name = u.Name, name
		u.SignOuts++
		return With{
			Letters: s.notice(ctx, u, u.Email, "Name changed", "a moderator has changed the name of your account from "+old+" to "+name+"."),
			Act:     act.with("from", old).with("to", name),
		}, nil
	})
	return old, err
}

// SetEmail gives a user an address.
func (s *Service) SetEmail(ctx context.Context, id int64, email string, act *Act) (old string, err error) {
	if !validEmail(email) {
		return "", errors.New(textEmail)
	}
	_, err = s.operate(ctx, id, act, func(u *User) (With, error) {
		old, u.Email = u.Email, email
		u.NewEmail, u.NewCode = "", ""
		return With{Letters: s.emailChanged(ctx, u, old), Act: act.with("from", old).with("to", email)}, nil
	})
	return old, err
}

// Verify makes a user verified; false if it was.
func (s *Service) Verify(ctx context.Context, id int64, act *Act) (was bool, err error) {
	_, err = s.operate(ctx, id, nil, func(u *User) (with With, err error) {
		if was = u.Code != "" || !u.Has(Verified); was {
			with.Act = act
		}
		s.verify(ctx, u)
		return with, nil
	})
	return was, err
}

// MailCode mails the verification code again; false if the user waits for none.
func (s *Service) MailCode(ctx context.Context, id int64, act *Act) (bool, error) {
	mailed := false
	_, err := s.mailCode(ctx, id, act, func(u *User) bool {
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
func (s *Service) SetShown(ctx context.Context, id int64, shown Shown, act *Act) error {
	if c := shown.Country; c != nil {
		*c = strings.ToUpper(*c)
		if len(*c) == 1 || len(*c) > maxCountry || strings.Trim(*c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-?") != "" {
			return fmt.Errorf("%q is no country like DE or GB-WLS", *c)
		}
	}
	if r := shown.Rank; r != nil && *r > highestRank {
		return fmt.Errorf("ranks go from 0 to %d", highestRank)
	}
	_, err := s.operate(ctx, id, act, func(u *User) (With, error) {
		if shown.Country != nil {
			if u.FixedCountry = *shown.Country; u.FixedCountry != "" {
				u.Country = u.FixedCountry
			}
		}
		if shown.Rank != nil {
			u.FixedRank = max(*shown.Rank, -1) + 1
			u.Rank = s.rank(ctx, u)
		}
		return With{}, nil
	})
	return err
}
