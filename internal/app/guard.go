package app

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// guard does something of an add-on. A panic in it is logged, and is nobody else's.
func guard(log *slog.Logger, what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("add-on panicked", "kind", what, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	f()
}

// guarded is a hook whose panics are guarded.
func guarded[T any](log *slog.Logger, what string, f func(context.Context, T)) func(context.Context, T) {
	return func(ctx context.Context, x T) { guard(log, what, func() { f(ctx, x) }) }
}

// The pauses before an add-on that has panicked is begun again.
const (
	firstRest = time.Second
	mostRest  = time.Minute
)

// runAddon runs a part of an add-on until ctx ends. Its panics are not the node's: it is
// begun again after a pause.
func runAddon(ctx context.Context, log *slog.Logger, name string, f func(ctx context.Context)) {
	for rest := firstRest; ctx.Err() == nil; rest = min(2*rest, mostRest) {
		ended := false
		guard(log, name, func() {
			f(ctx)
			ended = true
		})
		if ended {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// runAddon is run for a part of an add-on.
func (s *Server) runAddon(name string, f func(ctx context.Context)) {
	s.run(name, func(ctx context.Context) { runAddon(ctx, s.log, name, f) })
}
