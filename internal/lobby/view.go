package lobby

import (
	"maps"
	"slices"
	"sort"
	"strings"
)

// Clone returns a copy that shares nothing with v. Its slices and its map are
// never nil, so that a view is the same before and after a trip over the bus.
func (v View) Clone() View {
	v.Members = copied(v.Members)
	v.Computers = copied(v.Computers)
	v.Rects = copied(v.Rects)
	v.Disabled = copied(v.Disabled)
	v.Pending = copied(v.Pending)
	v.Queue = copied(v.Queue)
	v.Bosses = copied(v.Bosses)
	v.Terms.Locks = copied(v.Terms.Locks)
	tags := make(map[string]string, len(v.Tags))
	maps.Copy(tags, v.Tags)
	v.Tags = tags
	return v
}

// Apply returns the view after an event; v stays as it is. A Replica does the same
// for many events without copying.
func (v View) Apply(event any) View {
	r := NewReplica(v)
	r.Apply(event)
	return r.view
}

// Replica is a view that follows the feed. It is not safe for concurrent use.
type Replica struct{ view View }

// NewReplica starts from a view, of which it makes its own copy.
func NewReplica(v View) *Replica { return &Replica{view: v.Clone()} }

// View returns a copy of the view as it is now.
func (r *Replica) View() View { return r.view.Clone() }

// Info returns what everybody sees of the lobby.
func (r *Replica) Info() Info { return r.view.Info }

// FounderStatus returns the founder's battle status.
func (r *Replica) FounderStatus() Status { return r.view.FounderStatus }

// Member returns the member that a user is.
func (r *Replica) Member(user int64) (Member, bool) {
	i := r.member(user)
	if i < 0 {
		return Member{}, false
	}
	return r.view.Members[i], true
}

// Asker returns the request of a user that waits for the host.
func (r *Replica) Asker(user int64) (Asked, bool) {
	i := r.asker(user)
	if i < 0 {
		return Asked{}, false
	}
	return r.view.Pending[i], true
}

// Apply changes the view by an event of the room's feed. Whatever it keeps of the
// event is copied. Events it does not know come from a newer node and change nothing.
func (r *Replica) Apply(event any) {
	v := &r.view
	switch e := event.(type) {
	case StatusSet:
		r.setStatus(e)
	case Requested:
		r.dropAsker(e.User)
		v.Pending = append(v.Pending, e.Asked)
	case Denied:
		r.dropAsker(e.User)
	case Withdrawn:
		r.dropAsker(e.User)
	case Entered:
		r.enter(e.Member)
	case Departed:
		if i := r.member(e.User); i >= 0 {
			v.Members = slices.Delete(v.Members, i, i+1)
		}
	case ComputerAdded:
		r.putComputer(e.Computer)
	case ComputerUpdated:
		r.putComputer(e.Computer)
	case ComputerRemoved:
		if i, ok := r.computer(e.Name); ok {
			v.Computers = slices.Delete(v.Computers, i, i+1)
		}
	case RectAdded:
		r.putRect(e.Rect)
	case RectRemoved:
		v.Rects = slices.DeleteFunc(v.Rects, func(x Rect) bool { return x.Ally == e.Ally })
	case TagsSet:
		maps.Copy(v.Tags, e.Tags)
	case TagsRemoved:
		for _, k := range e.Keys {
			delete(v.Tags, k)
		}
	case UnitsSet:
		v.Disabled = copied(e.Disabled)
	case InfoSet:
		v.Info = e.Info
	case QueueSet:
		v.Queue = copied(e.Users)
	case BossesSet:
		v.Bosses = copied(e.Users)
	case TermsSet:
		v.Terms = e.Terms
		v.Terms.Locks = copied(e.Terms.Locks)
	case Closed:
		v.Members, v.Computers, v.Pending = []Member{}, []Computer{}, []Asked{}
		v.Queue, v.Bosses = []int64{}, []int64{}
	}
}

func (r *Replica) setStatus(e StatusSet) {
	if e.User == r.view.Info.Founder.User {
		r.view.FounderStatus = e.Status
		return
	}
	if i := r.member(e.User); i >= 0 {
		r.view.Members[i].Status = e.Status
		r.view.Members[i].Told = true
	}
}

// enter puts a member in front, or replaces it where it stands.
func (r *Replica) enter(m Member) {
	r.dropAsker(m.User)
	if i := r.member(m.User); i >= 0 {
		r.view.Members[i] = m
		return
	}
	r.view.Members = slices.Insert(r.view.Members, 0, m)
}

// putComputer keeps the computers in order of their names.
func (r *Replica) putComputer(c Computer) {
	i, ok := r.computer(c.Name)
	if ok {
		r.view.Computers[i] = c
		return
	}
	r.view.Computers = slices.Insert(r.view.Computers, i, c)
}

// putRect keeps the rectangles in order of their ally teams.
func (r *Replica) putRect(rect Rect) {
	rects := r.view.Rects
	i := sort.Search(len(rects), func(i int) bool { return rects[i].Ally >= rect.Ally })
	if i < len(rects) && rects[i].Ally == rect.Ally {
		rects[i] = rect
		return
	}
	r.view.Rects = slices.Insert(rects, i, rect)
}

func (r *Replica) dropAsker(user int64) {
	if i := r.asker(user); i >= 0 {
		r.view.Pending = slices.Delete(r.view.Pending, i, i+1)
	}
}

// member returns the place of a user in the member list, -1 if it is not in it.
func (r *Replica) member(user int64) int {
	for i := range r.view.Members {
		if r.view.Members[i].User == user {
			return i
		}
	}
	return -1
}

// asker returns the place of a user's request, -1 if there is none.
func (r *Replica) asker(user int64) int {
	for i := range r.view.Pending {
		if r.view.Pending[i].User == user {
			return i
		}
	}
	return -1
}

// computer returns the place where a computer is or belongs.
func (r *Replica) computer(name string) (i int, found bool) {
	return slices.BinarySearchFunc(r.view.Computers, name, func(c Computer, name string) int {
		return strings.Compare(c.Name, name)
	})
}

func copied[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }
