package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	lib "modernc.org/sqlite/lib"

	"teiserver/internal/store/engine"
	"teiserver/internal/store/migrations"
)

// migrate brings the schema up to date. Several processes may do so at once: one
// goes first, the others find nothing to do.
func (db *DB) migrate(ctx context.Context) error {
	wait, stopWaiting := engine.Bound(ctx) // for the file
	defer stopWaiting()
	ctx, cancel := engine.BoundMigration(ctx)
	defer cancel()
	conn, err := connect(db.path, 1, "synchronous(FULL)")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return whileBusy(wait, func() error {
		if err := refuseForeign(ctx, conn); err != nil {
			return err
		}
		// Kept in the file from now on. A change of mode needs the file for itself and
		// does not wait for it, hence whileBusy.
		var mode string
		if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
			return err
		}
		if mode != "wal" {
			return fmt.Errorf("journal mode is %s and cannot be wal here", mode)
		}
		return migrateIn(ctx, conn)
	})
}

// current is engine.Use.Current for this file.
func (db *DB) current(ctx context.Context, use engine.Use) (bool, error) {
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	conn, err := connect(db.path, 1, "query_only(1)")
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	if err := refuseForeign(ctx, conn); err != nil {
		return false, err
	}
	at, err := schemaOf(ctx, conn)
	if err != nil {
		return false, err
	}
	steps, err := migrations.Pending("sqlite", at)
	if err != nil {
		return false, err
	}
	return use.Current(at, len(steps), func() (bool, error) { return nodesUse(db.path) })
}

// schemaOf is the last step that was applied, 0 for an empty file.
func schemaOf(ctx context.Context, conn *sql.DB) (at int64, err error) {
	var tables int
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'").Scan(&tables)
	if err != nil || tables == 0 {
		return 0, err
	}
	err = conn.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM schema_version").Scan(&at)
	return at, err
}

func migrateIn(ctx context.Context, conn *sql.DB) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (
		version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL)`)
	if err != nil {
		return err
	}
	var at int64
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM schema_version").Scan(&at); err != nil {
		return err
	}
	steps, err := migrations.Pending("sqlite", at)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if _, err := tx.ExecContext(ctx, step.SQL); err != nil {
			return fmt.Errorf("migration %d: %w", step.Version, err)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO schema_version (version, name, at) VALUES (?, ?, ?)",
			step.Version, step.Name, time.Now().UnixMilli())
		if err != nil {
			return err
		}
	}
	if err := migrateQueue(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// migrateQueue brings the tables of the queue of jobs up to date, which River knows.
func migrateQueue(ctx context.Context, tx *sql.Tx) error {
	migrator, err := rivermigrate.New(riversqlite.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := migrator.MigrateTx(ctx, tx, rivermigrate.DirectionUp, nil); err != nil { //nolint:staticcheck // discouraged for PostgreSQL; here it is under our lock
		return fmt.Errorf("migrate the queue of jobs: %w", err)
	}
	return nil
}

// refuseForeign keeps us from writing into a database of another program.
func refuseForeign(ctx context.Context, conn *sql.DB) error {
	var tables, ours int
	err := conn.QueryRowContext(ctx, `SELECT count(*), COALESCE(SUM(name = 'schema_version'), 0)
		FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&tables, &ours)
	if err != nil {
		return err
	}
	if tables > 0 && ours == 0 {
		return errors.New("it is a database of another program")
	}
	return nil
}

// whileBusy repeats what SQLite refuses only because another process is at it.
func whileBusy(ctx context.Context, work func() error) error {
	for {
		err := work()
		if code(err)&0xff != lib.SQLITE_BUSY {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}
