package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/setting"
)

// The times of trying again.
const (
	// again is the pause after the first failure of a job; it doubles with each.
	again    = 15 * time.Second
	againMax = 30 * time.Minute
	// stay is how long a trigger of a long job waits between two looks at it.
	stay = 15 * time.Second
	// back is for how long a trigger is given back that cannot be served here now.
	back = 5 * time.Second
)

// Runtime is what jobs need of the cluster.
type Runtime interface {
	Call(ctx context.Context, key cluster.Key, command any) (any, error)
	Members() []cluster.Member
	OnMembers(f func(members []cluster.Member))
	Trusted() bool
}

// Options of a Service.
type Options struct {
	Store       Store
	Settings    *setting.Service
	Runtime     Runtime
	Node        string
	Incarnation func() int64     // under which the store knows this node now
	Ready       func() bool      // whether this node serves
	Now         func() time.Time // the store's time
	Intervals   Intervals
	Log         *slog.Logger
}

// Counters count what this node has done.
type Counters struct {
	Done      atomic.Int64 // periods
	Failed    atomic.Int64 // tries
	GivenBack atomic.Int64 // triggers that could not be served here then
	Late      atomic.Int64 // periods that were found done
}

// Service does the jobs of a node. Bind work to it before Start.
type Service struct {
	Counters Counters

	o     Options
	begun chan struct{} // closed when there are options

	mu     sync.Mutex
	bound  map[string]Work
	failed map[string]failure
	known  []Status // as the store had them last
}

// failure is how often a job has failed here since it was done last.
type failure struct {
	count int
	retry time.Time
}

// New returns a service to which work can be bound.
func New() *Service {
	return &Service{begun: make(chan struct{}), bound: map[string]Work{}, failed: map[string]failure{}}
}

// Bind says what the job of a row of Table does. It panics on another name, a second
// time, and on work that is not of one kind.
func (s *Service) Bind(name string, w Work) {
	j, ok := Find(name)
	kinds := 0
	for _, is := range []bool{w.Once != nil, w.Next != nil, w.Call != nil} {
		if is {
			kinds++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.bound[name]; !ok || j.Every.Unit == "" || twice || kinds != 1 || (w.Once == nil) != (j.Class != "") {
		panic("job: " + name + " is not in the table, bound twice, or of another kind")
	}
	s.bound[name] = w
}

// Bound lists the jobs with work, in the order of Table.
func (s *Service) Bound() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(Table), func(j Job) bool { _, ok := s.bound[j.Name]; return !ok })
}

// Work returns what the job of a name does.
func (s *Service) Work(name string) (Work, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.bound[name]
	return w, ok
}

// Open gives the service what it works with; the processes of classes wait for it.
func (s *Service) Open(o Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	s.o = o
	close(s.begun)
}

// may reports whether this node may begin something now.
func (s *Service) may() bool { return s.o.Ready() && s.o.Runtime.Trusted() }

// errBack says that a trigger cannot be served here now.
var errBack = errors.New("job: not here, not now")

// errStay says that a trigger is done when the process of its class is.
var errStay = errors.New("job: under way")

// look serves a trigger: nil if nothing is left to do.
func (s *Service) look(ctx context.Context, t Trigger) error {
	j, ok := Find(t.Job)
	w, bound := s.Work(t.Job)
	switch {
	case !ok || !bound: // of a neighbor release
		return errBack
	case !s.may():
		return errBack
	case !j.Enabled.Get(ctx, s.o.Settings):
		return nil
	}
	now := j.Every.Latest(s.o.Now())
	switch {
	case t.Tick > now:
		return errBack // the clock of the host that inserted it is ahead of the store's
	case w.Once != nil:
		return s.once(ctx, j, w)
	case t.Tick != "" && t.Tick < now:
		return nil // a later one looks after it
	}
	due, err := s.due(ctx, j, w)
	if err != nil || len(due) == 0 {
		return err
	}
	if _, err := s.o.Runtime.Call(ctx, key(j.Class), Begin{}); err != nil {
		return fmt.Errorf("wake the class %s: %w", j.Class, err)
	}
	return errStay
}

// once does every period that is due, each in one transaction.
func (s *Service) once(ctx context.Context, j Job, w Work) error {
	due, err := s.due(ctx, j, w)
	if err != nil {
		return s.note(ctx, j, err)
	}
	for _, period := range due {
		if !s.may() {
			return errBack
		}
		err := s.safely(func() error { return w.Once(ctx, s.run(j, period)) })
		switch {
		case errors.Is(err, ErrDone):
			s.Counters.Late.Add(1)
		case err != nil:
			return s.note(ctx, j, fmt.Errorf("%s of %s: %w", j.Name, period, err))
		default:
			s.done(j)
		}
	}
	return nil
}

// find is the effect of a class: it looks for the next step among its jobs.
func (s *Service) find(ctx context.Context, class string) any {
	select {
	case <-s.begun:
	case <-ctx.Done():
		return nil
	}
	for _, j := range Table {
		w, bound := s.Work(j.Name)
		if j.Class != class || !bound || s.resting(j) || !s.o.Runtime.Trusted() || !j.Enabled.Get(ctx, s.o.Settings) {
			continue
		}
		step, ok, err := s.next(ctx, j, w)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !s.o.Runtime.Trusted():
			return idle{} // it was broken off; whoever has the class next finds it due
		case err != nil:
			_ = s.note(ctx, j, err) // it has its turn again later
		case ok:
			return found{step}
		}
	}
	return idle{}
}

