package feed

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// bufferMost bounds the events kept while a view is on its way. Beyond it they
// are dropped, and one more fetch is needed.
const bufferMost = 4096

// Subscription keeps one follower right.
type Subscription struct {
	r      *replica
	locate Locate
	f      Follower

	// mu is held while the follower's methods run: they come one at a time, and
	// none after Stop.
	mu      sync.Mutex
	stopped bool
	has     bool    // there is a state, at version
	version Version // of the state
	want    Version // the highest version heard of
	told    bool    // the directory has been asked for its epoch
	waiting bool    // a view is needed
	whole   bool    // and events will not do: one is not known here
	asked   int     // raised whenever a view is needed anew
	buffer  []Numbered
	local   *Publisher // on this node: events come by direct call
}

// Stop ends the subscription. When it returns, no method of the follower runs or
// will run; so it must not be called from such a method, nor with a lock held
// that one of them takes.
func (s *Subscription) Stop() {
	s.mu.Lock()
	stopped := s.stopped
	s.stopped = true
	local := s.local
	s.local, s.buffer = nil, nil
	s.mu.Unlock()
	if stopped {
		return
	}
	if local != nil {
		local.detach(s)
	}
	s.r.hub.forget(s)
}

// Refresh locates the publisher and fetches again: it may have moved. The
// follower notices only if there is something new.
func (s *Subscription) Refresh() {
	s.mu.Lock()
	s.need()
	s.mu.Unlock()
	s.r.hurry()
}

// need notes that a view is needed.
func (s *Subscription) need() {
	s.waiting = true
	s.asked++
}

// direct takes an event of the publisher on this node. It reports whether a view is needed
// because of it.
func (s *Subscription) direct(p *Publisher, v Version, event any) (lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.local != p || !s.version.Less(v) {
		return false
	}
	s.version = v
	if !s.tell(func() { s.f.Event(v, event) }) {
		s.lost()
		return true
	}
	return false
}

// tell tells the follower something. A panic of it is its own, and is logged: false. Who
// publishes, and whoever follows besides, goes on.
func (s *Subscription) tell(f func()) (told bool) {
	defer func() {
		if r := recover(); r != nil {
			s.r.hub.panics.Add(1)
			s.r.hub.opts.Log.Error("follower panicked", "topic", s.r.topic, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	f()
	return true
}

// lost has a follower that panicked over an event begin with the view of now. A panic over
// what comes with that is left at what it is: it would come again.
func (s *Subscription) lost() {
	s.has = false
	s.need()
}

// left notes that the publisher on this node has ended or begun again.
func (s *Subscription) left(p *Publisher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local == p {
		s.local = nil
		s.need()
	}
}

// call says what a message asks of the replica.
type call int

const (
	nothing call = iota
	fetch        // a view is needed
	hurry        // one is needed, and the one being waited for will not do
)

// event takes an event from another node.
func (s *Subscription) event(n Numbered) call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.has && !s.version.Less(n.Version) {
		return nothing
	}
	call := s.hear(n.Version)
	if s.follows(n) {
		s.version = n.Version
		if !s.tell(func() { s.f.Event(n.Version, n.Event) }) {
			s.lost()
			return max(call, fetch)
		}
		return nothing
	}
	if len(s.buffer) == bufferMost {
		s.buffer = nil
	}
	s.buffer = append(s.buffer, n)
	return s.missing(call, n.Version)
}

// marked takes a version heard from another node.
func (s *Subscription) marked(v Version) call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.has && !s.version.Less(v) {
		return nothing
	}
	return s.missing(s.hear(v), v)
}

// hear keeps the highest version heard of. A new owner or run is in a hurry: an
// older view will not do, and whoever waits for a publisher has one now.
func (s *Subscription) hear(v Version) call {
	if !s.want.Less(v) {
		return nothing
	}
	newer := s.want.Epoch != v.Epoch || s.want.Run != v.Run
	s.want = v
	if newer {
		return hurry
	}
	return nothing
}

// missing notes that something was missed: v. Who waits already learns whom to ask:
// the directory may be wrong about it for long.
func (s *Subscription) missing(c call, v Version) call {
	if s.waiting && v.Less(s.want) {
		return c
	}
	if s.waiting {
		return max(c, fetch)
	}
	s.r.hub.gaps.Add(1)
	s.detach()
	s.need()
	return max(c, fetch)
}

// atLeast notes a version below which no view will do.
func (s *Subscription) atLeast(v Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = true
	s.hear(v)
}

// untold reports whether nobody has been asked yet which epoch to begin with.
func (s *Subscription) untold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.told
}

