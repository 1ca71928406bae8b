package chat

import (
	"context"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/registry"
)

// Kind is the process kind of a channel; the id is the channel's name.
const Kind = "channel"

// MaxName is the longest name of a channel, in characters.
const MaxName = 64

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
	// NewChannel is Channel for a channel that runs: one transaction, fenced by its owner.
	NewChannel(ctx context.Context, f registry.Fence, c Channel) error
	// FindChannel returns ok false if there is none.
	FindChannel(ctx context.Context, name string) (c Channel, ok bool, err error)
	Channels(ctx context.Context) ([]Channel, error)
}

// Builtin are the channels that exist from the first start on. Their author is the
// Coordinator.
var Builtin = []string{"main", "coordinator", "moderators"}

// Member is a session in a channel.
type Member struct {
	User        int64 `json:"user"`
	Session     int64 `json:"session"`     // session epoch
	Incarnation int64 `json:"incarnation"` // of the member's node
}

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
	_ = message.Register[View]("channel.view")
	_ = message.Register[Summary]("channel.summary")
)
