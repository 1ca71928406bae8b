package automod

import (
	"context"
	"fmt"
	"log/slog"

	"teiserver/internal/account"
	"teiserver/internal/moderation"
	"teiserver/internal/setting"
)

// What came of a check, in the words of Teiserver's pages.
const (
	NoUser        = "No user"
	BotAccount    = "Bot account"
	Moderator     = "Moderator account"
	Developer     = "Developer account"
	Trusted       = "Trusted account"
	AlreadyBanned = "Already banned"
	Banned        = "Banned user"
	NoAction      = "No action"
)

type (
	// Store compares keys (moderation.Store).
	Store interface {
		Bans(ctx context.Context) (*moderation.Bans, error)
		Match(ctx context.Context, users []int64) ([]*moderation.Ban, error)
	}
	// Judge has bans take effect (moderation.Service).
	Judge interface {
		Standing(ctx context.Context, user int64) (*moderation.Standing, error)
		Enact(ctx context.Context, b *moderation.Ban, user int64, by moderation.Actor) (bool, error)
	}
	// Users are found by id, nil if there is none (account.Service).
	Users interface {
		UserByID(ctx context.Context, id int64) (*account.User, error)
	}
)

// Desk checks accounts. It keeps nothing.
type Desk struct {
	Store    Store
	Judge    Judge
	Users    Users
	Settings *setting.Service
	// Coordinator is the account in whose name bans take effect.
	Coordinator int64
	Log         *slog.Logger
}

// CheckAll checks accounts, unless automod is switched off.
func (d *Desk) CheckAll(ctx context.Context, users []int64) error {
	if !setting.Automod.Get(ctx, d.Settings) {
		return nil
	}
	bans, err := d.Store.Bans(ctx) // not the cached ones: a check is not repeated
	if err != nil {
		return err
	}
	if bans.Keys == 0 {
		return nil
	}
	matched, err := d.Store.Match(ctx, users)
	if err != nil {
		return err
	}
	for i, ban := range matched {
		if ban == nil {
			continue
		}
		if _, err := d.judge(ctx, users[i], ban); err != nil {
			return err
		}
	}
	return nil
}

// Check checks one account and says what came of it, whether or not automod is switched on.
func (d *Desk) Check(ctx context.Context, user int64) (string, error) {
	matched, err := d.Store.Match(ctx, []int64{user})
	if err != nil {
		return "", err
	}
	return d.judge(ctx, user, matched[0])
}

// judge has a ban that was found take effect; nil is none.
func (d *Desk) judge(ctx context.Context, user int64, ban *moderation.Ban) (string, error) {
	u, err := d.Users.UserByID(ctx, user)
	if err != nil {
		return "", fmt.Errorf("read user %d: %w", user, err)
	}
	switch {
	case u == nil:
		return NoUser, nil
	case u.IsBot():
		return BotAccount, nil
	case u.Moderates():
		return Moderator, nil
	case u.Has(account.Contributor):
		return Developer, nil
	case u.Relied():
		return Trusted, nil
	}
	st, err := d.Judge.Standing(ctx, user)
	if err != nil {
		return "", err
	}
	if st.Alt != 0 || len(st.Actions) > 0 && hasLogin(st) {
		return AlreadyBanned, nil
	}
	if ban == nil {
		return NoAction, nil
	}
	done, err := d.Judge.Enact(ctx, ban, user, moderation.Actor{User: d.Coordinator})
	if err != nil {
		return "", fmt.Errorf("ban %d of user %d: %w", ban.ID, user, err)
	}
	if !done {
		return NoAction, nil
	}
	d.Log.InfoContext(ctx, "ban has taken effect", "user", user, "key", ban.ID)
	return Banned, nil
}

func hasLogin(st *moderation.Standing) bool {
	for i := range st.Actions {
		if st.Actions[i].Has(moderation.Login) {
			return true
		}
	}
	return false
}
