package feed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/bus"
)

// Waits between two tries to get a view, with jitter; and the jitter before a
// fetch that many replicas begin at the same moment.
const (
	retryFirst = 50 * time.Millisecond
	retryMost  = time.Second
	spread     = 50 * time.Millisecond
)

// fetchTimeout: a node that does not answer for so long is looked up again.
const fetchTimeout = time.Second

var (
	errNotHere  = errors.New("feed: the node does not publish it")
	errOutdated = errors.New("feed: the view is older than what was heard")
	errWoken    = errors.New("feed: something is new")
	errGone     = errors.New("feed: the node is gone")
)

// replica is what the subscriptions to one topic on one node share: the bus
// subscription, and the one fetch that is in flight at most.
type replica struct {
	hub         *Hub
	topic       string
	unsubscribe func()

	mu       sync.Mutex
	subs     []*Subscription
	pending  bool          // somebody needs a view
	jitter   bool          // others will fetch now, too
	fetching bool          // run runs
	hint     string        // node that was heard with a newer version
	hinted   Version       // that version
	asking   string        // node whose answer is awaited
	source   bus.Origin    // of the last view; zero: this node
	heard    time.Time     // source's last sign of life
	wake     chan struct{} // ends a wait or a try, to begin anew
}

func newReplica(h *Hub, topic string) *replica {
	return &replica{hub: h, topic: topic, unsubscribe: func() {}, wake: make(chan struct{}, 1)}
}

func (r *replica) add(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subs = append(r.subs[:len(r.subs):len(r.subs)], s)
}

// remove returns how many are left.
func (r *replica) remove(s *Subscription) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subs = slices.DeleteFunc(slices.Clone(r.subs), func(o *Subscription) bool { return o == s })
	return len(r.subs)
}

func (r *replica) list() []*Subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.subs
}

// receive takes what comes on the topic.
func (r *replica) receive(m bus.Message) {
	if m.Origin == r.hub.bus.Self() || r.hub.opts.Gone(m.Origin) {
		return
	}
	switch body := m.Body.(type) {
	case Numbered:
		r.sign(m.Origin)
		need := nothing
		for _, s := range r.list() {
			need = max(need, s.event(body))
		}
		r.answer(need, m.Origin, body.Version, false)
	case Mark:
		if body.Closed {
			r.closedAt(m.Origin)
			return
		}
		r.sign(m.Origin)
		r.mark(m.Origin, body.Version, false)
	}
}

// mark takes in a version that origin has reached.
func (r *replica) mark(origin bus.Origin, v Version, jitter bool) {
	need := nothing
	for _, s := range r.list() {
		need = max(need, s.marked(v))
	}
	r.answer(need, origin, v, jitter)
}

// beaten takes in a heartbeat of a node: listed if it publishes this topic.
func (r *replica) beaten(origin bus.Origin, v Version, listed, doubt bool) {
	if listed {
		r.sign(origin)
		r.mark(origin, v, true)
		return
	}
	if doubt {
		r.sign(origin)
		return
	}
	r.closedAt(origin)
}

// closedAt looks for the next owner if origin was the one we follow.
func (r *replica) closedAt(origin bus.Origin) {
	r.mu.Lock()
	ours := r.source == origin
	r.mu.Unlock()
	if ours {
		r.refetch(true)
	}
}

// sign notes that the source is alive.
func (r *replica) sign(origin bus.Origin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source == origin {
		r.heard = time.Now()
	}
}

// silentSince reports whether the source has not been heard for too long.
func (r *replica) silentSince(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source != (bus.Origin{}) && now.Sub(r.heard) >= silence
}

// refetch makes all subscriptions fetch again.
func (r *replica) refetch(jitter bool) {
	for _, s := range r.list() {
		s.doubt()
	}
	r.kick(jitter)
}

// answer does what a message of origin has made necessary. Who has a newer epoch
// is asked first: our directory may not know of it yet.
func (r *replica) answer(c call, origin bus.Origin, v Version, jitter bool) {
	if c == nothing {
		return
	}
	r.mu.Lock()
	r.hint, r.hinted = origin.Node, v
	asked := r.asking == origin.Node
	r.mu.Unlock()
	if c == hurry && !jitter && !asked {
		r.hurry()
		return
	}
	r.kick(jitter)
}

