package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"
)

// Queue is a handle for the queue of jobs, which writes its own statements: relaxed, as
// a trigger that is lost comes again, and through the gate, so that no renewal waits for
// more than one of its writes; nor for its wait, when another process writes: it gives the
// gate up then and comes again. Close it before the database.
func (db *DB) Queue() (*sql.DB, error) {
	pragmas := sourceFor(queueBusy, db.path, "synchronous(NORMAL)")
	plain, err := sql.Open("sqlite", pragmas)
	if err != nil {
		return nil, err
	}
	queue := sql.OpenDB(connector{plain.Driver(), pragmas, db.gate})
	queue.SetMaxOpenConns(1) // two of them would only meet at the gate
	queue.SetMaxIdleConns(1)
	return queue, plain.Close() // it was for its driver, and has no connection
}

// How long the queue waits for another process with the gate in its hands, and how long
// it leaves the gate to others then, all together for as long as other writers wait.
const (
	queueBusy  = 10 * time.Millisecond
	queuePause = 10 * time.Millisecond
	queueWaits = 5 * time.Second
)

// connector opens connections whose writes pass the gate.
type connector struct {
	driver driver.Driver
	name   string
	gate   *gate
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	inner, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	return &gated{Conn: inner, full: inner.(fullConn), gate: c.gate}, nil
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// fullConn is what the driver's connections can do.
type fullConn interface {
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// gated is a connection that holds the gate while it writes.
type gated struct {
	driver.Conn
	full  fullConn
	gate  *gate
	leave func() // the gate, in a transaction
}

// enter takes the gate, unless the transaction has it, and begins to write. While another
// process writes, that fails, and is tried again.
func (c *gated) enter(ctx context.Context, begin func() error) (leave func(), err error) {
	if c.leave != nil {
		return func() {}, begin()
	}
	for began := time.Now(); ; {
		leave, err := c.gate.enter(ctx, false)
		if err != nil {
			return nil, err
		}
		err = begin()
		if err == nil {
			return sync.OnceFunc(leave), nil
		}
		leave()
		if code(err)&0xff != lib.SQLITE_BUSY || time.Since(began) > queueWaits {
			return nil, err
		}
		select {
		case <-time.After(queuePause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// BeginTx implements driver.ConnBeginTx. All transactions have the lock of the file from
// their beginning, see source.
func (c *gated) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	var tx driver.Tx
	leave, err := c.enter(ctx, func() (err error) { tx, err = c.full.BeginTx(ctx, opts); return err })
	if err != nil {
		return nil, err
	}
	c.leave = leave
	return gatedTx{tx, c}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *gated) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	var result driver.Result
	leave, err := c.enter(ctx, func() (err error) { result, err = c.full.ExecContext(ctx, query, args); return err })
	if err != nil {
		return nil, err
	}
	leave()
	return result, nil
}

// QueryContext implements driver.QueryerContext. What returns rows of a write holds the
// gate until they are read.
func (c *gated) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if reads(query) {
		return c.full.QueryContext(ctx, query, args)
	}
	var rows driver.Rows
	leave, err := c.enter(ctx, func() (err error) { rows, err = c.full.QueryContext(ctx, query, args); return err })
	if err != nil {
		return nil, err
	}
	return &gatedRows{rows, leave}, nil
}

// PrepareContext implements driver.ConnPrepareContext. What is prepared is not seen when
// it runs, so nothing may be.
func (c *gated) PrepareContext(context.Context, string) (driver.Stmt, error) {
	return nil, errors.New("statements of the queue are not prepared")
}

// Ping implements driver.Pinger.
func (c *gated) Ping(ctx context.Context) error { return c.full.Ping(ctx) }

// ResetSession implements driver.SessionResetter.
func (c *gated) ResetSession(ctx context.Context) error { return c.full.ResetSession(ctx) }

// IsValid implements driver.Validator.
func (c *gated) IsValid() bool { return c.full.IsValid() }

// Close implements driver.Conn.
func (c *gated) Close() error {
	err := c.Conn.Close()
	c.end()
	return err
}

func (c *gated) end() {
	if c.leave != nil {
		c.leave()
		c.leave = nil
	}
}

// reads reports whether a statement is a SELECT, behind comments.
func reads(query string) bool {
	for {
		query = strings.TrimSpace(query)
		if !strings.HasPrefix(query, "--") {
			break
		}
		_, query, _ = strings.Cut(query, "\n")
	}
	return len(query) > 6 && strings.EqualFold(query[:6], "select")
}

type gatedTx struct {
	driver.Tx
	c *gated
}

// Commit implements driver.Tx.
func (t gatedTx) Commit() error {
	defer t.c.end()
	return t.Tx.Commit()
}

// Rollback implements driver.Tx.
func (t gatedTx) Rollback() error {
	defer t.c.end()
	return t.Tx.Rollback()
}

type gatedRows struct {
	driver.Rows
	leave func()
}

// Close implements driver.Rows.
func (r *gatedRows) Close() error {
	defer r.leave()
	return r.Rows.Close()
}
