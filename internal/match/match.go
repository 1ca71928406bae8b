package match

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"teiserver/internal/cluster/registry"
)

// Match is the record of one battle, or of the one that may come. Zero times have not come.
type Match struct {
	ID         int64
	UUID       string // server/match/uuid
	ServerUUID string // server/host/uuid
	Founder    int64
	Lobby      int64
	Map        string
	Created    time.Time

	// From the start on.
	Started       time.Time
	GameType      GameType
	TeamCount     int
	TeamSize      int // of the largest team
	Passworded    bool
	Tags          map[string]string
	Bots          []Bot
	Queue         int64
	EngineVersion string
	GameVersion   string

	// From the end on.
	Finished time.Time
	End      json.RawMessage // what the host reported, see Clean; nil: nothing, or emptied since
	EndAt    time.Time       // when that came

	// From the processing on.
	GameID       string
	GameDuration int64 // seconds
	PlayerCount  int
	WinningTeam  *int   // nil: none
	RatingType   string // empty: not rated
	Unrated      string // why it is not
	Processed    time.Time
	Attempts     int // at processing it that went wrong
}

// Bot is a computer player of a match.
type Bot struct {
	Name  string `json:"name"`
	Owner int64  `json:"owner"`
	AI    string `json:"ai"`
}

// Player is who plays when a match starts.
type Player struct {
	User  int64  `json:"user"`
	Team  int    `json:"team"`
	Party string `json:"party,omitempty"` // empty: none, or parties do not count
}

// Membership is a player of a match.
type Membership struct {
	User      int64
	Name      string // of the account now; not part of the record
	Team      int
	Party     string
	Win       bool
	LeftAfter *int64 // seconds of the game; nil: not known
}

// Start is what is recorded when a match starts. The same again changes nothing.
type Start struct {
	Match   Match
	Players []Player
}

// NewStart makes the record of a start: what follows from the players and the computer
// players is filled in. small is the largest size of a small team.
func NewStart(m Match, players []Player, small int) Start {
	sizes := map[int]int{}
	for _, p := range players {
		sizes[p.Team]++
	}
	m.TeamCount, m.TeamSize = len(sizes), 0
	for _, size := range sizes {
		m.TeamSize = max(m.TeamSize, size)
	}
	m.GameType = TypeOf(m.Bots, m.TeamCount, m.TeamSize, small)
	m.PlayerCount = len(players)
	sorted := slices.SortedFunc(slices.Values(players), func(a, b Player) int { return cmp.Compare(a.User, b.User) })
	return Start{m, sorted}
}

// Stop is what is recorded when a match ends: that it did, and the record of the next
// one of the lobby.
type Stop struct {
	ID   int64
	At   time.Time
	Next Match
}

// Recorder keeps what a lobby says of its matches.
type Recorder interface {
	// CreateMatch stores a new record, fenced by the lobby that owns it. The same
	// id again is success (a retry).
	CreateMatch(ctx context.Context, f registry.Fence, m Match) error
	// StartMatch stores a start, fenced by the lobby: the match with its memberships, and
	// of each player the stat StatLastMatch. A finished match stays as it is.
	StartMatch(ctx context.Context, f registry.Fence, s Start) error
	// StopMatch stores a stop, fenced by the lobby.
	StopMatch(ctx context.Context, f registry.Fence, s Stop) error
}

// Store keeps matches.
type Store interface {
	Recorder

	MatchByID(ctx context.Context, id int64) (*Match, error)
	// Memberships returns the players of a match by user id.
	Memberships(ctx context.Context, id int64) ([]Membership, error)
	// LastStarted returns the match that an account has started last and after since, nil
	// if there is none.
	LastStarted(ctx context.Context, founder int64, since time.Time) (*Match, error)
	// FinishMatch ends a match whose lobby is gone; false if it was not running.
	FinishMatch(ctx context.Context, id int64, at time.Time) (bool, error)
	// SaveEnd keeps what a host reported of a match of its own that has started: the first
	// report counts. A match that was processed for want of it becomes due again.
	SaveEnd(ctx context.Context, e End) (saved bool, err error)
	// AddLobbyMessage keeps a line of the lobby or the game. Of lines with one name, once,
	// the first is kept.
	AddLobbyMessage(ctx context.Context, m LobbyMessage, once string) error
	// LobbyMessages returns the lines of a match in order.
	LobbyMessages(ctx context.Context, id int64) ([]LobbyMessage, error)

	JobStore
}

// LobbyMessage is a line that belongs to a match.
type LobbyMessage struct {
	Match int64
	User  int64
	Text  string
	At    time.Time // set by the store
}

// StatLastMatch is the user stat with the number of the match that a user plays or
// played last.
const StatLastMatch = "last_match_id"
