package match

import (
	"strconv"
	"time"
)

// Played is a processed match of a user.
type Played struct {
	Match    int64
	Type     GameType
	Finished time.Time
	Duration int64
	Win      bool
	// Decided is that the match has a winner.
	Decided   bool
	LeftAfter *int64
}

// Windows of the stats of a user: so many games, none older than this.
const (
	StatGames   = 50
	StatAge     = 31 * 24 * time.Hour
	recentGames = 15
	recentAge   = 7 * 24 * time.Hour
)

// statNames are the kinds of games that stats are kept of; true: also of the last days.
var statNames = map[GameType]struct {
	name   string
	recent bool
}{
	Duel: {"duel", false}, FFA: {"ffa", false}, SmallTeam: {"small_team", true}, LargeTeam: {"large_team", true},
}

// Stats computes what is kept of a user's games of one type, from those in the window,
// the newest first. The keys are those of user stats; nil for a type without stats.
func Stats(t GameType, games []Played, now time.Time) map[string]string {
	kind, ok := statNames[t]
	if !ok {
		return nil
	}
	stats := map[string]string{}
	count(stats, kind.name, games, now, StatGames, StatAge, t)
	if kind.recent {
		count(stats, kind.name+"_recent", games, now, recentGames, recentAge, t)
	}
	return stats
}

func count(stats map[string]string, name string, games []Played, now time.Time, most int, age time.Duration, t GameType) {
	played, wins, losses := 0, 0, 0
	exits := map[Exit]int{}
	for _, g := range games {
		if played == most || g.Type != t || now.Sub(g.Finished) > age {
			continue
		}
		played++
		switch {
		case g.Win:
			wins++
		case g.Decided:
			losses++
		}
		exits[ExitOf(g.LeftAfter, g.Duration)]++
	}
	stats["recent_count."+name] = strconv.Itoa(played)
	stats["win_count."+name] = strconv.Itoa(wins)
	stats["loss_count."+name] = strconv.Itoa(losses)
	stats["win_rate."+name] = strconv.FormatFloat(share(wins, wins+losses), 'f', 3, 64)
	stats["exit_status."+name+".count"] = strconv.Itoa(played)
	for _, e := range []Exit{Stayed, Early, Abandoned, NoShow} {
		stats["exit_status."+name+"."+string(e)] = strconv.FormatFloat(100*share(exits[e], played), 'f', 1, 64)
	}
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
