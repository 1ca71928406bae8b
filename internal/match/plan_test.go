package match

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func report(t testing.TB, text string) Report {
	t.Helper()
	r, err := ReadReport(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewPlan(t *testing.T) {
	t.Parallel()
	two := []Membership{{User: 11, Name: "Alice", Team: 0}, {User: 12, Name: "Bob", Team: 1}}
	three := append(slices.Clone(two), Membership{User: 13, Name: "Carol", Team: 1})
	started := time.Unix(1000, 0)
	m := Match{ID: 5, Started: started, Finished: started.Add(700 * time.Second)}
	team := func(n int) *int { return &n }
	for name, tc := range map[string]struct {
		members  []Membership
		report   string
		want     []Membership
		leave    []int64
		winner   *int
		duration int64
	}{
		"a duel": {
			two, `{"gameDuration": 600, "teamStats": {"Alice": {}, "Bob": {}}, "players": [
				{"accountId": "11", "name": "Alice", "win": 0, "loseTime": 590}, {"accountId": "12", "name": "Bob", "win": 1, "loseTime": ""}]}`,
			[]Membership{
				{User: 11, Name: "Alice", Team: 0, LeftAfter: sec(590)},
				{User: 12, Name: "Bob", Team: 1, Win: true, LeftAfter: sec(600)},
			}, nil, team(1), 600,
		},
		"who was not in the game leaves": {
			three, `{"gameDuration": 600, "teamStats": {"Alice": {}, "Bob": {}}, "players": [
				{"accountId": "11", "name": "Alice", "win": 1}, {"accountId": "12", "name": "Bob", "win": 0}]}`,
			[]Membership{
				{User: 11, Name: "Alice", Team: 0, Win: true, LeftAfter: sec(600)},
				{User: 12, Name: "Bob", Team: 1, LeftAfter: sec(600)},
			}, []int64{13}, team(0), 600,
		},
		"renamed since": {
			two, `{"gameDuration": 600, "teamStats": {"Al": {}, "Bob": {}}, "players": [{"accountId": 11, "name": "Al", "win": 1}, {"accountId": 12, "name": "Bob"}]}`,
			[]Membership{
				{User: 11, Name: "Alice", Team: 0, Win: true, LeftAfter: sec(600)},
				{User: 12, Name: "Bob", Team: 1, LeftAfter: sec(600)},
			}, nil, team(0), 600,
		},
		"without teamStats nobody leaves": {
			three, `{"gameDuration": 600, "players": [{"accountId": 11, "name": "Alice", "win": 1}]}`,
			[]Membership{
				{User: 11, Name: "Alice", Team: 0, Win: true, LeftAfter: sec(600)},
				{User: 12, Name: "Bob", Team: 1}, {User: 13, Name: "Carol", Team: 1},
			}, nil, team(0), 600,
		},
		"nor with those of others": {
			two, `{"gameDuration": 600, "teamStats": {"Mallory": {}}}`,
			[]Membership{{User: 11, Name: "Alice", Team: 0}, {User: 12, Name: "Bob", Team: 1}}, nil, nil, 600,
		},
		"nor with empty ones": {
			two, `{"gameDuration": 600, "teamStats": {}}`,
			[]Membership{{User: 11, Name: "Alice", Team: 0}, {User: 12, Name: "Bob", Team: 1}}, nil, nil, 600,
		},
		"without data": {
			two, `{}`,
			[]Membership{{User: 11, Name: "Alice", Team: 0}, {User: 12, Name: "Bob", Team: 1}}, nil, nil, 700,
		},
		"never began": {
			two, `{"gameDuration": 0, "teamStats": {"Alice": {}, "Bob": {}}}`,
			[]Membership{{User: 11, Name: "Alice", Team: 0}, {User: 12, Name: "Bob", Team: 1}}, nil, nil, 1,
		},
		"twice in the game": {
			two, `{"gameDuration": 600, "teamStats": {"Alice": {}, "Bob": {}}, "players": [
				{"accountId": "11", "name": "Alice", "win": 0, "loseTime": 20}, {"accountId": "11", "name": "Alice", "win": 1, "loseTime": ""},
				{"accountId": "12", "name": "Bob", "win": 2, "loseTime": -4}]}`,
			[]Membership{{User: 11, Name: "Alice", Team: 0, Win: true}, {User: 12, Name: "Bob", Team: 1, LeftAfter: sec(0)}}, nil, team(0), 600,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPlan(m, tc.members, report(t, tc.report))
			if diff := cmp.Diff(tc.want, p.Members); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.leave, p.Leave); diff != "" {
				t.Errorf("leave (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.winner, p.Match.WinningTeam); diff != "" {
				t.Errorf("winner (-want +got):\n%s", diff)
			}
			if p.Match.GameDuration != tc.duration || p.Match.PlayerCount != len(tc.want) {
				t.Errorf("%d seconds, %d players", p.Match.GameDuration, p.Match.PlayerCount)
			}
		})
	}
}

// Whatever a host reports: nobody is lost or invented, without teamStats nobody leaves,
// the winning team is one of a member who has won, and a second processing of what the
// first has left changes nothing.
func TestPlanProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7))
		var members []Membership
		for i := range 1 + r.IntN(8) {
			members = append(members, Membership{User: int64(10 + i), Name: "u" + strconv.Itoa(10+i), Team: r.IntN(3)})
		}
		data := map[string]any{}
		if r.IntN(4) > 0 {
			data["gameDuration"] = r.IntN(3000)
		}
		teams := map[string]any{}
		var players []any
		for range r.IntN(12) {
			id := 8 + r.IntN(10)
			p := map[string]any{"accountId": strconv.Itoa(id), "name": "u" + strconv.Itoa(id), "win": r.IntN(3), "loseTime": ""}
			if r.IntN(2) == 0 {
				p["loseTime"] = r.IntN(4000) - 10
			}
			players = append(players, p)
			if r.IntN(3) > 0 {
				teams["u"+strconv.Itoa(id)] = map[string]any{}
			}
		}
		data["players"] = players
		if r.IntN(3) > 0 {
			data["teamStats"] = teams
		}
		raw, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		rep := report(t, string(raw))
		p := NewPlan(Match{}, members, rep)
		if len(p.Members)+len(p.Leave) != len(members) || p.Match.PlayerCount != len(p.Members) {
			t.Fatalf("seed %d: %d stay, %d leave of %d", seed, len(p.Members), len(p.Leave), len(members))
		}
		if len(p.Leave) > 0 && (rep.Teams == nil || len(p.Members) == 0) {
			t.Fatalf("seed %d: %v leave for want of data", seed, p.Leave)
		}
		won := slices.ContainsFunc(p.Members, func(u Membership) bool {
			return p.Match.WinningTeam != nil && u.Win && u.Team == *p.Match.WinningTeam
		})
		anyone := slices.ContainsFunc(p.Members, func(u Membership) bool { return u.Win })
		if anyone != (p.Match.WinningTeam != nil) || anyone && !won || p.Match.GameDuration < 1 {
			t.Fatalf("seed %d: %+v", seed, p)
		}
		again := NewPlan(p.Match, p.Members, rep)
		if diff := cmp.Diff(p.Members, again.Members); diff != "" || len(again.Leave) > 0 {
			t.Fatalf("seed %d: a second time %v leave:\n%s", seed, again.Leave, diff)
		}
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	day := 24 * time.Hour
	games := []Played{
		{Type: SmallTeam, Finished: ago(day), Duration: 1000, Win: true, Decided: true},
		{Type: Duel, Finished: ago(day), Duration: 1000, Decided: true},
		{Type: SmallTeam, Finished: ago(2 * day), Duration: 1000, Decided: true, LeftAfter: sec(500)},
		{Type: SmallTeam, Finished: ago(10 * day), Duration: 1000, LeftAfter: sec(10)},
		{Type: SmallTeam, Finished: ago(40 * day), Duration: 1000, Win: true, Decided: true},
	}
	got := Stats(SmallTeam, games, now)
	for key, want := range map[string]string{
		"recent_count.small_team": "3", "win_count.small_team": "1", "loss_count.small_team": "1", "win_rate.small_team": "0.500",
		"exit_status.small_team.count": "3", "exit_status.small_team.stayed": "33.3", "exit_status.small_team.abandoned": "33.3",
		"exit_status.small_team.noshow": "33.3", "exit_status.small_team.early": "0.0",
		"recent_count.small_team_recent": "2", "exit_status.small_team_recent.stayed": "50.0",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	if got := Stats(Duel, games, now); got["recent_count.duel"] != "1" || got["recent_count.duel_recent"] != "" {
		t.Errorf("duels %v", got)
	}
	if got := Stats(Bots, games, now); got != nil {
		t.Errorf("of bots %v", got)
	}
	var many []Played
	for range 60 {
		many = append(many, Played{Type: LargeTeam, Finished: ago(day), Duration: 100, Win: true, Decided: true})
	}
	if got := Stats(LargeTeam, many, now); got["win_count.large_team"] != "50" || got["win_count.large_team_recent"] != "15" {
		t.Errorf("of 60 games %v", got)
	}
}
