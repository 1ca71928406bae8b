package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Maintain vacuums and analyzes one table after the other, on a connection of its own
// that may take its time.
func (db *DB) Maintain(ctx context.Context) error {
	conn, err := single(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer closeSoon(ctx, conn)
	rows, err := conn.Query(ctx, `SELECT tablename FROM pg_tables
		WHERE schemaname = current_schema() AND tableowner = current_user ORDER BY tablename`)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE, SKIP_LOCKED) "+pgx.Identifier{table}.Sanitize()); err != nil {
			return fmt.Errorf("vacuum %s: %w", table, err)
		}
	}
	return nil
}
