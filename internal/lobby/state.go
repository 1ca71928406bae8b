package lobby

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/refusal"
)

// TickEvery is how often a lobby looks after its id tags and what the consul has to do.
const TickEvery = 2 * time.Second

// State is the machine of one lobby. It implements process.Machine and
// process.Summarizer.
type State struct {
	room Replica // what followers see too; changed by events only

	opened, closed bool
	password       string // empty: none
	matchID        int64
	hostUUID       string
	matchUUID      string
	playing        bool           // the match has started and has not ended
	reported       int64          // the last report of its host's game that was carried out
	approved       map[int64]bool // joined once and were not kicked: lock and password do not hold them
	kept           map[int64]Kept // places of members whose connection was lost
	consul         *consul.State  // never nil; changed by turns only
	rules          consul.Rules   // of the site, as read last
	inGame         bool           // the founder is
	reserved       reservation    // for a split

	// Of this command only.
	now     *consul.Turn    // the consul's work, if it has any
	effects []any           // wanted
	timers  []process.Timer // wanted
	ending  bool            // an EndMatch is of the match that is on

	// Of this life only, not in the snapshot.
	at       time.Time      // of the command that is applied
	ticking  bool           // a Tick is on its way
	listed   bool           // the last command was Open: the summary is new
	settled  map[int64]bool // users whose status was set in this life: repeats are older
	seats    []Seat         // the summary's seats, nil after a change; never changed in place
	hall     consul.Room    // the room for the consul, made anew for each turn
	approves bool           // an order has said who is approved
	filling  bool           // a consul.Fill is on its way
	ticks    int
	panics   int    // of the consul, in a row
	stumble  func() // of tests: what happens when the consul has done something
}

var (
	_ process.Machine    = (*State)(nil)
	_ process.Summarizer = (*State)(nil)
)

// NewState makes a machine that waits for Open.
func NewState() *State {
	return &State{
		room:     Replica{view: View{}.Clone()},
		approved: map[int64]bool{},
		settled:  map[int64]bool{},
		kept:     map[int64]Kept{},
		consul:   consul.New(""),
		rules:    consul.DefaultRules(),
	}
}

// stored is the form of a snapshot.
type stored struct {
	View      View    `json:"view"`
	Opened    bool    `json:"opened"`
	Closed    bool    `json:"closed,omitempty"`
	Password  string  `json:"password"`
	MatchID   int64   `json:"match_id"`
	HostUUID  string  `json:"host_uuid"`
	MatchUUID string  `json:"match_uuid"`
	Playing   bool    `json:"playing,omitempty"`
	Reported  int64   `json:"reported,omitempty"`
	Approved  []int64 `json:"approved"`
	Kept      []Kept  `json:"kept,omitempty"`
	// The teams are the consul's now. They stay here for nodes of the release before.
	TeamSize  int `json:"team_size"`
	TeamCount int `json:"team_count"`

	Consul   *consul.State `json:"consul,omitempty"`
	Rules    *consul.Rules `json:"rules,omitempty"`
	InGame   bool          `json:"in_game,omitempty"`
	Reserved *reservation  `json:"reserved,omitempty"`
}

// RestoreState makes a machine from a snapshot.
func RestoreState(snapshot []byte) (*State, error) {
	var d stored
	if err := json.Unmarshal(snapshot, &d); err != nil {
		return nil, fmt.Errorf("read lobby snapshot: %w", err)
	}
	s := NewState()
	s.room = *NewReplica(d.View)
	s.opened, s.closed = d.Opened, d.Closed
	s.password, s.matchID, s.hostUUID, s.matchUUID = d.Password, d.MatchID, d.HostUUID, d.MatchUUID
	s.playing, s.reported = d.Playing, d.Reported
	for _, user := range d.Approved {
		s.approved[user] = true
	}
	for _, k := range d.Kept {
		s.kept[k.User] = k
	}
	s.restoreConsul(&d)
	return s, nil
}

