package lobby

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// The people of the tests, by user id. Sessions and incarnations are 10 and 100
// times the user where nothing else is said.
const (
	founder   = 1
	player    = 2
	spectator = 3
	outsider  = 4
	asker     = 5
	warden    = 8 // a moderator who is a spectating member
	moderator = 9 // a moderator outside
)

func who(user int64) Who { return Who{User: user, Session: 10 * user, Incarnation: 100 * user} }

func rights(user int64) Rights {
	return Rights{Bot: user == founder, Moderator: user == moderator || user == warden}
}

// facts are those of a person of the tests.
func facts(user int64) Facts {
	names := map[int64]string{founder: "host", player: "player", spectator: "spectator", outsider: "outsider", asker: "asker", warden: "warden", moderator: "moderator"}
	return Facts{Name: names[user], Bot: user == founder, Moderator: rights(user).Moderator}
}

func info() Info {
	return Info{
		ID: 3, Founder: who(founder), IP: "127.0.0.1", Port: 52200, MaxPlayers: 16,
		GameHash: "1234", MapHash: "5678", EngineName: "spring", EngineVersion: "105.1.1-1821",
		Map: "Comet Catcher Remake 1.8", Title: "My battle", Game: "Beyond All Reason test-1",
	}
}

func openCommand(password string) Open {
	return Open{Info: info(), Password: password, MatchID: 3, HostUUID: "HOST", MatchUUID: "MATCH"}
}

// must applies a command that has to succeed and returns its outcome.
func must(t testing.TB, s *State, body any) process.Outcome {
	t.Helper()
	out, err := s.Apply(process.Command{Body: body, At: time.Unix(1700000000, 0)})
	if err != nil {
		t.Fatalf("%T: %v", body, err)
	}
	return out
}

// refused applies a command that has to be refused, without a trace.
func refused(t testing.TB, s *State, body any, code refusal.Code) *refusal.Error {
	t.Helper()
	before := snapshot(t, s)
	out, err := s.Apply(process.Command{Body: body})
	r, ok := refusal.As(err)
	if !ok || r.Code != code {
		t.Fatalf("%T: got %v, want a refusal %s", body, err, code)
	}
	if diff := cmp.Diff(process.Outcome{}, out); diff != "" {
		t.Fatalf("%T: refused with an outcome:\n%s", body, diff)
	}
	if diff := cmp.Diff(before, snapshot(t, s)); diff != "" {
		t.Fatalf("%T: refused, but the state changed:\n%s", body, diff)
	}
	return r
}

