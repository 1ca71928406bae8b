package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"teiserver/internal/store/statement"
)

// pool is one or more connections of one purpose. A statement is prepared when it is first
// used and stays so: a command of the operator uses few, and does not wait for all.
type pool struct {
	*sql.DB
	mu    sync.Mutex
	stmts map[*statement.Definition]*sql.Stmt
}

// prepared returns a statement, or nil if it has not been used yet.
func (p *pool) prepared(def *statement.Definition) *sql.Stmt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stmts[def]
}

// prepare returns a statement for later use too. It takes a connection: who is in a
// transaction that holds the only one would wait for itself.
func (p *pool) prepare(ctx context.Context, def *statement.Definition) (*sql.Stmt, error) {
	if stmt := p.prepared(def); stmt != nil {
		return stmt, nil
	}
	stmt, err := p.PrepareContext(ctx, def.SQL(statement.SQLite))
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", def.Name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.stmts[def]; first != nil {
		_ = stmt.Close() // another was faster
		return first, nil
	}
	p.stmts[def] = stmt
	return stmt, nil
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

func newPool(path string, size int, pragmas ...string) (*pool, error) {
	db, err := connect(path, size, pragmas...)
	if err != nil {
		return nil, err
	}
	return &pool{DB: db, stmts: map[*statement.Definition]*sql.Stmt{}}, nil
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
