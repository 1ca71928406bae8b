package account

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"teiserver/internal/setting"
)

// Option is a setting of a user.
type Option struct {
	Key         string `json:"key"`
	Default     bool   `json:"default"`
	Description string `json:"description"`
}

// The settings of users. docs/accounts.md
var (
	ShowFlag = Option{"show_flag", true, "Others see the country of the user; off: they see ??."}

	NotifyDiscord = Option{"discord.notify", true, "Who has linked an account of Discord is told there of what the next two say; off: of nothing."}
	NotifyQueue   = Option{"discord.notify_queue", true, "The user is told of the end of a wait in a join queue."}
	NotifyStart   = Option{"discord.notify_start", true, "The user is told that its game starts."}
)

// UserOptions lists them.
var UserOptions = []Option{ShowFlag, NotifyDiscord, NotifyQueue, NotifyStart}

// optionFact is under which key of the facts of a user an option is kept.
func (o Option) fact() string { return "option." + o.Key }

// FindOption returns the setting of a name.
func FindOption(key string) (Option, error) {
	i := slices.IndexFunc(UserOptions, func(o Option) bool { return o.Key == strings.ToLower(key) })
	if i < 0 {
		known := make([]string, len(UserOptions))
		for i, o := range UserOptions {
			known[i] = o.Key
		}
		return Option{}, fmt.Errorf("unknown setting %q of a user; known: %s", key, strings.Join(known, ", "))
	}
	return UserOptions[i], nil
}

// Option returns what a user has set.
func (s *Service) Option(ctx context.Context, facts *Stats, user int64, o Option) (bool, error) {
	if o == ShowFlag {
		u, err := s.lookup.user(ctx, user)
		return err == nil && u != nil && !u.HideFlag, err
	}
	text, ok, err := facts.Stat(ctx, user, o.fact())
	if err != nil || !ok {
		return o.Default, err
	}
	v, err := setting.Bool.Parse(text)
	if err != nil {
		return o.Default, nil //nolint:nilerr // of another release
	}
	return v, nil
}

// SetOption sets it. The flag is kept with the account, as every login needs it; the others
// are facts, stored before the act: of what is not audited the caller gets an error.
func (s *Service) SetOption(ctx context.Context, facts *Stats, user int64, o Option, v bool, act *Act) error {
	if o != ShowFlag {
		if err := facts.SetStat(ctx, user, o.fact(), setting.Bool.Print(v)); err != nil {
			return err
		}
	}
	_, err := s.changeWith(ctx, user, func(u *User) (With, error) {
		if o == ShowFlag {
			u.HideFlag = !v
		}
		return With{Act: act}, nil
	})
	return err
}

// Wants reports whether a user wants to be told something on Discord.
func (s *Service) Wants(ctx context.Context, facts *Stats, user int64, what Option) bool {
	for _, o := range []Option{NotifyDiscord, what} {
		if on, err := s.Option(ctx, facts, user, o); err != nil || !on {
			return false
		}
	}
	return true
}