// lacks reports whether v is the newest version heard of, and not here yet.
func (s *Subscription) lacks(v Version) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !v.Less(s.want) && (!s.has || s.version.Less(v))
}

// follows reports whether n is the very next event.
func (s *Subscription) follows(n Numbered) bool {
	if n.strange() || s.local != nil || !s.has {
		return false
	}
	next := s.version
	next.Seq++
	return n.Version == next
}

// detach lets go of a publisher on this node after news of a newer one elsewhere.
func (s *Subscription) detach() {
	if s.local != nil {
		s.local.detach(s)
		s.local = nil
	}
}

// doubt makes a subscription to another node fetch again.
func (s *Subscription) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped && !s.waiting {
		s.detach()
		s.need()
	}
}

// needs reports whether a view is needed, which need that is, and the version from
// which events would do as well.
func (s *Subscription) needs() (asked int, known Version, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has && !s.whole {
		known = s.version
	}
	return s.asked, known, s.waiting && !s.stopped
}

// begin takes where to go on from, and what was buffered behind it. p is its publisher
// if that is on this node. It reports whether the subscription is content.
func (s *Subscription) begin(asked int, p *Publisher, from start) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return true
	}
	last := from.last()
	if !s.waiting || s.outdated(last, p != nil) {
		return !s.waiting
	}
	if s.local != p {
		s.detach()
	}
	if p != nil && s.local == nil {
		if !p.attach(s) {
			return false
		}
		s.local = p
	}
	if (!s.has || s.version.Less(last)) && !s.take(from) {
		s.detach()
		return false
	}
	if s.want.Less(last) {
		s.want = last
	}
	buffer := s.buffer
	s.buffer, s.whole = nil, false
	for _, n := range buffer {
		if s.follows(n) {
			s.version = n.Version
			s.tell(func() { s.f.Event(n.Version, n.Event) })
			continue
		}
		if s.version.Less(n.Version) {
			s.buffer = append(s.buffer, n)
		}
	}
	if s.version.Less(s.want) || s.asked != asked {
		return false
	}
	s.waiting, s.buffer = false, nil
	return true
}

// take brings the follower to the last version of a start: by the events it has missed,
// or by a view and the events after it. False if it needs another start.
func (s *Subscription) take(from start) bool {
	tail := from.tail
	onward := s.has && s.version.sameRun(from.version) && !s.version.Less(from.version)
	switch {
	case onward:
		tail = tail[s.version.Seq-from.version.Seq:]
	case from.onward:
		return false
	}
	if slices.ContainsFunc(tail, Numbered.strange) {
		s.whole = true
		return false
	}
	if !onward {
		s.has, s.version = true, from.version
		s.tell(func() { s.f.Reset(from.version, from.view) })
	}
	for _, n := range tail {
		s.version = n.Version
		s.tell(func() { s.f.Event(n.Version, n.Event) })
	}
	return true
}

// outdated reports whether a view is older than what was heard or shown: the one
// who answered does not own the feed any more, or the answer was long on its way.
// A publisher on this node is asked directly, so its view is at least as new as
// what it published.
func (s *Subscription) outdated(v Version, local bool) bool {
	if v.Epoch < s.want.Epoch || v.Epoch == s.want.Epoch && v.Run < s.want.Run {
		return true
	}
	if !s.has || !v.Less(s.version) {
		return false
	}
	// Events that came while the view was on its way are ahead of it: that is fine,
	// as long as nothing is missing.
	return local || s.version.Less(s.want)
}

// end tells the follower that the feed does not exist.
func (s *Subscription) end() {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	s.detach()
	s.stopped, s.buffer = true, nil
	if e, ok := s.f.(interface{ Ended() }); ok {
		s.tell(e.Ended)
	}
	s.mu.Unlock()
	s.r.hub.forget(s)
}
