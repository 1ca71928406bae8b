package rating

import (
	"context"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/match"
)

// Table is the table of the change log for ratings; its keys are those of Owner.Text.
const Table = "rating"

// Place is somebody on a leaderboard.
type Place struct {
	User   int64
	Name   string
	Rating float64
}

// Store keeps ratings. Changes are logged in Table.
type Store interface {
	// Ratings returns what users have in a season: a list for each of them, by type.
	Ratings(ctx context.Context, season int, users ...int64) ([][]Rating, error)
	// RateIn rates a game that has passed CheckFirst, in the transaction of
	// match.Rater.Rate: the players' rows are locked in the order of their ids. It is
	// ErrRated, and nothing is written, if the log has an entry of the match.
	RateIn(ctx context.Context, tx match.Tx, g *Game, r Rules) ([]Entry, []cache.Change, error)
	// Rerate takes back what a match has moved, if it has, and rates it again, in one
	// transaction. The match is noted as rated.
	Rerate(ctx context.Context, g *Game, r Rules) ([]Entry, []cache.Change, error)
	// AdjustRating sets what somebody wants set, and logs it. The entry of what was so
	// already has no reason, and is not logged.
	AdjustRating(ctx context.Context, key Key, a Adjustment) (Entry, []cache.Change, error)
	// Log returns the entries of a match by user, or, with match 0, the newest of a user.
	Log(ctx context.Context, match, user int64, most int) ([]Entry, error)
	// Board returns the best of a type and season who have played since then.
	Board(ctx context.Context, t Type, season int, since time.Time, most int) ([]Place, error)
	// LastPlayed is when a rating of a season was moved last; zero if there is none.
	LastPlayed(ctx context.Context, season int) (time.Time, error)
	// RatedUsers lists users with a rating and an id above after, by id.
	RatedUsers(ctx context.Context, after int64, most int) ([]int64, error)
	// ResetUncertainty resets the uncertainties of users, see Rating.Reset, and returns the
	// entries that it wrote. With dry nothing is written.
	ResetUncertainty(ctx context.Context, users []int64, target float64, dry bool) ([]Entry, []cache.Change, error)
	// RateIn, Rerate, AdjustRating and ResetUncertainty are ErrHeld, and nothing is written,
	// while a hold is on.
	HoldStore
}
