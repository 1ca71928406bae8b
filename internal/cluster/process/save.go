package process

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/failpoint"
)

// busyWait is how long a round of snapshots waits for a process in the middle of a
// command; it is taken in the next round otherwise.
const busyWait = 20 * time.Millisecond

// saving is a snapshot on its way to the store. The process's flight is held.
type saving struct {
	p    *Process
	snap registry.Snapshot
}

// saveLoop writes the snapshots of all processes that changed, behind their commands.
func (h *Host) saveLoop() {
	defer h.ends.Done()
	t := time.NewTicker(h.o.SaveEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			h.saveRound()
		case <-h.stop:
			return
		}
	}
}

func (h *Host) saveRound() {
	if !h.o.Trusted() {
		return
	}
	var batch []saving
	h.Each(func(p *Process) {
		if !p.dirty.Load() || p.lost.Load() {
			return
		}
		s, ok := p.prepare()
		if !ok {
			return
		}
		if batch = append(batch, s); len(batch) == saveBatch {
			h.save(batch)
			batch = nil
		}
	})
	if len(batch) > 0 {
		h.save(batch)
	}
}

// prepare takes a snapshot, and the right to write it. False if there is nothing to
// write, or not now.
func (p *Process) prepare() (saving, bool) {
	ctx, cancel := context.WithTimeout(p.ctx, busyWait)
	defer cancel()
	if !p.enter(ctx) {
		return saving{}, false
	}
	defer p.leave()
	if p.pub == nil || p.adrift() {
		return saving{}, false
	}
	stored := p.stored()
	if stored {
		select {
		case p.flight <- struct{}{}:
		default: // a durable write is under way
			return saving{}, false
		}
	}
	p.dirty.Store(false)
	body, err := p.snapshot()
	if err != nil {
		if !p.kind.Persist {
			return saving{}, false // it would only have been for a panic
		}
		p.host.o.Log.Error("snapshot not taken", "key", p.key.String(), "epoch", p.epoch, "err", err)
		if stored {
			<-p.flight
		}
		return saving{}, false
	}
	p.latest = body
	if !stored {
		return saving{}, false
	}
	return saving{p, registry.Snapshot{Fence: p.fence(), Body: body}}, true
}

// snapshot makes the stored form of the state. The slot is held.
func (p *Process) snapshot() (body []byte, err error) { return p.snapshotOf(content{}) }

// snapshotOf is snapshot with what a durable write adds.
func (p *Process) snapshotOf(c content) (body []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.host.count.Panics.Add(1)
			err = fmt.Errorf("snapshot panicked: %v", r)
		}
	}()
	if c.state, err = p.machine.Snapshot(); err != nil {
		return nil, err
	}
	c.ids, c.kept = p.memory.last(), p.kept.last()
	return encodeSnapshot(c)
}

// save writes a batch. An error leaves the counts as they were: if the write has
// happened after all, or happens later, the next one does not pass, and the store is
// asked whose key it is.
func (h *Host) save(batch []saving) {
	snaps := make([]registry.Snapshot, len(batch))
	for i, s := range batch {
		snaps[i] = s.snap
	}
	ctx, cancel := context.WithTimeout(failpoint.Wait(context.Background(), "save"), storeLimit)
	passed, err := h.o.Store.Save(ctx, snaps)
	cancel()
	if err != nil {
		h.count.SaveErrors.Add(1)
		h.o.Log.Warn("snapshots not saved", "processes", len(batch), "err", err)
	}
	var refused []*Process
	for _, s := range batch {
		n, ok := passed[s.p.key]
		switch {
		case ok: // also beside an error, which may be of another part of the batch
			s.p.writes = n
			s.p.unsure.Store(false)
			h.count.Saved.Add(1)
		case err != nil:
			s.p.unsure.Store(true)
			s.p.dirty.Store(true)
		default:
			s.p.dirty.Store(true)
			refused = append(refused, s.p)
		}
		<-s.p.flight
	}
	for _, p := range refused {
		p.explain()
	}
}

// explain finds out why a snapshot did not pass: a newer owner, or our own write whose
// answer was lost.
func (p *Process) explain() {
	ctx, cancel := p.storeContext()
	defer cancel()
	epoch := p.Epoch()
	o, ok, err := p.host.o.Store.Lookup(ctx, p.key)
	switch {
	case err != nil:
		return // asked again after the next round
	case ok && o.State == registry.Owned && o.Incarnation == p.under.Load() && o.Epoch == epoch:
		p.lost.Store(true)
		p.box.wake()
	case p.Epoch() == epoch: // it has not claimed again meanwhile
		p.fenced("snapshot")
	}
}
