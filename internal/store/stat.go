package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	statArgs struct {
		User       int64
		Key, Value string
	}
	statKey struct {
		User int64
		Key  string
	}
	addStatArgs struct {
		User   int64
		Key    string
		Amount int64
		Least  int64
	}
	statRow  struct{ Key, Value string }
	valueRow struct{ Value string }
)

var (
	putStat = statement.Define[statArgs, statement.None]("put stat", `
		INSERT INTO user_stat (user_id, key, value) VALUES (@user, @key, @value)
		ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value`)

	// The sum is made by the row, so that no one else's is lost. What was there and is no
	// number counts as none.
	addStat = statement.Define[addStatArgs, valueRow]("add stat", `
		INSERT INTO user_stat (user_id, key, value)
		VALUES (@user, @key, CAST(CASE WHEN CAST(@amount AS BIGINT) < CAST(@least AS BIGINT) THEN CAST(@least AS BIGINT) ELSE CAST(@amount AS BIGINT) END AS TEXT))
		ON CONFLICT (user_id, key) DO UPDATE SET value = CAST(
			CASE WHEN `+numberOf+` + CAST(@amount AS BIGINT) < CAST(@least AS BIGINT) THEN CAST(@least AS BIGINT)
			ELSE `+numberOf+` + CAST(@amount AS BIGINT) END AS TEXT)
		RETURNING value`)

	dropStat = statement.Define[statKey, statement.None]("drop stat",
		`DELETE FROM user_stat WHERE user_id = @user AND key = @key`)

	oneStat = statement.Define[statKey, valueRow]("stat",
		`SELECT value FROM user_stat WHERE user_id = @user AND key = @key`)

	allStats = statement.Define[userArgs, statRow]("stats",
		`SELECT key, value FROM user_stat WHERE user_id = @user ORDER BY key`)
)

// numberOf reads a value as a whole number on both engines: only digits with a sign are
// cast, as PostgreSQL refuses everything else.
const numberOf = `CASE WHEN user_stat.value <> '' AND LENGTH(user_stat.value) < 19
		AND TRIM(LTRIM(user_stat.value, '-'), '0123456789') = '' AND LTRIM(user_stat.value, '-') <> ''
		AND user_stat.value NOT LIKE '--%'
	THEN CAST(user_stat.value AS BIGINT) ELSE 0 END`

// Stat implements account.StatStore.
func (s *Store) Stat(ctx context.Context, user int64, key string) (value string, ok bool, err error) {
	found := oneStat.With(statKey{user, key})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return "", false, fmt.Errorf("stat %s of user %d: %w", key, user, err)
	}
	row, ok := found.One()
	return row.Value, ok, nil
}

// Stats implements account.StatStore.
func (s *Store) Stats(ctx context.Context, user int64) (map[string]string, error) {
	found := allStats.With(userArgs{user})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("stats of user %d: %w", user, err)
	}
	stats := make(map[string]string, len(found.Rows()))
	for _, row := range found.Rows() {
		stats[row.Key] = row.Value
	}
	return stats, nil
}

// PutStats implements account.StatStore and match.JobStore.
func (s *Store) PutStats(ctx context.Context, user int64, stats map[string]string) error {
	var calls []statement.Call
	for _, key := range slices.Sorted(maps.Keys(stats)) { // sorted: two at once take the rows in one order
		calls = append(calls, putStat.With(statArgs{user, plainText(key), plainText(stats[key])}))
	}
	if len(calls) == 0 {
		return nil
	}
	if err := s.db.Run(ctx, engine.Durable, calls...); err != nil {
		return fmt.Errorf("put stats of user %d: %w", user, err)
	}
	return nil
}

// AddStat implements account.StatStore.
func (s *Store) AddStat(ctx context.Context, user int64, key string, amount, least int64) (int64, error) {
	add := addStat.With(addStatArgs{user, key, amount, least})
	if err := s.db.Run(ctx, engine.Durable, add); err != nil {
		return 0, fmt.Errorf("add to stat %s of user %d: %w", key, user, err)
	}
	row, _ := add.One()
	return strconv.ParseInt(row.Value, 10, 64)
}

// DropStat implements account.StatStore.
func (s *Store) DropStat(ctx context.Context, user int64, key string) error {
	if err := s.db.Run(ctx, engine.Durable, dropStat.With(statKey{user, key})); err != nil {
		return fmt.Errorf("drop stat %s of user %d: %w", key, user, err)
	}
	return nil
}
