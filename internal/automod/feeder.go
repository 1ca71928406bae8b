package automod

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/moderation"
)

// Runtime is what a Feeder needs of the cluster.
type Runtime interface {
	Cast(key cluster.Key, command any)
	OnTakeover(kind string, f func(key cluster.Key))
}

// Options of a Feeder.
type Options struct {
	Runtime Runtime
	// Keep keeps keys (moderation.Store).
	Keep func(ctx context.Context, keys []moderation.Key) error
	// Stats are what is known of a user's machine.
	Stats func(ctx context.Context, user int64) (map[string]string, error)
	// Delay is how long after a login it is checked.
	Delay func(ctx context.Context) time.Duration
	Now   func() time.Time // the store's time
	Log   *slog.Logger
}

// Feeder tells automod of what happens on a node. Run has to run.
type Feeder struct {
	o    Options
	wake chan struct{}

	mu     sync.Mutex
	logins []int64          // since the last time
	urgent []int64          // who is to be checked now
	keys   []moderation.Key // to be kept
	recent []Login          // told, and perhaps not checked yet
}

const (
	feedEvery = time.Second
	keysAtOne = 200 // in one write
	keysMost  = 50_000
	// repeated is for how long after it was due a login is told again to a new owner.
	repeated = 30 * time.Second
)

// NewFeeder makes the feeder of a node.
func NewFeeder(o Options) *Feeder {
	f := &Feeder{o: o, wake: make(chan struct{}, 1)}
	o.Runtime.OnTakeover(Kind, func(cluster.Key) { f.repeat() })
	return f
}

func (f *Feeder) note(work func()) {
	f.mu.Lock()
	work()
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Feeder) keep(keys []moderation.Key) {
	if len(f.keys)+len(keys) <= keysMost {
		f.keys = append(f.keys, keys...)
	}
}

// LoggedIn notes a login. It does not block.
func (f *Feeder) LoggedIn(user int64, ip, hash string) {
	f.note(func() {
		f.keep(loginKeys(user, ip, hash))
		f.logins = append(f.logins, user)
	})
}

// Property notes what a program says of the machine of a user. It does not block.
func (f *Feeder) Property(user int64, name, value string) {
	kind, ok := propertyKinds[name]
	if user == 0 || !ok || !meaningful(value) {
		return
	}
	f.note(func() {
		f.keep([]moderation.Key{{User: user, Kind: kind, Value: value}})
		f.urgent = append(f.urgent, user)
	})
}

// Hardware notes what a host has reported of the machine of a user, which is kept as stats.
func (f *Feeder) Hardware(ctx context.Context, user int64) error {
	stats, err := f.o.Stats(ctx, user)
	if err != nil {
		return err
	}
	f.note(func() {
		f.keep(keysOfMachine(user, stats))
		f.urgent = append(f.urgent, user)
	})
	return nil
}

// Run tells what was noted, about once a second, until ctx ends.
func (f *Feeder) Run(ctx context.Context) {
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return
		}
		more := f.feed(ctx)
		pause := time.NewTimer(feedEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		if more {
			f.note(func() {})
		}
	}
}

// feed keeps keys, then has their owners checked. It reports whether keys are left.
func (f *Feeder) feed(ctx context.Context) (more bool) {
	delay, now := f.o.Delay(ctx), f.o.Now()
	f.mu.Lock()
	keys, logins, urgent := f.keys, f.logins, f.urgent
	f.keys, f.logins, f.urgent = nil, nil, nil
	f.mu.Unlock()
	for len(keys) > 0 {
		n := min(len(keys), keysAtOne)
		if err := f.o.Keep(ctx, keys[:n]); err != nil {
			if ctx.Err() == nil {
				f.o.Log.Warn("keys of accounts not noted yet", "err", err)
			}
			f.mu.Lock()
			f.keep(keys)
			f.mu.Unlock()
			more = true
			break
		}
		keys = keys[n:]
	}
	told := make([]Login, 0, len(logins)+len(urgent))
	for _, user := range logins {
		told = append(told, Login{user, now.Add(delay)})
	}
	for _, user := range urgent {
		told = append(told, Login{user, now})
	}
	if len(told) == 0 {
		return more
	}
	f.mu.Lock()
	f.recent = append(f.still(now), told...)
	f.mu.Unlock()
	f.o.Runtime.Cast(Key, Seen{told})
	return more
}

// still are the logins that may not have been checked yet. The lock is held.
func (f *Feeder) still(now time.Time) (list []Login) {
	for _, l := range f.recent {
		if now.Before(l.Due.Add(repeated)) {
			list = append(list, l)
		}
	}
	return list
}

// repeat tells a new owner of the process what the last one was told.
func (f *Feeder) repeat() {
	f.mu.Lock()
	f.recent = f.still(f.o.Now())
	told := append([]Login(nil), f.recent...)
	f.mu.Unlock()
	if len(told) > 0 {
		f.o.Runtime.Cast(Key, Seen{told})
	}
}
