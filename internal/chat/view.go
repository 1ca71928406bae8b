package chat

import (
	"cmp"
	"slices"
)

// Apply returns the view after an event; v stays as it is. A Replica does the same
// for many events without copying.
func (v View) Apply(event any) View {
	r := NewReplica(v)
	r.Apply(event)
	return r.View()
}

// Replica is a view that follows the feed. It is not safe for concurrent use.
type Replica struct {
	name       string
	author     int64
	authorName string
	members    map[int64]place // by user: main has thousands, and each line looks one up
	last       int64           // place given last
}

// place is a member with its place in the order of joining.
type place struct {
	Member
	at int64
}

// NewReplica starts from a view, of which it keeps nothing.
func NewReplica(v View) *Replica {
	r := &Replica{
		name:       v.Name,
		author:     v.Author,
		authorName: v.AuthorName,
		members:    make(map[int64]place, len(v.Members)),
	}
	for _, m := range v.Members {
		r.put(m)
	}
	return r
}

// View returns a copy of the view as it is now.
func (r *Replica) View() View {
	return View{Name: r.name, Author: r.author, AuthorName: r.authorName, Members: r.inOrder()}
}

// Member returns the member that a user is.
func (r *Replica) Member(user int64) (Member, bool) {
	p, ok := r.members[user]
	return p.Member, ok
}

// Len returns the number of members.
func (r *Replica) Len() int { return len(r.members) }

// Apply changes the view by an event of the channel's feed. Events it does not know
// come from a newer node and change nothing.
func (r *Replica) Apply(event any) {
	switch e := event.(type) {
	case Authored:
		r.author, r.authorName = e.Author, e.AuthorName
	case Joined:
		r.put(e.Member)
	case Left:
		delete(r.members, e.User)
	}
}

// put adds a member at the end, or replaces it where it stands.
func (r *Replica) put(m Member) {
	at := r.members[m.User].at
	if at == 0 {
		r.last++
		at = r.last
	}
	r.members[m.User] = place{Member: m, at: at}
}

// inOrder returns the members in order of joining.
func (r *Replica) inOrder() []Member {
	places := make([]place, 0, len(r.members))
	for _, p := range r.members {
		places = append(places, p)
	}
	slices.SortFunc(places, func(p, q place) int { return cmp.Compare(p.at, q.at) })
	members := make([]Member, len(places))
	for i, p := range places {
		members[i] = p.Member
	}
	return members
}
