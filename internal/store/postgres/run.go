package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/failpoint"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type fenceArgs struct {
	Kind, ID    string
	Incarnation int64
	Epoch       int64
	Writes      int64
}

var fence = statement.Define[fenceArgs, struct{ Writes int64 }]("fence",
	`SELECT fence(@kind, @id, @incarnation, @epoch, @writes) AS writes`, statement.Postgres)

type saveArgs struct {
	Kinds, Ids   []string
	Incarnations []int64
	Epochs       []int64
	Writes       []int64
	Bodies       [][]byte
}

type savedRow struct {
	Kind, ID string
	Writes   int64
}

// save is one statement for a whole batch. Rows are taken in the order of their
// keys, so that two batches cannot wait for each other.
var save = statement.Define[saveArgs, savedRow]("save snapshots", `
	WITH given AS (
		SELECT * FROM unnest(@kinds::text[], @ids::text[], @incarnations::bigint[],
			@epochs::bigint[], @writes::bigint[], @bodies::bytea[])
			AS g (kind, id, incarnation, epoch, writes, body)
		ORDER BY kind, id
	), locked AS (
		SELECT o.kind, o.id, g.body FROM given g JOIN owner o ON o.kind = g.kind AND o.id = g.id
		WHERE o.incarnation = g.incarnation AND o.epoch = g.epoch AND o.writes = g.writes AND o.state = 'owned'
		ORDER BY o.kind, o.id
		FOR UPDATE OF o
	), passed AS (
		UPDATE owner o SET writes = o.writes + 1 FROM locked l
		WHERE o.kind = l.kind AND o.id = l.id
		RETURNING o.kind, o.id, o.writes
	), stored AS (
		INSERT INTO snapshot (kind, id, body)
		SELECT p.kind, p.id, l.body FROM passed p JOIN locked l ON l.kind = p.kind AND l.id = p.id
		ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body
	)
	SELECT kind, id, writes FROM passed`, statement.Postgres)

// rows is pgx.Rows as package statement reads it.
type rows struct{ pgx.Rows }

func (r rows) Columns() ([]string, error) {
	fields := r.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// send runs calls in one round trip.
func send(ctx context.Context, q querier, calls ...statement.Call) error {
	if len(calls) == 1 {
		call := calls[0]
		result, err := q.Query(ctx, text(call), arguments(call)...)
		if err != nil {
			return failed(call, err)
		}
		return read(call, result)
	}
	batch := &pgx.Batch{}
	for _, call := range calls {
		batch.Queue(text(call), arguments(call)...)
	}
	results := q.SendBatch(ctx, batch)
	for _, call := range calls {
		result, err := results.Query()
		if err == nil {
			err = read(call, result)
		} else {
			err = failed(call, err)
		}
		if err != nil {
			_ = results.Close() // says the same
			return err
		}
	}
	// The commit: without its answer the outcome is unknown.
	if err := results.Close(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func text(call statement.Call) string {
	def := call.Definition()
	return failpoint.SQL(def.Name, def.SQL(statement.Postgres))
}

func arguments(call statement.Call) []any {
	return call.Args(statement.Postgres, statement.Instant{})
}

func read(call statement.Call, result pgx.Rows) error {
	defer result.Close()
	if err := call.Read(rows{result}); err != nil {
		return failed(call, err)
	}
	return nil
}

func failed(call statement.Call, err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == fenced {
		return registry.ErrFenced
	}
	return fmt.Errorf("%s: %w", call.Definition().Name, err)
}

func (db *DB) on(lane engine.Lane) *pgxpool.Pool {
	if lane == engine.Lease || lane == engine.Watch {
		return db.leases
	}
	return db.pool
}

// Run implements engine.DB.
func (db *DB) Run(ctx context.Context, lane engine.Lane, calls ...statement.Call) error {
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	return attempt(ctx, db.on(lane), func(pool *pgxpool.Pool) error { return send(ctx, pool, calls...) })
}

// Fenced implements engine.DB.
func (db *DB) Fenced(ctx context.Context, f registry.Fence, effects ...statement.Call) error {
	if failpoint.Broken("close") && effects[0].Definition().Name == "close" {
		return db.Run(ctx, engine.Durable, effects...)
	}
	calls := append([]statement.Call{fence.With(fenceArgs{f.Key.Kind, f.Key.ID, f.Incarnation, f.Epoch, f.Writes})}, effects...)
	return db.Run(ctx, engine.Durable, calls...)
}

// Save implements engine.DB, in one statement for the whole batch.
func (db *DB) Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	var args saveArgs
	for _, s := range batch {
		args.Kinds = append(args.Kinds, s.Fence.Key.Kind)
		args.Ids = append(args.Ids, s.Fence.Key.ID)
		args.Incarnations = append(args.Incarnations, s.Fence.Incarnation)
		args.Epochs = append(args.Epochs, s.Fence.Epoch)
		args.Writes = append(args.Writes, s.Fence.Writes)
		args.Bodies = append(args.Bodies, s.Body)
	}
	saved := save.With(args)
	if err := db.Run(ctx, engine.Durable, saved); err != nil {
		return nil, err
	}
	passed := make(map[registry.Key]int64, len(batch))
	for _, row := range saved.Rows() {
		passed[registry.Key{Kind: row.Kind, ID: row.ID}] = row.Writes
	}
	return passed, nil
}

// transaction is an engine.Tx.
type transaction struct{ pgx.Tx }

func (t transaction) Run(ctx context.Context, calls ...statement.Call) error {
	return send(ctx, t.Tx, calls...)
}

// Transact implements engine.DB.
func (db *DB) Transact(ctx context.Context, lane engine.Lane, work func(ctx context.Context, t engine.Tx) error) error {
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	return attempt(ctx, db.on(lane), func(pool *pgxpool.Pool) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return work(ctx, transaction{tx}) })
	})
}

// attempt tries once, and once more what surely was not sent: the pool gave a
// connection that the server had closed meanwhile. When one connection broke the
// others of the pool most likely did, too, and the pool is told to forget them.
func attempt(ctx context.Context, pool *pgxpool.Pool, try func(pool *pgxpool.Pool) error) error {
	err := try(pool)
	if !broken(ctx, err) {
		return err
	}
	pool.Reset()
	if pgconn.SafeToRetry(err) {
		return try(pool)
	}
	return err
}

// broken reports an error that is not an answer of the server.
func broken(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil || errors.Is(err, registry.ErrFenced) {
		return false
	}
	var (
		answer  *pgconn.PgError
		network net.Error
	)
	if errors.As(err, &answer) {
		// 57P01 to 57P03: the server ends the session, or is not up.
		return strings.HasPrefix(answer.Code, "57P")
	}
	return pgconn.SafeToRetry(err) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// Columns prepares a text and names its columns, for the test of all statements.
func (db *DB) Columns(ctx context.Context, def *statement.Definition) ([]string, error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	described, err := conn.Conn().Prepare(ctx, "", def.SQL(statement.Postgres))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range described.Fields {
		names = append(names, f.Name)
	}
	return names, nil
}
