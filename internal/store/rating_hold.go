package store

import (
	"context"
	"fmt"
	"slices"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/rating"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

var _ rating.HoldStore = (*Store)(nil)

type (
	holdRow struct {
		Token    string
		Type     string
		Season   int
		Finished int64
		MatchID  int64
		Rated    int
	}
	typeArgs struct {
		Type   string
		Season int
	}
	heldArgs struct {
		Type     string
		Season   int
		Finished int64
		MatchID  int64
		Most     int
	}
)

const holdColumns = `token, type, season, finished, match_id, rated`

var (
	ratingHold = statement.Define[statement.None, holdRow]("rating hold",
		`SELECT `+holdColumns+` FROM rating_hold WHERE id = 1`)

	// Who moves ratings holds the row until it is done, so that nobody begins meanwhile.
	shareRatingHold = statement.Define[statement.None, holdRow]("share rating hold",
		`SELECT `+holdColumns+` FROM rating_hold WHERE id = 1 FOR SHARE`, statement.Postgres)

	lockRatingHold = statement.Define[statement.None, holdRow]("lock rating hold",
		`UPDATE rating_hold SET token = token WHERE id = 1 RETURNING `+holdColumns)

	setRatingHold = statement.Define[holdRow, statement.None]("set rating hold", `
		UPDATE rating_hold SET token = @token, type = @type, season = @season, finished = @finished, match_id = @match_id, rated = @rated
		WHERE id = 1`)

	dropRatings = statement.Define[typeArgs, struct{ UserID int64 }]("drop ratings",
		`DELETE FROM rating WHERE type = @type AND season = @season RETURNING user_id`)

	dropOtherLog = statement.Define[typeArgs, statement.None]("drop rating log without matches",
		`DELETE FROM rating_log WHERE type = @type AND season = @season AND match_id IS NULL`)

	nextHeld = statement.Define[heldArgs, struct{ ID int64 }]("next matches to rate again", `
		SELECT m.id FROM matches m
		WHERE (m.finished > @finished OR m.finished = @finished AND m.id > @match_id)
			AND EXISTS (SELECT 1 FROM rating_log l WHERE l.match_id = m.id AND l.type = @type AND l.season = @season)
		ORDER BY m.finished, m.id LIMIT @most`)
)

func (r holdRow) hold() rating.Hold {
	return rating.Hold{Token: r.Token, Type: rating.Type(r.Type), Season: r.Season, Finished: r.Finished, Match: r.MatchID, Rated: r.Rated}
}

func holdRowOf(h rating.Hold) holdRow {
	return holdRow{h.Token, string(h.Type), h.Season, h.Finished, h.Match, h.Rated}
}

// RatingHold implements rating.HoldStore.
func (s *Store) RatingHold(ctx context.Context) (rating.Hold, error) {
	found := ratingHold.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return rating.Hold{}, fmt.Errorf("read whether ratings are held: %w", err)
	}
	row, _ := found.One()
	return row.hold(), nil
}

// free says that ratings of a type may be moved by this transaction; of any if it is empty.
func (s *Store) free(ctx context.Context, tx engine.Tx, t rating.Type) error {
	share := ratingHold // a transaction that writes has SQLite for itself
	if s.kind == "postgres" {
		share = shareRatingHold
	}
	found := share.With(statement.None{})
	if err := tx.Run(ctx, found); err != nil {
		return err
	}
	if row, _ := found.One(); row.hold().Held() && (t == "" || row.Type == string(t)) {
		return rating.ErrHeld
	}
	return nil
}

// ours locks the hold for who has it.
func ours(ctx context.Context, tx engine.Tx, token string) error {
	found := lockRatingHold.With(statement.None{})
	if err := tx.Run(ctx, found); err != nil {
		return err
	}
	if row, _ := found.One(); token == "" || row.Token != token {
		return rating.ErrNotHeld
	}
	return nil
}

