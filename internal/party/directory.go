package party

import (
	"sync"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/guard"
)

// Directory is what one node knows of all parties of the cluster. It follows the index
// of every node; tell is called for each notice, in order, and must not block nor call
// the directory.
type Directory struct {
	tell func(Notice)

	mu      sync.Mutex
	parties map[string]*entry
	of      map[int64]map[string]struct{} // the parties that a user is in or invited to
	stops   map[bus.Origin]func()
}

// entry is a party, or the end of one: what is older is not believed.
type entry struct {
	version feed.Version
	party   *Party // nil: it has ended
}

// NewDirectory begins to follow.
func NewDirectory(r cluster.Runtime, tell func(Notice)) *Directory {
	d := &Directory{tell: tell, parties: map[string]*entry{}, of: map[int64]map[string]struct{}{}, stops: map[bus.Origin]func(){}}
	r.OnMembers(func(members []cluster.Member) { d.members(r, members) })
	return d
}

// members follows who has come. What a node has shown that is gone stays: its parties go
// on elsewhere.
func (d *Directory) members(r cluster.Runtime, members []cluster.Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	here := map[bus.Origin]bool{}
	for _, m := range members {
		here[m.Origin] = true
		if d.stops[m.Origin] == nil {
			d.stops[m.Origin] = r.FollowNode(cluster.IndexTopic(Kind), m.Origin, follower{d, m.Origin})
		}
	}
	for o, stop := range d.stops {
		if !here[o] {
			stop()
			delete(d.stops, o)
		}
	}
}

// follower takes what one life of a node lists.
type follower struct {
	d *Directory
	o bus.Origin
}

// Reset implements feed.Follower. A party that is no longer listed is on its way to
// another node: those that end say so.
func (f follower) Reset(v feed.Version, view any) {
	if list, ok := view.(process.IndexView); ok && v.Epoch == f.o.Incarnation {
		guard.Each(list.Entries, f.d.take)
	}
}

// Event implements feed.Follower.
func (f follower) Event(v feed.Version, event any) {
	if e, ok := event.(process.Indexed); ok && v.Epoch == f.o.Incarnation {
		f.d.take(e)
	}
}

// endsKept is how many ended parties are remembered, so that an older entry of another
// node does not bring one back.
const endsKept = 1024

func (d *Directory) take(e process.Indexed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := feed.Version{Epoch: e.Epoch, Run: e.Run, Seq: e.Seq}
	old := d.parties[e.ID]
	if old != nil && !old.version.Less(v) && (old.version != v || !e.Closed) {
		return
	}
	next := &entry{version: v}
	if p, ok := e.Summary.(Party); ok && !e.Closed {
		next.party = &p
	} else if !e.Closed {
		return // of a newer release
	}
	var before *Party
	if old != nil {
		before = old.party
	}
	d.parties[e.ID] = next
	d.index(e.ID, before, next.party)
	for _, n := range Notices(before, next.party) {
		d.tell(n)
	}
	if next.party == nil {
		d.forgetEnds()
	}
}

func (d *Directory) forgetEnds() {
	ends := 0
	for _, e := range d.parties {
		if e.party == nil {
			ends++
		}
	}
	for id, e := range d.parties {
		if ends <= endsKept {
			return
		}
		if e.party == nil {
			delete(d.parties, id)
			ends--
		}
	}
}

func (d *Directory) index(id string, before, after *Party) {
	if before != nil {
		for _, user := range users(before) {
			delete(d.of[user], id)
			if len(d.of[user]) == 0 {
				delete(d.of, user)
			}
		}
	}
	if after != nil {
		for _, user := range users(after) {
			if d.of[user] == nil {
				d.of[user] = map[string]struct{}{}
			}
			d.of[user][id] = struct{}{}
		}
	}
}

// Of returns the party that a user is in, nil if it is in none. It is not to be changed.
func (d *Directory) Of(user int64) *Party {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.of[user] {
		if p := d.parties[id].party; p.member(user) >= 0 {
			return p
		}
	}
	return nil
}

// Party returns a party by its id, nil if there is none.
func (d *Directory) Party(id string) *Party {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.parties[id]; e != nil {
		return e.party
	}
	return nil
}

// Standing is what a user who has just come has to know, party by party, and whether it
// is a member of one.
func (d *Directory) Standing(user int64) (list []Notice) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.of[user] {
		list = append(list, Standing(d.parties[id].party, user)...)
	}
	return list
}
