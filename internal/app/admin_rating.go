package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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
	return withStore(ctx, cfg, func(st *store.Store) error {
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
