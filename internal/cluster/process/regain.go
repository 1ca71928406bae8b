package process

import (
	"context"
	"errors"

	"teiserver/internal/cluster/registry"
)

// When the store is on another timeline every claim is void. The node goes on under
// another incarnation, and its processes with it: each is adrift, which is frozen if it
// freezes in doubt, until its key is claimed again. If the row is as the process knows
// it, nothing was lost for it and it keeps its memory. Else it is loaded, or closed if
// there is nothing to load: its memory must not be ahead of the store.

// regainAtOnce bounds the claims of processes that are adrift.
const regainAtOnce = 32

// Under says under what incarnation the store knows this node from now on. Processes that
// were claimed under another one are adrift.
func (h *Host) Under(incarnation int64) { h.under.Store(incarnation) }

// Regain has all processes that are adrift claim their keys. The node is trusted again.
func (h *Host) Regain() {
	h.Each(func(p *Process) {
		if p.adrift() {
			p.box.wake()
		}
	})
}

// Adrift is how many processes have not claimed their keys again.
func (h *Host) Adrift() (n int) {
	h.Each(func(p *Process) {
		if p.adrift() {
			n++
		}
	})
	return n
}

func (p *Process) adrift() bool { return p.under.Load() != p.host.under.Load() }

// may is the look before an effect.
func (p *Process) may() bool { return p.host.o.Trusted() && !p.adrift() }

func (p *Process) mayRegain() bool { return p.adrift() && p.host.o.Trusted() }

// regain claims the key of a process that is adrift. False if the process does not go on
// as it was: it was dropped or closed, or went on from an older state. The slot is held.
func (p *Process) regain() bool {
	_, same, ok := p.reclaim()
	switch {
	case !ok:
		return false
	case !same:
		p.host.o.Log.Warn("the store lost writes, the process goes on from what it has", "key", p.key.String(), "epoch", p.epoch)
		p.goOn()
		return false
	}
	p.keepOn()
	if p.host.o.Regained != nil {
		p.host.o.Regained(p.key, p.epoch)
	}
	return true
}

// keepOn goes on with the memory that there is under a new epoch.
func (p *Process) keepOn() {
	p.run = 1
	p.reopen(true)
	if !p.ahead { // else its events come after what they have done
		p.baseNow()
	}
	p.dirty.Store(true)
	if p.pub != nil {
		p.list(p.listed)
	}
}

// claimSlot is for those who claim all at once.
func (p *Process) claimSlot() (free func(), ok bool) {
	select {
	case p.host.claims <- struct{}{}:
		return func() { <-p.host.claims }, true
	case <-p.ctx.Done():
		return nil, false
	}
}

// claimAgain claims the key and says whether the row was as the process knows it. known
// is what an earlier try has read: its claim may have happened.
func (p *Process) claimAgain(known *registry.Owner) (own registry.Ownership, same bool, err error) {
	under, adrift := p.host.under.Load(), p.adrift()
	if adrift {
		free, ok := p.claimSlot()
		if !ok {
			return own, false, p.ctx.Err()
		}
		defer free()
	}
	ctx, cancel := p.storeContext()
	defer cancel()
	if adrift {
		row, _, err := p.host.o.Store.Lookup(ctx, p.key)
		if err != nil {
			return own, false, err
		}
		if row.Incarnation != under {
			*known = row
		}
	}
	if own, err = p.host.o.Store.Claim(ctx, p.key, under); err != nil {
		return own, false, err
	}
	select {
	case p.flight <- struct{}{}:
	case <-p.ctx.Done():
		return own, false, p.ctx.Err()
	}
	defer func() { <-p.flight }()
	if same = !adrift || p.unchanged(*known, own.Writes); !same {
		p.latest = own.Snapshot
	}
	p.setOwnership(own)
	return own, same, nil
}

// unchanged reports whether a row of before the claim is the one that this process had.
// A snapshot whose write had no clear outcome may be in it. The flight is held.
func (p *Process) unchanged(row registry.Owner, writes int64) bool {
	return row.State == registry.Owned && row.Incarnation == p.under.Load() && row.Epoch == p.epoch &&
		(writes == p.writes || p.unsure.Load() && writes == p.writes+1)
}

// endAdrift writes the end of a key that is adrift: whoever has it now goes on with it.
func (p *Process) endAdrift(ctx context.Context, write func(context.Context, registry.Fence) error) error {
	if !p.host.o.Trusted() {
		return ErrUnavailable
	}
	own, err := p.host.o.Store.Claim(ctx, p.key, p.host.under.Load())
	if held := (*registry.HeldError)(nil); errors.As(err, &held) {
		return nil
	}
	if err != nil {
		return err
	}
	p.setOwnership(own)
	return write(ctx, p.fence())
}
