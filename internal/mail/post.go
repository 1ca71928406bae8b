package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
)

// The times of letters. A try ends long before its letter is free for others.
const (
	hold      = 2 * time.Minute
	sendLimit = 45 * time.Second
	noteLimit = 20 * time.Second // for the note of what became of it
	notePause = time.Second
	again     = time.Minute // the pause after the first failure; it doubles
	againMost = time.Hour
	kept      = 30 * 24 * time.Hour
	atOnce    = 4 // letters that a node sends at the same time
	oldAtOnce = 200
)

// Options of a Post.
type Options struct {
	Store  Store
	Sender Sender
	// May reports whether this node may begin something now; nil: always.
	May func() bool
	// Most is how many letters the address of this one gets in a day before this one is
	// refused; 0, or nil: any number.
	Most func(ctx context.Context, l Letter) int
	Log  *slog.Logger
}

// Counters count what this node has done with letters.
type Counters struct {
	Sent, Delayed, Failed, Late atomic.Int64
	Many                        atomic.Int64 // not sent, as the address had enough
}

// Post has the letters of a cluster leave, as far as this node takes part.
type Post struct {
	Counters Counters

	o    Options
	poke chan struct{} // has room for one signal
	busy sync.Mutex    // one delivery at a time
}

// New returns the post of a node.
func New(o Options) *Post {
	if o.Sender == nil {
		o.Sender = None{}
	}
	if o.May == nil {
		o.May = func() bool { return true }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Post{o: o, poke: make(chan struct{}, 1)}
}

// Poke says that there is a letter; Run has it leave. It does not wait.
func (p *Post) Poke() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// Run sends letters soon after they were written on this node, until ctx ends. Those that
// are left, and those of others, are sent by whoever has the job.
func (p *Post) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.poke:
		}
		if err := p.Deliver(ctx); err != nil && ctx.Err() == nil {
			p.o.Log.WarnContext(ctx, "letters not sent yet", "err", err)
		}
	}
}

// Deliver sends all letters that are due. It is safe on several nodes at the same time.
func (p *Post) Deliver(ctx context.Context) error {
	p.busy.Lock()
	defer p.busy.Unlock()
	for p.o.May() && ctx.Err() == nil {
		// The time of a try begins before its hold.
		try, cancel := context.WithTimeout(ctx, sendLimit)
		letters, err := p.o.Store.TakeLetters(try, atOnce, hold)
		if err != nil {
			cancel()
			return fmt.Errorf("take letters: %w", err)
		}
		var all sync.WaitGroup
		for _, l := range letters {
			all.Go(func() { p.send(try, l) })
		}
		all.Wait()
		cancel()
		if len(letters) == 0 {
			return nil
		}
	}
	return ctx.Err()
}

// send has one letter leave and notes what became of it.
func (p *Post) send(ctx context.Context, l Letter) {
	if l.Late {
		p.Counters.Late.Add(1)
		p.o.Log.WarnContext(ctx, "a letter is of no use anymore", "user", l.User, "kind", l.Purpose, "err", l.Error)
		p.note(ctx, l, func(ctx context.Context) error { return p.end(ctx, l, Late, l.Error) })
		return
	}
	err := p.allowed(ctx, l)
	if err == nil {
		err = p.safely(ctx, l)
	}
	switch {
	case errors.Is(err, errMany):
		p.Counters.Many.Add(1)
		p.o.Log.WarnContext(ctx, "too many letters to one address", "user", l.User, "kind", l.Purpose)
		p.note(ctx, l, func(ctx context.Context) error { return p.end(ctx, l, Failed, err.Error()) })
	case err == nil:
		p.Counters.Sent.Add(1)
		p.note(ctx, l, func(ctx context.Context) error { return p.end(ctx, l, Sent, "") })
	case errors.Is(err, ErrRefused):
		p.Counters.Failed.Add(1)
		p.o.Log.WarnContext(ctx, "a letter was refused", "user", l.User, "kind", l.Purpose, "err", err)
		p.note(ctx, l, func(ctx context.Context) error { return p.end(ctx, l, Failed, err.Error()) })
	default:
		p.Counters.Delayed.Add(1)
		wait := pause(l.Tries)
		p.o.Log.WarnContext(ctx, "a letter was not sent", "user", l.User, "kind", l.Purpose, "again", wait, "err", err)
		p.note(ctx, l, func(ctx context.Context) error { return p.o.Store.DelayLetter(ctx, l, wait, err.Error()) })
	}
}

// errMany says that an address had enough: who has letters sent to others is not heard.
var errMany = errors.New("the address had too many letters within a day")

// day is what Options.Most counts in.
const day = 24 * time.Hour

func (p *Post) allowed(ctx context.Context, l Letter) error {
	if p.o.Most == nil {
		return nil
	}
	most := p.o.Most(ctx, l)
	if most == 0 {
		return nil
	}
	n, err := p.o.Store.SentTo(ctx, l.To, day)
	if err == nil && n >= most {
		err = errMany
	}
	return err
}

// safely makes an error of a panic of a library: the other letters leave.
func (p *Post) safely(ctx context.Context, l Letter) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panicked: %v", r)
		}
	}()
	return p.o.Sender.Send(ctx, l)
}

func (p *Post) end(ctx context.Context, l Letter, outcome, text string) error {
	ours, err := p.o.Store.EndLetter(ctx, l, outcome, text)
	if err == nil && !ours {
		p.o.Log.WarnContext(ctx, "a letter was taken by another node meanwhile", "user", l.User, "kind", l.Purpose)
	}
	return err
}

// note writes what became of a letter also when ctx has ended: it would be sent again.
func (p *Post) note(ctx context.Context, l Letter, write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLimit)
	defer cancel()
	for {
		err := write(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(notePause):
		case <-ctx.Done():
			p.o.Log.WarnContext(ctx, "what became of a letter was not noted", "user", l.User, "kind", l.Purpose, "err", err)
			return
		}
	}
}

// pause is how long a letter waits after so many tries.
func pause(tries int) time.Duration {
	d := again
	for i := 1; i < tries && d < againMost; i++ {
		d *= 2
	}
	return min(d, againMost)
}

// Work is the job that sends what was left: it is due while there are letters.
func (p *Post) Work() job.Work {
	return job.Work{
		Call: p.Deliver,
		Due: func(ctx context.Context, now time.Time) ([]string, error) {
			some, err := p.o.Store.LettersDue(ctx)
			if err != nil || !some {
				return nil, err
			}
			return []string{job.Every{Unit: job.Minute}.Latest(now)}, nil
		},
	}
}

// Clean finds the next step of forgetting letters that are over, for the hourly clean-up.
func (p *Post) Clean(ctx context.Context, _ job.Run) (job.Step, error) {
	some, err := p.o.Store.HasOldLetters(ctx, kept)
	if err != nil || !some {
		return job.Step{}, err
	}
	return job.Step{Write: func(ctx context.Context, f registry.Fence) error {
		return p.o.Store.DropOldLetters(ctx, f, kept, oldAtOnce)
	}}, nil
}
