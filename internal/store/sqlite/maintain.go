package sqlite

import (
	"context"

	"teiserver/internal/store/engine"
)

// Maintain refreshes what the planner knows of tables that have changed much, by a sample
// of their rows. It is no VACUUM, which would stop every writer for as long as it takes.
func (db *DB) Maintain(ctx context.Context) error {
	leave, err := db.gate.enter(ctx, false)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	_, err = db.relaxed.ExecContext(ctx, "PRAGMA analysis_limit = 400; PRAGMA optimize")
	return err
}
