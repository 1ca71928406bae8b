package process

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// EffectsMost bounds the effects of one process that wait to be done. More are given up
// with an error in the log: whatever asks for so many at once does not mean them.
const EffectsMost = 1024

// acts are the effects of a process that wait, in order.
type acts struct {
	mu    sync.Mutex
	list  []act
	last  bool          // nothing is added anymore: the end comes when all are done
	ready chan struct{} // has room for one signal
	ended chan struct{} // closed when nothing is done anymore
}

// act is one effect, and the life of the machine that wants to know its outcome.
type act struct {
	effect any
	life   int
}

// startActs begins to do effects. The goroutine of the process waits for its end.
func (p *Process) startActs() {
	if p.acts == nil {
		return
	}
	go p.doActs()
}

// finishActs has what a closed process still wanted done before the process ends.
func (p *Process) finishActs() {
	if p.acts == nil || !p.closed || p.ctx.Err() != nil {
		return
	}
	p.acts.mu.Lock()
	p.acts.last = true
	p.acts.mu.Unlock()
	p.acts.wake()
	<-p.acts.ended
}

// endActs waits for the effect that is under way; the others are given up. The
// process's context has ended.
func (p *Process) endActs() {
	if p.acts == nil {
		return
	}
	<-p.acts.ended
	p.acts.mu.Lock()
	left := len(p.acts.list)
	p.acts.mu.Unlock()
	p.host.count.NotActed.Add(int64(left))
}

func newActs(k *Kind) *acts {
	if k.Do == nil {
		return nil
	}
	return &acts{ready: make(chan struct{}, 1), ended: make(chan struct{})}
}

// act has effects done. The slot is held.
func (p *Process) act(effects []any) {
	if len(effects) == 0 {
		return
	}
	if p.acts == nil {
		panic(fmt.Errorf("kind %s does no effects", p.kind.Name))
	}
	p.tmu.Lock()
	life := p.life
	p.tmu.Unlock()
	p.acts.mu.Lock()
	room := min(len(effects), EffectsMost-len(p.acts.list))
	for _, e := range effects[:room] {
		p.acts.list = append(p.acts.list, act{e, life})
	}
	p.acts.mu.Unlock()
	if lost := len(effects) - room; lost > 0 {
		p.host.count.NotActed.Add(int64(lost))
		p.host.o.Log.Error("effects given up, too many wait", "key", p.key.String(), "epoch", p.epoch, "effects", lost)
	}
	p.acts.wake()
}

func (x *acts) wake() {
	select {
	case x.ready <- struct{}{}:
	default:
	}
}

// next takes the first; without one, last says whether there will be none.
func (x *acts) next() (a act, ok, last bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.list) == 0 {
		x.list = nil
		return act{}, false, x.last
	}
	a, x.list = x.list[0], x.list[1:]
	return a, true, false
}

func (p *Process) doActs() {
	defer close(p.acts.ended)
	for {
		select {
		case <-p.acts.ready:
		case <-p.ctx.Done():
			return
		}
		for {
			a, ok, last := p.acts.next()
			if last {
				return
			}
			if !ok {
				break
			}
			if !p.mayAct() {
				p.host.count.NotActed.Add(1)
				return
			}
			if next := p.do(a.effect); next != nil {
				_ = p.box.push(&letter{body: next, timer: true, life: a.life}) // fails only when the process has ended
			}
		}
	}
}

// mayAct is the look at the lease before an effect. It waits in doubt, and is false when
// the process has ended.
func (p *Process) mayAct() bool {
	for p.kind.Doubt == Freeze && !p.may() {
		select {
		case <-time.After(waitStep):
		case <-p.ctx.Done():
			return false
		}
	}
	return p.ctx.Err() == nil
}

// do carries out one effect. A panic in it is the effect's alone: the process goes on.
func (p *Process) do(effect any) (next any) {
	defer func() {
		if r := recover(); r != nil {
			p.host.count.Panics.Add(1)
			p.host.o.Log.Error("effect panicked", "key", p.key.String(),
				"effect", fmt.Sprintf("%T", effect), "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			next = nil
		}
	}()
	p.host.count.Acted.Add(1)
	return p.kind.Do(p.ctx, p.key, effect)
}
