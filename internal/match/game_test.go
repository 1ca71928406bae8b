package match

import (
	"math/rand/v2"
	"testing"
)

func TestTypeOf(t *testing.T) {
	t.Parallel()
	bot := func(name string) []Bot { return []Bot{{Name: "x"}, {Name: name}} }
	for name, tc := range map[string]struct {
		bots        []Bot
		teams, size int
		want        GameType
	}{
		"duel":                     {nil, 2, 1, Duel},
		"two on two":               {nil, 2, 2, SmallTeam},
		"five on five":             {nil, 2, 5, SmallTeam},
		"six on six":               {nil, 2, 6, LargeTeam},
		"one against two":          {nil, 2, 2, SmallTeam},
		"free for all":             {nil, 3, 1, FFA},
		"alone":                    {nil, 1, 1, FFA},
		"teams for all":            {nil, 3, 2, TeamFFA},
		"scavengers":               {bot("ScavengersAI"), 2, 1, Scavengers},
		"scavengers before others": {append(bot("Raptors"), Bot{Name: "Scavengers"}), 2, 1, Scavengers},
		"chicken":                  {bot("Chicken: easy"), 1, 3, Raptors},
		"raptors":                  {bot("RaptorsAI"), 1, 3, Raptors},
		"raptors by their AI":      {[]Bot{{Name: "bob", AI: "RaptorsAI"}}, 1, 3, Raptors},
		"bots":                     {bot("BARb"), 2, 1, Bots},
	} {
		if got := TypeOf(tc.bots, tc.teams, tc.size, 5); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]Match{
		"Duel on Tabula":            {GameType: Duel, Map: "Tabula", TeamCount: 2, TeamSize: 1},
		"3v3 on Tabula":             {GameType: SmallTeam, Map: "Tabula", TeamCount: 2, TeamSize: 3},
		"8v8 on Tabula":             {GameType: LargeTeam, Map: "Tabula", TeamCount: 2, TeamSize: 8},
		"5 way FFA on Tabula":       {GameType: FFA, Map: "Tabula", TeamCount: 5, TeamSize: 1},
		"Team FFA game on Tabula":   {GameType: TeamFFA, Map: "Tabula", TeamCount: 3, TeamSize: 2},
		"Scavengers game on Tabula": {GameType: Scavengers, Map: "Tabula"},
		"Unnamed match":             {Map: "Tabula"},
	} {
		if got := m.Title(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExitOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		left     *int64
		duration int64
		want     Exit
	}{
		"not known":                {nil, 1000, Stayed},
		"to the end":               {sec(1000), 1000, Stayed},
		"longer than it was":       {sec(1200), 1000, Stayed},
		"in the last hundredth":    {sec(9900), 10000, Stayed},
		"before it":                {sec(9899), 10000, Early},
		"in the last minute":       {sec(941), 1000, Stayed},
		"a minute before":          {sec(940), 1000, Early},
		"in the last tenth":        {sec(9000), 10000, Early},
		"before that":              {sec(8999), 10000, Abandoned},
		"at once":                  {sec(0), 1000, NoShow},
		"in the first minute":      {sec(59), 1000, NoShow},
		"after it":                 {sec(60), 1000, Abandoned},
		"a short game, left early": {sec(5), 50, Stayed},
		"no game":                  {sec(0), 0, Stayed},
	} {
		if got := ExitOf(tc.left, tc.duration); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// asWritten is the rule in the words in which communities know it.
func asWritten(left *int64, duration int64) Exit {
	if left == nil || *left > duration {
		return Stayed
	}
	ratio := float64(*left) / float64(duration)
	switch {
	case ratio >= 0.99, duration-*left < 60:
		return Stayed
	case ratio >= 0.9:
		return Early
	case *left < 60:
		return NoShow
	}
	return Abandoned
}

func TestExitOfProperty(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		duration, left := 1+r.Int64N(5000), r.Int64N(5500)
		if got, want := ExitOf(&left, duration), asWritten(&left, duration); got != want {
			t.Fatalf("left after %d of %d: %s, want %s", left, duration, got, want)
		}
	}
}

func TestNewStart(t *testing.T) {
	t.Parallel()
	s := NewStart(Match{ID: 7}, []Player{{User: 9, Team: 1}, {User: 4, Team: 0}, {User: 5, Team: 1}}, 5)
	m := s.Match
	if m.TeamCount != 2 || m.TeamSize != 2 || m.GameType != SmallTeam || m.PlayerCount != 3 {
		t.Errorf("%+v", m)
	}
	if s.Players[0].User != 4 || s.Players[1].User != 5 || s.Players[2].User != 9 {
		t.Errorf("players %+v are not in order", s.Players)
	}
}

func sec(n int64) *int64 { return &n }
