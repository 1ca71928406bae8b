package matchmaking

import (
	"slices"
	"sync"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/guard"
)

// Directory is what one node knows of all queues and matches of the cluster. It follows the
// index of every node. changed is called with the users of whom something changed; it must
// not block nor call the directory.
type Directory struct {
	changed func(users []int64)

	mu      sync.Mutex
	queues  map[string]*entry[QueueView]
	matches map[string]*entry[MatchView]
	stops   map[followed]func()
	news    chan struct{} // closed with the next change
}

type followed struct {
	kind string
	node bus.Origin
}

// entry is what is known of a process, or its end: what is older is not believed.
type entry[T any] struct {
	version feed.Version
	view    *T // nil: it has ended
}

// endsKept is how many ended matches are remembered, so that an older entry of another node
// does not bring one back.
const endsKept = 1024

// NewDirectory begins to follow.
func NewDirectory(r cluster.Runtime, changed func(users []int64)) *Directory {
	d := newDirectory(changed)
	r.OnMembers(func(members []cluster.Member) { d.members(r, members) })
	return d
}

func newDirectory(changed func(users []int64)) *Directory {
	return &Directory{
		changed: changed, queues: map[string]*entry[QueueView]{}, matches: map[string]*entry[MatchView]{},
		stops: map[followed]func(){}, news: make(chan struct{}),
	}
}

// members follows who has come. What a node has shown that is gone stays: its queues go on
// elsewhere.
func (d *Directory) members(r cluster.Runtime, members []cluster.Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	here := map[followed]bool{}
	for _, m := range members {
		for _, kind := range []string{KindQueue, KindMatch} {
			f := followed{kind, m.Origin}
			here[f] = true
			if d.stops[f] == nil {
				d.stops[f] = r.FollowNode(cluster.IndexTopic(kind), m.Origin, follower{d, f})
			}
		}
	}
	for f, stop := range d.stops {
		if !here[f] {
			stop()
			delete(d.stops, f)
		}
	}
}

// follower takes what one life of a node lists of a kind.
type follower struct {
	d *Directory
	f followed
}

// Reset implements feed.Follower. What is no longer listed is on its way to another node:
// what ends says so.
func (f follower) Reset(v feed.Version, view any) {
	if list, ok := view.(process.IndexView); ok && v.Epoch == f.f.node.Incarnation {
		guard.Each(list.Entries, func(e process.Indexed) { f.d.take(f.f.kind, e) })
	}
}

// Event implements feed.Follower.
func (f follower) Event(v feed.Version, event any) {
	if e, ok := event.(process.Indexed); ok && v.Epoch == f.f.node.Incarnation {
		f.d.take(f.f.kind, e)
	}
}

func (d *Directory) take(kind string, e process.Indexed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var users []int64
	switch kind {
	case KindQueue:
		before, after, ok := put(d.queues, e)
		if !ok {
			return
		}
		users = differ(before, after)
	case KindMatch:
		before, after, ok := put(d.matches, e)
		if !ok {
			return
		}
		for _, v := range []*MatchView{before, after} {
			if v != nil {
				users = append(users, v.Users...)
			}
		}
		if after == nil {
			forgetEnds(d.matches)
		}
	}
	close(d.news)
	d.news = make(chan struct{})
	d.changed(users)
}

// put takes an entry, if it is newer than what is known.
func put[T any](known map[string]*entry[T], e process.Indexed) (before, after *T, ok bool) {
	v := e.Version()
	old := known[e.ID]
	if old != nil && !old.version.Less(v) && (old.version != v || !e.Closed) {
		return nil, nil, false
	}
	if view, is := e.Summary.(T); is && !e.Closed {
		after = &view
	} else if !e.Closed {
		return nil, nil, false // of a newer release
	}
	if old != nil {
		before = old.view
	}
	known[e.ID] = &entry[T]{v, after}
	return before, after, true
}

func forgetEnds[T any](known map[string]*entry[T]) {
	ends := 0
	for _, e := range known {
		if e.view == nil {
			ends++
		}
	}
	for id, e := range known {
		if ends <= endsKept {
			return
		}
		if e.view == nil {
			delete(known, id)
			ends--
		}
	}
}

// differ are the users whose place in a queue is not what it was.
func differ(before, after *QueueView) (users []int64) {
	place := func(v *QueueView) map[int64]string {
		m := map[int64]string{}
		if v != nil {
			for i := range v.Seats {
				for _, w := range v.Seats[i].Members {
					m[w.User] = v.Seats[i].Group + " " + v.Seats[i].Match
				}
			}
		}
		return m
	}
	a, b := place(before), place(after)
	for user, seat := range a {
		if b[user] != seat {
			users = append(users, user)
		}
	}
	for user := range b {
		if _, was := a[user]; !was {
			users = append(users, user)
		}
	}
	return users
}

// Queue is a queue as this node knows it, nil if nobody has waited in it yet. It is not to be
// changed.
func (d *Directory) Queue(id int) *QueueView {
	return d.QueueOf(QueueKey(id).ID)
}

// QueueOf is Queue by the id of its process.
func (d *Directory) QueueOf(id string) *QueueView {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.queues[id]; e != nil {
		return e.view
	}
	return nil
}

// Standing is what a user has to do with queues and matches.
type Standing struct {
	Queues []int        // in which it waits, in order
	Seats  map[int]Seat // by queue
	Match  *MatchView   // that it may play in, nil: none
}

// Of returns what a user has to do with.
func (d *Directory) Of(user int64) Standing {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Standing{Seats: map[int]Seat{}}
	for _, e := range d.queues {
		if e.view == nil {
			continue
		}
		if seat, ok := e.view.Seat(user); ok {
			s.Queues = append(s.Queues, e.view.ID)
			s.Seats[e.view.ID] = seat
		}
	}
	slices.Sort(s.Queues)
	for _, e := range d.matches {
		if v := e.view; v != nil && slices.Contains(v.Users, user) && (s.Match == nil || s.Match.Stage.over()) {
			s.Match = v
		}
	}
	return s
}

// Match returns a match, nil if it is not known or has ended.
func (d *Directory) Match(id string) (v *MatchView, ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.matches[id]
	if e == nil {
		return nil, false
	}
	return e.view, e.view == nil
}

// Changes is closed when something has changed after this call.
func (d *Directory) Changes() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.news
}
