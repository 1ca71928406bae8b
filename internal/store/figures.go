package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/meter"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// Figures are what /metrics shows of a lane: of what is durable, and of what waits in
// front of what.
type Figures struct {
	Statements int64
	Errors     int64          // transactions without a clear good end; a fence that holds, or a name that is taken, is an answer
	Times      meter.Snapshot // of transactions, the wait for their turn included
}

// Figures counts, by lane.
func (s *Store) Figures() map[string]Figures {
	byLane := map[string]Figures{}
	for _, lane := range engine.Lanes() {
		f := &s.db.lanes[lane]
		byLane[lane.String()] = Figures{f.statements.Load(), f.errors.Load(), f.times.Snapshot()}
	}
	return byLane
}

// measured is a database that counts what is asked of it.
type measured struct {
	engine.DB
	lanes []lane // by engine.Lane
}

type lane struct {
	statements, errors atomic.Int64
	times              *meter.Durations
}

func measure(db engine.DB) *measured {
	m := &measured{DB: db, lanes: make([]lane, len(engine.Lanes()))}
	for i := range m.lanes {
		m.lanes[i].times = meter.New(meter.Fast)
	}
	return m
}

// ended counts a transaction of n statements.
func (m *measured) ended(on engine.Lane, n int, began time.Time, err error) {
	l := &m.lanes[on]
	l.times.Since(began)
	l.statements.Add(int64(n))
	if err != nil && !m.answers(err) {
		l.errors.Add(1)
	}
}

// answers reports an error that the database was asked for.
func (m *measured) answers(err error) bool {
	return errors.Is(err, registry.ErrFenced) || errors.Is(err, context.Canceled) || m.Violated(err) != ""
}

// Run implements engine.DB.
func (m *measured) Run(ctx context.Context, on engine.Lane, calls ...statement.Call) error {
	began := time.Now()
	err := m.DB.Run(ctx, on, calls...)
	m.ended(on, len(calls), began, err)
	return err
}

// Fenced implements engine.DB.
func (m *measured) Fenced(ctx context.Context, f registry.Fence, effects ...statement.Call) error {
	began := time.Now()
	err := m.DB.Fenced(ctx, f, effects...)
	m.ended(engine.Durable, len(effects)+1, began, err)
	return err
}

// Save implements engine.DB. A batch counts as one statement for each entry.
func (m *measured) Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	began := time.Now()
	passed, err := m.DB.Save(ctx, batch)
	m.ended(engine.Durable, len(batch), began, err)
	return passed, err
}

// Transact implements engine.DB. What work itself refuses is no error of the database.
func (m *measured) Transact(ctx context.Context, on engine.Lane, work func(ctx context.Context, tx engine.Tx) error) error {
	began := time.Now()
	counted := &countedTx{}
	var refused error
	err := m.DB.Transact(ctx, on, func(ctx context.Context, tx engine.Tx) error {
		counted.Tx = tx
		refused = work(ctx, counted)
		return refused
	})
	failure := err
	if err != nil && refused != nil && !counted.failed {
		failure = nil
	}
	m.ended(on, counted.statements, began, failure)
	return err
}

// countedTx counts the statements of a transaction.
type countedTx struct {
	engine.Tx
	statements int
	failed     bool
}

// Run implements engine.Tx.
func (t *countedTx) Run(ctx context.Context, calls ...statement.Call) error {
	t.statements += len(calls)
	err := t.Tx.Run(ctx, calls...)
	t.failed = t.failed || err != nil
	return err
}
