// Package guard keeps a panic of one part from ending the node. What it promises:
//
//   - a panic in what is done under a Guard is logged once, with its stack, counted, and
//     costs what was being done, nothing else;
//   - a part that runs until it is told to end is begun again after a pause that grows;
//   - what is done side by side or one after the other for somebody else (Group, Each) is
//     done for all of them; the first panic then goes on to who had it done, whose guard it is.
package guard

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// The pauses before a part that has panicked is begun again.
const (
	firstRest = time.Second
	mostRest  = time.Minute
)

// Guard catches the panics of a node's parts.
type Guard struct {
	Caught atomic.Int64
	log    *slog.Logger
}

// New makes a guard that says what it caught.
func New(log *slog.Logger) *Guard { return &Guard{log: log} }

// Do does something. It reports whether it was done: false after a panic.
func (g *Guard) Do(what string, f func()) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			g.Caught.Add(1)
			g.log.Error("add-on panicked", "kind", what, "err", fmt.Sprint(r), "stack", stackOf(r))
		}
	}()
	f()
	return true
}

// Run runs a part until ctx ends, or until it ends by itself.
func (g *Guard) Run(ctx context.Context, name string, f func(ctx context.Context)) {
	for rest := firstRest; ctx.Err() == nil; rest = min(2*rest, mostRest) {
		if g.Do(name, func() { f(ctx) }) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// Hook is a function of an add-on under its guard.
func Hook[T any](g *Guard, what string, f func(context.Context, T)) func(context.Context, T) {
	return func(ctx context.Context, x T) { g.Do(what, func() { f(ctx, x) }) }
}

// panicked is a panic that goes on elsewhere, with the stack of where it was.
type panicked struct {
	err   any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint(p.err) }

// stackOf is that of a panic, also of one that has come from another goroutine.
func stackOf(r any) string {
	if p, ok := r.(*panicked); ok {
		return string(p.stack) + "\n" + string(debug.Stack())
	}
	return string(debug.Stack())
}

// first keeps the first panic of several.
type first struct {
	mu  sync.Mutex
	was *panicked
}

func (x *first) do(f func()) {
	defer func() {
		if r := recover(); r != nil {
			p, again := r.(*panicked)
			if !again {
				p = &panicked{r, debug.Stack()}
			}
			x.mu.Lock()
			if x.was == nil {
				x.was = p
			}
			x.mu.Unlock()
		}
	}()
	f()
}

func (x *first) goOn() {
	x.mu.Lock()
	p := x.was
	x.mu.Unlock()
	if p != nil {
		panic(p)
	}
}

// Group does things side by side.
type Group struct {
	all   sync.WaitGroup
	first first
}

// Go does something on a goroutine of its own.
func (g *Group) Go(f func()) { g.all.Go(func() { g.first.do(f) }) }

// Wait waits until all is done. It panics if one of them did.
func (g *Group) Wait() {
	g.all.Wait()
	g.first.goOn()
}

// Each does something for each of a list, in order, also behind one over which it panics.
func Each[T any](list []T, f func(T)) {
	var x first
	for i := range list {
		x.do(func() { f(list[i]) })
	}
	x.goOn()
}
