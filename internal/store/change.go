package store

import (
	"context"
	"fmt"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	changeArgs struct{ Tbl, Key string }
	versionRow struct{ Version int64 }
	changeRow  struct {
		Version  int64
		Tbl, Key string
	}
	changesArgs struct {
		After int64
		Max   int
	}
)

var (
	addChange = statement.Define[changeArgs, versionRow]("add change", `
		INSERT INTO change (tbl, key, at) VALUES (@tbl, @key, @@wall) RETURNING version`)

	changes = statement.Define[changesArgs, changeRow]("changes", `
		SELECT version, tbl, key FROM change WHERE version > @after ORDER BY version LIMIT @max`)

	lastChange = statement.Define[statement.None, versionRow]("last change", `
		SELECT COALESCE(MAX(version), 0) AS version FROM change`)

	// The newest row stays, or the last version would fall.
	trimChanges = statement.Define[struct{ Keep int64 }, statement.None]("trim changes", `
		DELETE FROM change WHERE at < @@wall - @keep AND version < (SELECT MAX(version) FROM change)`)
)

// log adds changes to the log in the transaction that makes them.
func log(ctx context.Context, tx engine.Tx, changed ...changeArgs) ([]cache.Change, error) {
	calls := make([]statement.Call, len(changed))
	queries := make([]*statement.Query[versionRow], len(changed))
	for i, c := range changed {
		queries[i] = addChange.With(c)
		calls[i] = queries[i]
	}
	if err := tx.Run(ctx, calls...); err != nil {
		return nil, err
	}
	logged := make([]cache.Change, len(changed))
	for i, q := range queries {
		row, _ := q.One()
		logged[i] = cache.Change{Version: row.Version, Table: changed[i].Tbl, Key: changed[i].Key} //nolint:gosec // one query for each
	}
	return logged, nil
}

// Changes implements cache.Log.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]cache.Change, error) {
	found := changes.With(changesArgs{after, limit})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("read the change log: %w", err)
	}
	list := make([]cache.Change, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, cache.Change{Version: r.Version, Table: r.Tbl, Key: r.Key})
	}
	return list, nil
}

// LastChange implements cache.Log.
func (s *Store) LastChange(ctx context.Context) (int64, error) {
	last := lastChange.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, last); err != nil {
		return 0, fmt.Errorf("read the last change: %w", err)
	}
	row, _ := last.One()
	return row.Version, nil
}

// TrimChanges implements cache.Log.
func (s *Store) TrimChanges(ctx context.Context, keepMillis int64) error {
	if err := s.db.Run(ctx, engine.Relaxed, trimChanges.With(struct{ Keep int64 }{keepMillis})); err != nil {
		return fmt.Errorf("trim the change log: %w", err)
	}
	return nil
}
