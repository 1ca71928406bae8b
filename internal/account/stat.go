package account

import (
	"context"
	"math"
)

// StatStore keeps what is known of a user beside the account itself: one row for each
// fact, a text under a key.
type StatStore interface {
	// Stat returns a fact; ok is false if it is not known.
	Stat(ctx context.Context, user int64, key string) (value string, ok bool, err error)
	Stats(ctx context.Context, user int64) (map[string]string, error)
	// PutStats sets facts, all or none.
	PutStats(ctx context.Context, user int64, stats map[string]string) error
	// AddStat adds to a number where it is stored, so that of many who add at once each
	// counts, and returns the sum. It does not become less than least. What is not there,
	// or no number, counts as 0.
	AddStat(ctx context.Context, user int64, key string, amount, least int64) (int64, error)
	DropStat(ctx context.Context, user int64, key string) error
}

// Stats are the facts of users, read and written where they are stored: they are asked
// for too seldom to be kept in memory, and some of them count.
type Stats struct{ store StatStore }

// NewStats returns the facts that a store keeps.
func NewStats(store StatStore) *Stats { return &Stats{store} }

// Stat returns a fact; ok is false if it is not known.
func (s *Stats) Stat(ctx context.Context, user int64, key string) (value string, ok bool, err error) {
	return s.store.Stat(ctx, user, key)
}

// All returns every fact of a user.
func (s *Stats) All(ctx context.Context, user int64) (map[string]string, error) {
	return s.store.Stats(ctx, user)
}

// SetStat sets a fact.
func (s *Stats) SetStat(ctx context.Context, user int64, key, value string) error {
	return s.store.PutStats(ctx, user, map[string]string{key: value})
}

// SetStats sets facts, all or none.
func (s *Stats) SetStats(ctx context.Context, user int64, stats map[string]string) error {
	return s.store.PutStats(ctx, user, stats)
}

// AddStat adds to a number and returns the sum; of many who add at once each counts.
func (s *Stats) AddStat(ctx context.Context, user int64, key string, amount int64) (int64, error) {
	return s.store.AddStat(ctx, user, key, amount, math.MinInt64)
}

// AddStatAbove is AddStat for a number that does not fall below least.
func (s *Stats) AddStatAbove(ctx context.Context, user int64, key string, amount, least int64) (int64, error) {
	return s.store.AddStat(ctx, user, key, amount, least)
}

// DropStat forgets a fact.
func (s *Stats) DropStat(ctx context.Context, user int64, key string) error {
	return s.store.DropStat(ctx, user, key)
}
