package roster

import (
	"slices"

	"teiserver/internal/lobby"
)

// What a lobby's consul says and decides.

type (
	// QueueSet is the join queue of the viewer's lobby, by name, first to last.
	QueueSet struct {
		Lobby int64
		Names []string
	}
	// TermsSet is what holds in the viewer's lobby.
	TermsSet struct {
		Lobby int64
		Terms lobby.Terms
	}
	// TeamsSet is how many teams of which size a lobby has, for everybody.
	TeamsSet struct {
		Lobby       int64
		Size, Count int
	}
	// Expelled has the viewer's connection ended.
	Expelled struct{ Reason string }
)

func (QueueSet) event() {}
func (TermsSet) event() {}
func (TeamsSet) event() {}
func (Expelled) event() {}

// SpeakAs says which account lobbies speak through. Call it before Serve.
func (r *Roster) SpeakAs(coordinator int64) {
	r.do(func(s *state) { s.voice = coordinator })
}

// spoken shows what an event of the consul means.
func (s *state) spoken(r *room, event any) {
	switch e := event.(type) {
	case lobby.Spoke:
		s.said(r, lobby.Said{User: s.voice, Text: e.Text, Emote: e.Emote, To: e.To})
	case lobby.Told:
		for _, line := range e.Lines {
			s.toUser(e.To, PrivateSaid{From: &User{ID: s.voice}, Text: line})
		}
	case lobby.Rung:
		s.toUser(e.User, Rang{By: &User{ID: s.voice}})
	case lobby.Expelled:
		s.toUser(e.User, Expelled{Reason: e.Reason})
	case lobby.QueueSet:
		s.toRoom(r.l, s.queueOf(r.l, e.Users))
	case lobby.TermsSet:
		s.toRoom(r.l, TermsSet{Lobby: r.l.id, Terms: e.Terms})
	}
}

// toUser shows an event to the session of a user that this node has, if it has it. It
// does not wait until the user is shown in the room: what is meant for somebody who has
// just entered comes before the room itself.
func (s *state) toUser(id int64, e Event) {
	u := s.users[id]
	if u == nil || len(u.viewers) == 0 {
		return
	}
	newest := slices.MaxFunc(u.viewers, func(a, b *viewer) int { return int(min(max(a.session-b.session, -1), 1)) })
	from := s.voice
	if _, ends := e.(Expelled); ends {
		from = 0
	}
	s.deliver(id, newest.session, from, e)
}

// queueOf names those in a queue whom this node knows.
func (s *state) queueOf(l *hall, users []int64) QueueSet {
	q := QueueSet{Lobby: l.id, Names: make([]string, 0, len(users))}
	for _, id := range users {
		if u := s.users[id]; u != nil && u.shown != nil {
			q.Names = append(q.Names, u.shown.Name)
		}
	}
	return q
}

// showTerms shows those in a room what a new view changes of queue and terms.
func (s *state) showTerms(l *hall, old, fresh lobby.View) {
	if !slices.Equal(old.Queue, fresh.Queue) {
		s.toRoom(l, s.queueOf(l, fresh.Queue))
	}
	if !old.Terms.Equal(fresh.Terms) {
		s.toRoom(l, TermsSet{Lobby: l.id, Terms: fresh.Terms})
	}
}

// showTeams tells everybody of the teams of a lobby whose summary has changed.
func (s *state) showTeams(l *hall, old lobby.Summary) {
	if l.sum.TeamSize == old.TeamSize && l.sum.TeamCount == old.TeamCount {
		return
	}
	l.made = nil
	if l.founder != nil {
		s.toAll(TeamsSet{Lobby: l.id, Size: l.sum.TeamSize, Count: l.sum.TeamCount})
	}
}

// informed are viewers who know what a lobby must know of them, to tell a new owner.
type informed interface {
	Facts() (lobby.Facts, bool)
}

// addFacts adds what is known of a viewer's user to what an edge repeats.
func addFacts(again *lobby.Repeat, v *viewer) {
	i, ok := v.Viewer.(informed)
	if !ok {
		return
	}
	f, known := i.Facts()
	if !known {
		return
	}
	if again.Facts == nil {
		again.Facts = map[int64]lobby.Facts{}
	}
	again.Facts[v.user.id] = f
}

// Queue returns the join queue of a lobby that this node follows, and Terms what holds
// there.
func (r *Roster) Queue(lobbyID int64) (QueueSet, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.state.lobbies[lobbyID]
	if l == nil || l.room == nil || !l.room.live {
		return QueueSet{}, false
	}
	return r.state.queueOf(l, l.room.replica.View().Queue), true
}
