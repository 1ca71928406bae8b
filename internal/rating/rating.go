package rating

import (
	"math"
	"time"
)

// Type is a kind of game that has ratings of its own. Its text is what hosts and
// clients call it.
type Type string

// The types. Team is of old matches and gets no new ones; PartiedTeam never had any.
const (
	Duel        Type = "Duel"
	FFA         Type = "FFA"
	TeamFFA     Type = "Team FFA"
	SmallTeam   Type = "Small Team"
	LargeTeam   Type = "Large Team"
	Team        Type = "Team"
	PartiedTeam Type = "Partied Team"
)

// Types are all of them, in the order in which they are shown.
var Types = []Type{SmallTeam, LargeTeam, Duel, FFA, TeamFFA, Team, PartiedTeam}

// BoardTypes are the types that have a leaderboard, in its order.
var BoardTypes = []Type{SmallTeam, LargeTeam, Duel, FFA}

// TypeOf is the type of a game of people: so many teams, the largest of this size. A
// team of more than small players is large.
func TypeOf(teams, size, small int) Type {
	switch {
	case teams == 2 && size == 1:
		return Duel
	case teams == 2 && size <= small:
		return SmallTeam
	case teams == 2:
		return LargeTeam
	case size == 1:
		return FFA
	}
	return TeamFFA
}

// BalanceType is the type whose ratings count when such a game is balanced or its lobby
// asks for a rating: few play team FFA, so that theirs would say little.
func BalanceType(teams, size, small int) Type {
	if t := TypeOf(teams, size, small); t != TeamFFA {
		return t
	}
	return LargeTeam
}

// What a player has before the first match.
const (
	StartSkill       = 25.0
	StartUncertainty = StartSkill / 3
)

// Key names a rating.
type Key struct {
	User   int64
	Type   Type
	Season int
}

// Rating is what is known of a player in one type and season.
type Rating struct {
	Key
	Skill       float64 // μ
	Uncertainty float64 // σ
	Matches     int
	Wins        int
	Updated     time.Time // end of the last match
}

// Start is the rating of who has played no match.
func Start(k Key) Rating {
	return Rating{Key: k, Skill: StartSkill, Uncertainty: StartUncertainty}
}

// Value is the rating that counts for balance and limits.
func (r Rating) Value() float64 { return math.Max(r.Skill-r.Uncertainty, 0) }

// Leaderboard is the rating that ladders go by: it rises with certainty.
func (r Rating) Leaderboard() float64 { return math.Max(r.Skill-3*r.Uncertainty, 0) }

// Shown is the value as others see it, and whether they see it: who has played too
// little to say has none, and counts as 0 wherever a limit asks.
func (r Rating) Shown(uncertainty float64) (value float64, ok bool) {
	if r.Uncertainty > uncertainty {
		return 0, false
	}
	return r.Value(), true
}

// Entry is one line of a player's history: the rating after a match or after somebody
// changed it, and by how much it changed.
type Entry struct {
	Rating
	Match             int64  // 0: no match
	Party             string // the player's in that match
	At                time.Time
	Reason            string // of a change without a match
	SkillChange       float64
	UncertaintyChange float64
	ValueChange       float64
}

// Undo takes back what the entry of a match has done to a rating. What came after it
// stays: it was rated by what was known then.
func (e Entry) Undo(now Rating) Rating {
	now.Skill -= e.SkillChange
	now.Uncertainty -= e.UncertaintyChange
	now.Matches = max(now.Matches-1, 0)
	if e.SkillChange > 0 { // who has won
		now.Wins = max(now.Wins-1, 0)
	}
	return now
}

// change makes the entry of a rating that was before and is now.
func change(before, now Rating) Entry {
	return Entry{
		Rating: now, At: now.Updated,
		SkillChange:       now.Skill - before.Skill,
		UncertaintyChange: now.Uncertainty - before.Uncertainty,
		ValueChange:       now.Value() - before.Value(),
	}
}
