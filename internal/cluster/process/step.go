package process

import (
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/failpoint"
)

// deal executes one letter with all its effects, and answers it.
func (p *Process) deal(l *letter) {
	if l.timer && l.life != p.life {
		return
	}
	p.slot <- struct{}{}
	defer p.leave()
	if p.over || p.ctx.Err() != nil {
		l.answer(nil, ErrEnded)
		return
	}
	now := p.host.o.Now()
	if !l.timer {
		p.used = true
		if reply, err, ok := p.known(l, now); ok {
			l.answer(reply, err)
			return
		}
	}
	if now.Before(p.shock.rest) {
		p.putOff(l)
		return
	}
	if p.settling && l != p.unborn && (l.timer || p.kind.Repeats == nil || !p.kind.Repeats(l.body)) {
		if len(p.waiting) >= MailboxSize && !l.timer {
			l.answer(nil, ErrUnavailable)
			return
		}
		p.waiting = append(p.waiting, l)
		return
	}
	if p.kind.Doubt == Freeze && !p.may() {
		p.refuse(l)
		return
	}
	defer p.recovered(l)
	p.step(l, now)
	p.shock.passed()
}

// known answers what needs no state: too late, sent to an older owner, or seen before.
func (p *Process) known(l *letter, now time.Time) (reply any, err error, ok bool) {
	switch {
	case !l.deadline.IsZero() && now.After(l.deadline):
		return nil, ErrUnavailable, true
	case l.epoch > p.epoch:
		return nil, ErrNewer, true
	}
	d, seen := p.memory.find(l.id)
	if !seen {
		d, seen = p.kept.find(l.id)
	}
	switch {
	case !seen:
		return nil, nil, false
	case d.doubt:
		return nil, ErrInDoubt, true
	}
	p.host.count.Repeated.Add(1)
	return d.reply, nil, true
}

// refuse tells a sender to try again; a timer comes back by itself.
func (p *Process) refuse(l *letter) {
	p.host.count.Frozen.Add(1)
	if l == p.unborn { // nobody has seen it and nobody will try again
		p.shut()
	}
	p.putOff(l)
}

func (p *Process) putOff(l *letter) {
	if l.timer {
		p.arm([]Timer{{After: waitStep, Body: l.body}})
		return
	}
	l.answer(nil, ErrUnavailable)
}

// step applies a command and lets its effects out: the durable record first, then the
// events, then the reply, and before each a look at the lease.
func (p *Process) step(l *letter, now time.Time) {
	if p.unsure.Load() {
		// A durable write may be refused for the count alone, and the state must go
		// back to before this command then, not to a second ago.
		if body, err := p.snapshot(); err == nil && p.pub != nil {
			p.latest = body
		}
	}
	out, err := p.machine.Apply(Command{Body: l.body, At: p.host.o.StoreTime()})
	if err != nil {
		if l == p.unborn {
			p.shut()
		}
		l.answer(nil, err)
		return
	}
	p.ahead = true
	defer func() { p.ahead = false }()
	p.host.count.Applied.Add(1)
	p.dirty.Store(true)
	if out.Record != nil && !p.record(l, out, now) {
		return
	}
	if out.Close && !p.closeKey() {
		l.answer(nil, ErrEnded)
		return
	}
	if !p.hold() {
		l.answer(nil, ErrEnded)
		return
	}
	if out.Record == nil {
		p.memory.add(done{id: l.id, reply: out.Reply, at: now})
	}
	p.publish(l, out)
	p.arm(out.Timers)
	p.act(out.Effects)
	if out.Close {
		p.gone(registry.Closed)
	}
	if len(out.Events) > 0 && !p.hold() {
		l.answer(nil, ErrEnded)
		return
	}
	l.answer(out.Reply, nil)
}

// publish sends the events on the process's own feed, and then the summary: who
// follows both must hear of them in this order.
func (p *Process) publish(l *letter, out Outcome) {
	if p.pub == nil {
		p.openFeed()
		p.unborn = nil
	}
	for _, e := range out.Events {
		if failpoint.Enabled {
			failpoint.Act(p.key.String(), p.epoch, p.host.o.Incarnation, e)
		}
		p.pub.Publish(e)
	}
	if out.Close {
		p.unlist(true)
		return
	}
	if s, ok := p.machine.(Summarizer); ok && p.kind.Indexed {
		p.list(!p.listed || s.SummaryChanged(out.Events))
	}
}

// hold waits until the node is trusted, with the effects held back; what else comes in
// is put off. False if the process was dropped meanwhile. Kinds that go on in doubt
// are not held.
func (p *Process) hold() bool {
	if p.kind.Doubt == Continue || p.may() {
		return p.ctx.Err() == nil
	}
	p.host.count.Held.Add(1)
	return p.trusted()
}

// pause lets a moment go by while the state is ahead of what may be seen.
func (p *Process) pause() bool {
	for _, l := range p.box.drain() {
		p.putOff(l)
	}
	select {
	case <-time.After(waitStep):
		return true
	case <-p.ctx.Done():
		return false
	}
}

// fenced drops the process: the store knows a newer owner.
func (p *Process) fenced(by string) {
	p.host.count.Fenced.Add(1)
	p.host.o.Log.Warn("fenced, process dropped", "key", p.key.String(), "epoch", p.epoch, "by", by)
	p.Drop()
}
