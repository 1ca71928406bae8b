package simulation

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

var errDead = errors.New("simulation: the node is dead")

// trip is how long one way to the store or back takes at most, when all is well.
const trip = 3 * time.Millisecond

// How the store is away for a host.
const (
	present int32 = iota
	refuses       // an error at once
	hangs         // no answer
)

// line is a host's line to the store.
type line struct {
	away  atomic.Int32
	rough atomic.Bool // answers are lost, and some accesses come late
}

// over is one access: it takes its time, may be lost, may come late, and what was sent
// may happen when its caller has given up or is dead.
func over[T any](ctx context.Context, l *life, f func(ctx context.Context) (T, error)) (T, error) {
	var none T
	w, h := l.w, l.host
	if l.dead.Load() {
		return none, errDead
	}
	switch h.line.away.Load() {
	case refuses:
		return none, clustertest.ErrLost
	case hangs:
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-l.killed:
			return none, errDead
		}
	}
	there, back, lose := w.upTo(trip), w.upTo(trip), false
	if h.line.rough.Load() {
		switch w.roll() % 8 {
		case 0:
			return none, clustertest.ErrLost
		case 1:
			lose = true
		case 2:
			there += w.upTo(1500 * time.Millisecond)
		case 3:
			back += w.upTo(1500 * time.Millisecond)
		}
	}
	stays := w.chance(50) // what was sent stays sent
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	w.inflight.Go(func() {
		<-time.After(there)
		if wait := h.pausedFor(); wait > 0 {
			<-time.After(wait)
		}
		if !stays && (l.dead.Load() || ctx.Err() != nil) {
			return
		}
		w.moment.Lock()
		v, err := f(context.WithoutCancel(ctx))
		w.moment.Unlock()
		<-time.After(back)
		if lose {
			err = clustertest.ErrLost
		}
		done <- result{v, err}
	})
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-l.killed:
		return none, errDead
	}
}

type nothing = struct{}

// way is a node's way to the store, on which its promises are watched.
type way struct{ l *life }

func (y way) Join(ctx context.Context, c lease.Candidate) (lease.Membership, error) {
	l := y.l
	return over(ctx, l, func(ctx context.Context) (lease.Membership, error) {
		m, err := l.w.store.Join(ctx, c)
		if err == nil {
			l.w.lives[m.Incarnation] = l
		}
		return m, err
	})
}

// Renew is refused to the dead, so that what is left of them ends.
func (y way) Renew(ctx context.Context, incarnation int64, r lease.Report) (lease.Renewed, error) {
	if y.l.dead.Load() {
		return lease.Renewed{}, lease.ErrCondemned
	}
	return over(ctx, y.l, func(ctx context.Context) (lease.Renewed, error) { return y.l.w.store.Renew(ctx, incarnation, r) })
}

func (y way) SetDrain(ctx context.Context, name string, drain bool) error {
	return y.l.w.store.SetDrain(ctx, name, drain)
}

func (y way) Nodes(ctx context.Context) ([]lease.Node, error) {
	return over(ctx, y.l, y.l.w.store.Nodes)
}

func (y way) Condemn(ctx context.Context, self, victim, renewal int64) error {
	w := y.l.w
	if w.chance(30) { // it stands still between what it has seen and what it does
		<-time.After(w.upTo(time.Second))
		again, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		ctx = again
	}
	_, err := over(ctx, y.l, func(ctx context.Context) (nothing, error) {
		err := w.store.Condemn(ctx, self, victim, renewal)
		if err != nil {
			return nothing{}, err
		}
		w.note("%s condemns %d", y.l.host.name, victim)
		if v := w.lives[victim]; v != nil && v.trusts() {
			w.bad("%s/%d was condemned while it trusts itself for %v", v.host.name, victim, v.node.TrustLeft())
		}
		return nothing{}, nil
	})
	return err
}

func (y way) Leave(ctx context.Context, incarnation int64) error {
	_, err := over(ctx, y.l, func(ctx context.Context) (nothing, error) {
		return nothing{}, y.l.w.store.Leave(ctx, incarnation)
	})
	return err
}

