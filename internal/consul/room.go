package consul

import "time"

// Seat is a member, or the founder, as the consul sees it.
type Seat struct {
	User   int64
	Player bool
	Ready  bool
	Team   int // "player number"
	Ally   int // the team that it plays for
}

// Room is the lobby as it is when a Turn begins. The Turn changes it with its Acts, so
// that the next rule sees what the last one did.
type Room struct {
	ID        int64
	Founder   Seat
	Seats     []Seat  // of the members, most recent first
	Kept      []Seat  // places of members whose connection was lost
	Askers    []int64 // who waits for the host's answer
	Password  string
	Computers int
	InGame    bool
}

// seat finds a member or the founder.
func (r *Room) seat(user int64) *Seat {
	if user == r.Founder.User {
		return &r.Founder
	}
	return r.member(user)
}

func (r *Room) member(user int64) *Seat {
	for i := range r.Seats {
		if r.Seats[i].User == user {
			return &r.Seats[i]
		}
	}
	return nil
}

func (r *Room) kept(user int64) bool {
	for i := range r.Kept {
		if r.Kept[i].User == user {
			return true
		}
	}
	return false
}

// each calls f for the founder and then for the members in the order in which they came.
func (r *Room) each(f func(s *Seat)) {
	f(&r.Founder)
	for i := len(r.Seats) - 1; i >= 0; i-- {
		f(&r.Seats[i])
	}
}

// eachPlayer calls f for those who play.
func (r *Room) eachPlayer(f func(s *Seat)) {
	r.each(func(s *Seat) {
		if s.Player {
			f(s)
		}
	})
}

// Players counts those who play.
func (r *Room) Players() (n int) {
	r.eachPlayer(func(*Seat) { n++ })
	return n
}

// taken counts the players' places that are not free for a user: those of players and
// those that are kept for others.
func (r *Room) taken(user int64) int {
	n := r.Players()
	for i := range r.Kept {
		if k := &r.Kept[i]; k.User != user && k.Player && r.seat(k.User) == nil {
			n++
		}
	}
	return n
}

// The Acts of a Turn, in order. Users are in the room where nothing else is said.
type (
	// Say is a line of the Coordinator in the room, for everybody or for To.
	Say struct {
		Text  string
		Emote bool
		To    int64
	}
	// Tell is a private message of the Coordinator, line by line.
	Tell struct {
		To    int64
		Lines []string
	}
	// Speak is a line that is said for a user, as if it had said so itself. Echo is that
	// of its own order.
	Speak struct {
		User int64
		Text string
		Echo bool
	}
	// Note is a line that is only kept for the record.
	Note struct {
		User int64
		Text string
	}
	// Put gives a seat its values.
	Put struct{ Seat Seat }
	// Kick throws a member out.
	Kick struct{ User int64 }
	// Ring rings somebody.
	Ring struct{ User int64 }
	// Expel ends somebody's connection.
	Expel struct {
		User   int64
		Reason string
	}
	// Tag sets a script tag.
	Tag struct{ Key, Value string }
	// Approve makes those who are in the room the only ones whom lock and password do not hold.
	Approve struct{}
	// Summon has a user, who may be anywhere, join a lobby.
	Summon struct{ User, Lobby int64 }
	// Seek looks for the lobby to which a split goes; SplitTo is its answer.
	Seek struct {
		Split   int64
		Starter int64
		Stays   bool // the starter is here: an empty lobby is wanted
		Engine  string
		Seed    uint64
	}
	// Later brings Body back after a while: a Fill, SplitDue or Remark.
	Later struct {
		After time.Duration
		Body  any
	}
	// Observe counts something for telemetry.
	Observe struct {
		Name string
		User int64
	}
)

// What comes back later.
type (
	// Fill gives a free place to the next in the queue.
	Fill struct{}
	// SplitDue ends a split, if it is still the one.
	SplitDue struct{ Split int64 }
	// SplitTo is the lobby to which a split goes; 0 if there is none.
	SplitTo struct{ Split, Lobby int64 }
	// Remark is said for a user who is still here.
	Remark struct {
		User int64
		Text string
	}
)
