package chat

import "teiserver/internal/cluster/message"

// The events of a channel.

type (
	// Authored says that the channel has an author from now on, the first who joined.
	// Nobody is told.
	Authored struct {
		Author     int64  `json:"author"`
		AuthorName string `json:"author_name"`
	}
	// Joined says that a member is new, or took over the seat of an older session.
	Joined struct{ Member }
	// Left says that a member is out.
	Left struct{ Member }
	// Said is a line. Line is its number among those of the session: who hears one
	// again, because the next owner could not know it, drops it.
	Said struct {
		Member
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
		Line  int64  `json:"line,omitempty"`
	}
)

var (
	_ = message.Register[Authored]("channel.authored")
	_ = message.Register[Joined]("channel.joined")
	_ = message.Register[Left]("channel.left")
	_ = message.Register[Said]("channel.said")
)
