package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
)

// Queue is a handle for the queue of jobs, which writes its own statements: relaxed, as
// a trigger that is lost comes again, and through the gate, so that no renewal waits for
// more than one of its writes. Close it before the database.
func (db *DB) Queue() (*sql.DB, error) {
	pragmas := source(db.path, "synchronous(NORMAL)")
	plain, err := sql.Open("sqlite", pragmas)
	if err != nil {
		return nil, err
	}
	queue := sql.OpenDB(connector{plain.Driver(), pragmas, db.gate})
	queue.SetMaxOpenConns(1) // two of them would only meet at the gate
	queue.SetMaxIdleConns(1)
	return queue, plain.Close() // it was for its driver, and has no connection
}

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

// enter takes the gate, unless the transaction has it.
func (c *gated) enter(ctx context.Context) (leave func(), err error) {
	if c.leave != nil {
		return func() {}, nil
	}
	leave, err = c.gate.enter(ctx, false)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(leave), nil
}

// BeginTx implements driver.ConnBeginTx. All transactions have the lock of the file from
// their beginning, see source.
func (c *gated) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := c.full.BeginTx(ctx, opts)
	if err != nil {
		leave()
		return nil, err
	}
	c.leave = leave
	return gatedTx{tx, c}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *gated) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return c.full.ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext. What returns rows of a write holds the
// gate until they are read.
func (c *gated) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if reads(query) {
		return c.full.QueryContext(ctx, query, args)
	}
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := c.full.QueryContext(ctx, query, args)
	if err != nil {
		leave()
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
