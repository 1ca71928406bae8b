package lobby

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
)

// ready is a lobby with a player and a spectator.
func readyLobby(t testing.TB) *State {
	t.Helper()
	s := opened(t, "")
	enter(t, s, player)
	enter(t, s, spectator)
	set(t, s, player, Status{Player: true, Ready: true, Ally: 1, Sync: 1, Color: "1"})
	must(t, s, AddComputer{Who: who(founder), Computer: Computer{Name: "Raptors", AI: "RaptorsAI", Color: "0"}})
	must(t, s, SetTags{Who: who(founder), Tags: map[string]string{"Game/X": "1"}})
	return s
}

func TestMatchStartsOnce(t *testing.T) {
	t.Parallel()
	s := readyLobby(t)
	reported := time.Unix(1699999999, 0)
	out := must(t, s, StartMatch{Founder: founder, Report: 10, At: reported})
	start, ok := out.Record.(match.Start)
	if !ok || len(out.Events) != 0 {
		t.Fatalf("outcome %+v", out)
	}
	want := match.Start{
		Match: match.Match{
			ID: 3, UUID: "MATCH", ServerUUID: "HOST", Founder: founder, Lobby: 3, Map: info().Map, Created: reported, Started: reported,
			GameType: match.Raptors, TeamCount: 1, TeamSize: 1, PlayerCount: 1, EngineVersion: info().EngineVersion, GameVersion: info().Game,
			Tags: map[string]string{"game/x": "1", tagRanked: "1", tagMatchID: "3"},
			Bots: []match.Bot{{Name: "Raptors", Owner: founder, AI: "RaptorsAI"}},
		},
		Players: []match.Player{{User: player, Team: 1}},
	}
	if diff := cmp.Diff(want, start); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	for _, again := range []StartMatch{{Founder: founder, Report: 10}, {Founder: founder, Report: 11}, {Founder: founder, Report: 9}} {
		if out := must(t, s, again); out.Record != nil || !out.Reply.(MatchState).Again {
			t.Errorf("report %d: %+v", again.Report, out)
		}
	}
	refused(t, s, StartMatch{Founder: player, Report: 20}, refusal.Forbidden)
	refused(t, s, EndMatch{Founder: player, Report: 20, NextID: 4, NextUUID: "x"}, refusal.Forbidden)
}

// A start that is carried out late has who played when it was reported: also who lost the
// connection behind the report, but not who had lost it before, or watched.
func TestLateStartHasWhoWasLostBehindTheReport(t *testing.T) {
	t.Parallel()
	opening := time.Unix(1700000000, 0)
	for name, tc := range map[string]struct {
		reported, carriedOut time.Duration
		back                 bool
		want                 []match.Player
	}{
		"lost behind the report":            {1 * time.Second, 6 * time.Second, false, []match.Player{{User: player, Team: 1}}},
		"lost behind the report, back":      {1 * time.Second, 6 * time.Second, true, []match.Player{{User: player, Team: 1}}},
		"lost before the report":            {4 * time.Second, 6 * time.Second, false, nil},
		"lost before the report, back":      {4 * time.Second, 6 * time.Second, true, []match.Player{{User: player, Team: 1}}},
		"the place is not kept any more":    {1 * time.Second, 60 * time.Second, false, nil},
		"without the time of what was said": {-1, 6 * time.Second, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readyLobby(t)
			at(t, s, 3*time.Second, Gone{Incarnation: who(player).Incarnation, Grace: 30 * time.Second})
			s, err := RestoreState([]byte(snapshot(t, s)))
			if err != nil {
				t.Fatal(err)
			}
			if tc.back {
				back(t, s, 5*time.Second)
			}
			c := StartMatch{Founder: founder, Report: 10}
			if tc.reported >= 0 {
				c.At = opening.Add(tc.reported)
			}
			out, err := s.Apply(process.Command{Body: c, At: opening.Add(tc.carriedOut)})
			if tc.want == nil {
				if !refusal.Is(err, refusal.NotFound) {
					t.Errorf("%+v, %v", out, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, out.Record.(match.Start).Players); diff != "" {
				t.Errorf("players (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNobodyPlays(t *testing.T) {
	t.Parallel()
	s := opened(t, "")
	refused(t, s, StartMatch{Founder: founder, Report: 1}, refusal.NotFound)
	if s.Playing() {
		t.Error("a match runs")
	}
}

// The end makes room for the next match; what is said late or twice of either is known.
func TestMatchEndsOnce(t *testing.T) {
	t.Parallel()
	s := readyLobby(t)
	must(t, s, Tick{})
	must(t, s, StartMatch{Founder: founder, Report: 10})
	again, err := RestoreState([]byte(snapshot(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	s = again // another owner
	refused(t, s, EndMatch{Founder: founder, Report: 11}, refusal.Invalid)
	if out := must(t, s, EndMatch{Founder: founder, Match: 99, Report: 11, NextID: 8, NextUUID: "N"}); out.Record != nil {
		t.Errorf("the end of another match: %+v", out)
	}
	out := must(t, s, EndMatch{Founder: founder, Report: 11, NextID: 8, NextUUID: "N"})
	stop, ok := out.Record.(match.Stop)
	at := time.Unix(1700000000, 0)
	want := match.Stop{ID: 3, At: at, Next: match.Match{
		ID: 8, UUID: "N", ServerUUID: "HOST", Founder: founder, Lobby: 3, Map: info().Map, Created: at,
	}}
	if diff := cmp.Diff(want, stop); !ok || diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if state := out.Reply.(MatchState); state.Ended != 3 || state.ID != 8 || state.Started {
		t.Errorf("reply %+v", state)
	}
	if diff := cmp.Diff(any(TagsSet{Tags: map[string]string{tagMatchID: "8", tagMatchUUID: ""}}), out.Events[0]); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	for _, m := range view(t, s).Members {
		if m.Status.Ready {
			t.Errorf("%d is ready for the next match", m.User)
		}
	}
	for _, late := range []any{
		EndMatch{Founder: founder, Report: 11, NextID: 9, NextUUID: "X"}, EndMatch{Founder: founder, Report: 12, NextID: 9, NextUUID: "X"},
		StartMatch{Founder: founder, Report: 10},
	} {
		if out := must(t, s, late); out.Record != nil || s.Playing() {
			t.Errorf("%+v: %+v", late, out)
		}
	}
	tick := must(t, s, Tick{})
	if diff := cmp.Diff(any(TagsSet{Tags: map[string]string{tagMatchID: "8", tagHostUUID: "HOST", tagMatchUUID: "N"}}), tick.Events[0]); diff != "" {
		t.Errorf("tags of the tick (-want +got):\n%s", diff)
	}
	if out := must(t, s, StartMatch{Founder: founder, Report: 12}); out.Record.(match.Start).Match.ID != 8 {
		t.Errorf("the next match: %+v", out)
	}
}
