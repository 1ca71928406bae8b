package store

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/match"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	dueArgs struct {
		Wait, After int64
		Most        int
	}
	dueRow struct {
		ID       int64
		Attempts int
	}
	lockedRow struct {
		matchRow
		Now int64
	}
	failArgs struct {
		ID    int64
		Why   string
		Delay int64
	}
	pageArgs struct {
		After int64
		Most  int
	}
	memberArgs  struct{ Match, User int64 }
	outcomeArgs struct {
		Match, User int64
		Win         bool
		LeftAfter   *int64
	}
	processedArgs struct {
		ID                  int64
		Finished            int64
		GameID              string
		GameDuration        int64
		PlayerCount         int
		WinningTeam         *int
		RatingType, Unrated string
	}
)

var (
	dueMatches = statement.Define[dueArgs, dueRow]("due matches", `
		SELECT id, attempts FROM matches
		WHERE processed = 0 AND (finished > 0 OR end_at > 0) AND started > 0 AND retry_at <= @@wall AND id > @after
			AND (finished > 0 AND (end_at > 0 OR finished <= @@wall - @wait) OR end_at > 0 AND end_at <= @@wall - @wait)
		ORDER BY id LIMIT @most`)

	lockMatch = statement.Define[idArgs, lockedRow]("lock match", `
		SELECT `+matchColumns+`, CAST(@@wall AS BIGINT) AS now FROM matches
		WHERE id = @id AND processed = 0 AND started > 0 FOR UPDATE SKIP LOCKED`, statement.Postgres)

	// A transaction that writes has SQLite for itself from its beginning.
	readMatch = statement.Define[idArgs, lockedRow]("read match to process", `
		SELECT `+matchColumns+`, CAST(@@wall AS BIGINT) AS now FROM matches
		WHERE id = @id AND processed = 0 AND started > 0`, statement.SQLite)

	dropMember = statement.Define[memberArgs, statement.None]("drop membership",
		`DELETE FROM match_membership WHERE match_id = @match AND user_id = @user`)

	setOutcome = statement.Define[outcomeArgs, statement.None]("set outcome", `
		UPDATE match_membership SET win = @win, left_after = @left_after WHERE match_id = @match AND user_id = @user`)

	setProcessed = statement.Define[processedArgs, struct{ ID int64 }]("set processed", `
		UPDATE matches SET processed = @@wall, told = 0, finished = @finished, game_id = @game_id, game_duration = @game_duration,
			player_count = @player_count, winning_team = @winning_team, rating_type = @rating_type, unrated = @unrated, failure = ''
		WHERE id = @id AND processed = 0 RETURNING id`)

	failMatch = statement.Define[failArgs, statement.None]("fail match", `
		UPDATE matches SET attempts = attempts + 1, failure = @why, retry_at = @@wall + @delay WHERE id = @id AND processed = 0`)

	// Not those of the last minute: who processed them is about to tell.
	untoldMatches = statement.Define[pageArgs, struct{ ID int64 }]("untold matches", `
		SELECT id FROM matches WHERE processed > 0 AND told = 0 AND id > @after AND processed < @@wall - 60000
		ORDER BY id LIMIT @most`)

	setTold = statement.Define[idArgs, statement.None]("set told",
		`UPDATE matches SET told = @@wall WHERE id = @id AND processed > 0 AND told = 0`)
)

// DueMatches implements match.JobStore.
func (s *Store) DueMatches(ctx context.Context, wait time.Duration, after int64, most int) ([]match.Due, error) {
	found := dueMatches.With(dueArgs{wait.Milliseconds(), after, most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("due matches: %w", err)
	}
	list := make([]match.Due, len(found.Rows()))
	for i, r := range found.Rows() {
		list[i] = match.Due(r)
	}
	return list, nil
}

// ProcessMatch implements match.JobStore. Its Tx is an engine.Tx.
func (s *Store) ProcessMatch(ctx context.Context, id int64, work func(ctx context.Context, w match.Work) (match.Plan, error)) (done bool, err error) {
	lock := readMatch
	if s.kind == "postgres" {
		lock = lockMatch
	}
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		done = false // of an earlier try
		locked, inside := lock.With(idArgs{id}), members.With(matchArgs{id})
		if err := tx.Run(ctx, locked, inside); err != nil {
			return err
		}
		row, ok := locked.One()
		if !ok {
			return nil
		}
		m, err := row.match()
		if err != nil {
			return err
		}
		plan, err := work(ctx, match.Work{
			Tx: tx, Match: *m, Members: membershipsOf(inside.Rows()), Now: fromMillis(row.Now),
			Settle: func(ctx context.Context, p match.Plan) error { return settle(ctx, tx, id, p) },
		})
		if err != nil {
			return err
		}
		mark := setProcessed.With(processedArgs{
			ID: id, Finished: millis(plan.Match.Finished), GameID: plainText(plan.Match.GameID), GameDuration: plan.Match.GameDuration,
			PlayerCount: plan.Match.PlayerCount, WinningTeam: plan.Match.WinningTeam,
			RatingType: plan.Match.RatingType, Unrated: plan.Match.Unrated,
		})
		if err := tx.Run(ctx, mark); err != nil {
			return err
		}
		if _, done = mark.One(); !done {
			return fmt.Errorf("it was processed meanwhile") // nothing of ours may stay
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("process match %d: %w", id, err)
	}
	return done, nil
}

// settle writes who played, and how it ended for them.
func settle(ctx context.Context, tx engine.Tx, id int64, p match.Plan) error {
	var calls []statement.Call
	for _, user := range p.Leave {
		calls = append(calls, dropMember.With(memberArgs{id, user}))
	}
	for _, u := range p.Members {
		calls = append(calls, setOutcome.With(outcomeArgs{id, u.User, u.Win, u.LeftAfter}))
	}
	if len(calls) == 0 {
		return nil
	}
	return tx.Run(ctx, calls...)
}

// FailMatch implements match.JobStore.
func (s *Store) FailMatch(ctx context.Context, id int64, why string, delay time.Duration) error {
	return s.db.Run(ctx, engine.Durable, failMatch.With(failArgs{id, plainText(why), delay.Milliseconds()}))
}

// UntoldMatches implements match.JobStore.
func (s *Store) UntoldMatches(ctx context.Context, after int64, most int) ([]int64, error) {
	found := untoldMatches.With(pageArgs{after, most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("untold matches: %w", err)
	}
	return idsOf(found.Rows()), nil
}

func idsOf(rows []struct{ ID int64 }) []int64 {
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return ids
}

// ToldMatch implements match.JobStore.
func (s *Store) ToldMatch(ctx context.Context, id int64) error {
	return s.db.Run(ctx, engine.Durable, setTold.With(idArgs{id}))
}
