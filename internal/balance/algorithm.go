package balance

import "slices"

// Algorithm is the name of a way to balance.
type Algorithm string

// The algorithms.
const (
	LoserPicks    Algorithm = "loser_picks"
	ForceParty    Algorithm = "force_party"
	BruteForce    Algorithm = "brute_force"
	SplitNoobs    Algorithm = "split_noobs"
	RespectAvoids Algorithm = "respect_avoids"
	Auto          Algorithm = "auto"
	// Default is the name by which a lobby goes back to the site's; it is none to Make.
	Default Algorithm = "default"
)

// algorithm puts the players of w into its teams.
type algorithm func(w *work) ([]*side, error)

var algorithms = map[Algorithm]algorithm{
	LoserPicks:    loserPicks,
	ForceParty:    loserPicks,
	BruteForce:    bruteForce,
	SplitNoobs:    splitNoobs,
	RespectAvoids: respectAvoids,
	Auto:          auto,
}

// Names lists what may be chosen, in order. Some are for moderators.
func Names(moderator bool) []Algorithm {
	list := []Algorithm{Auto, Default, LoserPicks, RespectAvoids, SplitNoobs}
	if moderator {
		list = append(list, BruteForce, ForceParty)
	}
	slices.Sort(list)
	return list
}

// fuzzy are the algorithms that blur ratings a little, so that the same people do not
// get the same teams all evening. The others search for one best answer.
func fuzzy(a Algorithm) bool { return a == LoserPicks || a == ForceParty }

// auto picks by who plays.
func auto(w *work) ([]*side, error) {
	switch {
	case w.teams != 2:
		return loserPicks(w)
	case len(w.people) <= most2 && w.bestApart():
		return respectAvoids(w)
	case w.hasParties() || slices.ContainsFunc(w.people, func(p *person) bool { return p.newish() }):
		return splitNoobs(w)
	}
	return loserPicks(w)
}

// bestApart reports whether the two best players are not in one party.
func (w *work) bestApart() bool {
	if len(w.people) < 2 {
		return true
	}
	best := byRating(w.people)
	return best[0].group != best[1].group
}
