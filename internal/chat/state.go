package chat

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// State is the machine of one channel. It implements process.Machine and
// process.Summarizer.
type State struct {
	room  Replica         // what followers see too; changed by events only
	joins map[int64]int64 // the join of each member, which followers need not know
}

// lingerFor is how long an empty channel stays, so that a short absence of its only
// member costs nothing. Names are free to invent: without an end, invented channels
// would be kept for ever.
const lingerFor = time.Minute

var (
	_ process.Machine    = (*State)(nil)
	_ process.Summarizer = (*State)(nil)
)

// NewState makes an empty channel. The first who joins a channel without an author
// becomes it.
func NewState(c Channel) *State {
	return &State{joins: map[int64]int64{}, room: *NewReplica(View{Name: c.Name, Author: c.Author, AuthorName: c.AuthorName})}
}

// stored is the form of a snapshot.
type stored struct {
	View
	Joins map[int64]int64 `json:"joins,omitempty"`
}

// RestoreState makes a machine from a snapshot.
func RestoreState(snapshot []byte) (*State, error) {
	var d stored
	if err := json.Unmarshal(snapshot, &d); err != nil {
		return nil, fmt.Errorf("read channel snapshot: %w", err)
	}
	if d.Joins == nil {
		d.Joins = map[int64]int64{}
	}
	return &State{joins: d.Joins, room: *NewReplica(d.View)}, nil
}

// Snapshot implements process.Machine; RestoreState is its reverse.
func (s *State) Snapshot() ([]byte, error) {
	b, err := json.Marshal(stored{View: s.room.View(), Joins: s.joins})
	if err != nil {
		return nil, fmt.Errorf("write channel snapshot: %w", err)
	}
	return b, nil
}

// Resume implements process.Machine: a channel begins empty.
func (s *State) Resume() []process.Timer { return []process.Timer{{After: lingerFor, Body: Linger{}}} }

// View implements process.Machine.
func (s *State) View() any { return s.room.View() }

// Summary implements process.Summarizer.
func (s *State) Summary() any { return Summary{Name: s.room.name, Members: s.room.Len()} }

// SummaryChanged implements process.Summarizer.
func (s *State) SummaryChanged(events []any) bool {
	for _, e := range events {
		switch e.(type) {
		case Joined, Left:
			return true
		}
	}
	return false
}

// Apply implements process.Machine: it decides, and if the command is not refused,
// the events of the decision change the state.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	out, err := s.decide(c.Body)
	if err != nil {
		return process.Outcome{}, err
	}
	for _, e := range out.Events {
		s.room.Apply(e)
		if left, is := e.(Left); is {
			delete(s.joins, left.User)
			if s.room.Len() == 0 {
				out.Timers = append(out.Timers, process.Timer{After: lingerFor, Body: Linger{}})
			}
		}
	}
	return out, nil
}

func (s *State) decide(body any) (process.Outcome, error) {
	switch cmd := body.(type) {
	case Join:
		return s.join(cmd)
	case Leave:
		return s.leave(cmd)
	case Say:
		return s.say(cmd)
	case Linger:
		return process.Outcome{Close: s.room.Len() == 0}, nil
	case Gone:
		return s.gone(cmd)
	case Repeat:
		return s.repeat(cmd)
	}
	return process.Outcome{}, refusal.New(refusal.Invalid, "a channel does not know %T", body)
}

// join: the record of a new channel is written before anybody is told, so that a
// channel that was seen keeps its author.
func (s *State) join(c Join) (process.Outcome, error) {
	seat, in := s.room.Member(c.User)
	if in && older(c.Member, seat) {
		return process.Outcome{}, superseded()
	}
	out := s.authored(c.User, c.Name)
	out.Reply = Seated{Again: in && !newer(c.Member, seat)}
	if !in || newer(c.Member, seat) {
		out.Events = append(out.Events, Joined{Member: c.Member})
	}
	s.joins[c.User] = c.Join
	return out, nil
}

// authored makes who comes the author of a channel that has none.
func (s *State) authored(user int64, name string) (out process.Outcome) {
	if s.room.authorName == "" && name != "" {
		out.Events = append(out.Events, Authored{Author: user, AuthorName: name})
		out.Record = Channel{Name: s.room.name, Author: user, AuthorName: name}
	}
	return out
}

func (s *State) leave(c Leave) (process.Outcome, error) {
	seat, in := s.room.Member(c.User)
	if !in {
		return process.Outcome{}, refusal.New(refusal.NotFound, "not in channel %s", s.room.name)
	}
	if older(c.Member, seat) || c.Join != 0 && c.Session == seat.Session && c.Join < s.joins[c.User] {
		return process.Outcome{}, superseded()
	}
	return process.Outcome{Events: []any{Left{Member: seat}}}, nil
}

func (s *State) say(c Say) (process.Outcome, error) {
	seat, in := s.room.Member(c.User)
	if !in && c.Join == 0 {
		return process.Outcome{}, refusal.New(refusal.Forbidden, "not in channel %s", s.room.name)
	}
	if in && older(c.Member, seat) {
		return process.Outcome{}, superseded()
	}
	text := cut(strings.TrimSpace(c.Text), MaxText)
	if text == "" {
		return process.Outcome{}, refusal.New(refusal.Invalid, "nothing said")
	}
	said := Said{Member: c.Member, Text: text, Emote: c.Emote, Line: c.Line}
	if !in || newer(c.Member, seat) {
		s.joins[c.User] = c.Join
		out := s.authored(c.User, c.Name)
		out.Events = append(out.Events, Joined{Member: c.Member}, said)
		return out, nil
	}
	return process.Outcome{Events: []any{said}}, nil
}

// gone takes out every session of an incarnation.
func (s *State) gone(c Gone) (process.Outcome, error) {
	var events []any
	for _, m := range s.room.inOrder() {
		if m.Incarnation == c.Incarnation {
			events = append(events, Left{Member: m})
		}
	}
	return process.Outcome{Events: events}, nil
}

// repeat adds what a node's clients hold; what it does not name stays.
func (s *State) repeat(c Repeat) (process.Outcome, error) {
	var events []any
	seen := make(map[int64]bool, len(c.Members))
	for _, m := range c.Members {
		seat, in := s.room.Member(m.User)
		if !seen[m.User] && (!in || newer(m, seat)) {
			events = append(events, Joined{Member: m})
		}
		seen[m.User] = true
	}
	return process.Outcome{Events: events}, nil
}

func older(m, seat Member) bool { return m.Session < seat.Session }

// newer also takes a new incarnation of the node as a newer seat.
func newer(m, seat Member) bool {
	return m.Session > seat.Session || m.Session == seat.Session && m.Incarnation > seat.Incarnation
}

func superseded() *refusal.Error {
	return refusal.New(refusal.Superseded, "a newer session has taken over")
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for i := range text {
		if n == 0 {
			return strings.TrimSpace(text[:i])
		}
		n--
	}
	return text
}
