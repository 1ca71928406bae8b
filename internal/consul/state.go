package consul

import (
	"maps"
	"slices"
	"time"

	"teiserver/internal/balance"
)

// The bounds that hold nobody.
const (
	lowestBound   = 0
	highestRating = 1000
	highestRank   = 7
	startRank     = 1000 // of the upper bound of ranks before anybody has set it, as clients know it
)

// The teams before the host has said anything.
const (
	startTeamSize  = 8
	startTeamCount = 2
)

// The gatekeepers.
const (
	gateDefault     = "default"
	gateFriends     = "friends"
	gateFriendsPlay = "friendsplay"
)

// State is what the consul of one lobby keeps. Its JSON is its snapshot: fields may be
// added. The zero value is not ready, see New.
type State struct {
	Gatekeeper string   `json:"gatekeeper"`
	MinRating  int      `json:"min_rating"`
	MaxRating  int      `json:"max_rating"`
	MinRank    int      `json:"min_rank"`
	MaxRank    int      `json:"max_rank"`
	Locks      []string `json:"locks,omitempty"`
	Bans       []Ban    `json:"bans,omitempty"`
	Timeouts   []Ban    `json:"timeouts,omitempty"` // end with the match
	Welcome    string   `json:"welcome,omitempty"`
	Limit      int      `json:"limit"` // of players; below 0: the site's

	Queue  []int64 `json:"queue,omitempty"`
	Low    []int64 `json:"low,omitempty"`    // with low priority
	Passed []int64 `json:"passed,omitempty"` // who were told that others go first

	Bosses    []int64 `json:"bosses,omitempty"`
	Preset    string  `json:"preset,omitempty"`
	TeamSize  int     `json:"team_size"`
	TeamCount int     `json:"team_count"`
	Unranked  bool    `json:"unranked,omitempty"`

	Base   string `json:"base,omitempty"`   // of the title
	Own    string `json:"own,omitempty"`    // the base that the host gave
	Teaser string `json:"teaser,omitempty"` // follows the base

	Split  *Split    `json:"split,omitempty"`
	Splits int64     `json:"splits,omitempty"` // that there were
	AFK    []int64   `json:"afk,omitempty"`    // who have to show that they are there
	AFKAt  time.Time `json:"afk_at,omitzero"`
	Rings  []Rings   `json:"rings,omitempty"`

	Algorithm string         `json:"algorithm,omitempty"` // empty: the site's
	Tuning    balance.Tuning `json:"tuning"`
	Tuned     bool           `json:"tuned,omitempty"`   // the deviation is not the site's
	Balance   *Balance       `json:"balance,omitempty"` // the last

	People map[int64]*Person `json:"people,omitempty"` // in the room, asking or with a kept place
}

// Ban keeps somebody from playing, or out.
type Ban struct {
	User   int64  `json:"user"`
	By     int64  `json:"by"`
	Level  string `json:"level"`
	Reason string `json:"reason"`
}

// The levels of a Ban.
const (
	levelSpectator = "spectator" // may watch
	levelBanned    = "banned"
)

// Rings are the times at which somebody has rung others of late.
type Rings struct {
	User int64       `json:"user"`
	At   []time.Time `json:"at"`
}

// Balance is a result and what it was made of.
type Balance struct {
	Input  balance.Input  `json:"input"`
	Result balance.Result `json:"result"`
}

// Person is somebody in the room. Values are never changed, only replaced.
type Person struct {
	Facts Facts     `json:"facts"`
	Seen  time.Time `json:"seen,omitzero"` // when it has last said something, or came
}

// New is the consul of a lobby that was opened under a title.
func New(title string) *State {
	return &State{
		Gatekeeper: gateDefault, MaxRating: highestRating, MaxRank: startRank, Limit: -1,
		TeamSize: startTeamSize, TeamCount: startTeamCount, Base: title, Own: title,
		Tuning: balance.DefaultTuning, People: map[int64]*Person{},
	}
}

// Clone returns a copy that shares nothing that a Turn changes.
func (s *State) Clone() *State {
	c := *s
	c.Locks, c.Bans, c.Timeouts = slices.Clone(s.Locks), slices.Clone(s.Bans), slices.Clone(s.Timeouts)
	c.Queue, c.Low, c.Passed = slices.Clone(s.Queue), slices.Clone(s.Low), slices.Clone(s.Passed)
	c.Bosses, c.AFK, c.Rings = slices.Clone(s.Bosses), slices.Clone(s.AFK), slices.Clone(s.Rings)
	if s.Split != nil {
		split := *s.Split
		split.Votes = slices.Clone(s.Split.Votes)
		c.Split = &split
	}
	c.People = maps.Clone(s.People)
	if c.People == nil {
		c.People = map[int64]*Person{}
	}
	return &c
}

// HoldsAs reports whether the same people are kept out and held to watch, by the same locks
// and the same gatekeeper.
func (s *State) HoldsAs(other *State) bool {
	return slices.Equal(s.Bans, other.Bans) && slices.Equal(s.Timeouts, other.Timeouts) &&
		slices.Equal(s.Locks, other.Locks) && s.Gatekeeper == other.Gatekeeper
}

// Waiting is the queue, normal priority before low.
func (s *State) Waiting() []int64 {
	return append(append(make([]int64, 0, len(s.Queue)+len(s.Low)), s.Queue...), s.Low...)
}

// TermsUnder are what holds here under the site's rules.
func (s *State) TermsUnder(rules *Rules) Terms {
	return Terms{
		Gatekeeper: s.Gatekeeper, MinRating: s.MinRating, MaxRating: s.MaxRating, MinRank: s.MinRank, MaxRank: s.MaxRank,
		Welcome: s.Welcome, PlayerLimit: s.limit(rules), Locks: append([]string{}, s.Locks...),
		TeamSize: s.TeamSize, TeamCount: s.TeamCount, Algorithm: s.algorithm(rules),
	}
}

// limit is the coordinator's side of the limit.
func (s *State) limit(rules *Rules) int {
	if s.Limit >= 0 {
		return s.Limit
	}
	return rules.PlayerLimit
}

// MostPlayers is how many may play.
func (s *State) MostPlayers(rules *Rules) int {
	return min(s.TeamSize*s.TeamCount, s.limit(rules))
}

func (s *State) algorithm(rules *Rules) string {
	if s.Algorithm != "" {
		return s.Algorithm
	}
	return rules.Algorithm
}

func (s *State) boss(user int64) bool { return slices.Contains(s.Bosses, user) }

func (s *State) locked(what string) bool { return slices.Contains(s.Locks, what) }

// banned finds what keeps somebody out, or from playing if spectating is allowed.
func (s *State) banned(user int64, levels ...string) (Ban, bool) {
	for _, list := range [][]Ban{s.Bans, s.Timeouts} {
		for _, b := range list {
			if b.User == user && slices.Contains(levels, b.Level) {
				return b, true
			}
		}
	}
	return Ban{}, false
}

// reset is $reset: what was ordered ends. What is known of people and of the host stays.
func (s *State) reset() {
	fresh := New(s.Base)
	fresh.Own, fresh.Teaser = s.Own, s.Teaser
	fresh.Bosses, fresh.Preset, fresh.TeamSize, fresh.TeamCount, fresh.Unranked = s.Bosses, s.Preset, s.TeamSize, s.TeamCount, s.Unranked
	fresh.People, fresh.Splits = s.People, s.Splits
	*s = *fresh
}

// without removes a value from a list, in place.
func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(list, func(y T) bool { return x == y })
}
