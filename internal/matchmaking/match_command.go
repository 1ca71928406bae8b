package matchmaking

import (
	"slices"
	"time"

	"teiserver/internal/cluster/message"
)

// Party is a group in a match.
type Party struct {
	Group string  `json:"group"`
	Party string  `json:"party,omitempty"`
	Users []int64 `json:"users"`
}

// The commands of a match.
type (
	// Begin is the first one.
	Begin struct {
		ID    string    `json:"id"`
		Spec  Spec      `json:"spec"`
		Teams [][]Party `json:"teams"`
		At    time.Time `json:"at"`
	}
	// Ready says that a player is. When nobody is asked, or somebody else, it means nothing.
	Ready struct {
		User int64 `json:"user"`
	}
	// Decline says that a player will not play.
	Decline struct {
		User int64 `json:"user"`
	}
	// MatchTick is the match's own timer.
	MatchTick struct{}
)

// Stage is how far a match is.
type Stage string

// The stages.
const (
	Claiming Stage = "claiming"
	Asking   Stage = "asking"
	Seeking  Stage = "seeking"
	Entering Stage = "entering"
	Made     Stage = "made"
	Failed   Stage = "failed"
)

// over reports whether nothing more becomes of it.
func (s Stage) over() bool { return s == Made || s == Failed }

// MatchView is a match as every node sees it.
type MatchView struct {
	ID       string  `json:"id"`
	Queue    int     `json:"queue"`
	Stage    Stage   `json:"stage"`
	Users    []int64 `json:"users"`
	Accepted []int64 `json:"accepted"`
	// Out are those who are not put back into the queue, if it has failed.
	Out []int64 `json:"out"`
}

// asks reports whether a user has to say that it is ready.
func (v *MatchView) asks(user int64) bool {
	return v.Stage == Asking && slices.Contains(v.Users, user) && !slices.Contains(v.Accepted, user)
}

// MatchChanged is the one event of a match: its view is another one.
type MatchChanged struct{}

var (
	_ = message.Register[Begin]("matchmaking.begin")
	_ = message.Register[Ready]("matchmaking.ready")
	_ = message.Register[Decline]("matchmaking.decline")
	_ = message.Register[MatchTick]("matchmaking.match_tick")
	_ = message.Register[MatchView]("matchmaking.match_view")
	_ = message.Register[MatchChanged]("matchmaking.match_changed")
)