// HoldRatings implements rating.HoldStore.
func (s *Store) HoldRatings(ctx context.Context, token string, t rating.Type, season int) (h rating.Hold, changes []cache.Change, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		found := lockRatingHold.With(statement.None{})
		if err := tx.Run(ctx, found); err != nil {
			return err
		}
		row, _ := found.One()
		h, changes = row.hold(), nil
		if h.Held() && (h.Type != t || h.Season != season) {
			return rating.ErrHeld
		}
		if h.Held() {
			h.Token = token
			return tx.Run(ctx, setRatingHold.With(holdRowOf(h)))
		}
		h = rating.Hold{Token: token, Type: t, Season: season}
		gone := dropRatings.With(typeArgs{string(t), season})
		if err := tx.Run(ctx, setRatingHold.With(holdRowOf(h)), gone, dropOtherLog.With(typeArgs{string(t), season})); err != nil {
			return err
		}
		var changed []changeArgs
		for _, r := range gone.Rows() {
			changed = append(changed, changeArgs{rating.Table, rating.Owner{User: r.UserID, Season: season}.Text()})
		}
		var err error
		changes, err = log(ctx, tx, changed...)
		return err
	})
	if err != nil {
		return h, nil, fmt.Errorf("hold ratings of %s: %w", t, err)
	}
	return h, changes, nil
}

// NextHeld implements rating.HoldStore.
func (s *Store) NextHeld(ctx context.Context, h rating.Hold, most int) ([]int64, error) {
	found := nextHeld.With(heldArgs{string(h.Type), h.Season, h.Finished, h.Match, most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list matches to rate again: %w", err)
	}
	ids := make([]int64, len(found.Rows()))
	for i, r := range found.Rows() {
		ids[i] = r.ID
	}
	return ids, nil
}

// RateHeld implements rating.HoldStore.
func (s *Store) RateHeld(ctx context.Context, h rating.Hold, g *rating.Game, r rating.Rules, ok bool) (next rating.Hold, changes []cache.Change, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		if err := ours(ctx, tx, h.Token); err != nil {
			return err
		}
		next = h
		next.Finished, next.Match, next.Rated = millis(g.Finished), g.Match, h.Rated+1
		calls := []statement.Call{dropMatchLog.With(matchArgs{g.Match})}
		if ok {
			calls = append(calls, setMatchRated.With(matchRatedArgs{g.Match, string(g.Type)}))
		} else {
			next.Rated = h.Rated
		}
		if err := tx.Run(ctx, append(calls, setRatingHold.With(holdRowOf(next)))...); err != nil {
			return err
		}
		changes = nil
		if !ok {
			return nil
		}
		var err error
		_, changes, err = rate(ctx, tx, g, r, nil)
		return err
	})
	if err != nil {
		return h, nil, err
	}
	return next, changes, nil
}

// EndHold implements rating.HoldStore.
func (s *Store) EndHold(ctx context.Context, h rating.Hold) error {
	err := s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		if err := ours(ctx, tx, h.Token); err != nil {
			return err
		}
		return tx.Run(ctx, setRatingHold.With(holdRow{}))
	})
	if err != nil {
		return fmt.Errorf("end the hold of ratings: %w", err)
	}
	return nil
}

// AdjustRating implements rating.Store.
func (s *Store) AdjustRating(ctx context.Context, key rating.Key, a rating.Adjustment) (e rating.Entry, changes []cache.Change, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		if err := s.free(ctx, tx, key.Type); err != nil {
			return err
		}
		now := wallClock.With(statement.None{})
		if err := tx.Run(ctx, now); err != nil {
			return err
		}
		rows, err := locked(ctx, tx, []rating.Key{key})
		if err != nil {
			return err
		}
		at, _ := now.One()
		var moved bool
		if e, moved = rows[key].Adjust(a, fromMillis(at.Now)); !moved {
			e = rating.Entry{Rating: rows[key]}
			return nil
		}
		rows[key] = e.Rating
		changes, err = write(ctx, tx, rows, []rating.Entry{e})
		return err
	})
	if err != nil {
		return rating.Entry{}, nil, fmt.Errorf("set a rating of user %d: %w", key.User, err)
	}
	return e, slices.Clone(changes), nil
}