// given looks at a key that was given to this life.
func (y way) given(before registry.Owner, o registry.Ownership) {
	w, key := y.l.w, o.Key.String()
	if o.Epoch <= w.epochs[key] {
		w.bad("%s was given to %s under epoch %d after %d", key, y.l.host.name, o.Epoch, w.epochs[key])
	}
	w.epochs[key] = o.Epoch
	y.l.epochs.Store(o.Key, o.Epoch)
	if before.State != registry.Owned || before.Incarnation == o.Incarnation {
		return
	}
	if v := w.lives[before.Incarnation]; v != nil && v.trusts() {
		w.bad("%s was given to %s under epoch %d while %s/%d has it and trusts itself", key, y.l.host.name, o.Epoch,
			v.host.name, before.Incarnation)
	}
}

func (y way) row(ctx context.Context, key registry.Key) registry.Owner {
	o, _, _ := y.l.w.store.Lookup(ctx, key)
	return o
}

func (y way) Claim(ctx context.Context, key registry.Key, incarnation int64) (registry.Ownership, error) {
	return over(ctx, y.l, func(ctx context.Context) (registry.Ownership, error) {
		before := y.row(ctx, key)
		o, err := y.l.w.store.Claim(ctx, key, incarnation)
		if err == nil {
			y.given(before, o)
		}
		return o, err
	})
}

func (y way) TakeOver(ctx context.Context, keys []registry.Key, incarnation int64) (registry.Taken, error) {
	return over(ctx, y.l, func(ctx context.Context) (registry.Taken, error) {
		before := map[registry.Key]registry.Owner{}
		for _, key := range keys {
			before[key] = y.row(ctx, key)
		}
		taken, err := y.l.w.store.TakeOver(ctx, keys, incarnation)
		for _, o := range taken.Owned {
			y.given(before[o.Key], o)
		}
		return taken, err
	})
}

func (y way) Release(ctx context.Context, f registry.Fence, snapshot []byte) error {
	_, err := over(ctx, y.l, func(ctx context.Context) (nothing, error) {
		return nothing{}, y.l.w.store.Release(ctx, f, snapshot)
	})
	return err
}

func (y way) CloseKey(ctx context.Context, f registry.Fence) error {
	_, err := over(ctx, y.l, func(ctx context.Context) (nothing, error) {
		return nothing{}, y.l.w.store.CloseKey(ctx, f)
	})
	return err
}

type found struct {
	o  registry.Owner
	ok bool
}

func (y way) Lookup(ctx context.Context, key registry.Key) (registry.Owner, bool, error) {
	f, err := over(ctx, y.l, func(ctx context.Context) (found, error) {
		o, ok, err := y.l.w.store.Lookup(ctx, key)
		return found{o, ok}, err
	})
	return f.o, f.ok, err
}

func (y way) Orphans(ctx context.Context, incarnation int64, limit int) ([]registry.Owner, error) {
	return over(ctx, y.l, func(ctx context.Context) ([]registry.Owner, error) {
		return y.l.w.store.Orphans(ctx, incarnation, limit)
	})
}

func (y way) Owners(ctx context.Context) ([]registry.Owner, error) {
	return over(ctx, y.l, y.l.w.store.Owners)
}

func (y way) Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	return over(ctx, y.l, func(ctx context.Context) (map[registry.Key]int64, error) { return y.l.w.store.Save(ctx, batch) })
}

func (y way) Reserve(ctx context.Context, name string, n int) (int64, error) {
	return over(ctx, y.l, func(ctx context.Context) (int64, error) { return y.l.w.store.Reserve(ctx, name, n) })
}

// write is a durable write of the machines here.
func (y way) write(ctx context.Context, f registry.Fence, value string) error {
	_, err := over(ctx, y.l, func(ctx context.Context) (nothing, error) {
		return nothing{}, y.l.w.store.Write(ctx, f, value)
	})
	return err
}
