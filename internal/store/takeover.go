package store

import (
	"context"
	"fmt"
	"slices"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// takePiece is how many keys SQLite takes in one transaction, which keeps other
// writers waiting for less than 50 ms. PostgreSQL takes what it is given at once.
const takePiece = 64

// takeable is whether a claimant may have a row that was owned before. It relies only
// on what never changes back, see claim.
const takeable = `o.state <> 'closed' AND (o.state = 'released' OR o.incarnation = @incarnation
	OR EXISTS (SELECT 1 FROM node n WHERE n.incarnation = o.incarnation AND n.state IN ('left', 'gone')))`

type takenRow struct {
	Kind, ID      string
	Epoch, Writes int64
}

// takeOne is the claim of one row that there is, for SQLite, where a transaction of
// many statements costs no round trips and nobody else writes meanwhile.
var takeOne = statement.Define[claimArgs, takenRow]("take one key", `
	UPDATE owner AS o SET incarnation = @incarnation, epoch = `+next("epoch")+`, state = 'owned', fresh = FALSE, since = @@wall
	WHERE kind = @kind AND id = @id AND `+takeable+`
		AND EXISTS (SELECT 1 FROM node me WHERE me.incarnation = @incarnation AND `+valid("me")+`)
	RETURNING kind, id, epoch, writes`, statement.SQLite)

type takeArgs struct {
	Kinds, Ids  []string
	Incarnation int64
}

// takeMany waits for no row: one transaction that hangs on one owner's row would else
// hold up the take-over of a thousand.
var takeMany = statement.Define[takeArgs, takenRow]("take many keys", `
	WITH locked AS (
		SELECT o.kind, o.id
		FROM unnest(@kinds::text[], @ids::text[]) AS given (kind, id)
		JOIN owner o ON o.kind = given.kind AND o.id = given.id
		WHERE `+takeable+`
			AND EXISTS (SELECT 1 FROM node me WHERE me.incarnation = @incarnation AND `+valid("me")+`)
		ORDER BY o.kind, o.id
		FOR UPDATE OF o SKIP LOCKED
	)
	UPDATE owner o SET incarnation = @incarnation, epoch = `+next("o.epoch")+`, state = 'owned', fresh = FALSE, since = @@wall
	FROM locked WHERE o.kind = locked.kind AND o.id = locked.id
	RETURNING o.kind, o.id, o.epoch, o.writes`, statement.Postgres)

type viewOfRow struct {
	Kind, ID string
	viewRow
}

// viewMany is view for many keys, and like it a statement of its own: the one before
// may have locked a row newer than the snapshots it could see.
var viewMany = statement.Define[takeArgs, viewOfRow]("view of many keys", `
	SELECT k.kind, k.id, `+viewColumns+`
	FROM unnest(@kinds::text[], @ids::text[]) AS k (kind, id)`+viewTables, statement.Postgres)

// TakeOver implements registry.Store.
func (s *Store) TakeOver(ctx context.Context, keys []registry.Key, incarnation int64) (registry.Taken, error) {
	var taken registry.Taken
	if len(keys) == 0 {
		return taken, nil
	}
	size, take := len(keys), s.takeAtOnce
	if s.kind == "sqlite" {
		size, take = takePiece, s.takeInTurn
	}
	for piece := range slices.Chunk(keys, size) {
		claimed, seen, err := take(ctx, piece, incarnation)
		if err != nil {
			return taken, fmt.Errorf("take over %d keys: %w", len(keys), err)
		}
		share(&taken, incarnation, claimed, seen)
		if len(taken.Owned) == 0 && !seen[0].Valid {
			return registry.Taken{}, registry.ErrLeaseLost
		}
	}
	return taken, nil
}

// share says of each key what became of it.
func share(taken *registry.Taken, incarnation int64, claimed []takenRow, seen []viewOfRow) {
	mine := make(map[registry.Key]takenRow, len(claimed))
	for _, row := range claimed {
		mine[registry.Key{Kind: row.Kind, ID: row.ID}] = row
	}
	for _, now := range seen {
		key := registry.Key{Kind: now.Kind, ID: now.ID}
		row, ok := mine[key]
		switch {
		case ok:
			o := registry.Ownership{Key: key, Incarnation: incarnation, Epoch: row.Epoch, Writes: row.Writes}
			if now.Stored {
				o.Snapshot = notNil(now.Body)
			}
			taken.Owned = append(taken.Owned, o)
		case now.State == nil || *now.State == string(registry.Closed):
		case now.held() && *now.Incarnation != incarnation:
			taken.Held = append(taken.Held, now.owner(key))
		default:
			taken.Skipped = append(taken.Skipped, key)
		}
	}
}

// takeAtOnce is one statement and one round trip for all.
func (s *Store) takeAtOnce(ctx context.Context, keys []registry.Key, incarnation int64) ([]takenRow, []viewOfRow, error) {
	args := takeArgs{Incarnation: incarnation}
	for _, key := range keys {
		args.Kinds, args.Ids = append(args.Kinds, key.Kind), append(args.Ids, key.ID)
	}
	claimed, seen := takeMany.With(args), viewMany.With(args)
	err := s.db.Run(ctx, engine.Durable, claimed, seen)
	return claimed.Rows(), seen.Rows(), err
}

// takeInTurn takes one row after the other in one transaction.
func (s *Store) takeInTurn(ctx context.Context, keys []registry.Key, incarnation int64) (claimed []takenRow, seen []viewOfRow, err error) {
	calls := make([]statement.Call, 0, 2*len(keys))
	claims, views := make([]*statement.Query[takenRow], len(keys)), make([]*statement.Query[viewRow], len(keys))
	for i, key := range keys {
		args := claimArgs{key.Kind, key.ID, incarnation}
		claims[i], views[i] = takeOne.With(args), view.With(args)
		calls = append(calls, claims[i], views[i])
	}
	if err := s.db.Run(ctx, engine.Durable, calls...); err != nil {
		return nil, nil, err
	}
	for i, key := range keys {
		claimed = append(claimed, claims[i].Rows()...)
		now, _ := views[i].One()
		seen = append(seen, viewOfRow{key.Kind, key.ID, now})
	}
	return claimed, seen, nil
}