// kick begins a fetch for whoever needs one, unless one is in flight: that one is
// followed by another.
func (r *replica) kick(jitter bool) {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = true
	r.jitter = jitter
	if r.fetching || h.closed {
		return
	}
	r.fetching = true
	h.wg.Go(r.run)
}

// hurry is kick that does not wait for a back-off or an answer in flight.
func (r *replica) hurry() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
	r.kick(false)
}

// run fetches until nobody needs a view.
func (r *replica) run() {
	wait := time.Duration(0)
	for r.more() {
		if wait > 0 && r.pause(wait/2+rand.N(wait/2+1)) {
			wait = 0
		}
		done, err := r.fetch()
		if errors.Is(err, errWoken) {
			wait = 0
			r.again()
			continue
		}
		if done {
			wait = 0
			continue
		}
		if err != nil {
			r.hub.opts.Log.Debug("view not fetched", "topic", r.topic, "err", err)
		}
		r.again()
		wait = min(max(retryFirst, 2*wait), retryMost)
	}
}

// more reports whether there is something to do; if not, run ends.
func (r *replica) more() bool {
	r.mu.Lock()
	pending, jitter := r.pending, r.jitter
	r.pending, r.jitter = false, false
	select {
	case <-r.wake: // whoever hurried is served by what begins now
	default:
	}
	if !pending || r.hub.ctx.Err() != nil {
		r.fetching = false
		r.mu.Unlock()
		return false
	}
	r.mu.Unlock()
	if jitter {
		r.pause(rand.N(spread))
	}
	return true
}

func (r *replica) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = true
}

// pause waits; it reports whether it was ended early.
func (r *replica) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false
	case <-r.wake:
		return true
	case <-r.hub.ctx.Done():
		return true
	}
}

// waiter is a subscription that needs a view, its need when the fetch began (a view
// answers only needs that are older than the question), and what it is at.
type waiter struct {
	s     *Subscription
	asked int
	known Version
}

// fetch gets one view for everybody who needs one now. done means that all of
// them are content; without an error, they need another.
func (r *replica) fetch() (done bool, err error) {
	var list []waiter
	for _, s := range r.list() {
		if asked, known, ok := s.needs(); ok {
			list = append(list, waiter{s, asked, known})
		}
	}
	if len(list) == 0 {
		return true, nil
	}
	if p := r.hub.publisher(r.topic); p != nil {
		// What is published here is not heard over the bus: a directory that names an
		// older owner would not be found out.
		v := p.Version()
		v.Seq = 0
		for _, w := range list {
			w.s.atLeast(v)
		}
	}
	ctx, cancel := context.WithTimeout(r.hub.ctx, fetchTimeout)
	defer cancel()
	stop := r.cancelWhenWoken(ctx, cancel)
	defer func() {
		if stop() {
			done, err = false, errWoken
		}
	}()
	node, epoch, err := r.locate(ctx, list[0].s)
	if errors.Is(err, ErrNone) {
		return r.end(ctx, list), nil
	}
	if err != nil {
		return false, fmt.Errorf("locate: %w", err)
	}
	for _, w := range list {
		w.s.atLeast(Version{Epoch: epoch})
	}
	if node == r.hub.bus.Self().Node {
		return r.fetchHere(ctx, list)
	}
	return r.fetchFrom(ctx, node, list)
}

// cancelWhenWoken cancels a try when somebody hurries. The returned function ends
// the watch and reports whether it did.
func (r *replica) cancelWhenWoken(ctx context.Context, cancel func()) func() bool {
	over, woken := make(chan struct{}), make(chan bool, 1)
	go func() {
		select {
		case <-r.wake:
			cancel()
			woken <- true
		case <-over:
			woken <- false
		case <-ctx.Done():
			woken <- false
		}
	}()
	return func() bool {
		close(over)
		return <-woken
	}
}