func snapshot(t testing.TB, s *State) string {
	t.Helper()
	b, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func opened(t testing.TB, password string) *State {
	t.Helper()
	s := NewState()
	must(t, s, openCommand(password))
	return s
}

func enter(t testing.TB, s *State, user int64) {
	t.Helper()
	must(t, s, Join{Who: who(user), Rights: rights(user), Join: 1, ScriptPassword: "777", IP: "10.0.0.1"})
	must(t, s, Answer{By: who(founder), User: user, Accept: true})
}

func set(t testing.TB, s *State, user int64, st Status) {
	t.Helper()
	must(t, s, SetStatus{Who: who(user), Status: st})
}

// filled is an open lobby with a player, a spectator and a warden as members, an
// asker, and something of everything in the room.
func filled(t testing.TB) *State {
	t.Helper()
	s := opened(t, "")
	for _, user := range []int64{player, spectator, warden} {
		enter(t, s, user)
		set(t, s, user, Status{Sync: 1, Color: "255", Player: user == player, Team: int(user)})
	}
	must(t, s, Join{Who: who(asker), Join: 1, ScriptPassword: "888", IP: "10.0.0.5"})
	must(t, s, AddComputer{Who: who(founder), Computer: Computer{Name: "HostAI", Status: 3, Color: "0", AI: "NullAI|1"}})
	must(t, s, AddComputer{Who: who(player), Computer: Computer{Name: "Barb", Status: 4, Color: "1", AI: "BARb|stable"}})
	must(t, s, AddRect{Who: who(founder), Rect: Rect{Ally: 1, Left: 150, Right: 200, Bottom: 200}})
	must(t, s, SetTags{Who: who(founder), Tags: map[string]string{"game/hosttype": "SPADS"}})
	must(t, s, SetUnits{Who: who(founder), Disable: []string{"armcom", "corcom"}})
	must(t, s, Tick{})
	return s
}

func view(t testing.TB, s *State) View {
	t.Helper()
	v, ok := s.View().(View)
	if !ok {
		t.Fatalf("View is a %T", s.View())
	}
	return v
}

func wantEvents(t testing.TB, out process.Outcome, want ...any) {
	t.Helper()
	if want == nil {
		want = []any{}
	}
	got := out.Events
	if got == nil {
		got = []any{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
}

func ptr[T any](v T) *T { return &v }

func TestNothingIsServedBeforeOpenAndAfterClosed(t *testing.T) {
	t.Parallel()
	closed := filled(t)
	out := must(t, closed, Leave{Who: who(founder)})
	wantEvents(t, out, Closed{})
	if !out.Close {
		t.Error("the founder left and the process goes on")
	}
	for name, s := range map[string]*State{"before": NewState(), "after": closed} {
		for _, c := range everyCommand(player) {
			if _, tick := c.body.(Tick); tick {
				continue
			}
			t.Run(name+"/"+c.name, func(t *testing.T) { refused(t, s, c.body, refusal.NotFound) })
		}
	}
	refused(t, closed, openCommand(""), refusal.Taken)
}

func TestOpen(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 0)
	s := NewState()
	out, err := s.Apply(process.Command{Body: openCommand("*"), At: at})
	if err != nil {
		t.Fatal(err)
	}
	wantEvents(t, out)
	wantRecord(t, out.Record, at)
	if diff := cmp.Diff([]process.Timer{{After: 2 * time.Second, Body: Tick{}}}, out.Timers); diff != "" {
		t.Errorf("timers (-want +got):\n%s", diff)
	}
	v := view(t, s)
	if diff := cmp.Diff(map[string]string{
		"game/modoptions/ranked_game": "1", "game/server_match_id": "3", "server/match/uuid": "",
	}, v.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if v.Info.Passworded || v.FounderStatus != Unsynced {
		t.Errorf("passworded %v, founder's status %+v", v.Info.Passworded, v.FounderStatus)
	}
	if !s.SummaryChanged(nil) {
		t.Error("the summary is not told as new after Open")
	}
	refused(t, s, openCommand(""), refusal.Taken)

	wantEvents(t, must(t, s, Tick{}), TagsSet{Tags: map[string]string{
		"game/server_match_id": "3", "server/host/uuid": "HOST", "server/match/uuid": "MATCH",
	}})
	if s.SummaryChanged(nil) {
		t.Error("the summary is told as new after a Tick")
	}
	out = must(t, s, Tick{})
	wantEvents(t, out)
	if len(out.Timers) != 1 {
		t.Errorf("a Tick arms %d timers", len(out.Timers))
	}
}

func TestOneTickRunsAtATime(t *testing.T) {
	t.Parallel()
	s := NewState()
	if n := len(s.Resume()); n != 1 {
		t.Fatalf("Resume arms %d timers", n)
	}
	if out := must(t, s, openCommand("")); len(out.Timers) != 0 {
		t.Error("Open arms a second Tick")
	}
	if out := must(t, NewState(), Tick{}); !out.Close || len(out.Timers) != 0 {
		t.Error("a lobby that was never opened stays")
	}
}

// The conversation of a battle as it was recorded, as events.
func TestRecordedBattle(t *testing.T) {
	t.Parallel()
	const alice, bob, carol = 20, 21, 22
	s := opened(t, "empty")
	say := func(want []any, body any) { t.Helper(); wantEvents(t, must(t, s, body), want...) }
	host := who(founder)
	entered := func(user int64, script string) Entered {
		return Entered{Member: Member{Who: who(user), Join: 1, ScriptPassword: script, Status: Unsynced}}
	}
	asked := func(user int64, script string) Asked {
		return Asked{Who: who(user), Join: 1, ScriptPassword: script, IP: "127.0.0.1"}
	}
	join := func(user int64, script string) Join {
		return Join{Who: who(user), Join: 1, Password: "empty", ScriptPassword: script, IP: "127.0.0.1"}
	}
	st := Status{Sync: 0, Color: "0"}
	say([]any{StatusSet{User: founder, Status: st}}, SetStatus{Who: host, Status: st})
	must(t, s, Tick{})
	say([]any{Requested{asked(alice, "777")}}, join(alice, "777"))
	say([]any{entered(alice, "777")}, Answer{By: host, User: alice, Accept: true})
	say([]any{Requested{asked(bob, "888")}}, join(bob, "888"))
	say([]any{Denied{Who: who(bob), Reason: "go away please"}}, Answer{By: host, User: bob, Reason: "go away please"})
	say([]any{Requested{asked(bob, "888")}}, join(bob, "888"))
	say([]any{entered(bob, "888")}, Answer{By: host, User: bob, Accept: true})
	// Ready is taken off who becomes a player.
	st = Status{Ready: true, Ally: 1, Player: true, Sync: 1, Color: "255"}
	calm := st
	calm.Ready = false
	say([]any{StatusSet{User: alice, Status: calm}}, SetStatus{Who: who(alice), Status: st})
	st = Status{Color: "255"}
	say([]any{StatusSet{User: alice, Status: st}}, SetStatus{Who: who(alice), Status: st})
	force := func(f Force, change func(*Status)) {
		t.Helper()
		f.By, f.User = host, alice
		change(&st)
		say([]any{StatusSet{User: alice, Status: st}}, f)
		say(nil, f)
	}
	force(Force{Team: ptr(3)}, func(st *Status) { st.Team = 3 })
	force(Force{Ally: ptr(2)}, func(st *Status) { st.Ally = 2 })
	force(Force{Color: ptr("123456")}, func(st *Status) { st.Color = "123456" })
	force(Force{Handicap: ptr(20)}, func(st *Status) { st.Handicap = 20 })
	say(nil, Force{By: host, User: alice, Spectator: true})
	say([]any{Said{User: founder, Session: 10 * founder, Text: "only for Alice", Emote: true, To: alice}},
		Say{Who: host, Text: "only for Alice", Emote: true, To: alice})
	say([]any{Said{User: alice, Session: 10 * alice, Text: "psst", Emote: true, To: bob}}, Say{Who: who(alice), Text: "psst", Emote: true, To: bob})
	refused(t, s, AddComputer{Who: who(bob), Computer: Computer{Name: "BarbAI"}}, refusal.Forbidden)
	ai := Computer{Name: "HostAI", Owner: founder, Color: "0", AI: "NullAI|1"}
	say([]any{ComputerAdded{ai}}, AddComputer{Who: host, Computer: ai})
	say([]any{RectAdded{Rect{Ally: 0, Right: 50, Bottom: 200}}}, AddRect{Who: host, Rect: Rect{Ally: 0, Right: 50, Bottom: 200}})
	say([]any{RectRemoved{}}, RemoveRect{Who: host})
	say([]any{TagsSet{map[string]string{"game/startpostype": "2", "game/hosttype": "SPADS"}}},
		SetTags{Who: host, Tags: map[string]string{"game/startpostype": "2", "GAME/Hosttype": "SPADS"}})
	say([]any{TagsRemoved{[]string{"game/startpostype"}}}, RemoveTags{Who: host, Keys: []string{"game/startpostype"}})
	refused(t, s, SetTags{Who: who(bob), Tags: map[string]string{"game/x": "1"}}, refusal.Forbidden)
	say([]any{UnitsSet{[]string{"armcom", "corcom"}}}, SetUnits{Who: host, Disable: []string{"armcom", "corcom"}})
	say([]any{UnitsSet{[]string{"corcom"}}}, SetUnits{Who: host, Enable: []string{"armcom"}})
	say([]any{UnitsSet{[]string{}}}, SetUnits{Who: host, All: true})
	say(nil, SetUnits{Who: host, All: true})
	in := info()
	in.Spectators, in.Locked, in.MapHash, in.Map = 1, true, "9999", "Supreme Isthmus v2.1"
	up := Update{Who: host, Spectators: 1, Locked: true, MapHash: "9999", Map: "Supreme Isthmus v2.1"}
	say([]any{InfoSet{Info: in}}, up)
	say(nil, up)
	if r := refused(t, s, join(carol, "999"), refusal.Locked); r.Message != "Battle locked" {
		t.Errorf("message %q", r.Message)
	}
	refused(t, s, Answer{By: host, User: carol, Accept: true}, refusal.NotFound) // the recorded server let her in
	up.Locked, in.Locked = false, false
	say([]any{InfoSet{Info: in}}, up)
	must(t, s, join(carol, "999"))
	say([]any{entered(carol, "999")}, Answer{By: host, User: carol, Accept: true})
	// Who asks again is asked for first and then out.
	say([]any{Requested{asked(carol, "999")}, Departed{Who: who(carol)}}, join(carol, "999"))
	say([]any{entered(carol, "999")}, Answer{By: host, User: carol, Accept: true})
	say([]any{Departed{Who: who(carol), Kicked: true}}, Kick{By: host, User: carol})
	say([]any{Departed{Who: who(alice)}}, Leave{Who: who(alice)})
	say([]any{Closed{}}, Leave{Who: host})
}

func TestErrorsAreRefusals(t *testing.T) {
	t.Parallel()
	_, err := filled(t).Apply(process.Command{Body: struct{}{}})
	var r *refusal.Error
	if !errors.As(err, &r) || r.Code != refusal.Invalid {
		t.Errorf("an unknown command: %v", err)
	}
}