// restoreConsul also takes the snapshot of a lobby that had no consul yet.
func (s *State) restoreConsul(d *stored) {
	s.inGame = d.InGame
	if d.Rules != nil {
		s.rules = *d.Rules
	}
	if d.Reserved != nil {
		s.reserved = *d.Reserved
	}
	if d.Consul != nil {
		s.consul = d.Consul.Clone()
		return
	}
	s.consul = consul.New(s.room.view.Info.Title)
	if d.TeamSize > 0 && d.TeamCount > 0 {
		s.consul.TeamSize, s.consul.TeamCount = d.TeamSize, d.TeamCount
	}
	s.consul.Unranked = s.room.view.Tags[tagRanked] == "0"
	s.room.view.Terms = s.consul.TermsUnder(&s.rules)
}

// Snapshot implements process.Machine; RestoreState is its reverse.
func (s *State) Snapshot() ([]byte, error) {
	approved := make([]int64, 0, len(s.approved))
	for user := range s.approved {
		approved = append(approved, user)
	}
	slices.Sort(approved)
	kept := slices.SortedFunc(maps.Values(s.kept), func(a, b Kept) int { return cmp.Compare(a.User, b.User) })
	d := stored{
		View: s.room.view, Opened: s.opened, Closed: s.closed,
		Password: s.password, MatchID: s.matchID, HostUUID: s.hostUUID, MatchUUID: s.matchUUID, Playing: s.playing, Reported: s.reported,
		Approved: approved, Kept: kept, TeamSize: s.consul.TeamSize, TeamCount: s.consul.TeamCount,
		Consul: s.consul, Rules: &s.rules, InGame: s.inGame,
	}
	if s.reserved != (reservation{}) {
		d.Reserved = &s.reserved
	}
	b, err := json.Marshal(d) //nolint:gosec // a lobby's password is asked of joiners, and must outlive its node
	if err != nil {
		return nil, fmt.Errorf("write lobby snapshot: %w", err)
	}
	return b, nil
}

// Resume implements process.Machine.
func (s *State) Resume() []process.Timer {
	s.ticking = true
	return []process.Timer{{After: TickEvery, Body: Tick{}}}
}

// View implements process.Machine.
func (s *State) View() any { return s.room.View() }

// Summary implements process.Summarizer. Info.ID is 0 as long as the lobby has not
// been opened.
func (s *State) Summary() any {
	if s.seats == nil {
		members := s.room.view.Members
		s.seats = make([]Seat, len(members))
		for i := range members {
			s.seats[i] = Seat{Who: members[i].Who, Join: members[i].Join}
		}
	}
	return Summary{Info: s.room.view.Info, Seats: s.seats, TeamSize: s.room.view.Terms.TeamSize, TeamCount: s.room.view.Terms.TeamCount}
}

// SummaryChanged implements process.Summarizer.
func (s *State) SummaryChanged(events []any) bool {
	return s.listed || slices.ContainsFunc(events, summarized)
}

func summarized(event any) bool {
	switch event.(type) {
	case Entered, Departed, InfoSet, TermsSet, Closed:
		return true
	}
	return false
}

// Apply implements process.Machine: it decides, and if the command is not refused,
// the events of the decision change the state. Then the consul does its part.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	s.at = c.At
	s.now, s.timers, s.ending, s.approves = nil, nil, false, false
	if _, fill := c.Body.(consul.Fill); fill {
		s.filling = false
	}
	if open, ok := c.Body.(Open); ok {
		return s.open(open, c.At)
	}
	out, err := s.decide(c.Body)
	if err != nil {
		s.now = nil
		return process.Outcome{}, err
	}
	s.listed = false
	s.forgetKept()
	for _, e := range out.Events {
		s.follow(e)
	}
	if s.opened && !s.closed && concerns(c.Body, out.Events) {
		out.Events = append(out.Events, s.attend(c.Body, out.Events)...)
		if s.now != nil {
			out.Record = s.recordOf(c.Body, out.Record)
			s.consul, s.now, s.panics = s.now.State, nil, 0
		}
		for _, e := range s.publish() {
			s.follow(e)
			out.Events = append(out.Events, e)
		}
	}
	out.Timers = append(out.Timers, s.timers...)
	out.Effects, s.effects = append(out.Effects, s.effects...), nil
	return out, nil
}

// recordOf is the record of an order by which others are let in or kept out from now on: who
// reads its echo counts on it. Other orders are as durable as any command.
func (s *State) recordOf(body, record any) any {
	_, order := body.(Order)
	if record != nil || !order || !s.approves && s.consul.HoldsAs(s.now.State) {
		return record
	}
	return keptOrder{}
}