// locate asks where the publisher is, unless a newer one was just heard. A hint may
// be left from a need that was met otherwise: who gave it may be gone by now. And one
// who has only begun has heard nothing that an old owner could not have said, so it
// asks in any case which epoch to begin with.
func (r *replica) locate(ctx context.Context, s *Subscription) (node string, epoch int64, err error) {
	r.mu.Lock()
	hint, hinted := r.hint, r.hinted
	r.hint = ""
	r.mu.Unlock()
	fresh := s.untold()
	if fresh {
		if node, epoch, err = s.locate(ctx); errors.Is(err, ErrNone) {
			return "", 0, err
		}
		s.atLeast(Version{Epoch: epoch})
	}
	if hint != "" && s.lacks(hinted) {
		return hint, hinted.Epoch, nil
	}
	if fresh {
		return node, epoch, err
	}
	return s.locate(ctx)
}

// end ends the first of the list, and of the others those for whom there is no such
// feed either: one may follow another life of the same node.
func (r *replica) end(ctx context.Context, list []waiter) (all bool) {
	list[0].s.end()
	all = true
	for _, w := range list[1:] {
		if _, _, err := w.s.locate(ctx); errors.Is(err, ErrNone) {
			w.s.end()
			continue
		}
		all = false
	}
	return all
}

// fetchHere begins at a publisher on this node: view and start are one step.
func (r *replica) fetchHere(ctx context.Context, list []waiter) (bool, error) {
	p := r.hub.publisher(r.topic)
	if p == nil {
		return false, errNotHere
	}
	r.from(bus.Origin{})
	var done atomic.Bool // the owner may come to it after we have given up
	err := p.view(ctx, func(v Version, view any) {
		all := true
		for _, w := range list {
			all = w.s.begin(w.asked, p, p.startNow(w.known, v, view)) && all
		}
		done.Store(all)
	})
	return done.Load(), err
}

// fetchFrom begins at a publisher on another node. We have subscribed before, so
// the events behind the view are on their way or buffered.
func (r *replica) fetchFrom(ctx context.Context, node string, list []waiter) (bool, error) {
	select {
	case r.hub.slots <- struct{}{}:
		defer func() { <-r.hub.slots }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	r.ask(node)
	defer r.ask("")
	done := true
	for _, group := range byNeed(list) {
		answer, err := r.question(ctx, node, group[0].known)
		if err != nil {
			return false, err
		}
		r.hub.views.Add(1)
		r.from(bus.Origin{Node: answer.Node, Incarnation: answer.Incarnation})
		for _, w := range group {
			done = w.s.begin(w.asked, nil, start{answer.Version, answer.View, answer.Onward, answer.Tail}) && done
		}
	}
	if !done {
		return false, fmt.Errorf("ask %s: %w", node, errOutdated)
	}
	return true, nil
}

// byNeed parts those who have nothing from those who have missed something, of whom
// the one that is furthest behind comes first.
func byNeed(list []waiter) (groups [][]waiter) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b waiter) int {
		switch {
		case a.known.Less(b.known):
			return -1
		case b.known.Less(a.known):
			return 1
		}
		return 0
	})
	fresh := slices.IndexFunc(list, func(w waiter) bool { return w.known != Version{} })
	switch fresh {
	case -1, 0:
		return [][]waiter{list}
	}
	return [][]waiter{list[:fresh], list[fresh:]}
}

// question asks a node for what a follower needs that is at a version.
func (r *replica) question(ctx context.Context, node string, known Version) (Answer, error) {
	body, err := r.hub.bus.Request(ctx, node, viewService, Ask{Topic: r.topic, Known: known})
	if err != nil {
		return Answer{}, err
	}
	answer, ok := body.(Answer)
	if !ok || answer.None {
		return Answer{}, fmt.Errorf("ask %s: %w", node, errNotHere)
	}
	if r.hub.opts.Gone(bus.Origin{Node: answer.Node, Incarnation: answer.Incarnation}) {
		return Answer{}, fmt.Errorf("ask %s: %w", node, errGone)
	}
	return answer, nil
}

func (r *replica) ask(node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asking = node
}

// from notes whom we follow now.
func (r *replica) from(origin bus.Origin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source, r.heard = origin, time.Now()
}
