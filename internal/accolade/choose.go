package accolade

import "slices"

// player is a member of a match.
type player struct {
	User   int64
	Name   string
	Team   int
	Barred bool // may be given nothing
}

// candidates are those about whom a player may be asked: the others of its team, but not
// to whom it has given something lately.
func candidates(giver player, all []player, given []int64) []player {
	var list []player
	for _, p := range all {
		if p.Team == giver.Team && p.User != giver.User && p.Name != "" && !p.Barred && !slices.Contains(given, p.User) {
			list = append(list, p)
		}
	}
	return list
}

// offered are the badges for team mates, in the order in which they are listed.
func offered(types []BadgeType) []Badge {
	var list []Badge
	for _, t := range types {
		if !t.Retired && t.Restriction != Enemy {
			list = append(list, t.Badge)
		}
	}
	return list
}