// Hurry does the work of a job that is a call at once, for who has just made something for
// it to do. Like the job it needs the lease, and the job to be on; otherwise it does
// nothing, and what there is to do is left to the job.
func (s *Service) Hurry(ctx context.Context, name string) error {
	select {
	case <-s.begun:
	case <-ctx.Done():
		return nil
	}
	j, known := Find(name)
	w, bound := s.Work(name)
	if !known || !bound || w.Call == nil || !s.may() || !j.Enabled.Get(ctx, s.o.Settings) {
		return nil
	}
	held, end := s.whileTrusted(ctx)
	defer end()
	return s.safely(func() error { return w.Call(held) })
}

// next finds the next step of a job, the mark of its period as the last one.
func (s *Service) next(ctx context.Context, j Job, w Work) (step Step, ok bool, err error) {
	due, err := s.due(ctx, j, w)
	if err != nil || len(due) == 0 {
		return step, false, err
	}
	run := s.run(j, due[0])
	err = s.safely(func() (err error) {
		if w.Call != nil {
			held, end := s.whileTrusted(ctx)
			defer end()
			return w.Call(held)
		}
		step, err = w.Next(ctx, run)
		return err
	})
	if err != nil {
		return step, false, fmt.Errorf("%s of %s: %w", j.Name, run.Period, err)
	}
	inner, last := step.Write, step.Write == nil
	if last {
		inner = func(ctx context.Context, f registry.Fence) error { return s.o.Store.PutFencedMark(ctx, f, run.Mark) }
		step.Pause = 0
	}
	step.Write = func(ctx context.Context, f registry.Fence) error {
		err := inner(ctx, f)
		switch {
		case err == nil && last:
			s.done(j)
		case err != nil && !errors.Is(err, registry.ErrFenced) && ctx.Err() == nil:
			_ = s.note(ctx, j, fmt.Errorf("%s of %s: %w", j.Name, run.Period, err)) // or it would be tried without a pause
		}
		return err
	}
	return step, true, nil
}

// trustEvery is how often the lease is looked at during a call.
const trustEvery = 100 * time.Millisecond

// whileTrusted is a context that ends when the lease is not trusted any more.
func (s *Service) whileTrusted(ctx context.Context) (held context.Context, end func()) {
	held, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(trustEvery)
		defer tick.Stop()
		for s.o.Runtime.Trusted() {
			select {
			case <-tick.C:
			case <-held.Done():
				return
			}
		}
		cancel()
	}()
	return held, func() { cancel(); <-over }
}

// due lists the periods that lack a mark, the oldest first.
func (s *Service) due(ctx context.Context, j Job, w Work) ([]string, error) {
	now := s.o.Now()
	periods := []string{j.Every.Latest(now)}
	if w.Due != nil {
		var err error
		if err = s.safely(func() error { periods, err = w.Due(ctx, now); return err }); err != nil {
			return nil, fmt.Errorf("what is due of %s: %w", j.Name, err)
		}
	}
	if len(periods) == 0 {
		return nil, nil
	}
	slices.Sort(periods)
	marked, err := s.o.Store.DonePeriods(ctx, j.Name, periods[0])
	if err != nil {
		return nil, fmt.Errorf("what is done of %s: %w", j.Name, err)
	}
	return slices.DeleteFunc(periods, func(p string) bool { return slices.Contains(marked, p) }), nil
}

func (s *Service) run(j Job, period string) Run {
	return Run{Mark{j.Name, period, s.o.Node, s.o.Incarnation()}, s.o.Now()}
}

// safely makes an error of a panic: it is one job's alone.
func (s *Service) safely(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panicked: %v", r)
			s.o.Log.Error("job panicked", "err", err, "stack", string(debug.Stack()))
		}
	}()
	return f()
}

func (s *Service) done(j Job) {
	s.Counters.Done.Add(1)
	s.mu.Lock()
	delete(s.failed, j.Name)
	s.mu.Unlock()
}

// note counts a failure and returns it.
func (s *Service) note(ctx context.Context, j Job, err error) error {
	s.Counters.Failed.Add(1)
	s.mu.Lock()
	f := s.failed[j.Name]
	f.count++
	f.retry = time.Now().Add(pause(f.count))
	s.failed[j.Name] = f
	s.mu.Unlock()
	s.o.Log.Warn("job failed", "job", j.Name, "failures", f.count, "err", err)
	if noteErr := s.o.Store.NoteFailure(ctx, j.Name, err.Error()); noteErr != nil && ctx.Err() == nil {
		s.o.Log.Warn("failure of a job not noted", "job", j.Name, "err", noteErr)
	}
	return err
}

// pause is how long a job rests after so many failures in a row.
func pause(failures int) time.Duration {
	d := again
	for i := 1; i < failures && d < againMax; i++ {
		d *= 2
	}
	return min(d, againMax)
}

func (s *Service) resting(j Job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.failed[j.Name].retry)
}

// rest is how long a trigger of a long job waits for the next look at it.
func (s *Service) rest(name string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.known {
		if k.Job == name && k.Failures > 0 {
			return pause(k.Failures)
		}
	}
	return stay
}

// Statuses are those that were read last from the store.
func (s *Service) Statuses() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.known)
}

// refresh reads how the jobs stand.
func (s *Service) refresh(ctx context.Context) {
	known, err := s.o.Store.JobStatuses(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.o.Log.Debug("state of the jobs not read", "err", err)
		}
		return
	}
	s.mu.Lock()
	s.known = known
	s.mu.Unlock()
}

var _ process.Machine = (*class)(nil)