// keptOrder is a record without a row of its own: what was ordered is in the state.
type keptOrder struct{}

// decide says what a command leads to. It changes nothing that an event can change,
// and nothing at all if it refuses.
func (s *State) decide(body any) (process.Outcome, error) {
	if _, tick := body.(Tick); tick {
		return s.tick()
	}
	if !s.opened || s.closed {
		return refuse(refusal.NotFound, "there is no such lobby")
	}
	switch cmd := body.(type) {
	case Join:
		return s.join(cmd)
	case Answer:
		return s.answer(cmd)
	case Leave:
		return s.leave(cmd)
	case Kick:
		return s.kick(cmd)
	case Gone:
		return s.gone(cmd)
	case Absent:
		return s.absent(cmd)
	case Repeat:
		return s.repeat(cmd)
	case SetStatus:
		return s.setStatus(cmd)
	case Force:
		return s.force(cmd)
	case Say:
		return s.say(cmd)
	case Announce:
		return s.announce(cmd)
	case AddComputer:
		return s.addComputer(cmd)
	case UpdateComputer:
		return s.updateComputer(cmd)
	case RemoveComputer:
		return s.removeComputer(cmd)
	case AddRect:
		return s.addRect(cmd)
	case RemoveRect:
		return s.removeRect(cmd)
	case SetTags:
		return s.setTags(cmd)
	case RemoveTags:
		return s.removeTags(cmd)
	case SetUnits:
		return s.setUnits(cmd)
	case Update:
		return s.update(cmd)
	case Retitle:
		return s.retitle(cmd)
	}
	return s.direct(body)
}

// follow applies an event: the part that followers see, and what only the owner knows.
func (s *State) follow(event any) {
	switch e := event.(type) {
	case StatusSet:
		s.settled[e.User] = true
	case Entered:
		s.approved[e.User] = true
		delete(s.kept, e.User)
		s.seats = nil
	case Departed:
		if e.Kicked {
			delete(s.approved, e.User)
		}
		s.keep(e.User, e.Keep)
		delete(s.settled, e.User)
		s.seats = nil
	case Closed:
		s.closed = true
		s.seats = nil
	}
	s.room.Apply(event)
}

// actor is the one who sends a command, as the room knows it.
type actor struct {
	founder bool
	member  int   // place in the member list, -1 if it is none
	events  []any // the takeover of its seat, if a newer session sends the command
}

// actor finds the sender's seat. An older session than the seat's is refused; a
// newer one takes the seat over.
func (s *State) actor(w Who) (actor, error) {
	info := &s.room.view.Info
	if w.User == info.Founder.User {
		if older(w, info.Founder) {
			return actor{}, superseded()
		}
		a := actor{founder: true, member: -1}
		if newer(w, info.Founder) {
			taken := *info
			taken.Founder = w
			a.events = []any{InfoSet{Info: taken}}
		}
		return a, nil
	}
	a := actor{member: s.room.member(w.User)}
	if a.member < 0 {
		return a, nil
	}
	m := s.room.view.Members[a.member]
	if older(w, m.Who) {
		return actor{}, superseded()
	}
	if newer(w, m.Who) {
		m.Who = w
		a.events = []any{Entered{Member: m}}
	}
	return a, nil
}

// host finds a sender that must be the founder or a moderator.
func (s *State) host(w Who, r Rights) (actor, error) {
	a, err := s.actor(w)
	if err != nil {
		return actor{}, err
	}
	if !a.founder && !r.Moderator {
		return actor{}, refusal.New(refusal.Forbidden, "only the host may do this")
	}
	return a, nil
}

// led is the outcome with these events after the actor's takeover.
func (a actor) led(events ...any) process.Outcome {
	if len(a.events) > 0 {
		events = append(a.events, events...)
	}
	return process.Outcome{Events: events}
}

func older(w, seat Who) bool { return w.Session < seat.Session }

// newer also takes a new incarnation of the node as a newer seat.
func newer(w, seat Who) bool {
	return w.Session > seat.Session || w.Session == seat.Session && w.Incarnation > seat.Incarnation
}

func superseded() *refusal.Error {
	return refusal.New(refusal.Superseded, "a newer session has taken over")
}

func refuse(code refusal.Code, format string, args ...any) (process.Outcome, error) {
	return process.Outcome{}, refusal.New(code, format, args...)
}
