package rating

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/match"
)

// Hold is a type of ratings that is rated anew from its first match on. While there is
// one, nothing else moves ratings of the type: matches wait to be processed.
type Hold struct {
	Token  string // of who does it; empty: nobody does
	Type   Type
	Season int
	// Finished and Match are of the last match that was rated: the next one comes after it.
	Finished int64 // unix milliseconds
	Match    int64
	Rated    int // matches, so far
}

// Held says that a hold is on.
func (h Hold) Held() bool { return h.Token != "" }

var (
	// ErrHeld says that all matches of the type are being rated again.
	ErrHeld = errors.New("ratings of this type are being rated again from the beginning")
	// ErrNotHeld says that somebody else goes on with it by now, or has given it up.
	ErrNotHeld = errors.New("somebody else has taken this over")
)

// HoldStore keeps the hold.
type HoldStore interface {
	// RatingHold returns the hold.
	RatingHold(ctx context.Context) (Hold, error)
	// HoldRatings begins: ratings of type and season go, what the log has of matches stays
	// until they are rated. Or, if that was begun before, it goes on as token. A hold of
	// another type or season is ErrHeld.
	HoldRatings(ctx context.Context, token string, t Type, season int) (Hold, []cache.Change, error)
	// NextHeld lists matches of the hold that come next.
	NextHeld(ctx context.Context, h Hold, most int) ([]int64, error)
	// RateHeld rates a game in place of what the log has of it, and notes that it comes to
	// this one. Without ok it is not to count anymore: only what the log has goes.
	RateHeld(ctx context.Context, h Hold, g *Game, r Rules, ok bool) (Hold, []cache.Change, error)
	// EndHold ends it, also if it is not done.
	EndHold(ctx context.Context, h Hold) error
}

// heldPage is how many matches are listed at once.
const heldPage = 50

// Matches are what is read of a match (match.Store).
type Matches interface {
	MatchByID(ctx context.Context, id int64) (*match.Match, error)
	Memberships(ctx context.Context, match int64) ([]match.Membership, error)
}

// All rates all matches of a type and season again, the oldest first, as the rules are
// now. What was interrupted goes on where it was. Each match is a transaction; while it
// goes on, other matches wait. each is told of every match, with why it does not count.
func (r *Rater) All(ctx context.Context, store HoldStore, matches Matches, token string, t Type, season int, each func(id int64, why error)) (Hold, error) {
	if !slices.Contains(Types, t) {
		return Hold{}, ErrType
	}
	h, changes, err := store.HoldRatings(ctx, token, t, season)
	if err != nil {
		return h, err
	}
	r.announce(changes)
	rules := RulesOf(ctx, r.settings)
	rules.Season = season
	for {
		page, err := store.NextHeld(ctx, h, heldPage)
		if err != nil {
			return h, err
		}
		for _, id := range page {
			if h, err = r.held(ctx, store, matches, h, id, rules, each); err != nil {
				return h, fmt.Errorf("rate match %d again: %w", id, err)
			}
		}
		if len(page) == 0 {
			return h, store.EndHold(ctx, h)
		}
	}
}

func (r *Rater) held(ctx context.Context, store HoldStore, matches Matches, h Hold, id int64, rules Rules, each func(int64, error)) (Hold, error) {
	m, err := matches.MatchByID(ctx, id)
	if err != nil {
		return h, err
	}
	members, err := matches.Memberships(ctx, id)
	if err != nil {
		return h, err
	}
	g := GameOf(*m, members)
	why := Check(g, rules)
	if why == nil && g.Cheating {
		why = ErrCheating
	}
	if why == nil && g.Type != h.Type {
		why = ErrType
	}
	if why != nil && !Refused(why) {
		return h, why
	}
	h, changes, err := store.RateHeld(ctx, h, g, rules, why == nil)
	if err != nil {
		return h, err
	}
	r.announce(changes)
	each(id, why)
	return h, nil
}
