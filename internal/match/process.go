package match

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"
)

// Options of a Processor.
type Options struct {
	Store Store
	Rater Rater // nil: nothing is rated
	// TellHost says a line to the host of a match, in private and in the Coordinator's
	// name, and reports whether the host's connection has taken it.
	TellHost func(ctx context.Context, host int64, line string) (taken bool)
	// Over are told of every processed match, at least once each: who acts on it keeps
	// apart what it has seen. Who fails is told again later.
	Over []func(ctx context.Context, m Match, members []Membership) error
	// On says whether matches are processed at all; nil: they are.
	On func(ctx context.Context) bool
	// Wait is how long a match waits for its host's data; nil: ten minutes.
	Wait func(ctx context.Context) time.Duration
	Now  func() time.Time // of the store; nil: the host's
	Log  *slog.Logger
}

// Processor is the job that follows battles.
type Processor struct {
	o      Options
	follow follow
}

// DefaultWait is how long a match waits for its host's data.
const DefaultWait = 10 * time.Minute

// The pages of a run.
const (
	duePage    = 100
	untoldPage = 100
)

// NewProcessor makes the job.
func NewProcessor(o Options) *Processor {
	if o.TellHost == nil {
		o.TellHost = func(context.Context, int64, string) bool { return true }
	}
	if o.On == nil {
		o.On = func(context.Context) bool { return true }
	}
	if o.Wait == nil {
		o.Wait = func(context.Context) time.Duration { return DefaultWait }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Processor{o: o, follow: newFollow()}
}

// ProcessMatches processes every match that waits for it, and tells those who were not
// told of earlier ones. It may run on several nodes at once. The error is that of the
// store or of ctx; a match that cannot be processed is noted, and the others go on.
func (p *Processor) ProcessMatches(ctx context.Context) error {
	if !p.o.On(ctx) {
		return nil
	}
	wait := p.o.Wait(ctx)
	for after := int64(0); ; {
		due, err := p.o.Store.DueMatches(ctx, wait, after, duePage)
		if err != nil {
			return fmt.Errorf("list matches to process: %w", err)
		}
		for _, d := range due {
			if err := p.one(ctx, d); err != nil {
				return err
			}
			after = max(after, d.ID)
		}
		if len(due) < duePage {
			return p.tellAll(ctx)
		}
	}
}

// one processes a match. Its failure is the match's own, unless ctx has ended.
func (p *Processor) one(ctx context.Context, d Due) error {
	rated, done, err := p.process(ctx, d.ID)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		delay := retryDelay(d.Attempts)
		p.o.Log.Error("match not processed", "key", d.ID, "attempts", d.Attempts+1, "retry_after", delay.String(), "err", err)
		if err := p.o.Store.FailMatch(ctx, d.ID, oneLine(err.Error()), delay); err != nil {
			return fmt.Errorf("note that match %d was not processed: %w", d.ID, err)
		}
		return nil
	}
	if !done {
		return nil
	}
	if rated.Committed != nil {
		p.guard("ratings announced", d.ID, func() error { rated.Committed(ctx); return nil })
	}
	p.follow.forget(d.ID) // what followed an earlier processing follows again
	p.tell(ctx, d.ID)
	return ctx.Err()
}

// process is the transaction of one match.
func (p *Processor) process(ctx context.Context, id int64) (rated Rated, done bool, err error) {
	done, err = p.o.Store.ProcessMatch(ctx, id, func(ctx context.Context, w Work) (plan Plan, err error) {
		// A panic must not leave the transaction open, nor end the job: it would meet the
		// same match again a minute later, before all that come after it.
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		plan, rated, err = p.work(ctx, w)
		return plan, err
	})
	return rated, done, err
}

func (p *Processor) work(ctx context.Context, w Work) (Plan, Rated, error) {
	var report Report
	if len(w.Match.End) > 0 {
		var err error
		if report, err = ReadReport(w.Match.End); err != nil {
			return Plan{}, Rated{}, err
		}
	}
	if w.Match.Finished.IsZero() { // its end was not heard of
		w.Match.Finished = w.Match.EndAt
	}
	plan := NewPlan(w.Match, w.Members, report)
	plan.Match.Processed = w.Now
	if err := w.Settle(ctx, plan); err != nil {
		return Plan{}, Rated{}, err
	}
	rated := Rated{Why: "no_rater"}
	if p.o.Rater != nil {
		var err error
		if rated, err = p.o.Rater.Rate(ctx, w.Tx, plan.Match, plan.Members); err != nil {
			return Plan{}, Rated{}, fmt.Errorf("rate match %d: %w", w.Match.ID, err)
		}
	}
	plan.Match.RatingType, plan.Match.Unrated = rated.Type, rated.Why
	return plan, rated, nil
}

