package process

import (
	"errors"

	"teiserver/internal/cluster/registry"
)

// rebuild goes on from the newest snapshot, in a new run of the feed. It takes no
// command before it has: what the machine holds now cannot be believed.
func (p *Process) rebuild(notes ...done) {
	if !p.restore(notes) {
		return
	}
	p.run++
	p.reopen(false)
	p.rebuilt()
}

// goOn is rebuild under a new epoch: the key was claimed again.
func (p *Process) goOn(notes ...done) {
	if !p.restore(notes) {
		return
	}
	p.run = 1
	if p.unborn != nil { // the first command was written after all
		p.unborn = nil
		p.openFeed()
		p.list(true)
	} else {
		p.reopen(true)
	}
	p.rebuilt()
}

// Recount has the process claim its key again: the row is its node's under a newer epoch,
// as a claim that was given up has happened after all, and late.
func (p *Process) Recount() {
	p.lost.Store(true)
	p.box.wake()
}

// recount claims the key again after a snapshot whose outcome is unknown. The state
// stays: it was never ahead of the store's facts, only newer than its snapshot, and
// nobody else can have owned the key.
func (p *Process) recount() {
	p.slot <- struct{}{}
	defer p.leave()
	if p.over {
		return
	}
	if p.adrift() {
		p.regain()
		return
	}
	if _, same, ok := p.reclaim(); ok && same {
		p.keepOn()
	} else if ok { // and the store came to another timeline meanwhile
		p.goOn()
	}
}

// reclaim raises the epoch of our own key, so that whatever is still under way to the
// store is fenced, and says what is there; same is false if the store came to another
// timeline and has lost what this process wrote. ok is false if the process ended over it.
func (p *Process) reclaim() (own registry.Ownership, same, ok bool) {
	var known registry.Owner
	for {
		if p.adrift() && !p.host.o.Trusted() { // nobody claims yet
			if !p.pause() {
				return own, false, false
			}
			continue
		}
		own, same, err := p.claimAgain(&known)
		var held *registry.HeldError
		switch {
		case err == nil:
			p.unsure.Store(false)
			p.lost.Store(false)
			return own, same, true
		case errors.As(err, &held):
			p.fenced("claim")
			return own, false, false
		}
		p.host.o.Log.Warn("key not claimed again", "key", p.key.String(), "epoch", p.epoch, "err", err)
		if !p.pause() {
			return own, false, false
		}
	}
}

var errNoSnapshot = errors.New("no snapshot to go on from")

// restore makes the machine again. A process that never had a snapshot and is not
// started by its next command has nothing to go on from and is closed.
func (p *Process) restore(notes []done) bool {
	if len(p.latest) == 0 && (p.kind.Persist || p.kind.Start == Explicit) && p.kind.Start != Ensured {
		p.host.o.Log.Error("process closed", "key", p.key.String(), "epoch", p.epoch, "err", errNoSnapshot)
		p.shut()
		return false
	}
	for {
		ctx, cancel := p.storeContext()
		err := p.load(ctx, p.latest)
		cancel()
		if err == nil {
			break
		}
		p.host.o.Log.Error("process not rebuilt", "key", p.key.String(), "epoch", p.epoch, "err", err)
		if errors.Is(err, ErrNoState) {
			p.shut()
			return false
		}
		if !p.pause() {
			return false
		}
	}
	for _, d := range notes {
		p.kept.add(d)
	}
	p.host.count.Rebuilds.Add(1)
	return true
}

// reopen makes followers start again from the view.
func (p *Process) reopen(newEpoch bool) {
	switch {
	case p.pub == nil:
		return
	case newEpoch:
		p.pub.Close()
		p.openFeed()
	default:
		p.pub.Restart()
	}
}

func (p *Process) rebuilt() {
	p.dirty.Store(true)
	p.settle(true)
	if p.pub != nil {
		p.list(p.listed || p.unlisted)
	}
	p.baseNow()
	if p.host.o.Rebuilt != nil {
		p.host.o.Rebuilt(p.key, p.epoch)
	}
}
