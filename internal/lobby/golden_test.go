package lobby

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

var rewrite = flag.Bool("update", false, "rewrite the golden files")

type named struct {
	name string
	body any
}

// everyCommand is each command of a filled lobby as one user sends it.
func everyCommand(user int64) []named {
	w, r := who(user), rights(user)
	return []named{
		{"join", Join{Who: w, Rights: r, Join: 2, ScriptPassword: "999", IP: "10.0.0.9"}},
		{"accept", Answer{By: w, User: asker, Accept: true}},
		{"accept nobody", Answer{By: w, User: 77, Accept: true}},
		{"deny", Answer{By: w, User: asker}},
		{"leave", Leave{Who: w}},
		{"status play", SetStatus{Who: w, Status: Status{Ready: true, Player: true, Team: 300, Ally: 7, Sync: 3, Side: 18, Handicap: 50, Color: "9"}}},
		{"status watch", SetStatus{Who: w, Status: Status{Ready: true, Sync: 1, Color: "9"}}},
		{"say", Say{Who: w, Rights: r, Text: " hello battle "}},
		{"say emote", Say{Who: w, Rights: r, Text: "waves", Emote: true}},
		{"say private", Say{Who: w, Rights: r, Text: "psst", Emote: true, To: player}},
		{"say command", Say{Who: w, Rights: r, Text: "$help me"}},
		{"add computer", AddComputer{Who: w, Rights: r, Computer: Computer{Name: "New", Owner: 77, Status: 7, Color: "5", AI: "Raptor: Normal"}}},
		{"add computer again", AddComputer{Who: w, Rights: r, Computer: Computer{Name: "Barb", AI: "x"}}},
		{"update the player's computer", UpdateComputer{Who: w, Rights: r, Name: "Barb", Status: 9, Color: "6"}},
		{"update no computer", UpdateComputer{Who: w, Rights: r, Name: "Nobody"}},
		{"remove the player's computer", RemoveComputer{Who: w, Rights: r, Name: "Barb"}},
		{"remove the host's computer", RemoveComputer{Who: w, Rights: r, Name: "HostAI"}},
		{"add rect", AddRect{Who: w, Rights: r, Rect: Rect{Ally: 0, Right: 50, Bottom: 200}}},
		{"add rect outside", AddRect{Who: w, Rights: r, Rect: Rect{Right: 201}}},
		{"remove rect", RemoveRect{Who: w, Rights: r, Ally: 1}},
		{"remove no rect", RemoveRect{Who: w, Rights: r, Ally: 5}},
		{"set tags", SetTags{Who: w, Rights: r, Tags: map[string]string{"Game/X": "a=B"}}},
		{"remove tags", RemoveTags{Who: w, Rights: r, Keys: []string{"GAME/hosttype", "nothing", "game/hosttype"}}},
		{"remove no tags", RemoveTags{Who: w, Rights: r, Keys: []string{"nothing"}}},
		{"disable", SetUnits{Who: w, Rights: r, Disable: []string{"armcom", "armflea", "armflea"}}},
		{"enable", SetUnits{Who: w, Rights: r, Enable: []string{"armcom", "armflea"}}},
		{"enable all", SetUnits{Who: w, Rights: r, All: true}},
		{"force everything", Force{By: w, Rights: r, User: spectator, Handicap: ptr(300), Team: ptr(17), Ally: ptr(255), Color: ptr("77")}},
		{"force spectator", Force{By: w, Rights: r, User: player, Spectator: true}},
		{"force unchanged", Force{By: w, Rights: r, User: spectator, Spectator: true}},
		{"force the founder", Force{By: w, Rights: r, User: founder, Team: ptr(4)}},
		{"force out of range", Force{By: w, Rights: r, User: spectator, Team: ptr(256)}},
		{"force nobody", Force{By: w, Rights: r, User: 77, Team: ptr(1)}},
		{"kick the player", Kick{By: w, Rights: r, User: player}},
		{"kick the founder", Kick{By: w, Rights: r, User: founder}},
		{"kick protected", Kick{By: w, Rights: r, User: warden, Protected: true}},
		{"kick nobody", Kick{By: w, Rights: r, User: 77}},
		{"update", Update{Who: w, Rights: r, Spectators: 2, Locked: true, MapHash: "9", Map: "Other map"}},
		{"update unchanged", Update{Who: w, Rights: r, MapHash: "5678", Map: "Comet Catcher Remake 1.8"}},
		{"retitle", Retitle{Who: w, Rights: r, Title: "Fresh title"}},
		{"order", Order{Who: w, Facts: facts(user), Name: "password?"}},
		{"order of bosses", Order{Who: w, Facts: facts(user), Name: "welcome-message", Rest: "hi", Line: 4}},
		{"order unknown", Order{Who: w, Facts: facts(user), Name: "nosuch"}},
		{"order silent", Order{Who: w, Facts: facts(user), Name: "afks", Silent: true}},
		{"joinq", Order{Who: w, Facts: facts(user), Name: "joinq"}},
		{"explain", Say{Who: w, Rights: r, Text: "$explain"}},
		{"know", Know{Who: w, Facts: facts(user)}},
		{"hello", Hello{Who: w}},
		{"host data", HostData{Who: w, TeamSize: 4, TeamCount: 3, Bosses: []string{"player"}}},
		{"progress", Progress{Who: w, InGame: true}},
		{"start match", StartMatch{Founder: user}},
		{"end match", EndMatch{Founder: user, NextID: 4, NextUUID: "NEXT"}},
		{"announce", Announce{Who: w, Text: "to all"}},
		{"reserve", Reserve{For: 9}},
		{"place", Place{User: user, Player: ptr(true), Ready: ptr(true)}},
		{"place nowhere", Place{User: user, Ally: ptr(-1)}},
		{"balance", Balance{Teams: 2, Seed: 1}},
		{"balance none", Balance{}},
		{"forget balance", ForgetBalance{}},
		{"join forced", Join{Who: w, Join: 2, ScriptPassword: "999", Forced: true, Facts: ptr(facts(user))}},
		{"absent", Absent{Who: w}},
		{"gone", Gone{Incarnation: w.Incarnation}},
		{"repeat", Repeat{Members: []Member{{Who: w, Join: 1, ScriptPassword: "777", Status: Status{Sync: 1, Color: "255"}, Told: true}}}},
		{"tick", Tick{}},
	}
}