// tellAll tells of matches whose processing committed and nothing more: their node died,
// or one of those who are told was not there.
func (p *Processor) tellAll(ctx context.Context) error {
	for after := int64(0); ; {
		ids, err := p.o.Store.UntoldMatches(ctx, after, untoldPage)
		if err != nil {
			return fmt.Errorf("list matches to tell of: %w", err)
		}
		for _, id := range ids {
			p.tell(ctx, id)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			after = max(after, id)
		}
		if len(ids) < untoldPage {
			return nil
		}
	}
}

// hostFor is how long a host that does not hear of a match is tried again. Who comes later
// asks for the ratings of its players anyway.
const hostFor = 5 * time.Minute

// tell does what follows the commit of one match, but for what was done before, and notes
// it if all went well.
func (p *Processor) tell(ctx context.Context, id int64) {
	f, end := p.follow.begin(id)
	defer end()
	p.guard("read", id, func() error {
		m, err := p.o.Store.MatchByID(ctx, id)
		if err != nil {
			return err
		}
		members, err := p.o.Store.Memberships(ctx, id)
		if err != nil {
			return err
		}
		// What goes wrong with one of them is none of the others' business.
		told := p.step(f, "stats", id, func() error { return p.stats(ctx, m, members) })
		told = p.step(f, "host", id, func() error { return p.tellHost(ctx, m, members) }) && told
		for i, over := range p.o.Over {
			told = p.step(f, fmt.Sprint("over ", i), id, func() error { return over(ctx, *m, members) }) && told
		}
		if !told {
			return nil
		}
		if err := p.o.Store.ToldMatch(ctx, id); err != nil {
			return err
		}
		p.follow.forget(id)
		return nil
	})
}

// step does one thing that follows a match, if this node has not done it before.
func (p *Processor) step(f *followed, name string, id int64, do func() error) bool {
	if f.done[name] {
		return true
	}
	p.guard(name, id, func() error {
		err := do()
		f.done[name] = err == nil
		return err
	})
	return f.done[name]
}

// errHost says that a host has not heard of its match.
var errHost = errors.New("the host is not there")

func (p *Processor) tellHost(ctx context.Context, m *Match, members []Membership) error {
	line := UpdateSkill(members)
	if line == "" || p.o.TellHost(ctx, m.Founder, line) || p.o.Now().Sub(m.Processed) > hostFor {
		return nil
	}
	return errHost
}

// stats computes the stats of the members anew.
func (p *Processor) stats(ctx context.Context, m *Match, members []Membership) error {
	if _, ok := statNames[m.GameType]; !ok {
		return nil
	}
	for _, u := range members {
		games, err := p.o.Store.GamesOf(ctx, u.User, StatAge, StatGames*len(statNames))
		if err != nil {
			return err
		}
		if err := p.o.Store.PutStats(ctx, u.User, Stats(m.GameType, games, m.Processed)); err != nil {
			return err
		}
	}
	return nil
}

// guard runs what must not end the job.
func (p *Processor) guard(what string, id int64, f func() error) {
	defer func() {
		if r := recover(); r != nil {
			p.o.Log.Error("match not followed up", "key", id, "step", what, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	if err := f(); err != nil && !errors.Is(err, context.Canceled) {
		p.o.Log.Warn("match not followed up", "key", id, "step", what, "err", err)
	}
}

// UpdateSkill is the line by which a host learns that the ratings of players have
// changed; empty if there are none.
func UpdateSkill(members []Membership) string {
	var line strings.Builder
	for _, u := range members {
		if u.Name != "" {
			line.WriteString(" " + u.Name)
		}
	}
	if line.Len() == 0 {
		return ""
	}
	return "updateSkill" + line.String()
}

// A match that fails is tried again after a minute, then after two, up to this.
const longestRetry = 6 * time.Hour

func retryDelay(attempts int) time.Duration {
	delay := time.Minute
	for range attempts {
		if delay *= 2; delay >= longestRetry {
			return longestRetry
		}
	}
	return delay
}

// mostFailure bounds what is kept of an error.
const mostFailure = 500

func oneLine(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > mostFailure {
		s = strings.ToValidUTF8(s[:mostFailure], "")
	}
	return s
}
