package consul

import (
	"slices"
	"time"
)

// Facts are what a lobby must know of a person to decide. They come from the person's
// node with its commands, as fresh as that node has them.
type Facts struct {
	Name        string `json:"name"`
	Bot         bool   `json:"bot,omitempty"`
	Moderator   bool   `json:"moderator,omitempty"` // moderator or admin
	Admin       bool   `json:"admin,omitempty"`
	Caster      bool   `json:"caster,omitempty"`
	VIP         bool   `json:"vip,omitempty"`
	Contributor bool   `json:"contributor,omitempty"`
	Rank        int    `json:"rank"` // 0 to 7; the chevron is one more

	// Ratings are by game type: "Duel", "Small Team", "Large Team", "FFA", "Team FFA". A
	// missing one is Unrated.
	Ratings map[string]Rating `json:"ratings,omitempty"`
	// Adjust is what moderators have added to the person's rating for balance.
	Adjust int `json:"adjust,omitempty"`

	// Restrictions are those in force, by their names, such as RestrictQueue.
	Restrictions []string `json:"restrictions,omitempty"`
	Shadowbanned bool     `json:"shadowbanned,omitempty"`
	Warned       bool     `json:"warned,omitempty"`      // has a warning to acknowledge first
	Matchmaking  bool     `json:"matchmaking,omitempty"` // waits in a matchmaking queue
	Chobby       bool     `json:"chobby,omitempty"`      // its client has sent its hashes

	// Party is empty for who is in none.
	Party string `json:"party,omitempty"`
	// Friends is the whole list, also of people who are not here. The lobby keeps those who are.
	Friends []int64 `json:"friends,omitempty"`
	// Blocks, BlockedBy and AvoidedBy are told by who wants to come in, and are of those who
	// may be here.
	Blocks    []int64 `json:"blocks,omitempty"`
	BlockedBy []int64 `json:"blocked_by,omitempty"`
	AvoidedBy []int64 `json:"avoided_by,omitempty"` // and does not block
	// Avoids are whom the person would not play with, also those of Blocks.
	Avoids []Avoid `json:"avoids,omitempty"`
}

// Avoid is somebody whom a person would not have in the same team.
type Avoid struct {
	User  int64     `json:"user"`
	Since time.Time `json:"since"`
}

// The restrictions that matter here.
const (
	RestrictLobbies  = "All lobbies"
	RestrictJoining  = "Joining existing lobbies"
	RestrictQueue    = "Game queue"
	RestrictPriority = "Low priority"
	RestrictBoss     = "Boss"
	RestrictAllChat  = "All chat"
	RestrictChat     = "Lobby chat"
	RestrictBattle   = "Battle chat" // the same
	RestrictGame     = "Game chat"   // the same
)

// Restricted reports whether any of these restrictions is in force.
func (f *Facts) Restricted(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(f.Restrictions, n) })
}

// Muted reports a person who may not chat in lobbies; hosts are told, for the game's chat.
func (f *Facts) Muted() bool {
	return f.Restricted(RestrictAllChat, RestrictChat, RestrictBattle, RestrictGame)
}

// Rating is what is known of somebody's play of one game type.
type Rating struct {
	Value       float64 `json:"value"` // skill less uncertainty, not below 0
	Uncertainty float64 `json:"uncertainty"`
}

// Unrated is the rating of who has not played a game type.
var Unrated = Rating{Value: 50.0 / 3, Uncertainty: 25.0 / 3}

// Rated is the rating of a game type.
func (f *Facts) Rated(gameType string) Rating {
	if r, ok := f.Ratings[gameType]; ok {
		return r
	}
	return Unrated
}

// Target is a word of an order that names somebody, as the sender's node resolved it. A
// number, "#" with a number and a whole name in any case are accounts, be they online or
// not; User is 0 for anything else, and the lobby looks among its members for the first
// whose name has the word in it.
type Target struct {
	Word      string `json:"word"`
	User      int64  `json:"user,omitempty"`
	Name      string `json:"name,omitempty"`
	Moderator bool   `json:"moderator,omitempty"` // moderator or admin: is not thrown out
}

// Rules are the settings of the site that a lobby goes by.
type Rules struct {
	PlayerLimit       int      `json:"player_limit"`       // the most players without $playerlimit
	Algorithm         string   `json:"algorithm"`          // of balance, where none is chosen
	MaxDeviation      float64  `json:"max_deviation"`      // in percent, over which parties are taken apart
	BlockCount        int      `json:"block_count"`        // so many blocks keep a joiner out,
	BlockPercent      int      `json:"block_percent"`      // or by so many percent of the players
	HiddenUncertainty float64  `json:"hidden_uncertainty"` // a rating less certain than that counts as 0
	SmallTeam         int      `json:"small_team"`         // the largest team of a Small Team game
	RequireChobby     bool     `json:"require_chobby"`     // of players in larger games
	UnrankedBounds    bool     `json:"unranked_bounds"`    // unranked lobbies may have bounds
	RankByRole        bool     `json:"rank_by_role"`       // contributors have a rank for what they are
	TitleLength       int      `json:"title_length"`       // in characters
	Flagged           []string `json:"flagged"`            // words that no title may have, in lower case
	RingCount         int      `json:"ring_count"`         // so many rings
	RingSeconds       int      `json:"ring_seconds"`       // in so many seconds are a flood
	AvoidHours        int      `json:"avoid_hours"`        // so old an avoid counts
}

// DefaultRules are those of a site where nothing is set.
func DefaultRules() Rules {
	return Rules{
		PlayerLimit: 16, Algorithm: "loser_picks", MaxDeviation: 10,
		BlockCount: 8, BlockPercent: 50, HiddenUncertainty: 10, SmallTeam: 5,
		UnrankedBounds: true, RankByRole: true, TitleLength: 70, Flagged: []string{},
		RingCount: 5, RingSeconds: 10, AvoidHours: 2,
	}
}

// Terms are what everybody in the room may know of what holds there.
type Terms struct {
	Gatekeeper  string   `json:"gatekeeper"`
	MinRating   int      `json:"min_rating"`
	MaxRating   int      `json:"max_rating"`
	MinRank     int      `json:"min_rank"`
	MaxRank     int      `json:"max_rank"`
	Welcome     string   `json:"welcome"` // empty: none
	PlayerLimit int      `json:"player_limit"`
	Locks       []string `json:"locks"`
	TeamSize    int      `json:"team_size"`
	TeamCount   int      `json:"team_count"`
	Algorithm   string   `json:"algorithm"`
}

// Equal reports whether two are the same.
func (t Terms) Equal(o Terms) bool {
	locks := slices.Equal(t.Locks, o.Locks)
	return locks && t.Gatekeeper == o.Gatekeeper && t.MinRating == o.MinRating && t.MaxRating == o.MaxRating &&
		t.MinRank == o.MinRank && t.MaxRank == o.MaxRank && t.Welcome == o.Welcome && t.PlayerLimit == o.PlayerLimit &&
		t.TeamSize == o.TeamSize && t.TeamCount == o.TeamCount && t.Algorithm == o.Algorithm
}
