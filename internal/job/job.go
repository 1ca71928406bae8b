package job

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"teiserver/internal/cluster/registry"
)

// ErrDone says that a period is done: nothing was changed.
var ErrDone = errors.New("job: this period is done")

// Mark is what is committed with the effect of a period: by whom, and of what. A method
// of a store that takes one either commits both or returns ErrDone or another error.
type Mark struct {
	Job, Period string
	Node        string
	Incarnation int64
}

// Run is one try to do a period.
type Run struct {
	Mark
	Now time.Time // the store's time, as far as this node knows it
}

// Step is a piece of a long job.
type Step struct {
	// Write is one durable write behind the fence; nil: nothing is left to do, and the
	// period is marked.
	Write func(ctx context.Context, f registry.Fence) error
	// Pause is how long the next step waits, so that others get at the database.
	Pause time.Duration
}

// Work is what a job does; one of its fields is set.
type Work struct {
	// Once does a whole period in one transaction that holds the mark.
	Once func(ctx context.Context, r Run) error
	// Next finds the next step of a period, from what is in the store. It may be asked
	// again for a step that was found before and is not written yet.
	Next func(ctx context.Context, r Run) (Step, error)
	// Call does what is safe to do again: it holds its own marks, row by row. It never
	// runs twice at the same time in the cluster, but for what a node that has lost its
	// lease is in the middle of.
	Call func(ctx context.Context) error

	// Due lists the periods that should be done by now, the oldest first; those that
	// are marked may be among them. nil: the one that was triggered last.
	Due func(ctx context.Context, now time.Time) ([]string, error)
}

// Status is how a job stands in the store.
type Status struct {
	Job      string    `json:"job"`
	Period   string    `json:"period"`   // that was done last
	Done     time.Time `json:"done"`     // when; zero: never
	Node     string    `json:"node"`     // which did it
	Failures int       `json:"failures"` // since then
	Failed   time.Time `json:"failed"`
	Error    string    `json:"error,omitempty"` // of the last failure since then
}

// Queue is where triggers are: a client of River.
type Queue interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

// Store keeps marks and triggers.
type Store interface {
	// DonePeriods lists the marked periods of a job from one on.
	DonePeriods(ctx context.Context, job, from string) ([]string, error)
	// PutMark marks a period that has no other effect, or ErrDone.
	PutMark(ctx context.Context, m Mark) error
	// PutFencedMark does so behind the fence of a process. A period that is marked stays so.
	PutFencedMark(ctx context.Context, f registry.Fence, m Mark) error
	// NoteFailure counts a try that failed.
	NoteFailure(ctx context.Context, job, text string) error
	// JobStatuses lists the jobs that have been tried.
	JobStatuses(ctx context.Context) ([]Status, error)
	// OldestMark is the first marked period of a job, empty if there is none.
	OldestMark(ctx context.Context, job string) (string, error)
	// TrimMarks forgets old marks of a job, so that the table does not grow for ever.
	TrimMarks(ctx context.Context, f registry.Fence, job, before string) error
	// NewQueue makes the queue of this node, in the same database.
	NewQueue(config *river.Config) (Queue, error)
	// GiveBack frees the triggers that are being worked by clients that are not listed,
	// for others to take at once.
	GiveBack(ctx context.Context, living []string) (int, error)
}
