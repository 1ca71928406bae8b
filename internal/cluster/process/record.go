package process

import (
	"bytes"
	"fmt"
	"time"

	"teiserver/internal/refusal"
)

// A durable command is applied first and written then: its record, and in the same
// transaction the snapshot of the state that it has led to, with the command's id and
// answer in it. So record, state and ids agree in the store at any moment, and whoever
// sends the command again, to this owner or the next, is answered and not obeyed twice.
// A table of ids beside the snapshots would leave the next owner with an id whose
// change of the state is lost.

// record writes the durable record of a command. False says that the letter is
// answered, and the state no longer what the command made of it.
func (p *Process) record(l *letter, out Outcome, now time.Time) bool {
	if !p.trusted() {
		l.answer(nil, ErrEnded)
		return false
	}
	p.kept.add(done{id: l.id, reply: out.Reply, at: now})
	w, err := p.write(out)
	switch {
	case err == nil:
		p.host.count.Written.Add(1)
		return true
	case p.ctx.Err() != nil:
		l.answer(nil, p.cutOff())
		return false
	case isFenced(err):
		ours, lookErr := p.stillOurs()
		if lookErr == nil && !ours {
			p.fenced("durable write")
			l.answer(nil, ErrEnded)
			return false
		}
	}
	p.unclear(l, out, w, err)
	return false
}

// written is what a durable write has tried.
type written struct {
	count int64  // of writes, after it
	body  []byte // of the snapshot
}

func (p *Process) write(out Outcome) (w written, err error) {
	if p.kind.Write == nil {
		return w, fmt.Errorf("kind %s writes no records", p.kind.Name)
	}
	select {
	case p.flight <- struct{}{}:
	case <-p.ctx.Done():
		return w, p.ctx.Err()
	}
	defer func() { <-p.flight }()
	f := p.fence()
	w.count = f.Writes + 1
	if w.body, err = p.snapshotOf(content{writes: w.count, closed: out.Close}); err != nil && p.kind.Persist {
		// As broken as a machine that panics in a command, and dealt with in the same way.
		panic(fmt.Errorf("snapshot for a record: %w", err))
	}
	if p.stored() {
		f.Snapshot = w.body
	}
	ctx, cancel := p.storeContext()
	defer cancel()
	if err := p.kind.Write(ctx, f, out.Record); err != nil {
		return w, err
	}
	p.writes++
	p.wrote(w)
	return w, nil
}

// wrote takes the snapshot of a record that is in the store. The slot is held.
func (p *Process) wrote(w written) {
	if len(w.body) == 0 {
		return
	}
	p.latest = w.body
	if p.stored() {
		p.dirty.Store(false)
	}
}

// unclear goes on after a write that has failed, has not passed for the count alone, or
// has no clear outcome. The claim that fences whatever is still under way also says
// what is in the store: if the write is, the command was executed, else it never will
// be, and the state goes back before it: memory must not be ahead of the store. Without
// a stored snapshot nobody can tell, and the command is never applied again.
func (p *Process) unclear(l *letter, out Outcome, w written, err error) {
	answer, isRefusal := refusal.As(err)
	nothing := isRefusal || isFenced(err) // was written: the store has said so
	if !nothing {
		p.host.o.Log.Warn("durable write without a clear outcome", "key", p.key.String(), "epoch", p.epoch, "err", err)
	}
	own, _, ok := p.reclaim()
	if !ok {
		l.answer(nil, p.cutOff())
		return
	}
	if p.stored() && own.Writes == w.count && bytes.Equal(own.Snapshot, w.body) {
		p.host.count.Written.Add(1)
		p.wrote(w)
		p.goOn()
		if !p.hold() {
			l.answer(nil, ErrEnded)
			return
		}
		l.answer(out.Reply, nil)
		return
	}
	switch {
	case isRefusal:
		p.goOn()
		l.answer(nil, answer)
	case nothing || p.stored():
		p.goOn()
		l.answer(nil, ErrUnavailable)
	default:
		p.goOn(done{id: l.id, doubt: true, at: p.host.o.Now()})
		l.answer(nil, ErrInDoubt)
	}
}

// cutOff is what a sender hears whose command was being written when the process ended:
// the next owner knows what became of it if the snapshots are in the store.
func (p *Process) cutOff() error {
	if p.stored() {
		return ErrEnded
	}
	return ErrInDoubt
}

// stored reports whether snapshots go to the store.
func (p *Process) stored() bool { return p.kind.Persist && !p.host.o.Volatile }
