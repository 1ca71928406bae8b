package rating

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// Why a match is not rated. The texts are those that a match's page and `$` commands
// know the reasons by.
var (
	ErrNoMatch      = errors.New("no_match")
	ErrType         = errors.New("invalid_game_type")
	ErrNotProcessed = errors.New("not_processed")
	ErrNoWinner     = errors.New("no_winning_team")
	ErrUneven       = errors.New("uneven_team_size")
	ErrFewTeams     = errors.New("not_enough_teams")
	ErrTooShort     = errors.New("too_short")
	ErrUnranked     = errors.New("unranked_tag")
	ErrRated        = errors.New("already_rated")
	ErrCheating     = errors.New("cheating_enabled")
)

// UnrankedTag is the script tag by which a host says that a game does not count, if its
// value is UnrankedValue.
const (
	UnrankedTag   = "game/modoptions/ranked_game"
	UnrankedValue = "0"
)

// Refused reports whether an error is one of the reasons for which a match is not rated.
func Refused(err error) bool {
	return slices.ContainsFunc(reasons, func(r error) bool { return errors.Is(err, r) })
}

// Reason is the text of such an error without what it was wrapped in.
func Reason(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r) {
			return r.Error()
		}
	}
	return ""
}

var reasons = []error{
	ErrNoMatch, ErrType, ErrNotProcessed, ErrNoWinner, ErrUneven, ErrFewTeams, ErrTooShort, ErrUnranked, ErrRated, ErrCheating,
}

// Game is a match that has ended, as far as ratings go.
type Game struct {
	Match     int64
	Type      Type // of the match; what is not in Types is not rated
	Processed bool
	Won       bool // there is a winning team
	TeamCount int
	TeamSize  int // players of a team
	Duration  time.Duration
	Finished  time.Time
	Unranked  bool // by tag
	Cheating  bool
	Players   []Player
}

// Player took part in a game, to its end as far as the match's record goes.
type Player struct {
	User  int64
	Team  int
	Win   bool
	Party string
}

// Rules are the settings that rating goes by.
type Rules struct {
	Season   int
	Tau      float64
	Shortest time.Duration // games that are shorter do not count
}

// Check says why a game is not rated, nil if it is. The order of the tests is that of
// what users are told. Whether it was rated before only the store knows; see Rate.
func Check(g *Game, r Rules) error {
	switch {
	case g == nil:
		return ErrNoMatch
	case !slices.Contains(Types, g.Type):
		return ErrType
	case !g.Processed:
		return ErrNotProcessed
	case !g.Won:
		return ErrNoWinner
	case !even(g.Players):
		return ErrUneven
	case g.TeamCount < 2 || countTeams(g.Players) < 2:
		return ErrFewTeams
	case g.Duration < r.Shortest:
		return ErrTooShort
	case g.Unranked:
		return ErrUnranked
	}
	// A winner without a loser, or the other way, has nothing to be compared with.
	if w := wins(g.Players); w == 0 || w == len(g.Players) {
		return ErrNoWinner
	}
	return nil
}

// CheckFirst adds what only counts for the first rating of a match; a match that is
// rated again on purpose was rated already, and was found free of cheats then.
func CheckFirst(g *Game, r Rules, rated bool) error {
	if err := Check(g, r); err != nil {
		return err
	}
	if rated {
		return ErrRated
	}
	if g.Cheating {
		return ErrCheating
	}
	return nil
}

func teamSizes(players []Player) map[int]int {
	sizes := map[int]int{}
	for _, p := range players {
		sizes[p.Team]++
	}
	return sizes
}

func countTeams(players []Player) int { return len(teamSizes(players)) }

func even(players []Player) bool {
	size := 0
	for _, n := range teamSizes(players) {
		if size != 0 && n != size {
			return false
		}
		size = n
	}
	return true
}

func wins(players []Player) int {
	n := 0
	for _, p := range players {
		if p.Win {
			n++
		}
	}
	return n
}

// Rate returns what a game does to its players, in the order of their ids. before has
// the rating of each of them. The game must have passed Check.
func Rate(g *Game, r Rules, before map[int64]Rating) []Entry {
	after := make(map[int64]Estimate, len(g.Players))
	if countTeams(g.Players) == 2 {
		rateTwo(g, r.Tau, before, after)
	} else {
		rateMany(g, r.Tau, before, after)
	}
	entries := make([]Entry, 0, len(g.Players))
	for _, p := range g.Players {
		old := before[p.User]
		now := old
		now.Skill, now.Uncertainty = after[p.User].Skill, after[p.User].Uncertainty
		now.Updated = g.Finished
		now.Matches++
		if p.Win {
			now.Wins++
		}
		e := change(old, now)
		e.Match, e.Party = g.Match, p.Party
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.User, b.User) })
	return entries
}

// rateTwo rates the winners against the rest.
func rateTwo(g *Game, tau float64, before map[int64]Rating, after map[int64]Estimate) {
	winners, losers := split(g.Players, func(p Player) bool { return p.Win })
	rated := Update(tau, estimates(winners, before), estimates(losers, before))
	keep(after, winners, rated[0])
	keep(after, losers, rated[1])
}

// rateMany rates the winners against all others at once. Nobody knows in which order the
// others fell: each of their teams is rated as if it had lost to the winners alone, with
// what that costs shared among all who lost.
func rateMany(g *Game, tau float64, before map[int64]Rating, after map[int64]Estimate) {
	winners, rest := split(g.Players, func(p Player) bool { return p.Win })
	losers := byTeam(rest)
	all := [][]Estimate{estimates(winners, before)}
	for _, team := range losers {
		all = append(all, estimates(team, before))
	}
	keep(after, winners, Update(tau, all...)[0])
	factor := 1.0
	if n := (g.TeamCount - 1) * max(g.TeamSize, 1); n > 1 {
		factor = 1 / float64(n)
	}
	for i, team := range losers {
		lost := Update(tau, all[0], all[i+1])[1]
		for j, p := range team {
			was := before[p.User].Skill
			lost[j].Skill = was + (lost[j].Skill-was)*factor
		}
		keep(after, team, lost)
	}
}

func split(players []Player, in func(Player) bool) (yes, no []Player) {
	for _, p := range players {
		if in(p) {
			yes = append(yes, p)
		} else {
			no = append(no, p)
		}
	}
	return yes, no
}

// byTeam groups players, the lowest team first.
func byTeam(players []Player) [][]Player {
	sorted := slices.SortedStableFunc(slices.Values(players), func(a, b Player) int { return cmp.Compare(a.Team, b.Team) })
	var teams [][]Player
	for i, p := range sorted {
		if i == 0 || p.Team != sorted[i-1].Team {
			teams = append(teams, nil)
		}
		teams[len(teams)-1] = append(teams[len(teams)-1], p)
	}
	return teams
}

func estimates(team []Player, before map[int64]Rating) []Estimate {
	list := make([]Estimate, len(team))
	for i, p := range team {
		list[i] = Estimate{before[p.User].Skill, before[p.User].Uncertainty}
	}
	return list
}

func keep(after map[int64]Estimate, team []Player, rated []Estimate) {
	for i, p := range team {
		after[p.User] = rated[i]
	}
}
