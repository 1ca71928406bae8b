package feed

import (
	"sync"
)

// Publisher is the owner's end of a feed. Publish, Restart and Close are called
// from one goroutine at a time: the owner's.
type Publisher struct {
	hub     *Hub
	topic   string
	view    ViewFunc
	trusted func() bool

	mu        sync.Mutex
	version   Version
	sent      Version         // what other nodes may know of
	followers []*Subscription // on this node; the slice is replaced, never changed
	closed    bool
	kept      *kept // nil: nothing is kept
}

// OpenOption changes how a feed is published.
type OpenOption func(*Publisher)

// EvenInDoubt lets a feed go on while its node is not trusted: for feeds in which
// a word said twice harms nobody.
func EvenInDoubt() OpenOption {
	return func(p *Publisher) { p.trusted = func() bool { return true } }
}

// Version is that of the last event. Inside the owner's view function it is the
// version of the view; a view handed over with the zero version gets this one.
func (p *Publisher) Version() Version {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version
}

// Publish numbers an event and sends it to all followers: to other nodes by the
// bus, then to those on this node by a direct call. If the node is not trusted,
// other nodes do not get it and will find the gap.
func (p *Publisher) Publish(event any) Version {
	p.mu.Lock()
	if p.closed {
		v := p.version
		p.mu.Unlock()
		return v
	}
	p.version.Seq++
	v, followers := p.version, p.followers
	if p.kept != nil {
		p.kept.add(v, event)
	}
	p.mu.Unlock()
	if !p.hub.bus.Alone() {
		p.send(v, event)
	}
	for _, s := range followers {
		if s.direct(p, v, event) {
			s.r.kick(false)
		}
	}
	return v
}

func (p *Publisher) send(v Version, event any) {
	if p.trusted() {
		if err := p.hub.bus.Publish(p.topic, Numbered{v, event}); err != nil {
			p.hub.opts.Log.Warn("event not sent", "topic", p.topic, "epoch", v.Epoch, "seq", v.Seq, "err", err)
		}
	}
	// Only now may a heartbeat name it: before, followers would take the event that
	// is on its way for a lost one.
	p.mu.Lock()
	p.sent = v
	p.mu.Unlock()
}

// Restart begins the next run: what followers have seen may not be what the state
// was rebuilt from. They are all reset from the view.
func (p *Publisher) Restart() Version {
	p.mu.Lock()
	if p.closed {
		v := p.version
		p.mu.Unlock()
		return v
	}
	p.version.Run++
	p.version.Seq = 0
	p.sent = p.version
	if p.kept != nil {
		p.kept.clear()
	}
	v, followers := p.version, p.followers
	p.followers = nil
	p.mu.Unlock()
	p.mark(false)
	p.leave(followers)
	return v
}

// Close ends the feed on this node; followers look for the next owner.
func (p *Publisher) Close() {
	p.hub.drop(p)
	p.end()
}

// end closes the publisher and lets its followers look elsewhere.
func (p *Publisher) end() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	followers := p.followers
	p.followers, p.kept = nil, nil
	p.mu.Unlock()
	p.mark(true)
	p.leave(followers)
}

// leave makes followers on this node fetch again. The view may need the owner's
// goroutine, which is here: so it is not asked here.
func (p *Publisher) leave(followers []*Subscription) {
	for _, s := range followers {
		s.left(p)
	}
	if len(followers) > 0 {
		followers[0].r.kick(false)
	}
}

// mark tells other nodes the version, or that the feed is closed here.
func (p *Publisher) mark(closed bool) {
	if p.hub.bus.Alone() || !p.trusted() {
		return
	}
	if err := p.hub.bus.Publish(p.topic, Mark{p.lastSent(), closed}); err != nil {
		p.hub.opts.Log.Debug("mark not sent", "topic", p.topic, "err", err)
	}
}

// remind repeats the version unless the feed was closed.
func (p *Publisher) remind() {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if !closed {
		p.mark(false)
	}
}

func (p *Publisher) lastSent() Version {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// orOwn is v, or the publisher's own version for an owner that hands over none.
func (p *Publisher) orOwn(v Version) Version {
	if v == (Version{}) {
		return p.Version()
	}
	return v
}

// attach adds a follower on this node; false if the publisher is closed.
func (p *Publisher) attach(s *Subscription) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.followers = append(p.followers[:len(p.followers):len(p.followers)], s)
	return true
}

func (p *Publisher) detach(s *Subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := make([]*Subscription, 0, len(p.followers))
	for _, o := range p.followers {
		if o != s {
			rest = append(rest, o)
		}
	}
	p.followers = rest
}
