package chat

import "teiserver/internal/cluster/message"

// Commands.
type (
	// Join puts a session into the channel. A higher session takes over the seat, a
	// lower one is refused as superseded, the same one again changes nothing. The
	// reply is Seated.
	Join struct {
		Member
		Name string `json:"name"` // becomes the author's name if the channel is new
		Join int64  `json:"join"` // rises with every join of a session
	}
	// Leave takes a session out; a lower session than the member's is ignored, and so is
	// a leave that comes late: Join is that of the stay which it ends, 0 any.
	Leave struct {
		Member
		Join int64 `json:"join,omitempty"`
	}
	// Say speaks. Only members are heard; others get a refusal. Join is that of the stay
	// in which it is said: who has one is a member, also if the owner has lost it with the
	// one before, or was never asked for it.
	Say struct {
		Member
		Name  string `json:"name,omitempty"` // as of Join
		Join  int64  `json:"join,omitempty"`
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
		Line  int64  `json:"line,omitempty"` // see Said
	}
	// Linger is the channel's own timer after its last member has left.
	Linger struct{}
	// Gone removes every member of an incarnation that is gone.
	Gone struct {
		Incarnation int64 `json:"incarnation"`
	}
	// Repeat tells a new owner which sessions of a node are members.
	Repeat struct {
		Members []Member `json:"members"`
	}
)

// Seated is the reply to Join.
type Seated struct {
	Again bool `json:"again,omitempty"` // the session was a member already: nobody is told
}

var (
	_ = message.Register[Join]("channel.join")
	_ = message.Register[Leave]("channel.leave")
	_ = message.Register[Say]("channel.say")
	_ = message.Register[Linger]("channel.linger")
	_ = message.Register[Gone]("channel.gone")
	_ = message.Register[Repeat]("channel.repeat")
	_ = message.Register[Seated]("channel.seated")
)
