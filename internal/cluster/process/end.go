package process

import (
	"context"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/failpoint"
)

// closeKey ends the key in the store, before anybody hears of it. Without the store
// the process is closed all the same and the row follows, see finish. False if the
// process was dropped instead.
func (p *Process) closeKey() bool {
	if !p.trusted() {
		return false
	}
	p.closing = true
	p.tryClose()
	return p.ctx.Err() == nil
}

func (p *Process) tryClose() {
	err := p.lastWrite(func(ctx context.Context, f registry.Fence) error {
		return p.host.o.Store.CloseKey(ctx, f)
	})
	if err != nil {
		p.host.o.Log.Warn("key not closed yet", "key", p.key.String(), "epoch", p.epoch, "err", err)
		return
	}
	p.closed = true
}

// lastWrite writes the end of an ownership. A fence is either our own lost write,
// after which the key is claimed again to know the count, or a newer owner, for whom
// the end of ours means nothing.
func (p *Process) lastWrite(write func(context.Context, registry.Fence) error) error {
	select {
	case p.flight <- struct{}{}:
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	defer func() { <-p.flight }()
	ctx, cancel := p.storeContext()
	defer cancel()
	if p.adrift() {
		return p.endAdrift(ctx, write)
	}
	err := write(ctx, p.fence())
	if err == nil || !isFenced(err) {
		return err
	}
	ours, err := p.stillOurs()
	if err != nil || !ours {
		return err
	}
	own, err := p.host.o.Store.Claim(ctx, p.key, p.under.Load())
	if err != nil {
		return err
	}
	p.setOwnership(own)
	return write(ctx, p.fence())
}

// shut closes the process for good without a command having asked for it.
func (p *Process) shut() {
	switch {
	case p.closeKey():
		p.unlist(true)
	case p.over: // it came to nothing on its way here
		return
	}
	p.gone(registry.Closed)
}

// gone ends the feed and all that comes: from here on nothing is served.
func (p *Process) gone(as registry.State) {
	p.over = true
	p.closeFeed()
	if as == registry.Closed {
		p.host.count.Closed.Add(1)
	} else {
		p.host.count.Released.Add(1)
	}
	if p.host.o.Ended != nil && p.ctx.Err() == nil {
		p.host.o.Ended(p.key, p.epoch, as)
	}
}

func (p *Process) closeFeed() {
	if p.pub != nil && !p.muted {
		p.pub.Close()
	}
	p.muted = true
}

// release hands the key back with the final snapshot, in one write. Whatever its
// outcome, the process never goes on: the next owner may be at work already. If the
// write is lost the sweep finds the row. A process that nobody can go on with is
// closed instead. It reports that the process ends, as it does but for a failpoint.
func (p *Process) release(handOver bool) (ends bool) {
	p.slot <- struct{}{}
	defer p.leave()
	for !p.over && !p.trusted() {
		if p.ctx.Err() != nil {
			return true
		}
	}
	if p.over {
		return true
	}
	if p.pub == nil || handOver && p.host.o.Volatile || p.kind.Start == Explicit && !p.kind.Persist {
		p.shut()
		return true
	}
	var body []byte
	var err error
	if p.kind.Persist || handOver {
		if body, err = p.snapshotOf(content{epoch: p.epoch}); err != nil {
			p.host.o.Log.Error("final snapshot not taken", "key", p.key.String(), "epoch", p.epoch, "err", err)
			body = nil // keeps the stored one
		}
	}
	p.over = true
	err = p.lastWrite(func(ctx context.Context, f registry.Fence) error {
		return p.host.o.Store.Release(ctx, f, body)
	})
	if err != nil {
		p.host.o.Log.Warn("process ended without a clear release", "key", p.key.String(), "epoch", p.epoch, "err", err)
	}
	if p.kind.Start == Explicit && failpoint.Broken("thaw") {
		p.over = false
		return false
	}
	p.unlist(false)
	p.gone(registry.Released)
	return true
}

// trusted waits for trust before a write to the store, whatever the kind does in
// doubt. False if the process was dropped meanwhile, or went on from an older state:
// then what was to be written is undone.
func (p *Process) trusted() bool {
	for !p.may() {
		if p.mayRegain() {
			if !p.regain() {
				return false
			}
			continue
		}
		if !p.pause() {
			return false
		}
	}
	return p.ctx.Err() == nil
}

// finish is the end of the goroutine: nobody is left waiting.
func (p *Process) finish() {
	p.slot <- struct{}{}
	p.over = true
	p.unlist(false)
	p.closeFeed()
	<-p.slot
	for _, l := range append(p.waiting, p.box.close()...) {
		l.answer(nil, ErrEnded)
	}
	// As long as the row says that it is owned here the process stays in the table,
	// or the sweep would find a key that nobody runs and start it again.
	for p.closing && !p.closed && p.ctx.Err() == nil {
		select {
		case <-time.After(waitStep):
			p.tryClose()
		case <-p.ctx.Done():
		}
	}
	p.finishActs()
	p.end()
	p.endActs()
	p.host.remove(p)
	close(p.done)
}

// end lets go of what runs by itself.
func (p *Process) end() {
	p.cancel()
	p.stopTimers()
	for _, t := range []*time.Timer{p.settled, p.idle} {
		if t != nil {
			t.Stop()
		}
	}
}
