package feed

import "time"

// What a publisher that was opened with Keep remembers: enough for a follower that
// missed a message, or that looked for a new owner, and little enough not to matter.
const (
	keepMost = 128
	keepFor  = 10 * time.Second
	// keepRoom is the room that a quiet feed does not give back.
	keepRoom = 16
)

// Keep makes a feed remember its last events, so that a follower who missed some gets
// these and not a view: for feeds that say things which no view shows.
func Keep() OpenOption {
	return func(p *Publisher) { p.kept = &kept{began: time.Now()} }
}

// kept are the last events of a run without a gap, up to its version, and perhaps a
// view from which followers of older runs begin.
type kept struct {
	began time.Time
	ring  []keptEvent // a circle: count of them from first on
	first int
	count int
	based bool    // all events after base are here
	base  Version // of view
	view  any
	since time.Duration // when base was set
}

type keptEvent struct {
	Numbered
	at time.Duration // since began
}

// add remembers an event.
func (k *kept) add(v Version, event any) {
	now := time.Since(k.began)
	k.expire(now)
	switch {
	case k.count == keepMost:
		k.drop()
	case k.count == len(k.ring):
		k.move(max(keepRoom, 2*len(k.ring)))
	}
	k.ring[(k.first+k.count)%len(k.ring)] = keptEvent{Numbered{v, event}, now}
	k.count++
}

// expire drops what is too old.
func (k *kept) expire(now time.Duration) {
	for k.count > 0 && now-k.ring[k.first].at > keepFor {
		k.drop()
	}
}

// drop forgets the oldest event, and the view that it was behind.
func (k *kept) drop() {
	if k.based && k.base.Less(k.ring[k.first].Version) {
		k.based, k.view = false, nil
	}
	k.ring[k.first] = keptEvent{}
	k.first = (k.first + 1) % len(k.ring)
	k.count--
}

func (k *kept) move(room int) {
	ring := make([]keptEvent, room)
	for i := range k.count {
		ring[i] = k.ring[(k.first+i)%len(k.ring)]
	}
	k.ring, k.first = ring, 0
}

// tidy drops what is too old in a feed that may say nothing for long.
func (k *kept) tidy() {
	now := time.Since(k.began)
	k.expire(now)
	if k.count == 0 && len(k.ring) > keepRoom {
		k.ring, k.first = nil, 0
	}
	if k.based && now-k.since > keepFor {
		k.based, k.view = false, nil
	}
}

// clear begins anew, with a new run.
func (k *kept) clear() { *k = kept{began: k.began} }

// after returns the last n events. There must be as many.
func (k *kept) after(n int) []Numbered {
	if n == 0 {
		return nil
	}
	list := make([]Numbered, n)
	for i := range list {
		list[i] = k.ring[(k.first+k.count-n+i)%len(k.ring)].Numbered
	}
	return list
}

// start is where a follower goes on from: a view at a version, or that version itself
// if it has it already, and all events after it.
type start struct {
	version Version
	view    any
	onward  bool       // there is no view
	tail    []Numbered // without a gap
}

// last is the version to which a start leads.
func (a start) last() Version {
	if n := len(a.tail); n > 0 {
		return a.tail[n-1].Version
	}
	return a.version
}

// Base remembers a view of now, from which followers of earlier runs begin: they get it
// with all that was said since. It is called when a run begins, or when what is said in
// it begins; without Keep it does nothing.
func (p *Publisher) Base(view any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.kept; k != nil && !p.closed {
		k.based, k.base, k.view, k.since = true, p.version, view, time.Since(k.began)
	}
}

// since is where a follower that is at a version goes on without the view of now. False
// if it must have that.
func (p *Publisher) since(known Version) (start, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.kept
	if p.closed || known == (Version{}) {
		return start{}, false
	}
	if known == p.version {
		return start{version: known, onward: true}, true
	}
	if k == nil || !known.Less(p.version) {
		return start{}, false
	}
	k.expire(time.Since(k.began))
	if known.sameRun(p.version) {
		missed := p.version.Seq - known.Seq
		if missed > int64(k.count) {
			return start{}, false
		}
		return start{version: known, onward: true, tail: k.after(int(missed))}, true
	}
	if !k.based {
		return start{}, false
	}
	return start{version: k.base, view: k.view, tail: k.after(int(p.version.Seq - k.base.Seq))}, true
}

// tidy lets go of what is too old.
func (p *Publisher) tidy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept != nil {
		p.kept.tidy()
	}
}
