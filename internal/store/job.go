package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/postgres"
	"teiserver/internal/store/sqlite"
	"teiserver/internal/store/statement"
)

type (
	markArgs struct {
		Job, Period, Node string
		Incarnation       int64
	}
	doneArgs    struct{ Job, Period, Node string }
	jobFailArgs struct{ Job, Text string }
)

var (
	// insertMark fails if the period has its mark, and the transaction with it.
	insertMark = statement.Define[markArgs, statement.None]("mark", `
		INSERT INTO job_run (job, period, done_at, node, incarnation)
		VALUES (@job, @period, @@wall, @node, @incarnation)`)

	// keepMark is for who has a fence: the mark may be there.
	keepMark = statement.Define[markArgs, statement.None]("keep mark", `
		INSERT INTO job_run (job, period, done_at, node, incarnation)
		VALUES (@job, @period, @@wall, @node, @incarnation) ON CONFLICT (job, period) DO NOTHING`)

	noteDone = statement.Define[doneArgs, statement.None]("note done", `
		INSERT INTO job (name, period, done_at, node) VALUES (@job, @period, @@wall, @node)
		ON CONFLICT (name) DO UPDATE SET period = excluded.period, done_at = excluded.done_at,
			node = excluded.node, failures = 0, error = ''`)

	noteFailure = statement.Define[jobFailArgs, statement.None]("note failure", `
		INSERT INTO job (name, failures, failed_at, error) VALUES (@job, 1, @@wall, @text)
		ON CONFLICT (name) DO UPDATE SET failures = job.failures + 1, failed_at = excluded.failed_at, error = excluded.error`)

	donePeriods = statement.Define[struct{ Job, From string }, struct{ Period string }]("done periods",
		`SELECT period FROM job_run WHERE job = @job AND period >= @from ORDER BY period`)

	jobStatuses = statement.Define[statement.None, struct {
		Name, Period, Node, Error  string
		DoneAt, FailedAt, Failures int64
	}]("states of jobs", `SELECT name, period, node, error, done_at, failed_at, failures FROM job ORDER BY name`)

	trimMarks = statement.Define[struct{ Job, Before string }, statement.None]("trim marks",
		`DELETE FROM job_run WHERE job = @job AND period < @before`)

	oldestMark = statement.Define[struct{ Job string }, struct{ Period string }]("oldest mark",
		`SELECT COALESCE(MIN(period), '') AS period FROM job_run WHERE job = @job`)
)

// errorText bounds what is kept of an error.
const errorText = 500

// The triggers that are being worked, and by which client of the queue.
var (
	sqliteWorkers = statement.Define[statement.None, struct {
		ID     int64
		Client string
	}]("workers of sqlite", `
		SELECT id, COALESCE(json_extract(attempted_by, '$[#-1]'), '') AS client FROM river_job WHERE state = 'running'`, statement.SQLite)

	postgresWorkers = statement.Define[statement.None, struct {
		ID     int64
		Client string
	}]("workers of postgres", `
		SELECT id, COALESCE(attempted_by[array_upper(attempted_by, 1)], '') AS client FROM river_job WHERE state = 'running'`, statement.Postgres)

	// freeTrigger is what River's own rescue does, without the wait.
	freeSQLite = statement.Define[struct {
		ID     int64
		Client string
	}, struct{ ID int64 }]("free trigger in sqlite", `
		UPDATE river_job SET state = 'available' WHERE id = @id AND state = 'running'
			AND COALESCE(json_extract(attempted_by, '$[#-1]'), '') = @client RETURNING id`, statement.SQLite)

	freePostgres = statement.Define[struct {
		ID     int64
		Client string
	}, struct{ ID int64 }]("free trigger in postgres", `
		UPDATE river_job SET state = 'available' WHERE id = @id AND state = 'running'
			AND COALESCE(attempted_by[array_upper(attempted_by, 1)], '') = @client RETURNING id`, statement.Postgres)
)

// markCalls are the first statements of every write that does a period.
func markCalls(m job.Mark) []statement.Call {
	return []statement.Call{
		insertMark.With(markArgs{m.Job, m.Period, m.Node, m.Incarnation}),
		noteDone.With(doneArgs{m.Job, m.Period, m.Node}),
	}
}

// marked is the write of a job: its mark and its effects in one transaction and one round
// trip, or job.ErrDone.
func (s *Store) marked(ctx context.Context, m job.Mark, effects ...statement.Call) error {
	return s.markError(s.db.Run(ctx, engine.Durable, append(markCalls(m), effects...)...))
}

// transactMarked is marked for work that looks at what its statements gave.
func (s *Store) transactMarked(ctx context.Context, m job.Mark, work func(ctx context.Context, tx engine.Tx) error) error {
	return s.markError(s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		if err := tx.Run(ctx, markCalls(m)...); err != nil {
			return err
		}
		return work(ctx, tx)
	}))
}

