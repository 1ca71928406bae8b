package springclient

import (
	"fmt"
	"slices"
	"strings"
)

// Flavor says what a connection is told about battles that it is not in.
type Flavor int

// The flavors.
const (
	Player Flavor = iota // every membership
	Host                 // a bot: only those of its own battle
)

// keep is how many lines a violation carries.
const keep = 20

// Violation is a line that a strict client would not survive.
type Violation struct {
	Why  string
	Line string
	Tail []string // the lines up to it
}

func (v Violation) String() string {
	return fmt.Sprintf("%s\n\tline %q\n%s", v.Why, v.Line, tail(v.Tail, keep))
}

// User is what the model knows of somebody online.
type User struct {
	ID      int64
	Country string
	Client  string
	Status  int
	told    bool // a status has come
}

// Opened is what the model knows of an open battle.
type Opened struct {
	Founder    string
	Replay     int
	Nat        int
	Passworded bool
	Specs      int
	Locked     bool
	MapHash    string
	Map        string
	Title      string
	Game       string
	Engine     string
	Members    map[string]bool
}

// Computer is a computer player of the own battle.
type Computer struct{ Owner, Status, Color, AI string }

// Room is the inside of the own battle.
type Room struct {
	ID        int64
	Hosting   bool
	GameHash  string
	Statuses  map[string]string // "status color" by user
	Computers map[string]Computer
	Rects     map[string]string
	Tags      map[string]string
	Disabled  string
}

// phase is how far the connection has come.
type phase int

const (
	fresh   phase = iota // no greeting yet
	greeted              // before ACCEPTED
	loading              // up to LOGININFOEND
	online
	finished // after s.system.disconnect
)

// Model is the view of one connection. It is fed line by line and keeps what a
// client would know. Not safe for concurrent use.
type Model struct {
	Flavor     Flavor
	AnyHash    bool // hashes of maps need not be integers: a host tells others on purpose
	Me         string
	Users      map[string]*User
	Battles    map[int64]*Opened
	Channels   map[string]map[string]bool
	Room       *Room // nil: in no battle
	Violations []Violation

	phase    phase
	recent   []string
	leaving  int    // LEAVE commands that have not been answered
	owed     string // a new user whose CLIENTSTATUS must be the next line
	kicked   bool   // FORCEQUITBATTLE came: LEFTBATTLE of me must follow
	upgraded bool   // OK cmd=STLS came: another greeting may follow
}

// NewModel makes a model of a connection on which nothing was read yet.
func NewModel(flavor Flavor) *Model {
	return &Model{
		Flavor: flavor, Users: map[string]*User{}, Battles: map[int64]*Opened{}, Channels: map[string]map[string]bool{},
	}
}

// Sent tells the model of a command that the client sends. Only LEAVE matters:
// its answer may name a channel that the client is not in.
func (m *Model) Sent(line string) {
	_, line = splitID(line)
	if wordForm.FindString(line) == "LEAVE" {
		m.leaving++
	}
}

// Line takes the next line.
func (m *Model) Line(line string) {
	if len(m.recent) == keep {
		m.recent = append(m.recent[:0], m.recent[1:]...)
	}
	m.recent = append(m.recent, line)
	cmd, args, err := parse(line)
	if err != nil {
		m.violate(err.Error(), line)
		return
	}
	if why := m.order(cmd, args); why != "" {
		m.violate(why, line)
	}
	rule, ok := rules[cmd]
	if !ok {
		return // an answer that changes nothing
	}
	if why := rule(m, args); why != "" {
		m.violate(why, line)
	}
}

func (m *Model) violate(why, line string) {
	m.Violations = append(m.Violations, Violation{Why: why, Line: line, Tail: slices.Clone(m.recent)})
}

// before lists what may come before ACCEPTED, during what may come in the login stream.
var (
	before = words(`TASSERVER REDIRECT PONG OK NO COMPFLAGS REGISTRATIONACCEPTED REGISTRATIONDENIED ACCEPTED DENIED QUEUED
		AGREEMENT AGREEMENTEND SERVERMSG s.system.disconnect s.system.shutdown`)
	during = words(`SERVERMSG MOTD ADDUSER BATTLEOPENED UPDATEBATTLEINFO JOINEDBATTLE CLIENTSTATUS LOGININFOEND s.battle.teams
		PONG s.system.disconnect`)
	onlyOnline = words(`MOTD LOGININFOEND`)
)

func words(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

// order checks what may come when.
func (m *Model) order(cmd string, args []string) string {
	owed, kicked := m.owed, m.kicked
	switch {
	case m.phase == finished:
		return "a line after s.system.disconnect"
	case m.phase == fresh && cmd != "TASSERVER" && cmd != "REDIRECT":
		return "a line before the greeting"
	case m.phase == greeted && !before[cmd]:
		return cmd + " before the login"
	case m.phase == loading && !during[cmd]:
		return cmd + " inside the login stream"
	case m.phase == online && onlyOnline[cmd]:
		return cmd + " outside the login stream"
	case owed != "" && (cmd != "CLIENTSTATUS" || args[0] != owed):
		m.owed = ""
		return "ADDUSER " + owed + " is not followed by its CLIENTSTATUS"
	case kicked && rules[cmd] != nil && (cmd != "LEFTBATTLE" || args[1] != m.Me):
		m.kicked = false
		return "FORCEQUITBATTLE is not followed by LEFTBATTLE of oneself"
	}
	return ""
}

// Snapshot is what a client knows, in a form that cmp.Diff compares.
type Snapshot struct {
	Me       string
	World    World
	Room     *Room
	Channels map[string][]string
}

// World is what all clients of one flavor must agree on.
type World struct {
	Users   map[string]User
	Battles map[int64]BattleView
}

// BattleView is a battle with its members in order.
type BattleView struct {
	Opened
	Members []string
}

// Untold is the status of a member who has not sent one.
const Untold = "8388608 0"

// Snapshot copies the model. A Host's World has neither members nor the statuses
// of people: it is not told them.
func (m *Model) Snapshot() Snapshot {
	s := Snapshot{
		Me: m.Me, World: World{Users: map[string]User{}, Battles: map[int64]BattleView{}}, Room: m.room(), Channels: map[string][]string{},
	}
	for name, u := range m.Users {
		v := *u
		v.told = false
		if m.Flavor == Host && v.Status&64 == 0 {
			v.Status = 0
		}
		s.World.Users[name] = v
	}
	for id, b := range m.Battles {
		v := BattleView{Opened: *b}
		v.Opened.Members = nil
		if m.Flavor == Player {
			v.Members = sorted(b.Members)
		}
		s.World.Battles[id] = v
	}
	for name, members := range m.Channels {
		s.Channels[name] = sorted(members)
	}
	return s
}

// room copies the own battle; whoever has not told a status shows the initial one.
func (m *Model) room() *Room {
	if m.Room == nil {
		return nil
	}
	r := &Room{
		ID: m.Room.ID, GameHash: m.Room.GameHash, Statuses: map[string]string{}, Computers: map[string]Computer{}, Rects: map[string]string{}, Tags: map[string]string{},
		Disabled: m.Room.Disabled,
	}
	b := m.Battles[r.ID]
	for _, name := range append(sorted(b.Members), b.Founder) {
		r.Statuses[name] = Untold
		if status, ok := m.Room.Statuses[name]; ok {
			r.Statuses[name] = status
		}
	}
	for k, v := range m.Room.Computers {
		r.Computers[k] = v
	}
	for k, v := range m.Room.Rects {
		r.Rects[k] = v
	}
	for k, v := range m.Room.Tags {
		r.Tags[k] = v
	}
	return r
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
