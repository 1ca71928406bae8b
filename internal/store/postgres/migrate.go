package postgres

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"teiserver/internal/store/engine"
	"teiserver/internal/store/migrations"
)

// migrate brings the schema up to date, one process at a time. A command of the operator
// does so only where it may.
func migrate(ctx context.Context, config *pgx.ConnConfig, use engine.Use) error {
	ctx, cancel := engine.BoundMigration(ctx)
	defer cancel()
	conn, err := single(ctx, config)
	if err != nil {
		return err
	}
	defer closeSoon(ctx, conn) // which also unlocks
	if !use.Node() {
		if done, err := current(ctx, conn, use); done || err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrateLock); err != nil {
		return err
	}
	// A step of the queue's waits for us between its statements, on a busy machine longer
	// than sessions may that others wait for.
	if _, err := conn.Exec(ctx, "SET idle_in_transaction_session_timeout = '60s'"); err != nil {
		return err
	}
	exists, at, err := schemaOf(ctx, conn)
	if err != nil {
		return err
	}
	if !exists {
		_, err := conn.Exec(ctx, `CREATE TABLE schema_version (
			version bigint NOT NULL PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())`)
		if err != nil {
			return err
		}
	}
	steps, err := migrations.Pending("postgres", at)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := apply(ctx, conn, step); err != nil {
			return fmt.Errorf("migration %d: %w", step.Version, err)
		}
	}
	return migrateQueue(ctx, conn)
}

// current is engine.Use.Current for this database.
func current(ctx context.Context, conn *pgx.Conn, use engine.Use) (bool, error) {
	_, at, err := schemaOf(ctx, conn)
	if err != nil {
		return false, err
	}
	steps, err := migrations.Pending("postgres", at)
	if err != nil {
		return false, err
	}
	return use.Current(at, len(steps), func() (running bool, err error) {
		err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND classid = 0 AND objid = $1 AND objsubid = 1)`, useLock).Scan(&running)
		return running, err
	})
}

// schemaOf is the last step that was applied, 0 for an empty database; exists, whether
// there is the table that says so.
func schemaOf(ctx context.Context, conn *pgx.Conn) (exists bool, at int64, err error) {
	err = conn.QueryRow(ctx, "SELECT to_regclass('schema_version') IS NOT NULL").Scan(&exists)
	if err != nil || !exists {
		return exists, 0, err
	}
	err = conn.QueryRow(ctx, "SELECT COALESCE(MAX(version), 0) FROM schema_version").Scan(&at)
	return exists, at, err
}

// migrateQueue brings the tables of the queue of jobs up to date, which River knows: each
// step in a transaction of its own, as some need what the one before has committed.
func migrateQueue(ctx context.Context, conn *pgx.Conn) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	for {
		more := false
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			done, err := migrator.MigrateTx(ctx, tx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{MaxSteps: 1}) //nolint:staticcheck // discouraged for several steps at once
			more = err == nil && len(done.Versions) > 0
			return err
		})
		if err != nil {
			return fmt.Errorf("migrate the queue of jobs: %w", err)
		}
		if !more {
			return nil
		}
	}
}

func apply(ctx context.Context, conn *pgx.Conn, step migrations.Migration) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, step.SQL); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO schema_version (version, name) VALUES ($1, $2)", step.Version, step.Name)
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}
