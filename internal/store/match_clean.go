package store

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	staleArgs struct {
		Age  int64
		Most int
	}
	gamesArgs struct {
		User, Age int64
		Most      int
	}
	gameRow struct {
		ID           int64
		GameType     string
		Finished     int64
		GameDuration int64
		Win, Decided bool
		LeftAfter    *int64
	}
)

var staleMatches = map[match.Stale]statement.Statement[staleArgs, struct{ ID int64 }]{
	// A lobby that is open has such a match for its next game, however long it waits.
	match.Unplayed: statement.Define[staleArgs, struct{ ID int64 }]("unplayed matches", `
		SELECT m.id FROM matches m
		WHERE m.created < @@wall - @age AND (m.started = 0 OR m.finished = 0) AND m.rating_type = ''
			AND NOT EXISTS (SELECT 1 FROM owner o WHERE o.kind = 'lobby' AND o.id = CAST(m.lobby AS TEXT) AND o.state <> 'closed')
		ORDER BY m.created LIMIT @most`),
	match.Bulky: statement.Define[staleArgs, struct{ ID int64 }]("bulky matches", `
		SELECT id FROM matches WHERE finished > 0 AND finished < @@wall - @age AND processed > 0 AND NOT stripped
		ORDER BY finished LIMIT @most`),
	match.Unrated: statement.Define[staleArgs, struct{ ID int64 }]("unrated matches", `
		SELECT id FROM matches WHERE finished > 0 AND finished < @@wall - @age AND rating_type = ''
		ORDER BY finished LIMIT @most`),
}

var (
	// removable is asked in each statement: who was rated meanwhile stays whole.
	removable = `(SELECT id FROM matches WHERE id = @id AND rating_type = '')`

	dropMembers = statement.Define[idArgs, statement.None]("drop memberships",
		`DELETE FROM match_membership WHERE match_id IN `+removable)
	dropMessages = statement.Define[idArgs, statement.None]("drop lobby messages",
		`DELETE FROM lobby_message WHERE match_id IN `+removable)
	dropQuestions = statement.Define[idArgs, statement.None]("drop accolade questions",
		`DELETE FROM accolade_question WHERE match_id IN `+removable)
	dropMatch = statement.Define[idArgs, statement.None]("drop match",
		`DELETE FROM matches WHERE id = @id AND rating_type = ''`)
	stripMatch = statement.Define[idArgs, statement.None]("strip match",
		`UPDATE matches SET tags = '{}', end_data = '', stripped = TRUE WHERE id = @id AND processed > 0`)

	gamesOf = statement.Define[gamesArgs, gameRow]("games of a user", `
		SELECT m.id, m.game_type, m.finished, m.game_duration, mm.win, m.winning_team IS NOT NULL AS decided, mm.left_after
		FROM match_membership mm JOIN matches m ON m.id = mm.match_id
		WHERE mm.user_id = @user AND m.processed > 0 AND m.finished > @@wall - @age
		ORDER BY m.finished DESC, m.id DESC LIMIT @most`)
)

// StaleMatches implements match.JobStore.
func (s *Store) StaleMatches(ctx context.Context, sort match.Stale, age time.Duration, most int) ([]int64, error) {
	stale, ok := staleMatches[sort]
	if !ok {
		return nil, fmt.Errorf("there are no %q matches", sort)
	}
	found := stale.With(staleArgs{age.Milliseconds(), most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("%s matches: %w", sort, err)
	}
	return idsOf(found.Rows()), nil
}

// DeleteMatches implements match.JobStore.
func (s *Store) DeleteMatches(ctx context.Context, f *registry.Fence, ids []int64) error {
	var calls []statement.Call
	for _, id := range ids {
		a := idArgs{id}
		calls = append(calls, dropMembers.With(a), dropMessages.With(a), dropQuestions.With(a), dropMatch.With(a))
	}
	return s.clean(ctx, f, calls)
}

// StripMatches implements match.JobStore.
func (s *Store) StripMatches(ctx context.Context, f *registry.Fence, ids []int64) error {
	calls := make([]statement.Call, len(ids))
	for i, id := range ids {
		calls[i] = stripMatch.With(idArgs{id})
	}
	return s.clean(ctx, f, calls)
}

func (s *Store) clean(ctx context.Context, f *registry.Fence, calls []statement.Call) error {
	switch {
	case len(calls) == 0:
		return nil
	case f != nil:
		return s.fenced(ctx, *f, calls...)
	}
	return s.db.Run(ctx, engine.Durable, calls...)
}

// GamesOf implements match.JobStore.
func (s *Store) GamesOf(ctx context.Context, user int64, age time.Duration, most int) ([]match.Played, error) {
	found := gamesOf.With(gamesArgs{user, age.Milliseconds(), most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("games of %d: %w", user, err)
	}
	list := make([]match.Played, len(found.Rows()))
	for i, r := range found.Rows() {
		list[i] = match.Played{
			Match: r.ID, Type: match.GameType(r.GameType), Finished: fromMillis(r.Finished), Duration: r.GameDuration,
			Win: r.Win, Decided: r.Decided, LeftAfter: r.LeftAfter,
		}
	}
	return list, nil
}
