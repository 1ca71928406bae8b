package consul

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The people of the tests.
const (
	host  = 1
	erin  = 2 // plays, ready
	frank = 3 // watches
	gina  = 4 // plays, not ready
	bob   = 5 // boss, plays
	moddy = 8 // a moderator who watches
	ada   = 9 // an admin who watches
	zed   = 20
)

var people = map[int64]Facts{
	host:  {Name: "HostBot", Bot: true},
	erin:  {Name: "Erin", Rank: 2, Party: "p1", Ratings: map[string]Rating{typeLargeTeam: {Value: 20, Uncertainty: 5}}},
	frank: {Name: "Frank", Rank: 0},
	gina:  {Name: "Gina", Rank: 5, Party: "p1", Ratings: map[string]Rating{typeLargeTeam: {Value: 30, Uncertainty: 4}}},
	bob:   {Name: "BossBob", Rank: 3, Contributor: true},
	moddy: {Name: "Moddy", Moderator: true, Rank: 6},
	ada:   {Name: "Ada", Moderator: true, Admin: true, Rank: 7},
	zed:   {Name: "Zed"},
}

// table is a room with a consul for tests. It does to the room what a lobby would.
type table struct {
	t      testing.TB
	state  *State
	room   Room
	rules  Rules
	at     time.Time
	seed   uint64
	turns  int
	seldom bool // looks at the whole state in some turns only
}

func newTable(t testing.TB) *table {
	x := &table{t: t, state: New("My battle"), rules: DefaultRules(), at: time.Unix(1700000000, 0).UTC(), seed: 7}
	x.room = Room{ID: 7, Founder: Seat{User: host}}
	for _, user := range []int64{erin, frank, gina, bob, moddy, ada} {
		x.enter(user, people[user])
	}
	for number, user := range []int64{erin, gina, bob} {
		s := x.room.member(user)
		s.Player, s.Ready, s.Team, s.Ally = true, user == erin, number, number%2
	}
	x.do(func(t *Turn) { t.Know(host, people[host]); t.HostSaid("* Boss mode enabled for BossBob (by HostBot)") })
	return x
}

// do is one turn, as a lobby makes it: on a copy that is kept.
func (x *table) do(work func(t *Turn)) (acts []any) {
	x.t.Helper()
	room := x.room
	room.Seats = slices.Clone(x.room.Seats)
	t := &Turn{State: x.state.Clone(), Room: &room, Rules: &x.rules, At: x.at}
	x.turns++
	if x.seldom && x.turns%16 != 0 {
		work(t)
		x.state, x.room = t.State, room
		return t.Acts
	}
	before := x.encoded(x.state)
	work(t)
	if after := x.encoded(x.state); after != before {
		x.t.Fatalf("a turn changed the state before it:\n%s", cmp.Diff(before, after))
	}
	x.state, x.room = t.State, room
	if again := x.restored(); x.encoded(again) != x.encoded(x.state) {
		x.t.Fatalf("the state is another when it is read again:\n%s", cmp.Diff(x.encoded(x.state), x.encoded(again)))
	}
	return t.Acts
}

func (x *table) encoded(s *State) string {
	x.t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		x.t.Fatal(err)
	}
	return string(b)
}

func (x *table) restored() *State {
	var s State
	if err := json.Unmarshal([]byte(x.encoded(x.state)), &s); err != nil {
		x.t.Fatal(err)
	}
	return s.Clone()
}

func (x *table) enter(user int64, f Facts) []any {
	x.room.Askers = append(x.room.Askers, user)
	x.do(func(t *Turn) { t.Know(user, f) })
	x.room.Askers = slices.DeleteFunc(x.room.Askers, func(u int64) bool { return u == user })
	x.room.Seats = slices.Insert(slices.Clone(x.room.Seats), 0, Seat{User: user})
	return x.do(func(t *Turn) { t.Entered(user) })
}

func (x *table) leave(user int64) []any {
	x.room.Seats = slices.DeleteFunc(slices.Clone(x.room.Seats), func(s Seat) bool { return s.User == user })
	return x.do(func(t *Turn) { t.Left(user) })
}

// order has somebody say a command. Words that name people outside are resolved as a
// node would.
func (x *table) order(user int64, line string) []any {
	x.t.Helper()
	name, silent, rest, ok := Parse(line)
	if !ok {
		x.t.Fatalf("%q is no command", line)
	}
	o := Order{User: user, Name: name, Rest: rest, Silent: silent, Seed: x.seed}
	for _, word := range TargetWords(name, rest) {
		target := Target{Word: word}
		for id, f := range people {
			if strings.EqualFold(f.Name, word) || word == fmt.Sprint(id) || word == fmt.Sprint("#", id) {
				target = Target{Word: word, User: id, Name: f.Name, Moderator: f.Moderator}
			}
		}
		o.Targets = append(o.Targets, target)
	}
	return x.do(func(t *Turn) { t.Order(o) })
}

// want has somebody ask for a status.
func (x *table) want(user int64, want Seat) (got Seat, acts []any) {
	want.User = user
	acts = x.do(func(t *Turn) { got = t.Want(user, want) })
	return got, acts
}

func (x *table) play(user int64, plays bool) Seat {
	s := *x.room.seat(user)
	s.Player = plays
	got, _ := x.want(user, s)
	return got
}

// told writes acts as one would read them: S and X for lines to all, P to one, D in
// private.
func told(acts []any) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	name := func(user int64) string {
		if n := people[user].Name; n != "" {
			return n
		}
		return fmt.Sprint(user)
	}
	for _, a := range acts {
		switch a := a.(type) {
		case Say:
			switch {
			case a.To != 0:
				add("P %s: %s", name(a.To), a.Text)
			case a.Emote:
				add("X %s", a.Text)
			default:
				add("S %s", a.Text)
			}
		case Tell:
			for _, l := range a.Lines {
				add("D %s: %s", name(a.To), l)
			}
		case Speak:
			add("%s says %s", name(a.User), a.Text)
		case Note:
			add("%s noted %s", name(a.User), a.Text)
		case Put:
			add("put %s player %t ready %t team %d ally %d", name(a.Seat.User), a.Seat.Player, a.Seat.Ready, a.Seat.Team, a.Seat.Ally)
		case Kick:
			add("kick %s", name(a.User))
		case Ring:
			add("ring %s", name(a.User))
		case Expel:
			add("expel %s: %s", name(a.User), a.Reason)
		case Summon:
			add("summon %s to %d", name(a.User), a.Lobby)
		case Seek:
			add("seek for split %d of %s, who stays: %t", a.Split, name(a.Starter), a.Stays)
		case Later:
			add("in %s %T%v", a.After, a.Body, a.Body)
		case Observe:
			add("count %s of %s", a.Name, name(a.User))
		default:
			add("%T%+v", a, a)
		}
	}
	return lines
}
