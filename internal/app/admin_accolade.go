package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"teiserver/internal/accolade"
	"teiserver/internal/account"
	"teiserver/internal/achievement"
	"teiserver/internal/config"
	"teiserver/internal/store"
)

// NewBadge is a type of accolade that the operator asks for.
type NewBadge struct{ Name, Description, Icon, Color, Restriction string }

// NewAchievement is a type of achievement that the operator asks for.
type NewAchievement = achievement.Type

// ListBadges prints the types of accolades.
func ListBadges(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		types, err := st.BadgeTypes(ctx)
		if err != nil || asJSON {
			return orObject(err, w, types)
		}
		for _, b := range types {
			note := string(b.Restriction)
			if b.Retired {
				note = "retired"
			}
			if _, err := fmt.Fprintf(w, "%-24s %-8s %s\n", b.Name, note, b.Description); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddBadge adds a type of accolade; the next questions offer it.
func AddBadge(ctx context.Context, cfg config.Config, n NewBadge) error {
	b := accolade.BadgeType{
		Badge: accolade.Badge{Name: n.Name, Description: n.Description}, Icon: n.Icon, Color: n.Color, Restriction: accolade.Restriction(n.Restriction),
	}
	if err := named(b.Name, b.Description); err != nil {
		return err
	}
	switch b.Restriction {
	case accolade.Anybody, accolade.Ally, accolade.Enemy:
	default:
		return fmt.Errorf("restriction %q: it should be %s or %s, or empty", b.Restriction, accolade.Ally, accolade.Enemy)
	}
	return setupStore(ctx, cfg, func(st *store.Store) error { return st.AddBadge(ctx, b) })
}

// RetireBadge has a type of accolade not offered anymore, or again. Who has it keeps it.
func RetireBadge(ctx context.Context, cfg config.Config, name string, back bool) error {
	return setupStore(ctx, cfg, func(st *store.Store) error { return st.RetireBadge(ctx, name, !back) })
}

// named refuses what would break the lines in which it is told.
func named(texts ...string) error {
	for _, t := range texts {
		if strings.TrimSpace(t) == "" {
			return errors.New("name and description are needed")
		}
		if strings.ContainsFunc(t, func(r rune) bool { return r < ' ' }) {
			return fmt.Errorf("%q has control characters", t)
		}
	}
	return nil
}

// ListAchievements prints the types of achievements.
func ListAchievements(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		types, err := st.Types(ctx)
		if err != nil || asJSON {
			return orObject(err, w, types)
		}
		for _, t := range types {
			note := ""
			if t.Retired {
				note = "  (retired)"
			}
			if _, err := fmt.Fprintf(w, "%-40s %d x %s%s\n", t.Name, t.Goal, strings.TrimSpace(t.Event+" "+t.Scenario+" "+t.Difficulty), note); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddAchievement adds a type of achievement: so many events of a name, or a scenario.
func AddAchievement(ctx context.Context, cfg config.Config, t NewAchievement) error {
	if err := named(t.Name, t.Description, t.Event); err != nil {
		return err
	}
	switch {
	case t.Goal < 1:
		return errors.New("the goal is at least 1")
	case (t.Scenario == "") != (t.Difficulty == ""):
		return errors.New("scenario and difficulty belong together")
	case t.Difficulty != "" && t.Difficulty != achievement.Normal && t.Difficulty != achievement.Brutal:
		return fmt.Errorf("difficulty %q: it should be %s (or harder) or %s", t.Difficulty, achievement.Normal, achievement.Brutal)
	}
	return setupStore(ctx, cfg, func(st *store.Store) error { return st.AddAchievement(ctx, t) })
}

// RetireAchievement has a type of achievement not counted anymore, or again.
func RetireAchievement(ctx context.Context, cfg config.Config, name string, back bool) error {
	return setupStore(ctx, cfg, func(st *store.Store) error { return st.RetireAchievement(ctx, name, !back) })
}

// ShowAchievements prints what a user has achieved, and how far it is with the rest.
func ShowAchievements(ctx context.Context, cfg config.Config, name string, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		id, err := st.UserIDByName(ctx, name)
		if errors.Is(err, account.ErrNotFound) {
			return fmt.Errorf("there is no user %s", name)
		}
		if err != nil {
			return err
		}
		list, err := st.AchievementsOf(ctx, id)
		if err != nil || asJSON {
			return orObject(err, w, list)
		}
		for _, a := range list {
			when := "-"
			if !a.Achieved.IsZero() {
				when = a.Achieved.UTC().Format("2006-01-02 15:04")
			}
			if _, err := fmt.Fprintf(w, "%-40s %d/%d  %s\n", a.Type, a.Progress, a.Goal, when); err != nil {
				return err
			}
		}
		return nil
	})
}

// orObject prints a value as JSON, unless it could not be read.
func orObject[T any](err error, w io.Writer, list []T) error {
	if err != nil {
		return err
	}
	if list == nil {
		list = []T{}
	}
	return writeObject(w, list)
}
