package process

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/registry"
)

// Process is one running process: a machine, its mailbox and its goroutine.
type Process struct {
	host *Host
	key  registry.Key
	kind *Kind
	box  mailbox

	ctx    context.Context // ends with the process
	cancel context.CancelFunc
	ask    chan struct{} // asks for a release
	done   chan struct{} // closed when the goroutine has ended
	taken  atomic.Int32  // letters out of the mailbox that are not answered yet, see Loads
	dirty  atomic.Bool   // has applied commands since the last snapshot

	// flight is held during a durable write: one at a time per key, as each carries
	// the count that the one before it left. It guards writes.
	flight chan struct{}
	writes int64
	// unsure: the last snapshot's write had no clear outcome, so writes may be wrong.
	unsure atomic.Bool
	// lost: writes is wrong, and the key must be claimed again to know it.
	lost atomic.Bool
	// current is epoch, for whoever does not hold the slot, and under the incarnation of
	// the claim.
	current atomic.Int64
	under   atomic.Int64

	// slot is held while a command and its effects are under way, while a snapshot is
	// taken, and while a view is handed out. It guards what follows.
	slot     chan struct{}
	machine  Machine
	memory   memory
	kept     memory // of durable commands and those in doubt: no others push them out
	epoch    int64
	run      int64
	pub      Publisher // nil until the first command has succeeded
	listed   bool      // in the index
	unlisted bool      // to be put there when it has settled
	latest   []byte    // the newest snapshot, stored or not
	complete bool      // it was loaded from what its last owner handed over
	shock    shock
	closing  bool // the key is being closed
	closed   bool // and the store has it
	muted    bool // the feed is closed
	ahead    bool // a command is applied, and its events are not out
	over     bool // nothing is served anymore

	// Only the goroutine of the process uses these.
	unborn   *letter // the first command, until it is applied
	first    *letter
	settling bool
	settled  *time.Timer
	waiting  []*letter // until the edges have repeated what they hold
	idle     *time.Timer
	used     bool // by a command since the idle timer was set

	acts *acts // nil for a kind without effects

	tmu    sync.Mutex // guards the timers
	timers map[*time.Timer]struct{}
	life   int // of the machine: timers of an earlier one are ignored
}

// Key is the name of the process.
func (p *Process) Key() registry.Key { return p.key }

// Epoch is the epoch it runs under.
func (p *Process) Epoch() int64 { return p.current.Load() }

// setOwnership takes what a claim gave. The flight is held.
func (p *Process) setOwnership(own registry.Ownership) {
	p.epoch, p.writes = own.Epoch, own.Writes
	p.current.Store(own.Epoch)
	p.under.Store(own.Incarnation)
}

// fence is what the next durable write begins with. The flight is held.
func (p *Process) fence() registry.Fence {
	return registry.Fence{Key: p.key, Incarnation: p.under.Load(), Epoch: p.epoch, Writes: p.writes}
}

