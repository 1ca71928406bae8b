package process

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// MailboxSize bounds what waits for a process. A sender above it hears unavailable at
// once: a longer queue only moves the wait to where nobody sees it.
const MailboxSize = 1024

// letter is one thing in a mailbox. It belongs to the process until it is answered.
type letter struct {
	body     any
	id       ID
	epoch    int64     // the owner's epoch as the sender knows it, 0 if it does not
	deadline time.Time // zero: none
	life     int       // of a timer: the life of the machine that asked for it
	timer    bool
	answered bool
	reply    chan answer // of room one; nil if nobody waits
	patience *time.Timer
}

type answer struct {
	reply any
	err   error
}

// answer hands the letter back to its sender; it must not be touched afterwards.
func (l *letter) answer(reply any, err error) {
	if l.answered || l.timer {
		return
	}
	l.answered = true
	l.reply <- answer{reply, err}
}

// mailbox is a bounded queue that takes no memory while it is empty.
type mailbox struct {
	ready chan struct{} // of room one: there may be letters

	mu     sync.Mutex
	queue  []*letter
	spare  []*letter
	closed bool
}

func (b *mailbox) push(l *letter) error {
	b.mu.Lock()
	switch {
	case b.closed:
		b.mu.Unlock()
		return ErrEnded
	case len(b.queue) >= MailboxSize && !l.timer:
		b.mu.Unlock()
		return ErrUnavailable
	}
	b.queue = append(b.queue, l)
	b.mu.Unlock()
	b.wake()
	return nil
}

func (b *mailbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take returns all that waits. The result is valid until the next take.
func (b *mailbox) take() []*letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.queue
	clear(b.spare)
	b.queue, b.spare = b.spare[:0], taken
	return taken
}

// drain returns what waits and leaves the last take valid.
func (b *mailbox) drain() []*letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := slices.Clone(b.queue)
	clear(b.queue)
	b.queue = b.queue[:0]
	return taken
}

// close refuses what comes later and returns what waits.
func (b *mailbox) close() []*letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	taken := b.queue
	b.queue = nil
	return taken
}

// Call is a command on its way to a process.
type Call struct {
	Body  any
	ID    ID
	Epoch int64 // as the sender knows it; 0 if it does not
}

// Patience is how long a call waits if its context does not say.
const Patience = 3 * time.Second

// Call hands a command to the process and waits for its answer. When the context ends
// first the command may still be executed, once.
func (p *Process) Call(ctx context.Context, c Call) (any, error) {
	l := p.host.letter()
	l.body, l.id, l.epoch = c.Body, c.ID, c.Epoch
	deadline, limited := ctx.Deadline()
	if limited {
		l.deadline = deadline
	}
	if err := p.box.push(l); err != nil {
		p.host.recycle(l)
		if errors.Is(err, ErrUnavailable) {
			p.host.count.Full.Add(1)
		}
		return nil, err
	}
	var a answer
	if limited {
		select {
		case a = <-l.reply:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	} else {
		l.patience.Reset(Patience)
		select {
		case a = <-l.reply:
			l.patience.Stop()
		case <-l.patience.C:
			return nil, context.DeadlineExceeded
		case <-ctx.Done():
			l.patience.Stop()
			return nil, ctx.Err()
		}
	}
	p.host.recycle(l)
	return a.reply, a.err
}

func (h *Host) letter() *letter {
	if l, ok := h.letters.Get().(*letter); ok {
		return l
	}
	l := &letter{reply: make(chan answer, 1), patience: time.NewTimer(time.Hour)}
	l.patience.Stop()
	return l
}

func (h *Host) recycle(l *letter) {
	*l = letter{reply: l.reply, patience: l.patience}
	h.letters.Put(l)
}