// markError says what a mark that is there means.
func (s *Store) markError(err error) error {
	if err != nil && strings.HasPrefix(s.db.Violated(err), "job_run.") {
		return job.ErrDone
	}
	return err
}

// PutMark implements job.Store.
func (s *Store) PutMark(ctx context.Context, m job.Mark) error {
	if err := s.marked(ctx, m); err != nil {
		return fmt.Errorf("mark %s of %s: %w", m.Job, m.Period, err)
	}
	return nil
}

// PutFencedMark implements job.Store.
func (s *Store) PutFencedMark(ctx context.Context, f registry.Fence, m job.Mark) error {
	err := s.fenced(ctx, f, keepMark.With(markArgs{m.Job, m.Period, m.Node, m.Incarnation}), noteDone.With(doneArgs{m.Job, m.Period, m.Node}))
	if err != nil {
		return fmt.Errorf("mark %s of %s: %w", m.Job, m.Period, err)
	}
	return nil
}

// DonePeriods implements job.Store.
func (s *Store) DonePeriods(ctx context.Context, name, from string) ([]string, error) {
	found := donePeriods.With(struct{ Job, From string }{name, from})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("done periods of %s: %w", name, err)
	}
	periods := make([]string, 0, len(found.Rows()))
	for _, row := range found.Rows() {
		periods = append(periods, row.Period)
	}
	return periods, nil
}

// NoteFailure implements job.Store.
func (s *Store) NoteFailure(ctx context.Context, name, text string) error {
	if len(text) > errorText {
		text = strings.ToValidUTF8(text[:errorText], "")
	}
	if err := s.db.Run(ctx, engine.Relaxed, noteFailure.With(jobFailArgs{name, text})); err != nil {
		return fmt.Errorf("note the failure of %s: %w", name, err)
	}
	return nil
}

// JobStatuses implements job.Store.
func (s *Store) JobStatuses(ctx context.Context) ([]job.Status, error) {
	found := jobStatuses.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("states of jobs: %w", err)
	}
	list := make([]job.Status, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, job.Status{
			Job: r.Name, Period: r.Period, Done: fromMillis(r.DoneAt), Node: r.Node,
			Failures: int(r.Failures), Failed: fromMillis(r.FailedAt), Error: r.Error,
		})
	}
	return list, nil
}

// OldestMark implements job.Store.
func (s *Store) OldestMark(ctx context.Context, name string) (string, error) {
	found := oldestMark.With(struct{ Job string }{name})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return "", fmt.Errorf("oldest mark of %s: %w", name, err)
	}
	row, _ := found.One()
	return row.Period, nil
}

// TrimMarks implements job.Store.
func (s *Store) TrimMarks(ctx context.Context, f registry.Fence, name, before string) error {
	if err := s.fenced(ctx, f, trimMarks.With(struct{ Job, Before string }{name, before})); err != nil {
		return fmt.Errorf("trim marks of %s: %w", name, err)
	}
	return nil
}

// NewQueue implements job.Store.
func (s *Store) NewQueue(config *river.Config) (job.Queue, error) {
	switch db := s.db.DB.(type) {
	case *sqlite.DB:
		handle, err := db.Queue()
		if err != nil {
			return nil, fmt.Errorf("open the queue of jobs: %w", err)
		}
		client, err := river.NewClient(riversqlite.New(handle), config)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("queue of jobs: %w", err), handle.Close())
		}
		return &fileQueue{client, handle}, nil
	case *postgres.DB:
		client, err := river.NewClient(riverpgxv5.New(db.Queue()), config)
		if err != nil {
			return nil, fmt.Errorf("queue of jobs: %w", err)
		}
		return client, nil
	}
	return nil, fmt.Errorf("queue of jobs: not on %s", s.kind)
}

// fileQueue closes its handle with its end.
type fileQueue struct {
	*river.Client[*sql.Tx]
	handle *sql.DB
}

// Stop implements job.Queue.
func (q *fileQueue) Stop(ctx context.Context) error {
	if err := q.Client.Stop(ctx); err != nil {
		return err
	}
	return q.handle.Close()
}

// StopAndCancel implements job.Queue.
func (q *fileQueue) StopAndCancel(ctx context.Context) error {
	return errors.Join(q.Client.StopAndCancel(ctx), q.handle.Close())
}

// GiveBack implements job.Store.
func (s *Store) GiveBack(ctx context.Context, living []string) (freed int, err error) {
	workers := sqliteWorkers
	free := freeSQLite
	if s.kind == "postgres" {
		workers, free = postgresWorkers, freePostgres
	}
	found := workers.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return 0, fmt.Errorf("triggers under way: %w", err)
	}
	for _, row := range found.Rows() {
		if slices.Contains(living, row.Client) {
			continue
		}
		one := free.With(row)
		if err := s.db.Run(ctx, engine.Relaxed, one); err != nil {
			return freed, fmt.Errorf("free a trigger: %w", err)
		}
		if _, ok := one.One(); ok {
			freed++
		}
	}
	return freed, nil
}
