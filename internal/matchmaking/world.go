package matchmaking

import (
	"context"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/lobby"
)

// World is what queues and matches ask of the cluster around them, from their effects:
// never in their loop. It is wired in internal/app.
type World interface {
	// Known reports whether there is such a world yet: a node that takes a process over while
	// it starts has none. Nothing else is asked before.
	Known() bool
	// Site is what the settings say now. Where matchmaking is off there are no queues.
	Site(ctx context.Context) Site
	// Claim keeps a player for a match, at its session, wherever that is.
	Claim(ctx context.Context, c Claim) Answer
	// Enter has a player, who was claimed, join a lobby.
	Enter(ctx context.Context, user int64, match string, lobby int64) error
	// Lobbies are those that are open in the cluster, as far as this node sees.
	Lobbies() []lobby.Summary
	// Order tells a host what to do.
	Order(ctx context.Context, host int64, lines ...string)
	// Call asks a process, and Own starts one.
	Call(ctx context.Context, key registry.Key, body any) (reply any, err error)
	Own(ctx context.Context, key registry.Key, first any) error
}

// Claim asks for a player. Party and Users are the group as it joined the queue.
type Claim struct {
	User  int64   `json:"user"`
	Match string  `json:"match"`
	Party string  `json:"party,omitempty"`
	Users []int64 `json:"users"`
}

var _ = message.Register[Claim]("matchmaking.claim")

// Answer is what a session answers to a claim.
type Answer string

// The answers. An empty one, of a node that did not answer, is Away.
const (
	Free    Answer = "free"    // and is the match's from now on
	Busy    Answer = "busy"    // another match has it
	Away    Answer = "away"    // it has no session
	Changed Answer = "changed" // its party is another one
)

// fate is what an answer means for the group.
func (a Answer) fate() Fate {
	switch a {
	case Free:
		return ""
	case Changed:
		return FateOut
	}
	return FateLater
}
