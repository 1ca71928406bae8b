package matchmaking

import (
	"time"

	"teiserver/internal/cluster/message"
)

// The commands of a queue.
type (
	// Join puts a group at the end of the line. Who waits already as this group keeps its
	// place; who waits as another one has it no more. Site is that of the asker's node, which
	// knows that there is such a queue. Refusals: Invalid (too many for a team), Full, Taken
	// (somebody is about to play).
	Join struct {
		Spec  Spec  `json:"spec"`
		Rules Rules `json:"rules"`
		Group Group `json:"group"`
	}
	// Leave takes the group of a session out. With Grace its place is kept for so long, as
	// the connection was lost and not ended. Who does not wait has left already.
	Leave struct {
		Who
		Grace time.Duration `json:"grace,omitempty"`
	}
	// Drop takes groups out: they are not what they were any more.
	Drop struct {
		Groups []string `json:"groups"`
	}
	// Withdraw takes the groups of users out who play, or would not, elsewhere.
	Withdraw struct {
		Users []int64 `json:"users"`
		Match string  `json:"match"` // of which this is no news
	}
	// Hold has the groups of users wait until then: they may be about to play elsewhere.
	Hold struct {
		Users []int64   `json:"users"`
		Until time.Time `json:"until"` // zero: no longer
	}
	// Back says that a player has a new session.
	Back struct{ Who }
	// Gone says that all sessions of an incarnation have ended.
	Gone struct {
		Incarnation int64         `json:"incarnation"`
		Grace       time.Duration `json:"grace,omitempty"`
	}
	// Confirm asks whether a match is one of this queue's. Refusal: NotFound.
	Confirm struct {
		Match string `json:"match"`
	}
	// Settle says how a match went. One that is not known was settled before.
	Settle struct {
		Match string          `json:"match"`
		Made  bool            `json:"made"`
		Fates map[string]Fate `json:"fates"` // by group; who is not named goes back
	}
	// QueueTick is the queue's own timer, while somebody waits.
	QueueTick struct{}
)

// Fate is what becomes of a group after a match.
type Fate string

// The fates.
const (
	FateBack  Fate = "back"  // to its old place
	FateLater Fate = "later" // to its old place, and is not matched for a moment
	FateOut   Fate = "out"
)

// Seat is a group as every node sees it.
type Seat struct {
	Group   string `json:"group"`
	Party   string `json:"party,omitempty"`
	Members []Who  `json:"members"`
	Match   string `json:"match,omitempty"` // that it was proposed for
}

// QueueView is a queue as every node sees it.
type QueueView struct {
	ID    int    `json:"id"`
	Seats []Seat `json:"seats"`
	// MeanWait is for how many seconds those waited who were matched last.
	MeanWait int `json:"mean_wait"`
}

// Players is how many wait.
func (v *QueueView) Players() (n int) {
	for i := range v.Seats {
		n += len(v.Seats[i].Members)
	}
	return n
}

// Seat is the place of a user.
func (v *QueueView) Seat(user int64) (Seat, bool) {
	for _, s := range v.Seats {
		for _, m := range s.Members {
			if m.User == user {
				return s, true
			}
		}
	}
	return Seat{}, false
}

// QueueChanged is the one event of a queue: its view is another one.
type QueueChanged struct{}

var (
	_ = message.Register[Join]("matchmaking.join")
	_ = message.Register[Leave]("matchmaking.leave")
	_ = message.Register[Drop]("matchmaking.drop")
	_ = message.Register[Withdraw]("matchmaking.withdraw")
	_ = message.Register[Hold]("matchmaking.hold")
	_ = message.Register[Back]("matchmaking.back")
	_ = message.Register[Gone]("matchmaking.gone")
	_ = message.Register[Confirm]("matchmaking.confirm")
	_ = message.Register[Settle]("matchmaking.settle")
	_ = message.Register[QueueTick]("matchmaking.queue_tick")
	_ = message.Register[QueueView]("matchmaking.queue_view")
	_ = message.Register[QueueChanged]("matchmaking.queue_changed")
)
