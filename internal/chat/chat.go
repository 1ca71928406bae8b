// Package chat owns channels: who is in them and what is said.
package chat

import (
	"context"

	"teiserver/internal/cluster/message"
)

// Kind is the process kind of a channel; the id is the channel's name.
const Kind = "channel"

// MaxText is the length of a channel line in characters; the rest is cut.
const MaxText = 257

// Channel is the stored part of a channel. Channels persist.
type Channel struct {
	Name       string
	Author     int64  // who made it
	AuthorName string // as it was then
	Topic      string
}

// Store keeps channels.
type Store interface {
	// Channel returns a channel, making it with this author if it does not exist.
	Channel(ctx context.Context, name string, author int64, authorName string) (Channel, error)
	// FindChannel returns ok false if there is none.
	FindChannel(ctx context.Context, name string) (c Channel, ok bool, err error)
	Channels(ctx context.Context) ([]Channel, error)
}

// Member is a session in a channel.
type Member struct {
	User        int64 `json:"user"`
	Session     int64 `json:"session"`     // session epoch
	Incarnation int64 `json:"incarnation"` // of the member's node
}

// Commands.
type (
	// Join puts a session into the channel. A higher session takes over the seat, a
	// lower one is refused as superseded, the same one again changes nothing.
	Join struct {
		Member
		Name string `json:"name"` // becomes the author's name if the channel is new
	}
	// Leave takes a session out; a lower session than the member's is ignored.
	Leave struct{ Member }
	// Say speaks. Only members are heard; others get a refusal.
	Say struct {
		Member
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
	}
	// Gone removes every member of an incarnation that is gone.
	Gone struct {
		Incarnation int64 `json:"incarnation"`
	}
	// Repeat tells a new owner which sessions of a node are members.
	Repeat struct {
		Members []Member `json:"members"`
	}
)

// Events.
type (
	// Joined: a member is new (or took over the seat of an older session).
	Joined struct{ Member }
	// Left: a member is out.
	Left struct{ Member }
	// Said is a line.
	Said struct {
		Member
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
	}
)

// View is what a follower of a channel starts from.
type View struct {
	Name       string   `json:"name"`
	Author     int64    `json:"author"`
	AuthorName string   `json:"author_name"`
	Members    []Member `json:"members"` // in order of joining
}

// Summary is the channel in the index.
type Summary struct {
	Name    string `json:"name"`
	Members int    `json:"members"`
}

var (
	_ = message.Register[Join]("channel.join")
	_ = message.Register[Leave]("channel.leave")
	_ = message.Register[Say]("channel.say")
	_ = message.Register[Gone]("channel.gone")
	_ = message.Register[Repeat]("channel.repeat")
	_ = message.Register[Joined]("channel.joined")
	_ = message.Register[Left]("channel.left")
	_ = message.Register[Said]("channel.said")
	_ = message.Register[View]("channel.view")
	_ = message.Register[Summary]("channel.summary")
)
