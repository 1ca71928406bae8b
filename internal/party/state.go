package party

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// State is the machine of one party. Its party is never changed in place: the index
// and followers hold it.
type State struct {
	party   Party
	closed  bool
	ticking bool // of this life
}

var (
	_ process.Machine    = (*State)(nil)
	_ process.Summarizer = (*State)(nil)
)

// RestoreState makes a machine from a snapshot.
func RestoreState(snapshot []byte) (*State, error) {
	s := &State{}
	if err := json.Unmarshal(snapshot, &s.party); err != nil {
		return nil, fmt.Errorf("read party snapshot: %w", err)
	}
	return s, nil
}

// Snapshot implements process.Machine.
func (s *State) Snapshot() ([]byte, error) { return json.Marshal(s.party) }

// View implements process.Machine.
func (s *State) View() any { return s.party }

// Summary implements process.Summarizer.
func (s *State) Summary() any { return s.party }

// SummaryChanged implements process.Summarizer.
func (s *State) SummaryChanged(events []any) bool { return len(events) > 0 }

// Resume implements process.Machine.
func (s *State) Resume() []process.Timer {
	s.ticking = true
	return []process.Timer{{After: time.Second, Body: Tick{}}}
}

// Apply implements process.Machine.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	if create, ok := c.Body.(Create); ok {
		return s.create(create)
	}
	if here, ok := c.Body.(Here); ok && s.party.ID == "" {
		return s.create(Create(here))
	}
	if s.party.ID == "" || s.closed {
		return process.Outcome{}, refusal.New(refusal.NotFound, "there is no such party")
	}
	next, err := s.decide(c)
	if err != nil {
		return process.Outcome{}, err
	}
	return s.lead(next), nil
}

func (s *State) create(c Create) (process.Outcome, error) {
	if s.party.ID != "" {
		return process.Outcome{}, refusal.New(refusal.Taken, "this party exists already")
	}
	return s.lead(&Party{ID: c.ID, Leader: c.User, Members: []Member{{Who: c.Who, Name: c.Name}}}), nil
}

// decide returns the party after a command, nil if nothing changes.
func (s *State) decide(c process.Command) (*Party, error) {
	switch cmd := c.Body.(type) {
	case Invite:
		return s.invite(cmd)
	case Cancel:
		return s.cancel(cmd)
	case Accept:
		return s.accept(cmd)
	case Place:
		return s.place(cmd)
	case Decline:
		return s.without(cmd.User), nil
	case Leave:
		return s.leave(cmd, c.At)
	case Back:
		return s.back(cmd.Who), nil
	case Here:
		return s.here(cmd), nil
	case Gone:
		return s.gone(cmd, c.At), nil
	case Tick:
		s.ticking = false
		return s.expire(c.At), nil
	}
	return nil, refusal.New(refusal.Invalid, "a party does not know %T", c.Body)
}

// lead goes on with a changed party.
func (s *State) lead(next *Party) (out process.Outcome) {
	if next != nil {
		s.party = *next
		out.Events = []any{Changed{*next}}
	}
	if len(s.party.Members) == 0 {
		s.closed = true
		return process.Outcome{Events: append(out.Events, Ended{}), Close: true}
	}
	lost := slices.ContainsFunc(s.party.Members, func(m Member) bool { return !m.Lost.IsZero() })
	if lost && !s.ticking {
		out.Timers = s.Resume()
	}
	return out
}

// clone is a copy whose lists may be changed.
func (s *State) clone() *Party {
	p := s.party
	p.Members, p.Invites = slices.Clone(p.Members), slices.Clone(p.Invites)
	return &p
}

// actor is the place of a sender, who must be a member.
func (s *State) actor(w Who) (int, error) {
	i := s.party.member(w.User)
	if i < 0 {
		return -1, refusal.New(refusal.Forbidden, "user %d is not in this party", w.User)
	}
	if w.Session < s.party.Members[i].Session {
		return -1, refusal.New(refusal.Superseded, "a newer session has taken over")
	}
	return i, nil
}

