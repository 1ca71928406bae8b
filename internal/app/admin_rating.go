package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/config"
	"teiserver/internal/rating"
	"teiserver/internal/store"
)

// resetPage is how many users are reset in one transaction: it takes a moment, and a match
// of one of them waits as long.
const resetPage = 200

// ResetUncertainty makes old ratings less certain, of all types and seasons, and prints
// how many. Who is interrupted runs it again: what is done is not done twice. With dry
// nothing is stored. Running nodes know it within a second.
func ResetUncertainty(ctx context.Context, cfg config.Config, target float64, dry bool, w io.Writer) error {
	if target < 0 || target > rating.StartUncertainty {
		return fmt.Errorf("target %g is not between 0 and %.2f, the uncertainty of a new player", target, rating.StartUncertainty)
	}
	open := withStore
	if dry {
		open = readStore
	}
	return open(ctx, cfg, func(st *store.Store) error {
		users, changed := 0, 0
		for after := int64(0); ; {
			page, err := st.RatedUsers(ctx, after, resetPage)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			entries, _, err := st.ResetUncertainty(ctx, page, target, dry)
			if err != nil {
				return err
			}
			users, changed, after = users+len(page), changed+len(entries), page[len(page)-1]
		}
		verb := "reset"
		if dry {
			verb = "to reset"
		}
		_, err := fmt.Fprintf(w, "%d ratings %s, of %d players\n", changed, verb, users)
		return err
	})
}

// RatingChange is what an operator sets of a player's ratings.
type RatingChange struct {
	User, By           string // names; By is a moderator's, or empty
	Type               string
	Season             int // 0: the active one
	Skill, Uncertainty *float64
}

// SetRating sets a rating by hand. The log of ratings and the audit log say so. Running
// nodes know it within a second.
func SetRating(ctx context.Context, cfg config.Config, c RatingChange, w io.Writer) error {
	a := rating.Adjustment{Skill: c.Skill, Uncertainty: c.Uncertainty}
	if err := a.Check(); err != nil {
		return err
	}
	if a.Skill == nil && a.Uncertainty == nil {
		return errors.New("give --skill or --uncertainty")
	}
	t, err := typeOf(c.Type)
	if err != nil {
		return err
	}
	return withModeration(ctx, cfg, func(m moderators) error {
		u, err := m.named(ctx, c.User)
		if err != nil {
			return err
		}
		by, err := m.actor(ctx, c.By)
		if err != nil {
			return err
		}
		season := c.Season
		if season == 0 {
			season = settingsOf(cfg, m.store).Season(ctx)
		}
		e, _, err := m.store.AdjustRating(ctx, rating.Key{User: u.ID, Type: t, Season: season}, a)
		if err != nil {
			return err
		}
		if e.Reason != "" {
			details := map[string]any{"target_user_id": u.ID, "type": string(t), "season": season, "skill": e.Skill, "uncertainty": e.Uncertainty}
			if err := m.Audit(ctx, "Account:Rating adjusted", by, details); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(w, "%s, %s, season %d: skill %.2f (%+.2f), uncertainty %.2f (%+.2f), rating %.2f\n",
			u.Name, t, season, e.Skill, e.SkillChange, e.Uncertainty, e.UncertaintyChange, e.Value())
		return err
	})
}

// mostBalance bounds what is added to somebody's rating for balance.
const mostBalance = 100

// AdjustBalance sets what is added to all ratings of a player when teams are made; who is
// in a lobby counts so from its next command on.
func AdjustBalance(ctx context.Context, cfg config.Config, user, by string, amount int, w io.Writer) error {
	if amount < -mostBalance || amount > mostBalance {
		return fmt.Errorf("%d is not between %d and %d", amount, -mostBalance, mostBalance)
	}
	return withModeration(ctx, cfg, func(m moderators) error {
		u, err := m.named(ctx, user)
		if err != nil {
			return err
		}
		actor, err := m.actor(ctx, by)
		if err != nil {
			return err
		}
		stats := account.NewStats(m.store)
		if err := stats.SetStat(ctx, u.ID, statAdjust, strconv.Itoa(amount)); err != nil {
			return err
		}
		if err := m.Audit(ctx, "Account:Rating adjusted", actor, map[string]any{"target_user_id": u.ID, "balance": amount}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s: %+d in balance\n", u.Name, amount)
		return err
	})
}

// typeOf finds a type by its name, in any case, with or without blanks.
func typeOf(name string) (rating.Type, error) {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(s))
	}
	var known []string
	for _, t := range rating.Types {
		if plain(string(t)) == plain(name) {
			return t, nil
		}
		known = append(known, string(t))
	}
	return "", fmt.Errorf("%q is no type of ratings; there are: %s", name, strings.Join(known, ", "))
}

// RerateType rates all matches of a type and season again, the oldest first; while it
// does, ended matches wait. Who is interrupted runs it again: it goes on where it was. With
// abandon it is given up: what was not reached stays unrated.
func RerateType(ctx context.Context, cfg config.Config, name string, season int, abandon bool, w io.Writer) error {
	t, err := typeOf(name)
	if err != nil {
		return err
	}
	return withStore(ctx, cfg, func(st *store.Store) error {
		settings := settingsOf(cfg, st)
		if season == 0 {
			season = settings.Season(ctx)
		}
		if abandon {
			h, err := st.RatingHold(ctx)
			if err != nil {
				return err
			}
			if h.Type != t || h.Season != season || !h.Held() {
				return fmt.Errorf("ratings of %s in season %d are not being rated again", t, season)
			}
			if err := st.EndHold(ctx, h); err != nil {
				return err
			}
			_, err = fmt.Fprintf(w, "given up after %d matches of %s in season %d\n", h.Rated, t, season)
			return err
		}
		skipped := 0
		each := func(id int64, why error) {
			if why != nil {
				skipped++
				_, _ = fmt.Fprintf(w, "match %d does not count anymore: %s\n", id, rating.Reason(why))
			}
		}
		rater := rating.NewRater(st, nil, settings, cfg.Logger(os.Stderr))
		h, err := rater.All(ctx, st, st, rand.Text(), t, season, each)
		if errors.Is(err, rating.ErrHeld) {
			return fmt.Errorf("%s in season %d is being rated again, after %d matches: finish that first, or give it up with --abandon", h.Type, h.Season, h.Rated)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s in season %d: %d matches rated again, %d do not count\n", t, season, h.Rated, skipped)
		return err
	})
}

// Rerate rates matches again, in the order given, and prints what became of each. One that
// cannot be rated does not keep the others from it.
func Rerate(ctx context.Context, cfg config.Config, matches []int64, w io.Writer) error {
	return withStore(ctx, cfg, func(st *store.Store) error {
		rater := rating.NewRater(st, nil, settingsOf(cfg, st), cfg.Logger(os.Stderr))
		var failed []error
		for _, id := range matches {
			m, err := st.MatchByID(ctx, id)
			if errors.Is(err, store.ErrNoMatch) {
				failed = append(failed, err)
				continue
			}
			if err != nil {
				return err
			}
			members, err := st.Memberships(ctx, id)
			if err != nil {
				return err
			}
			entries, err := rater.Again(ctx, *m, members)
			if rating.Refused(err) || errors.Is(err, rating.ErrGone) {
				failed = append(failed, err)
				continue
			}
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "match %d rated again: %s, %d players\n", id, m.GameType, len(entries)); err != nil {
				return err
			}
		}
		return errors.Join(failed...)
	})
}
