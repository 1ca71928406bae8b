package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"teiserver/internal/cluster"
)

// Intervals are how often the queue is looked at. The zero value is for a server.
type Intervals struct {
	Poll    time.Duration // for triggers that are free
	Refresh time.Duration // for the state of the jobs
}

// The intervals of a server. A trigger that this node inserts is taken at once, another
// one within the poll; a minute has room for both. What the queue costs at rest is in
// docs/jobs.md.
const (
	pollEvery    = 5 * time.Second
	refreshEvery = 20 * time.Second
)

// The limits of one look of a trigger. A trigger that is not over after the last one is
// freed by River, should the members of the cluster not have told.
const (
	lookLimit = time.Minute
	lostAfter = 5 * time.Minute
	triesMost = 8
	doneKept  = 2 * time.Hour
)

// Trigger is the row of a trigger: the job, and which tick of its schedule, so that it
// comes once.
type Trigger struct {
	Job  string `json:"job" river:"unique"`
	Tick string `json:"tick" river:"unique"`
}

// Kind implements river.JobArgs.
func (Trigger) Kind() string { return "trigger" }

// worker serves triggers.
type worker struct {
	river.WorkerDefaults[Trigger]
	s *Service
}

// Work implements river.Worker. What is not done is given back, without a try being
// counted.
func (w worker) Work(ctx context.Context, row *river.Job[Trigger]) error {
	err := w.s.look(ctx, row.Args)
	switch {
	case errors.Is(err, errBack):
		w.s.Counters.GivenBack.Add(1)
		return river.JobSnooze(back)
	case errors.Is(err, errStay):
		return river.JobSnooze(w.s.rest(row.Args.Job))
	}
	return err
}

// NextRetry implements river.Worker.
func (w worker) NextRetry(row *river.Job[Trigger]) time.Time {
	return time.Now().Add(pause(row.Attempt))
}

// config is that of the queue of this node.
func (s *Service) config() *river.Config {
	workers := river.NewWorkers()
	river.AddWorker[Trigger](workers, worker{s: s})
	c := &river.Config{
		ID:      clientOf(s.o.Incarnation()),
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}},
		Workers: workers,
		// Listening takes a connection of its own, and on SQLite more statements than polling.
		PollOnly:                    true,
		FetchPollInterval:           s.o.Intervals.Poll,
		FetchCooldown:               min(500*time.Millisecond, s.o.Intervals.Poll),
		JobTimeout:                  lookLimit,
		RescueStuckJobsAfter:        lostAfter,
		MaxAttempts:                 triesMost,
		CompletedJobRetentionPeriod: doneKept,
		CancelledJobRetentionPeriod: doneKept,
		DiscardedJobRetentionPeriod: 24 * time.Hour,
		ReindexerSchedule:           river.NeverSchedule(), // takes longer than a statement may
		Logger:                      slog.New(quiet{s.o.Log.Handler()}),
	}
	for _, j := range s.Bound() {
		c.PeriodicJobs = append(c.PeriodicJobs, river.NewPeriodicJob(j.Every, func() (river.JobArgs, *river.InsertOpts) {
			return Trigger{j.Name, s.tick(j)}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
		}, &river.PeriodicJobOpts{ID: j.Name, RunOnStart: true}))
	}
	return c
}

// early is what the clock of a host may be ahead of the store's: River goes by the host's.
const early = 20 * time.Second

// tick names the tick that is triggered now: of the store's time, or the one that comes in a
// moment. A trigger waits until its tick has come there; see look.
func (s *Service) tick(j Job) string { return j.Every.Latest(s.o.Now().Add(early)) }

// clientOf is how the queue of a node in one of its lives is called.
func clientOf(incarnation int64) string { return fmt.Sprintf("node:%d", incarnation) }

// Run works until ctx ends, and then gives back what it had begun.
func (s *Service) Run(ctx context.Context) error {
	if s.o.Intervals.Poll == 0 {
		s.o.Intervals.Poll = pollEvery
	}
	if s.o.Intervals.Refresh == 0 {
		s.o.Intervals.Refresh = refreshEvery
	}
	queue, err := s.o.Store.NewQueue(s.config())
	if err != nil {
		return fmt.Errorf("make the queue of jobs: %w", err)
	}
	if err := s.startQueue(ctx, queue); err != nil {
		return nil //nolint:nilerr // ctx has ended
	}
	defer stopQueue(ctx, queue, s.o.Log)

	changed := make(chan struct{}, 1)
	s.o.Runtime.OnMembers(func([]cluster.Member) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	tick := time.NewTicker(s.o.Intervals.Refresh)
	defer tick.Stop()
	for {
		s.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-changed:
			s.giveBack(ctx)
		}
	}
}

// startQueue tries until the database is there.
func (s *Service) startQueue(ctx context.Context, queue Queue) error {
	for {
		// The queue ends by Stop, which lets what is under way come to its end.
		err := queue.Start(context.WithoutCancel(ctx))
		if err == nil {
			return nil
		}
		s.o.Log.Warn("queue of jobs not started", "err", err)
		select {
		case <-time.After(back):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stopWait is how long what is under way may take to its end when the node stops.
const stopWait = 2 * time.Second

func stopQueue(ctx context.Context, queue Queue, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancel()
	if queue.Stop(ctx) == nil {
		return
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancel()
	if err := queue.StopAndCancel(hard); err != nil {
		log.Warn("queue of jobs not stopped in order", "err", err)
	}
}

// giveBack frees the triggers that nodes had taken that are gone.
func (s *Service) giveBack(ctx context.Context) {
	if !s.o.Runtime.Trusted() {
		return
	}
	living := []string{}
	for _, m := range s.o.Runtime.Members() {
		living = append(living, clientOf(m.Incarnation))
	}
	freed, err := s.o.Store.GiveBack(ctx, living)
	switch {
	case err != nil && ctx.Err() == nil:
		s.o.Log.Warn("triggers of nodes that are gone not freed", "err", err)
	case freed > 0:
		s.o.Log.Info("triggers of nodes that are gone freed", "triggers", freed)
	}
}

// quiet takes what River says in ordinary times out of the log, and in an orderly stop,
// which it takes for a fault.
type quiet struct{ slog.Handler }

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	canceled := false
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value.Any().(type) {
		case error:
			canceled = errors.Is(v, context.Canceled)
		case string:
			canceled = v == context.Canceled.Error()
		}
		return !canceled
	})
	if canceled {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