var actors = []struct {
	name string
	user int64
}{
	{"founder", founder}, {"moderator", moderator}, {"warden", warden},
	{"player", player}, {"spectator", spectator}, {"asker", asker}, {"outsider", outsider},
}

// Every command by everybody, each on a fresh lobby: what comes of it is read in
// testdata/commands.golden.
func TestEveryCommandByEverybody(t *testing.T) {
	t.Parallel()
	base := snapshot(t, filled(t))
	var b strings.Builder
	for i, c := range everyCommand(founder) {
		fmt.Fprintf(&b, "== %s\n", c.name)
		for _, a := range actors {
			s, err := RestoreState([]byte(base))
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.Apply(process.Command{Body: everyCommand(a.user)[i].body})
			fmt.Fprintf(&b, "%s:\n", a.name)
			if err != nil {
				if snapshot(t, s) != base {
					t.Errorf("%s by %s is refused and changes the state", c.name, a.name)
				}
				r, ok := refusal.As(err)
				if !ok {
					t.Fatalf("%s by %s: %v", c.name, a.name, err)
				}
				fmt.Fprintf(&b, "  refused %s: %s\n", r.Code, r.Message)
				continue
			}
			if out.Reply != nil {
				fmt.Fprintf(&b, "  reply %s\n", wire(t, out.Reply))
			}
			for _, e := range out.Events {
				fmt.Fprintf(&b, "  %s\n", wire(t, e))
			}
			if out.Close {
				fmt.Fprintln(&b, "  closes")
			}
		}
	}
	golden(t, "commands.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// wire is a value as it crosses the bus, and checks that it arrives as it was sent.
func wire(t testing.TB, v any) string {
	t.Helper()
	raw, err := message.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	back, err := message.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, back); diff != "" {
		t.Errorf("%s changes on the bus (-sent +got):\n%s", raw.Type, diff)
	}
	b, err := json.Marshal(raw.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw.Type + " " + string(b)
}