func (s *State) invite(c Invite) (*Party, error) {
	if _, err := s.actor(c.By); err != nil {
		return nil, err
	}
	if s.party.member(c.User) >= 0 || s.party.Invited(c.User) {
		return nil, nil
	}
	if len(s.party.Invites) >= MostInvites {
		return nil, refusal.New(refusal.Full, "too many invitations are open")
	}
	p := s.clone()
	p.Invites = slices.Insert(p.Invites, 0, Invited{User: c.User, Name: c.Name, By: c.By.User})
	return p, nil
}

func (s *State) cancel(c Cancel) (*Party, error) {
	if _, err := s.actor(c.By); err != nil {
		return nil, err
	}
	return s.without(c.User), nil
}

// without takes an invitation away.
func (s *State) without(user int64) *Party {
	i := s.party.invite(user)
	if i < 0 {
		return nil
	}
	p := s.clone()
	p.Invites = slices.Delete(p.Invites, i, i+1)
	return p
}

func (s *State) accept(c Accept) (*Party, error) {
	if s.party.member(c.User) < 0 && !s.party.Invited(c.User) {
		return nil, refusal.New(refusal.NotFound, "Not invited")
	}
	return s.place(Place(c))
}

func (s *State) place(c Place) (*Party, error) {
	if s.party.member(c.User) >= 0 {
		return nil, refusal.New(refusal.Taken, "Already a member")
	}
	if len(s.party.Members) >= MostMembers {
		return nil, refusal.New(refusal.Full, "The party is full")
	}
	p := s.without(c.User)
	if p == nil {
		p = s.clone()
	}
	p.Members = slices.Insert(p.Members, 0, Member{Who: c.Who, Name: c.Name})
	return p, nil
}

func (s *State) leave(c Leave, at time.Time) (*Party, error) {
	i, err := s.actor(c.Who)
	if err != nil {
		return nil, err
	}
	if c.Grace > 0 {
		p := s.clone()
		p.Members[i].Who, p.Members[i].Lost = c.Who, at.Add(c.Grace)
		return p, nil
	}
	return s.remove(func(m Member) bool { return m.User == c.User }), nil
}

// back takes a place over for a newer session, or keeps it for one that was lost.
func (s *State) back(w Who) *Party {
	i := s.party.member(w.User)
	if i < 0 || w.Session < s.party.Members[i].Session {
		return nil
	}
	if m := &s.party.Members[i]; m.Who == w && m.Lost.IsZero() {
		return nil
	}
	p := s.clone()
	p.Members[i].Who, p.Members[i].Lost = w, time.Time{}
	return p
}

// here puts a member in again of whom an older state does not know.
func (s *State) here(c Here) *Party {
	if s.party.member(c.User) >= 0 {
		return s.back(c.Who)
	}
	p, err := s.place(Place{Who: c.Who, Name: c.Name})
	if err != nil {
		return nil
	}
	return p
}

func (s *State) gone(c Gone, at time.Time) *Party {
	of := func(m Member) bool { return m.Incarnation == c.Incarnation && m.Lost.IsZero() }
	if c.Grace == 0 {
		return s.remove(of)
	}
	p, changed := s.clone(), false
	for i := range p.Members {
		if of(p.Members[i]) {
			p.Members[i].Lost, changed = at.Add(c.Grace), true
		}
	}
	if !changed {
		return nil
	}
	return p
}

// expire takes out who did not come back in time.
func (s *State) expire(at time.Time) *Party {
	return s.remove(func(m Member) bool { return !m.Lost.IsZero() && !at.Before(m.Lost) })
}

// remove takes members out. The longest member leads when the leader is out.
func (s *State) remove(which func(Member) bool) *Party {
	p := s.clone()
	p.Members = slices.DeleteFunc(p.Members, which)
	if len(p.Members) == len(s.party.Members) {
		return nil
	}
	if len(p.Members) == 0 {
		p.Invites = nil
		return p
	}
	if p.member(p.Leader) < 0 {
		p.Leader = p.Members[len(p.Members)-1].User
	}
	return p
}
