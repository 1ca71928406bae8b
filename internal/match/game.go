package match

import (
	"fmt"
	"strings"
)

// GameType is the kind of game that a match was. Its text is what users read.
type GameType string

// The types.
const (
	Scavengers GameType = "Scavengers"
	Raptors    GameType = "Raptors"
	Bots       GameType = "Bots"
	Duel       GameType = "Duel"
	SmallTeam  GameType = "Small Team"
	LargeTeam  GameType = "Large Team"
	FFA        GameType = "FFA"
	TeamFFA    GameType = "Team FFA"
)

// TypeOf says what kind of game it is: so many teams, the largest of this size. A team
// of more than small players is large.
func TypeOf(bots []Bot, teams, size, small int) GameType {
	switch {
	case named(bots, "Scavenger"):
		return Scavengers
	case named(bots, "Chicken", "Raptor"):
		return Raptors
	case len(bots) > 0:
		return Bots
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

// named looks for computer players by a part of what hosts call them: the name that a
// player gave one, or the AI that it is.
func named(bots []Bot, parts ...string) bool {
	for _, b := range bots {
		for _, part := range parts {
			if strings.Contains(b.Name, part) || strings.Contains(b.AI, part) {
				return true
			}
		}
	}
	return false
}

// Title is what people call a match.
func (m *Match) Title() string {
	switch {
	case m.GameType == "" || m.Map == "":
		return "Unnamed match"
	case m.GameType == Duel:
		return "Duel on " + m.Map
	case m.GameType == SmallTeam || m.GameType == LargeTeam:
		return fmt.Sprintf("%[1]dv%[1]d on %[2]s", m.TeamSize, m.Map)
	case m.GameType == FFA:
		return fmt.Sprintf("%d way FFA on %s", m.TeamCount, m.Map)
	}
	return fmt.Sprintf("%s game on %s", m.GameType, m.Map)
}
