package match

import (
	"context"
	"time"

	"teiserver/internal/cluster/registry"
)

// Due is a match that waits to be processed.
type Due struct {
	ID       int64
	Attempts int
}

// JobStore is what the jobs need of a store.
type JobStore interface {
	// DueMatches lists matches with a number above after that have started and ended and
	// are not processed: those with the host's data, and those that have waited for it.
	// One whose end was not heard of counts as ended when its data has been here so long.
	DueMatches(ctx context.Context, wait time.Duration, after int64, most int) ([]Due, error)
	// ProcessMatch runs work on a match that is not processed, with its row locked and in
	// one transaction, and stores the plan that work returns, with what work wrote. It
	// reports false, and does nothing, if the match is processed or being processed
	// elsewhere. If work fails nothing is stored. work may run again for the next try.
	ProcessMatch(ctx context.Context, id int64, work func(ctx context.Context, w Work) (Plan, error)) (done bool, err error)
	// FailMatch notes that a match could not be processed; it is not due for delay.
	FailMatch(ctx context.Context, id int64, why string, delay time.Duration) error
	// UntoldMatches lists matches with a number above after that were processed and whose
	// followers were not told.
	UntoldMatches(ctx context.Context, after int64, most int) ([]int64, error)
	// ToldMatch notes that they were.
	ToldMatch(ctx context.Context, id int64) error

	// GamesOf lists the processed matches of a user that ended within age, newest first.
	GamesOf(ctx context.Context, user int64, age time.Duration, most int) ([]Played, error)
	// PutStats sets stats of a user.
	PutStats(ctx context.Context, user int64, stats map[string]string) error

	// StaleMatches lists matches of a sort that are older than age.
	StaleMatches(ctx context.Context, s Stale, age time.Duration, most int) ([]int64, error)
	// DeleteMatches removes matches with what belongs to them; those that have been rated
	// stay. With a fence it is a durable write of its owner.
	DeleteMatches(ctx context.Context, f *registry.Fence, ids []int64) error
	// StripMatches empties tags and data of matches, as DeleteMatches.
	StripMatches(ctx context.Context, f *registry.Fence, ids []int64) error
}

// Work is a match that is being processed.
type Work struct {
	Tx      Tx
	Match   Match
	Members []Membership // by user
	Now     time.Time    // of the store
	// Settle writes the members of a plan with Tx, for a Rater to find them as they will be.
	Settle func(ctx context.Context, p Plan) error
}

// Stale is a sort of matches that the clean-up looks for.
type Stale string

// The sorts.
const (
	Unplayed Stale = "unplayed" // never started or never finished, unrated; by when it was made
	Bulky    Stale = "bulky"    // finished, with tags or data
	Unrated  Stale = "unrated"  // finished, unrated
)
