//go:build faults

package faults

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
)

// storeLimit ends hopeless waiting for a database.
const storeLimit = 2 * time.Minute

// apart runs something while no node reaches a database.
func (r *rig) apart(s Step, f func(ctx context.Context) error) error {
	var rules []rule
	for _, n := range r.nodes {
		rules = append(rules, r.toAll(n.name, r.store.hosts(), cut)...)
	}
	r.breakLinks(-s.N, rules...)
	defer r.breakLinks(-s.N)
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	return f(ctx)
}

// endPrimary ends the server that is written to as a crash does. What it has written down
// is read before, as it will not be seen again.
func (r *rig) endPrimary(s Step) error {
	return r.apart(s, func(ctx context.Context) error {
		err := r.readAudit(ctx)
		r.pg.main().stop(syscall.SIGQUIT)
		return err
	})
}

// nextBranch goes on with what the database knows now.
func (r *rig) nextBranch(ctx context.Context) (err error) {
	r.branch++
	r.audited, err = r.pg.last(ctx)
	return err
}

// loseSynchronous ends the primary when its standby has all that was acknowledged.
func (r *rig) loseSynchronous(s Step) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	if err := r.pg.synchronous(ctx); err != nil {
		return err
	}
	rest(time.Second)
	return r.endPrimary(s)
}

// takeOver promotes the standby and gives it one of its own.
func (r *rig) takeOver(s Step) error {
	err := r.apart(s, func(ctx context.Context) error {
		return errors.Join(r.pg.promote(ctx), r.nextBranch(ctx))
	})
	if err != nil {
		return err
	}
	return r.attachStandby()
}

func (r *rig) attachStandby() error {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	return r.pg.attach(ctx)
}

// lag has the standby follow no more.
func (r *rig) lag(Step) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	r.since = now()
	return r.pg.detach(ctx)
}

// takeOverLagging ends the primary and promotes a standby that lacks what was committed
// since.
func (r *rig) takeOverLagging(s Step) error {
	err := r.endPrimary(s)
	if err == nil {
		err = r.takeOver(s)
	}
	r.lost(s)
	return err
}

// lost notes what the database may have lost.
func (r *rig) lost(s Step) {
	r.history.Add(Event{Kind: Fault, What: Lost, Start: r.since, At: now(), Arg: s.What})
}

func (r *rig) backup(Step) error {
	r.since = now()
	return r.pg.save()
}

// putBack restores the backup as docs/deploy.md says: all nodes stop before.
func (r *rig) putBack(s Step) error {
	var up []*node
	for _, n := range r.nodes {
		life := r.lifeOf(n.name)
		life.Lock()
		defer life.Unlock()
		if n.running() {
			up = append(up, n)
		}
	}
	var all sync.WaitGroup
	for _, n := range up {
		all.Go(func() { n.stop(syscall.SIGTERM) })
	}
	all.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	err := r.readAudit(ctx)
	r.pg.other().stop(syscall.SIGQUIT)
	r.pg.main().stop(syscall.SIGINT)
	err = errors.Join(err, r.pg.restore(ctx), r.nextBranch(ctx))
	r.lost(s)
	for _, n := range up {
		err = errors.Join(err, n.start())
	}
	if err != nil {
		return err
	}
	return r.attachStandby()
}

// fillDisk takes all that is left of the disk, and what becomes free meanwhile.
func (r *rig) fillDisk(Step) error {
	stop, done := make(chan struct{}), make(chan struct{})
	if _, err := r.file.fill(); err != nil {
		return err
	}
	r.emptied = func() { close(stop); <-done }
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = r.file.fill()
			}
		}
	}()
	return nil
}

func (r *rig) emptyDisk(Step) error {
	r.emptied()
	return r.file.empty()
}
