package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/lobby"
	"teiserver/internal/roster"
)

func TestConsulLines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ got, want string }{
		"queue":       {string(AppendQueueStatus(nil, 7, []string{"Erin", "Frank"})), "s.battle.queue_status 7\tErin\tFrank\n"},
		"empty queue": {string(AppendQueueStatus(nil, 7, nil)), "s.battle.queue_status 7\n"},
		"teams":       {string(AppendTeams(nil, Teams{12, 8, 2})), "s.battle.teams eyIxMiI6eyJuYlRlYW1zIjoyLCJ0ZWFtU2l6ZSI6OH19\n"},
		"no teams":    {string(AppendTeams(nil, Teams{Lobby: 12})), ""},
		"event":       {string(EncodeConsul(roster.QueueSet{Lobby: 3, Names: []string{"Erin"}})), "s.battle.queue_status 3\tErin\n"},
		"no event":    {string(EncodeConsul(roster.Ejected{})), ""},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestExtraData(t *testing.T) {
	t.Parallel()
	for welcome, want := range map[string]string{
		"":      `{"gatekeeper":"friends","minimum_rating_to_play":5,"maximum_rating_to_play":1000,"minimum_rank_to_play":0,"maximum_rank_to_play":7,"minimum_skill_to_play":0,"maximum_skill_to_play":1000,"welcome_message":null,"player_limit":16}`,
		"Hello": `{"gatekeeper":"friends","minimum_rating_to_play":5,"maximum_rating_to_play":1000,"minimum_rank_to_play":0,"maximum_rank_to_play":7,"minimum_skill_to_play":0,"maximum_skill_to_play":1000,"welcome_message":"Hello","player_limit":16}`,
	} {
		line := string(AppendExtraData(nil, 7, lobby.Terms{
			Gatekeeper: "friends", MinRating: 5, MaxRating: 1000, MaxRank: 7, PlayerLimit: 16, Welcome: welcome,
		}))
		body, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "s.battle.extra_data 7\t")
		got, decoded := decode64(body)
		if !ok || !decoded || got != want {
			t.Errorf("%q is %s, want %s", line, got, want)
		}
	}
}

// TestEnteredKnowing: queue and terms stand before the last line of the block.
func TestEnteredKnowing(t *testing.T) {
	t.Parallel()
	me := &roster.User{Name: "Erin"}
	e := roster.Entered{Lobby: &roster.Lobby{Info: lobby.Info{ID: 7}}, Me: me, ScriptPassword: "x", Queue: []string{"Frank"}}
	lines := strings.Split(strings.TrimSpace(string(EncodeEntered(&e))), "\n")
	var words []string
	for _, l := range lines {
		word, _, _ := strings.Cut(l, " ")
		words = append(words, word)
	}
	tail := words[len(words)-4:]
	if diff := cmp.Diff([]string{"REQUESTBATTLESTATUS", "s.battle.queue_status", "s.battle.extra_data", "CLIENTSTATUS"}, tail); diff != "" {
		t.Errorf("the block ends (-want +got):\n%s", diff)
	}
}

func TestTold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		command, args string
		want          any
	}{
		{"c.battle.update_host", `{"teamSize":"8","nbTeams":2}`, UpdateHost{TeamSize: 8, TeamCount: 2}},
		{"c.battle.update_host", `{"preset":"team","bosses":["Erin", 5, "a b"],"teamSize":"x","nbTeams":-3}`, UpdateHost{Preset: "team", Bosses: []string{"Erin"}}},
		{"c.battle.update_host", `{"nbTeams":1e300}`, UpdateHost{}},
		{"c.battle.update_host", `{"teamSize":`, nil},
		{"c.battle.update_host", `[]`, nil},
		{"c.telemetry.update_client_property", "hardware:cpuinfo QU1EIFJ5emVuIDc= 4f1c", UpdateClientProperty{"hardware:cpuinfo", "AMD Ryzen 7", "4f1c"}},
		{"c.telemetry.update_client_property", "a QU1EIFJ5emVuIDc x", UpdateClientProperty{"a", "AMD Ryzen 7", "x"}},
		{"c.telemetry.update_client_property", "a _-8 x", nil},
		{"c.telemetry.update_client_property", "a !!! x", nil},
		{"c.telemetry.update_client_property", "a QU1E", nil},
		{"c.telemetry.update_client_property", "a " + strings.Repeat("A", 1024) + " x", nil},
	} {
		got, err := Commands[tc.command].Decode(tc.args)
		if tc.want == nil {
			if err == nil {
				t.Errorf("%s %.60s: %+v", tc.command, tc.args, got)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%s %.60s: %v (-want +got):\n%s", tc.command, tc.args, err, diff)
		}
	}
}
