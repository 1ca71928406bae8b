package telemetry

import (
	"context"
	"log/slog"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
	"teiserver/internal/setting"
)

// Store keeps rows.
type Store interface {
	// Counted lists what has been counted of every node.
	Counted(ctx context.Context) ([]Counted, error)
	// PutMinute writes the row of a minute and what is counted now, in one transaction
	// with the mark. ErrStale if a row of Counted is not of the version before.
	PutMinute(ctx context.Context, m job.Mark, data []byte, now []Counted, gone []Counted) error
	// PutFinal notes the counters of a node that leaves.
	PutFinal(ctx context.Context, life int64, counters map[string]int64) error

	// Periods lists the rows of a unit from one period on and before another, in order.
	Periods(ctx context.Context, unit, from, before string) ([]string, error)
	// Rows returns them.
	Rows(ctx context.Context, unit, from, before string) ([]Row, error)
	// MinuteDays lists the days of which there are rows of minutes.
	MinuteDays(ctx context.Context) ([]string, error)
	// PutRow writes a row in one transaction with the mark, and removes the rows of the
	// unit trim before a period.
	PutRow(ctx context.Context, m job.Mark, unit string, data []byte, trim, before string) error

	// Created counts the accounts that were made in a span of time.
	Created(ctx context.Context, from, before time.Time) (int64, error)
	// Matches lists the matches that ended in a span of time.
	Matches(ctx context.Context, from, before time.Time) ([]Match, error)
	// FirstMatch is when the first match ended; zero if none has.
	FirstMatch(ctx context.Context) (time.Time, error)

	// PutActivity writes minutes of users on a day, what was written before is replaced.
	PutActivity(ctx context.Context, f registry.Fence, day string, rows []Activity) error
	// LastActivity is the highest user of whom a day has a row.
	LastActivity(ctx context.Context, day string) (int64, error)
	// Active counts the users, and those who played, on the days from one to another.
	Active(ctx context.Context, from, before string) (users, players int64, err error)
	// DueActivity lists rows that their accounts do not have yet, of days before one.
	DueActivity(ctx context.Context, before string, most int) ([]Activity, error)
	// CountActivity adds rows to their accounts, each once.
	CountActivity(ctx context.Context, f registry.Fence, rows []Activity) error

	// PutEvents and PutProperties keep what was told. An event with a name of its own
	// that is there already is kept once.
	PutEvents(ctx context.Context, events []Event) error
	PutProperties(ctx context.Context, properties []Property) error
	PutInfolog(ctx context.Context, log Infolog) error
	// HasOld reports whether there is something of a sort that is older than age, and
	// DropOld deletes the oldest of it.
	HasOld(ctx context.Context, sort Old, age time.Duration) (bool, error)
	DropOld(ctx context.Context, f registry.Fence, sort Old, age time.Duration, most int) error
}

// Row is a row of a period.
type Row struct {
	Period string
	Data   []byte
}

// Old is a sort of what is deleted when it is old.
type Old string

// The sorts.
const (
	OldEvents     Old = "events"     // of clients, strangers and the server
	OldProperties Old = "properties" // of strangers
	OldInfologs   Old = "infologs"
	OldChat       Old = "lobby chat"
	OldUnverified Old = "unverified accounts"
)

// Runtime is what telemetry needs of the cluster.
type Runtime interface {
	Self() bus.Origin
	Members() []cluster.Member
	Request(ctx context.Context, node, service string, body any) (any, error)
	Serve(service string, s bus.Server)
	Next(ctx context.Context, sequence string) (int64, error)
}

// Options of a Service.
type Options struct {
	Store    Store
	Runtime  Runtime
	Settings *setting.Service
	Counters map[string]func() int64 // what other parts of the node count
	Players  func() []int64          // users of this node who sit in a lobby as players
	Census   func() Census           // who is online in the cluster
	Marked   func(ctx context.Context, job, from string) ([]string, error)
	Now      func() time.Time // the store's time
	// OnProperty and OnEvent are told of what was taken, on the node that took it.
	OnProperty func(p Property)
	OnEvent    func(e Event)
	Log        *slog.Logger
}

// Service counts and keeps on one node.
type Service struct {
	Counters Counters

	o        Options
	reporter reporter
	recorder *recorder
	days     dayCache
}

// New makes the service of a node. Run writes what is recorded.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o}
	s.reporter.life = o.Runtime.Self().Incarnation
	s.reporter.sources = s.Counters.Sources()
	for name, read := range o.Counters {
		s.reporter.sources[name] = read
	}
	s.reporter.players = o.Players
	s.recorder = newRecorder(s)
	s.serve()
	return s
}

// Run writes what is recorded until ctx ends, and then what is left.
func (s *Service) Run(ctx context.Context) { s.recorder.run(ctx) }

// Leave notes the counters of this node, which counts no more: call it when its
// connections have ended.
func (s *Service) Leave(ctx context.Context) error {
	return s.o.Store.PutFinal(ctx, s.reporter.life, s.reporter.leave().Counters)
}

// Live reads the counters of this node.
func (s *Service) Live() map[string]int64 {
	live := map[string]int64{}
	for name, read := range s.reporter.sources {
		live[name] = read()
	}
	return live
}

// Bind says what the jobs of telemetry do.
func (s *Service) Bind(jobs *job.Service) {
	jobs.Bind(job.ServerMinute, job.Work{Once: s.Minute})
	jobs.Bind(job.ServerDay, job.Work{Once: s.day, Due: s.dueDays})
	for name, unit := range map[string]job.Unit{
		job.ServerWeek: job.Week, job.ServerMonth: job.Month, job.ServerQuarter: job.Quarter, job.ServerYear: job.Year,
	} {
		jobs.Bind(name, job.Work{Once: s.span(unit), Due: s.dueSpans(unit)})
	}
	jobs.Bind(job.MatchDay, job.Work{Once: s.matchDay, Due: s.dueMatchDays})
	jobs.Bind(job.MatchMonth, job.Work{Once: s.matchMonth, Due: s.dueMatchMonths})
	jobs.Bind(job.ActivityDay, job.Work{Next: s.activityDay, Due: s.dueDays})
	jobs.Bind(job.PlayMinutes, job.Work{Next: s.playMinutes})
	jobs.Bind(job.EventCleanup, job.Work{Next: s.cleanEvents})
	jobs.Bind(job.InfologCleanup, job.Work{Next: s.cleaner(OldInfologs, setting.InfologDays, 20)})
	jobs.Bind(job.UnverifiedCleanup, job.Work{Next: s.cleaner(OldUnverified, setting.UnverifiedDays, 20)})
}
