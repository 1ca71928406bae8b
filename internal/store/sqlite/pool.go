package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"slices"
	"time"

	_ "modernc.org/sqlite" // the driver

	"teiserver/internal/store/statement"
)

// pool is one or more connections of one purpose with all statements prepared.
type pool struct {
	*sql.DB
	stmts map[*statement.Definition]*sql.Stmt
}

// source is the driver's name for a file. No pragma here takes a lock.
func source(path string, pragmas ...string) string { return sourceFor(5*time.Second, path, pragmas...) }

// sourceFor is source with the time for which SQLite waits for other processes.
func sourceFor(busy time.Duration, path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()))
	q.Add("_pragma", "foreign_keys(1)")
	q.Add("_pragma", "wal_autocheckpoint(0)")
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func connect(path string, size int, pragmas ...string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", source(path, pragmas...))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

func newPool(ctx context.Context, path string, size int, pragmas ...string) (*pool, error) {
	db, err := connect(path, size, pragmas...)
	if err != nil {
		return nil, err
	}
	p := &pool{db, map[*statement.Definition]*sql.Stmt{}}
	// All at once: inside a transaction that holds the only connection, preparing
	// on the pool would wait for itself.
	for _, def := range statement.All() {
		if !slices.Contains(def.Dialects, statement.SQLite) {
			continue
		}
		stmt, err := db.PrepareContext(ctx, def.SQL(statement.SQLite)) //nolint:sqlclosecheck // lives as long as the pool
		if err != nil {
			_ = p.Close()
			return nil, fmt.Errorf("prepare %s: %w", def.Name, err)
		}
		p.stmts[def] = stmt
	}
	return p, nil
}

// ask runs a call on a prepared statement.
func ask(ctx context.Context, stmt *sql.Stmt, call statement.Call, now statement.Instant) error {
	def := call.Definition()
	args := call.Args(statement.SQLite, now)
	if len(def.Columns) == 0 {
		if _, err := stmt.ExecContext(ctx, args...); err != nil {
			return fmt.Errorf("%s: %w", def.Name, err)
		}
		return nil
	}
	rows, err := stmt.QueryContext(ctx, args...) //nolint:rowserrcheck // Read asks for it
	if err != nil {
		return fmt.Errorf("%s: %w", def.Name, err)
	}
	err = call.Read(rows)
	if e := rows.Close(); err == nil { //nolint:sqlclosecheck // a write may fail only here
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s: %w", def.Name, err)
	}
	return nil
}
