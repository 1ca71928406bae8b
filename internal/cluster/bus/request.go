package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"teiserver/internal/refusal"
)

// Interest in a subject needs a moment to be known everywhere: a request that
// reached nobody is repeated after a wait that grows between these two.
const (
	retryFirst = 2 * time.Millisecond
	retryMost  = 100 * time.Millisecond
)

// errGaveUp: the request was sent, the answer did not come in time. Whether the
// server has run is unknown.
var errGaveUp = errors.Join(ErrUnreachable, context.DeadlineExceeded)

// pending are our requests that wait for an answer.
type pending struct {
	mu   sync.Mutex
	last uint64
	wait map[uint64]chan outcome
}

type outcome struct {
	value  any
	err    error
	nobody bool
}

func (p *pending) expect() (uint64, chan outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wait == nil {
		p.wait = map[uint64]chan outcome{}
	}
	p.last++
	ch := make(chan outcome, 1)
	p.wait[p.last] = ch
	return p.last, ch
}

func (p *pending) settle(id uint64, o outcome) {
	p.mu.Lock()
	ch := p.wait[id]
	delete(p.wait, id)
	p.mu.Unlock()
	if ch != nil {
		ch <- o
	}
}

func (p *pending) forget(id uint64) {
	p.mu.Lock()
	delete(p.wait, id)
	p.mu.Unlock()
}

func (c *core) Request(ctx context.Context, node, service string, body any) (any, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, ErrClosed
	}
	if node == c.self.Node {
		return c.askSelf(ctx, service, body)
	}
	if c.carrier == nil {
		return nil, fmt.Errorf("request %s of %s: %w", service, node, ErrUnreachable)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
	}
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		o, err := c.askOnce(ctx, node, service, body)
		if err != nil {
			return nil, fmt.Errorf("request %s of %s: %w", service, node, err)
		}
		if !o.nobody {
			return o.value, o.err
		}
		if err := c.pause(ctx, wait); err != nil {
			return nil, fmt.Errorf("request %s of %s: %w", service, node, err)
		}
	}
}

// askOnce sends the request once. An error means that there is no answer.
func (c *core) askOnce(ctx context.Context, node, service string, body any) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return outcome{}, c.gaveUp(ctx, ErrUnreachable)
	}
	deadline, _ := ctx.Deadline()
	left := max(1, time.Until(deadline).Milliseconds())
	data, err := c.seal(&envelope{Left: left}, body)
	if err != nil {
		return outcome{}, err
	}
	id, answer := c.pending.expect()
	if err := c.carrier.ask(node, service, id, data); err != nil {
		c.pending.forget(id)
		return outcome{}, err
	}
	c.countSent(data)
	select {
	case o := <-answer:
		return o, nil
	case <-ctx.Done():
		c.pending.forget(id)
		return outcome{}, c.gaveUp(ctx, errGaveUp)
	case <-c.ctx.Done():
		c.pending.forget(id)
		return outcome{}, ErrClosed
	}
}

// gaveUp tells a caller that lost interest from a deadline that has passed.
func (c *core) gaveUp(ctx context.Context, late error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return late
}

func (c *core) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return c.gaveUp(ctx, ErrUnreachable)
	case <-c.ctx.Done():
		return ErrClosed
	}
}

func (c *core) askSelf(ctx context.Context, service string, body any) (any, error) {
	c.mu.RLock()
	serve := c.served[service]
	c.mu.RUnlock()
	if serve == nil {
		return nil, fmt.Errorf("request %s of %s: %w", service, c.self.Node, ErrUnreachable)
	}
	return c.serve(ctx, service, serve, c.self, body)
}

func (c *core) Serve(service string, s Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, again := c.served[service]
	c.served[service] = s
	if again || c.carrier == nil || c.closed {
		return
	}
	if err := c.carrier.serve(service); err != nil {
		c.log.Error("service not offered", "service", service, "err", err)
	}
}

// settle hands an answer to whoever waits for it.
func (c *core) settle(id uint64, e *envelope) {
	if err := e.err(); err != nil {
		c.pending.settle(id, outcome{err: err})
		return
	}
	value, err := e.body()
	if err != nil {
		c.malformed.Add(1)
	}
	c.pending.settle(id, outcome{value: value, err: err})
}

// asked starts a server for a request, unless its asker has given up meanwhile.
func (c *core) asked(f frame, e *envelope, body any, held time.Duration) {
	left := time.Duration(e.Left)*time.Millisecond - held
	if left <= 0 {
		c.late.Add(1)
		return
	}
	c.mu.RLock()
	serve, closed := c.served[f.name], c.closed
	if serve == nil || closed {
		c.mu.RUnlock()
		return
	}
	select {
	case c.slots <- struct{}{}:
	default:
		c.mu.RUnlock()
		c.refused.Add(1)
		c.answerWith(e.origin(), f.id, nil, refusal.New(refusal.Unavailable, "the server is too busy, try again"))
		return
	}
	c.wg.Add(1) // under mu: Close sets closed before it waits
	c.mu.RUnlock()
	go func() {
		defer c.wg.Done()
		defer func() { <-c.slots }()
		ctx, cancel := context.WithTimeout(c.ctx, left)
		defer cancel()
		value, err := c.serve(ctx, f.name, serve, e.origin(), body)
		c.answerWith(e.origin(), f.id, value, err)
	}()
}

// serve has a request answered. A panic over it is the request's alone, and answers it.
func (c *core) serve(ctx context.Context, service string, s Server, from Origin, body any) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r, "service", service, "node", from.Node)
			value, err = nil, fmt.Errorf("serve %s: %w", service, ErrPanicked)
		}
	}()
	return s(ctx, from, body)
}

// answerWith sends an answer. A value that cannot be sent becomes an error.
func (c *core) answerWith(to Origin, id uint64, value any, err error) {
	e := &envelope{}
	if err != nil {
		e.setError(err)
		value = nil
	}
	data, fail := c.seal(e, value)
	if fail != nil {
		e.setError(fail)
		data, _ = c.seal(e, nil)
	}
	if err := c.carrier.answer(to, id, data); err != nil {
		c.log.Debug("answer not sent", "node", to.Node, "err", err)
		return
	}
	c.countSent(data)
}
