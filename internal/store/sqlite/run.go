package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type fenceArgs struct {
	Kind, ID    string
	Incarnation int64
	Epoch       int64
	Writes      int64
}

var fence = statement.Define[fenceArgs, struct{ Writes int64 }]("fence", `
	UPDATE owner SET writes = writes + 1
	WHERE kind = @kind AND id = @id AND incarnation = @incarnation
		AND epoch = @epoch AND writes = @writes AND state = 'owned'
	RETURNING writes`, statement.SQLite)

var saveSnapshot = statement.Define[struct {
	Kind, ID string
	Body     []byte
}, statement.None]("save snapshot", `
	INSERT INTO snapshot (kind, id, body) VALUES (@kind, @id, @body)
	ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body`, statement.SQLite)

// A piece of a batch of snapshots keeps other writers waiting for less than 50 ms.
const (
	pieceEntries = 64
	pieceBytes   = 1 << 20
)

// tx is a write in progress.
type tx struct {
	pool *pool
	tx   *sql.Tx
	now  statement.Instant
	new  []*statement.Definition // used here for the first time
}

// Run implements engine.Tx.
func (t *tx) Run(ctx context.Context, calls ...statement.Call) error {
	for _, call := range calls {
		stmt, err := t.stmt(ctx, call.Definition())
		if err != nil {
			return err
		}
		if err := ask(ctx, stmt, call, t.now); err != nil {
			return err
		}
	}
	return nil
}

// stmt returns a statement for this transaction, which also closes it.
func (t *tx) stmt(ctx context.Context, def *statement.Definition) (*sql.Stmt, error) {
	if stmt := t.pool.prepared(def); stmt != nil {
		return t.tx.StmtContext(ctx, stmt), nil
	}
	t.new = append(t.new, def)
	stmt, err := t.tx.PrepareContext(ctx, def.SQL(statement.SQLite))
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", def.Name, err)
	}
	return stmt, nil
}

// fence counts up the writes of a key, or returns registry.ErrFenced.
func (t *tx) fence(ctx context.Context, f registry.Fence) (writes int64, err error) {
	counted := fence.With(fenceArgs{f.Key.Kind, f.Key.ID, f.Incarnation, f.Epoch, f.Writes})
	if err := t.Run(ctx, counted); err != nil {
		return 0, err
	}
	row, ok := counted.One()
	if !ok {
		return 0, registry.ErrFenced
	}
	return row.Writes, nil
}

// write runs work in a transaction that has the lock from its beginning.
func (db *DB) write(ctx context.Context, lane engine.Lane, work func(ctx context.Context, t *tx) error) error {
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	leave, err := db.gate.enter(ctx, lane == engine.Lease)
	if err != nil {
		return fmt.Errorf("wait for the turn to write: %w", err)
	}
	defer leave()
	pool := db.writer(lane)
	sqlTx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	t := &tx{pool: pool, tx: sqlTx, now: db.instant()}
	if err := work(ctx, t); err != nil {
		_ = sqlTx.Rollback() // err says more
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
			err = ctx.Err() // it has ended just before, and the transaction with it
		}
		return fmt.Errorf("commit: %w", err)
	}
	for _, def := range t.new {
		_, _ = pool.prepare(ctx, def) // else the next transaction does
	}
	return nil
}

func (db *DB) writer(lane engine.Lane) *pool {
	switch lane {
	case engine.Lease:
		return db.lease
	case engine.Relaxed:
		return db.relaxed
	}
	return db.durable
}

// Run implements engine.DB.
func (db *DB) Run(ctx context.Context, lane engine.Lane, calls ...statement.Call) error {
	if lane != engine.Read && lane != engine.Watch {
		return db.write(ctx, lane, func(ctx context.Context, t *tx) error { return t.Run(ctx, calls...) })
	}
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	for _, call := range calls {
		stmt, err := db.read.prepare(ctx, call.Definition())
		if err != nil {
			return err
		}
		if err := ask(ctx, stmt, call, db.instant()); err != nil {
			return err
		}
	}
	return nil
}

// Fenced implements engine.DB.
func (db *DB) Fenced(ctx context.Context, f registry.Fence, effects ...statement.Call) error {
	return db.write(ctx, engine.Durable, func(ctx context.Context, t *tx) error {
		if _, err := t.fence(ctx, f); err != nil {
			return err
		}
		return t.Run(ctx, effects...)
	})
}

// Transact implements engine.DB.
func (db *DB) Transact(ctx context.Context, lane engine.Lane, work func(ctx context.Context, t engine.Tx) error) error {
	return db.write(ctx, lane, func(ctx context.Context, t *tx) error { return work(ctx, t) })
}

// Save implements engine.DB. The batch is written in pieces so that others get
// their turn; after an error the pieces before it are kept and in the result.
func (db *DB) Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	passed := make(map[registry.Key]int64, len(batch))
	for len(batch) > 0 {
		n := piece(batch)
		counts, err := db.savePiece(ctx, batch[:n])
		if err != nil {
			return passed, err
		}
		for key, writes := range counts {
			passed[key] = writes
		}
		batch = batch[n:]
	}
	return passed, nil
}

func (db *DB) savePiece(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	passed := map[registry.Key]int64{}
	err := db.write(ctx, engine.Durable, func(ctx context.Context, t *tx) error {
		for _, s := range batch {
			writes, err := t.fence(ctx, s.Fence)
			if errors.Is(err, registry.ErrFenced) {
				continue
			}
			if err != nil {
				return err
			}
			key := s.Fence.Key
			err = t.Run(ctx, saveSnapshot.With(struct {
				Kind, ID string
				Body     []byte
			}{key.Kind, key.ID, s.Body}))
			if err != nil {
				return err
			}
			passed[key] = writes
		}
		return nil
	})
	return passed, err
}

// piece is how many entries of a batch go into one transaction, at least one.
func piece(batch []registry.Snapshot) int {
	bytes := 0
	for i, s := range batch {
		bytes += len(s.Body)
		if i > 0 && (i == pieceEntries || bytes > pieceBytes) {
			return i
		}
	}
	return len(batch)
}

// Violated implements engine.DB.
func (db *DB) Violated(err error) string {
	switch code(err) {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		_, column, _ := strings.Cut(err.Error(), "UNIQUE constraint failed: ")
		column, _, _ = strings.Cut(column, " ")
		return column
	}
	return ""
}

// describer is what the driver's connection can do beyond database/sql.
type describer interface {
	ColumnInfo(query string) ([]driver.ColumnInfo, error)
}

// Columns prepares a text and names its columns, for the test of all statements.
func (db *DB) Columns(ctx context.Context, def *statement.Definition) ([]string, error) {
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	var names []string
	err = conn.Raw(func(c any) error {
		info, err := c.(describer).ColumnInfo(def.SQL(statement.SQLite))
		for _, column := range info {
			names = append(names, column.Name)
		}
		return err
	})
	return names, err
}

// LimitPages bounds the size of the database, for tests of a full disk.
func (db *DB) LimitPages(n int) error {
	for _, p := range []*pool{db.lease, db.durable, db.relaxed} {
		if _, err := p.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			return err
		}
	}
	return nil
}