// Done is closed when the process has ended here, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// First waits for the command that Start was given.
func (p *Process) First(ctx context.Context) (any, error) {
	select {
	case a := <-p.first.reply:
		return a.reply, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Drop ends the process at once, without an effect and without a word: it was fenced,
// or its node is condemned.
func (p *Process) Drop() { p.cancel() }

// Release hands the process back: its final snapshot and the release are one write.
// It returns when the process has ended or the context has; who has been asked goes
// on to its release all the same.
func (p *Process) Release(ctx context.Context) {
	select {
	case p.ask <- struct{}{}:
	default:
	}
	select {
	case <-p.done:
	case <-ctx.Done():
	}
}

// enter takes the slot; false if ctx or the process ended first.
func (p *Process) enter(ctx context.Context) bool {
	select {
	case p.slot <- struct{}{}:
	case <-ctx.Done():
		return false
	case <-p.done:
		return false
	}
	if p.over {
		p.leave()
		return false
	}
	return true
}

func (p *Process) leave() { <-p.slot }

// load makes the machine from a stored snapshot and asks it for its timers.
func (p *Process) load(ctx context.Context, snapshot []byte) (err error) {
	c, err := decodeSnapshot(snapshot)
	if err != nil {
		return err
	}
	if c.closed {
		return fmt.Errorf("the last command has closed it: %w", ErrNoState)
	}
	p.complete = c.epoch != 0 && c.epoch == p.epoch-1
	if !p.kind.Persist && !p.host.o.Volatile {
		if !p.complete { // of some earlier owner: nobody has kept it up to date
			c = content{}
		}
		p.latest = nil // a panic begins with nothing, and the edges repeat
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("open panicked: %v", r)
		}
	}()
	m, err := p.kind.Open(ctx, p.key.ID, c.state)
	if err != nil {
		return err
	}
	now := p.host.o.Now()
	p.machine, p.memory, p.kept = m, remember(c.ids, now), remember(c.kept, now)
	p.stopTimers()
	p.arm(m.Resume())
	return nil
}

func remember(list []done, now time.Time) (m memory) {
	for _, d := range list {
		d.at = now
		m.add(d)
	}
	return m
}

func (p *Process) openFeed() {
	p.pub = p.host.o.OpenFeed(p.key.String(), p.epoch, p.run, p.view, p.kind.feedOptions(p.kind.Tells)...)
}

// base gives followers of earlier runs something to begin from, before anything is said
// in this one: as it starts, or when the edges have repeated what they hold. The slot is
// not held.
func (p *Process) base() {
	if !p.kind.Tells || p.settling {
		return
	}
	p.slot <- struct{}{}
	defer p.leave()
	p.baseNow()
}

// baseNow is base with the slot held.
func (p *Process) baseNow() {
	defer func() {
		if r := recover(); r != nil { // who would ask for it meets the same
			p.host.count.Panics.Add(1)
			p.host.o.Log.Error("view panicked", "key", p.key.String(), "epoch", p.epoch, "err", fmt.Sprint(r))
		}
	}()
	if p.kind.Tells && !p.settling && p.pub != nil && !p.over {
		p.pub.Base(p.machine.View())
	}
}

// view hands out the state where no event can come between.
func (p *Process) view(ctx context.Context, then func(v feed.Version, view any)) error {
	if !p.enter(ctx) {
		return fmt.Errorf("view %s: %w", p.key, ErrEnded)
	}
	defer p.leave()
	if p.pub == nil {
		return fmt.Errorf("view %s: %w", p.key, ErrUnavailable)
	}
	then(p.pub.Version(), p.machine.View())
	return nil
}

// list puts the summary into the node's index. One that goes on from an older state is
// listed when the edges have repeated what they hold: nobody is to be told that they lost
// it and have it again.
func (p *Process) list(now bool) {
	x := p.host.indexes[p.key.Kind]
	s, ok := p.machine.(Summarizer)
	if x == nil || !ok || !now {
		return
	}
	if p.settling {
		p.unlisted = true
		return
	}
	v := p.pub.Version()
	x.put(Indexed{ID: p.key.ID, Epoch: v.Epoch, Run: v.Run, Seq: v.Seq, Summary: s.Summary()})
	p.listed = true
}

// unlist takes the entry out; with closed the others are told that it is for good.
func (p *Process) unlist(closed bool) {
	x := p.host.indexes[p.key.Kind]
	if x == nil || !p.listed && !p.unlisted {
		return
	}
	p.listed, p.unlisted = false, false
	if !closed {
		x.forget(p.key.ID, p.epoch)
		return
	}
	v := p.pub.Version()
	x.put(Indexed{ID: p.key.ID, Epoch: v.Epoch, Run: v.Run, Seq: v.Seq, Closed: true})
}

// listNow lists what was held back while the process settled. The slot is not held.
func (p *Process) listNow() {
	if !p.unlisted {
		return
	}
	p.slot <- struct{}{}
	defer p.leave()
	if p.unlisted = false; p.pub != nil && !p.over {
		p.list(true)
	}
}

// loop is the goroutine of the process.
func (p *Process) loop() {
	defer p.host.ends.Done()
	defer p.finish()
	p.startActs()
	if p.kind.Idle > 0 {
		p.idle = time.NewTimer(p.kind.Idle)
	}
	for {
		batch := p.box.take()
		for i, l := range batch {
			p.taken.Store(int32(len(batch) - i)) //nolint:gosec // a mailbox is small
			p.deal(l)                            // answers what it is given also when the process is over
		}
		p.taken.Store(0)
		if p.over || p.ctx.Err() != nil {
			return
		}
		if p.lost.Load() && !p.adrift() || p.mayRegain() {
			p.recount()
			continue
		}
		select {
		case <-p.ask:
			if p.release(true) {
				return
			}
		default:
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-p.box.ready:
		case <-p.ctx.Done():
			return
		case <-p.ask:
			if p.release(true) {
				return
			}
		case <-timerC(p.settled):
			p.unsettle()
		case <-timerC(p.idle):
			if p.passivate() {
				return
			}
		}
	}
}

func timerC(t *time.Timer) <-chan time.Time {
	if t == nil {
		return nil
	}
	return t.C
}

// settle begins the time in which only repeating edges are served.
func (p *Process) settle(begin bool) {
	if !begin || p.kind.Settle == 0 {
		return
	}
	p.settling = true
	if p.settled != nil {
		p.settled.Stop()
	}
	p.settled = time.NewTimer(p.kind.Settle)
}

// unsettle serves those who had to wait, in their order.
func (p *Process) unsettle() {
	p.settling, p.settled = false, nil
	p.base()
	p.listNow()
	waiting := p.waiting
	p.waiting = nil
	for _, l := range waiting {
		p.deal(l)
	}
}

// passivate ends a process that nobody has used for its idle time.
func (p *Process) passivate() bool {
	if p.used || len(p.waiting) > 0 || !p.may() {
		p.used = false
		p.idle.Reset(p.kind.Idle)
		return false
	}
	p.release(false)
	return true
}

// arm starts timers. Each becomes a letter to the process itself.
func (p *Process) arm(timers []Timer) {
	if len(timers) == 0 {
		return
	}
	p.tmu.Lock()
	defer p.tmu.Unlock()
	for _, t := range timers {
		l := &letter{body: t.Body, timer: true, life: p.life}
		var h *time.Timer
		h = time.AfterFunc(t.After, func() {
			p.tmu.Lock()
			delete(p.timers, h)
			p.tmu.Unlock()
			_ = p.box.push(l) // fails only when the process has ended
		})
		p.timers[h] = struct{}{}
	}
}

// stopTimers stops all; those that have fired already are of an earlier life.
func (p *Process) stopTimers() {
	p.tmu.Lock()
	defer p.tmu.Unlock()
	p.life++
	for h := range p.timers {
		h.Stop()
	}
	clear(p.timers)
}
