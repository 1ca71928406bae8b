package spadsapi

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"teiserver/internal/match"
)

// A host sends the report of a game once and asks nobody whether it arrived. So one that
// cannot be stored is kept on this node, and tried until it is.

// The bounds of what is kept.
const (
	mostKept      = 256
	mostKeptBytes = 64 << 20
	keptFor       = time.Hour
	// A report is tried for so long at a time; after a failure there is a pause, which doubles.
	keptTry    = 3 * time.Second
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

// errNoRoom says that a report is not kept.
var errNoRoom = errors.New("too many reports wait to be stored")

// keeper has the reports that wait.
type keeper struct {
	save func(ctx context.Context, e match.End) (saved bool, err error)
	log  *slog.Logger
	wake chan struct{}

	mu    sync.Mutex
	list  []*kept
	bytes int
}

// kept is a report that waits. What became of it is there when done is closed.
type kept struct {
	match.End
	since time.Time
	saved bool
	done  chan struct{}
}

func newKeeper(save func(ctx context.Context, e match.End) (bool, error), log *slog.Logger) *keeper {
	return &keeper{save: save, log: log, wake: make(chan struct{}, 1)}
}

// keep takes a report. One of the same game and the same host that waits already is the
// one that counts.
func (k *keeper) keep(e match.End) (*kept, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, x := range k.list {
		if x.By == e.By && x.Match == e.Match && x.UUID == e.UUID {
			return x, nil
		}
	}
	if len(k.list) >= mostKept || k.bytes+len(e.Data) > mostKeptBytes {
		return nil, errNoRoom
	}
	x := &kept{End: e, since: time.Now(), done: make(chan struct{})}
	k.list, k.bytes = append(k.list, x), k.bytes+len(e.Data)
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return x, nil
}

// run stores what waits until ctx ends, and then tries all of it once more.
func (k *keeper) run(ctx context.Context) {
	for pause := firstPause; ctx.Err() == nil; {
		switch x := k.first(); {
		case x == nil:
			pause = firstPause
			select {
			case <-k.wake:
			case <-ctx.Done():
			}
		case k.try(ctx, x):
			pause = firstPause
		default:
			select {
			case <-time.After(pause):
				pause = min(2*pause, mostPause)
			case <-ctx.Done():
			}
		}
	}
	k.last(ctx)
}

// last is the end of the node: what cannot be stored now is lost.
func (k *keeper) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keptTry)
	defer cancel()
	for range mostKept {
		x := k.first()
		if x == nil {
			return
		}
		if !k.try(ctx, x) {
			k.drop(x, "the node stops")
		}
	}
}

func (k *keeper) first() *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.list) == 0 {
		return nil
	}
	return k.list[0]
}

// try stores a report. One that fails goes behind the others: it may be the report's own
// fault.
func (k *keeper) try(ctx context.Context, x *kept) (fine bool) {
	ctx, cancel := context.WithTimeout(ctx, keptTry)
	defer cancel()
	saved, err := k.save(ctx, x.End)
	if err != nil {
		if time.Since(x.since) > keptFor {
			k.drop(x, err.Error())
			return false
		}
		k.mu.Lock()
		k.list = append(k.list[1:], x)
		k.mu.Unlock()
		return false
	}
	x.saved = saved
	k.log.Info("end of a game stored late", "user", x.By, "key", x.Match, "saved", saved, "seconds", time.Since(x.since).Seconds())
	k.remove(x)
	close(x.done)
	return true
}

func (k *keeper) drop(x *kept, why string) {
	k.remove(x)
	k.log.Error("end of a game given up", "user", x.By, "key", x.Match, "err", why)
}

func (k *keeper) remove(x *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.list {
		if k.list[i] == x {
			k.list, k.bytes = append(k.list[:i:i], k.list[i+1:]...), k.bytes-len(x.Data)
			return
		}
	}
}
