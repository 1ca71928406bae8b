package lobby

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/balance"
	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
)

// order has somebody of the tests order something.
func order(t testing.TB, s *State, user int64, line string, targets ...int64) process.Outcome {
	t.Helper()
	name, silent, rest, ok := consul.Parse(line)
	if !ok {
		t.Fatalf("%q is no command", line)
	}
	o := Order{Who: who(user), Facts: facts(user), Name: name, Silent: silent, Rest: rest, Seed: 1}
	for i, word := range consul.TargetWords(name, rest) {
		if i < len(targets) {
			o.Targets = append(o.Targets, Target{Word: word, User: targets[i], Name: facts(targets[i]).Name, Moderator: facts(targets[i]).Moderator})
		}
	}
	return must(t, s, o)
}

func introduced(t testing.TB, s *State) {
	t.Helper()
	for _, user := range []int64{founder, player, spectator, warden, asker} {
		must(t, s, Know{Who: who(user), Facts: facts(user)})
	}
}

func TestOrdersBecomeEvents(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	moved := view(t, s).Info
	moved.Title = "My battle | Max rating: 20"
	terms := view(t, s).Terms
	terms.MaxRating = 20
	wantEvents(t, must(t, s, Order{Who: who(warden), Facts: facts(warden), Name: "maxratinglevel", Rest: "20", Line: 7}),
		Said{User: warden, Text: "$maxratinglevel 20", Session: 80, Line: 7},
		TermsSet{Terms: terms}, InfoSet{Info: moved, Retitled: true})
	terms.Locks = []string{"team"}
	wantEvents(t, order(t, s, warden, "$%lock team"), Noted{User: warden, Text: "$lock team"}, TermsSet{Terms: terms})
	wantEvents(t, order(t, s, warden, "$forcespec player", player),
		StatusSet{User: player, Status: Status{Sync: 1, Color: "255", Team: player}}, Said{User: warden, Text: "$forcespec player", Session: 80})
	wantEvents(t, order(t, s, warden, "$settag A b"), TagsSet{Tags: map[string]string{"a": "b"}}, Said{User: warden, Text: "$settag A b", Session: 80})
	wantEvents(t, order(t, s, warden, "$lobbykick player", player),
		ComputerRemoved{Name: "Barb"}, Departed{Who: who(player), Kicked: true}, Said{User: warden, Text: "$lobbykick player", Session: 80})
	wantEvents(t, order(t, s, spectator, "$password?"), Spoke{Text: "This lobby has no password set", Emote: true, To: spectator})
	wantEvents(t, order(t, s, spectator, "$roll 1"), Spoke{Text: "spectator rolled for a number between 1 and 1, they got: 1"})
	out := order(t, s, warden, "$pull outsider", outsider)
	wantEvents(t, out, Said{User: warden, Text: "$pull outsider", Session: 80})
	if diff := cmp.Diff([]any{consul.Summon{User: outsider, Lobby: 3}}, out.Effects); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	refused(t, s, Order{Who: who(outsider), Facts: facts(outsider), Name: "status"}, refusal.Forbidden)
}

func TestHostLinesAndBosses(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	terms := view(t, s).Terms
	terms.TeamSize, terms.TeamCount = 1, 3
	wantEvents(t, must(t, s, Say{Who: who(founder), Text: "* (teamSize=1) nbTeams=3", Emote: true}),
		Said{User: founder, Text: "* (teamSize=1) nbTeams=3", Emote: true, Session: 10}, TermsSet{Terms: terms})
	if got := s.Summary().(Summary); got.TeamSize != 1 || got.TeamCount != 3 {
		t.Errorf("summary %+v", got)
	}
	wantEvents(t, must(t, s, Say{Who: who(founder), Text: "* Boss mode enabled for Player", Emote: true}),
		Said{User: founder, Text: "* Boss mode enabled for Player", Emote: true, Session: 10}, BossesSet{Users: []int64{player}})
	wantEvents(t, must(t, s, HostData{Who: who(founder), Bosses: []string{"spectator", "nobody"}}), BossesSet{Users: []int64{spectator}})
	wantEvents(t, must(t, s, HostData{Who: who(founder), TeamSize: 2}), TermsSet{Terms: func() Terms { terms.TeamSize = 2; return terms }()})
	wantEvents(t, must(t, s, Leave{Who: who(spectator)}), Departed{Who: who(spectator)}, BossesSet{Users: []int64{}})
	refused(t, s, HostData{Who: who(player), TeamSize: 1}, refusal.Forbidden)
	if !must(t, s, Progress{Who: who(founder), InGame: true}).Close && !s.inGame {
		t.Error("the host is not in game")
	}
}

// A place that becomes free goes to the queue, a moment later.
func TestQueueMovesUp(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	order(t, s, warden, "$playerlimit 1")
	wantEvents(t, order(t, s, spectator, "$joinq"),
		Spoke{Text: "You are now in the join-queue at position 1. Use $status to check on the queue.", Emote: true, To: spectator},
		QueueSet{Users: []int64{spectator}})
	out := must(t, s, SetStatus{Who: who(player), Status: Status{Sync: 1, Color: "255"}})
	wantEvents(t, out, StatusSet{User: player, Status: Status{Sync: 1, Color: "255"}})
	if diff := cmp.Diff([]process.Timer{{After: 100 * time.Millisecond, Body: consul.Fill{}}}, out.Timers); diff != "" {
		t.Fatalf("timers (-want +got):\n%s", diff)
	}
	if more := must(t, s, Know{Who: who(player), Facts: facts(player)}); more.Timers != nil {
		t.Error("two timers for one place")
	}
	wantEvents(t, must(t, s, consul.Fill{}),
		Spoke{Text: "spectator You were at the front of the queue, you are now a player.", Emote: true, To: spectator},
		StatusSet{User: spectator, Status: Status{Player: true, Sync: 1, Color: "255", Team: spectator}},
		QueueSet{Users: []int64{}})
	wantEvents(t, must(t, s, consul.Fill{}))
	// The timer may be lost with a node: the next Tick sees to it.
	order(t, s, player, "$joinq")
	must(t, s, Leave{Who: who(spectator)})
	next := restored(t, s)
	if out := must(t, next, Tick{}); !cmp.Equal(view(t, next).Queue, []int64{}) || len(out.Events) == 0 {
		t.Errorf("queue %v", view(t, next).Queue)
	}
}

func TestJoinIsGuarded(t *testing.T) {
	t.Parallel()
	s := opened(t, "sekret")
	enter := func(f Facts, code refusal.Code, message string) {
		t.Helper()
		no := refused(t, s, Join{Who: who(outsider), Password: "sekret", Facts: &f}, code)
		if no.Message != message {
			t.Errorf("message %q, want %q", no.Message, message)
		}
	}
	f := facts(outsider)
	f.Warned = true
	enter(f, refusal.Banned, "Awaiting acknowledgement of your warning - check chat from @Coordinator and follow instructions there. Pay attention to spelling.")
	f = facts(outsider)
	f.Restrictions = []string{consul.RestrictJoining}
	enter(f, refusal.Banned, "You are currently banned from joining lobbies")
	must(t, s, Join{Who: who(warden), Facts: ptr(facts(warden))}) // no password needed
	must(t, s, Answer{By: who(founder), User: warden, Accept: true})
	order(t, s, warden, "$lobbyban outsider of this evening", outsider)
	enter(facts(outsider), refusal.Banned, "of this evening")
	order(t, s, warden, "$unban outsider", outsider)
	// A friend of somebody here needs no password when friends are asked for.
	order(t, s, warden, "$gatekeeper friends")
	enter(facts(outsider), refusal.Banned, "Friends only gatekeeper")
	f = facts(outsider)
	f.Friends = []int64{warden}
	must(t, s, Join{Who: who(outsider), Facts: &f})
	// A ban also holds for who has asked already.
	order(t, s, warden, "$lobbyban outsider too late", outsider)
	wantEvents(t, must(t, s, Answer{By: who(founder), User: outsider, Accept: true}), Denied{Who: who(outsider), Reason: "too late"})
	// Lock and password come before the reasons of the consul.
	no := refused(t, s, Join{Who: who(outsider), Password: "wrong", Facts: ptr(facts(outsider))}, refusal.Password)
	if no.Message != "Invalid password" {
		t.Errorf("message %q", no.Message)
	}
}

func TestWelcomeAndMute(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	order(t, s, warden, "$welcome-message Hello$$there")
	f := facts(asker)
	f.Restrictions = []string{consul.RestrictChat}
	must(t, s, Know{Who: who(asker), Facts: f})
	out := must(t, s, Answer{By: who(founder), User: asker, Accept: true})
	frame := strings.Repeat("#", 40)
	wantEvents(t, out, Entered{Member: Member{Who: who(asker), Join: 1, ScriptPassword: "888", Status: Unsynced}},
		Told{To: asker, Lines: []string{frame, "Hello", "there", frame}}, Told{To: founder, Lines: []string{"!mute asker"}})
}

// Whoever is summoned comes in, whatever the host and the consul think, and once.
func TestForcedJoin(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	order(t, s, warden, "$gatekeeper friends")
	join := Join{Who: who(outsider), Join: 4, ScriptPassword: "777", Forced: true, Facts: ptr(facts(outsider))}
	wantEvents(t, must(t, s, join), Entered{Member: Member{Who: who(outsider), Join: 4, ScriptPassword: "777", Status: Unsynced, Told: true}})
	wantEvents(t, must(t, s, join))
	wantEvents(t, must(t, s, Join{Who: who(asker), Join: 9, Forced: true, Facts: ptr(facts(asker))}),
		Entered{Member: Member{Who: who(asker), Join: 9, Status: Unsynced, Told: true}})
	if len(view(t, s).Pending) != 0 {
		t.Error("a member still asks")
	}
	refused(t, s, Join{Who: who(founder), Forced: true}, refusal.Invalid)
}

func TestReserve(t *testing.T) {
	t.Parallel()
	s := opened(t, "")
	must(t, s, Reserve{For: 9})
	must(t, s, Reserve{For: 9})
	refused(t, s, Reserve{For: 8}, refusal.Taken)
	if no := refusedAt(t, s, Join{Who: who(player), Facts: ptr(facts(player))}); !strings.Contains(no.Message, "another") {
		t.Errorf("message %q", no.Message)
	}
	must(t, s, Join{Who: who(player), Forced: true, Facts: ptr(facts(player))})
	refused(t, s, Reserve{For: 9}, refusal.Taken)
	again := restored(t, s)
	if again.reserved.For != 9 || !again.reserved.Until.Equal(s.reserved.Until) {
		t.Error("the reservation is forgotten")
	}
	late := time.Unix(1700000000, 0).Add(reserveFor)
	if _, err := s.Apply(process.Command{At: late, Body: Join{Who: who(spectator), Facts: ptr(facts(spectator))}}); err != nil {
		t.Errorf("after the reservation: %v", err)
	}
	refused(t, opened(t, "x"), Reserve{For: 9}, refusal.Forbidden)
	refused(t, s, Reserve{For: 3}, refusal.Forbidden)
}

// refusedAt is refused at the time of must.
func refusedAt(t *testing.T, s *State, body any) *refusal.Error {
	t.Helper()
	_, err := s.Apply(process.Command{Body: body, At: time.Unix(1700000000, 0)})
	no, ok := refusal.As(err)
	if !ok {
		t.Fatalf("%T: %v", body, err)
	}
	return no
}

// The consul's panic is the command's alone. Nobody gets in while it lasts.
func TestPanicOfTheConsul(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	order(t, s, warden, "$lock team")
	before := snapshot(t, s)
	s.stumble = func() { panic("on purpose") }
	out := order(t, s, warden, "$unlock team")
	wantEvents(t, out)
	if x, ok := out.Effects[0].(stumble); !ok || x.Err != "on purpose" || !strings.Contains(x.Stack, "TestPanicOfTheConsul") || x.Lobby != 3 {
		t.Errorf("effects %+v", out.Effects)
	}
	if diff := cmp.Diff(before, snapshot(t, s)); diff != "" {
		t.Errorf("the state changed:\n%s", diff)
	}
	no := refused(t, s, Join{Who: who(outsider), Facts: ptr(facts(outsider))}, refusal.Unavailable)
	if no.Message == "" {
		t.Error("nothing is said")
	}
	s.panics = 0
	ask := Status{Player: true, Sync: 1, Color: "255"}
	watch := ask
	watch.Player = false
	wantEvents(t, must(t, s, SetStatus{Who: who(spectator), Status: ask}), StatusSet{User: spectator, Status: watch})
	// What had to be told while nothing could be is told with the next command.
	s.stumble = nil
	s.panics = 0
	if out := must(t, s, Say{Who: who(player), Text: "hi"}); s.panics != 0 || len(out.Effects) != 0 {
		t.Errorf("effects %+v", out.Effects)
	}
	if !cmp.Equal(s.consul.Locks, []string{"team"}) {
		t.Errorf("locks %v", s.consul.Locks)
	}

	// A state over which it panics again and again is given up.
	s.stumble = func() { panic("again") }
	for range shaken {
		must(t, s, Say{Who: who(player), Text: "hi"})
	}
	s.stumble = nil
	must(t, s, Tick{})
	if v := view(t, s); len(v.Terms.Locks) != 0 || v.Info.Title != "My battle" {
		t.Errorf("still %+v", v.Terms)
	}
}

// A lobby that was stored before there was a consul goes on with one.
func TestSnapshotOfBefore(t *testing.T) {
	t.Parallel()
	var d map[string]any
	if err := json.Unmarshal([]byte(snapshot(t, filled(t))), &d); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"consul", "rules", "in_game", "reserved", "playing", "reported"} {
		delete(d, key)
	}
	old := d["view"].(map[string]any)
	for _, key := range []string{"queue", "bosses", "terms"} {
		delete(old, key)
	}
	d["team_size"], d["team_count"] = 3, 4
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := RestoreState(b)
	if err != nil {
		t.Fatal(err)
	}
	v := view(t, s)
	if v.Terms.TeamSize != 3 || v.Terms.TeamCount != 4 || v.Terms.Gatekeeper != "default" || v.Info.Title != "My battle" {
		t.Errorf("view %+v", v)
	}
	wire(t, v)
	wantEvents(t, must(t, s, Tick{}))
	introduced(t, s)
	if n := s.consul.MostPlayers(&s.rules); n != 12 {
		t.Errorf("%d may play", n)
	}
	var stored map[string]any
	if err := json.Unmarshal([]byte(snapshot(t, s)), &stored); err != nil || stored["team_size"] != 3.0 {
		t.Errorf("a node of the release before would read %v, %v", stored["team_size"], err)
	}
}

func TestMatchOfALobby(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 0)
	s := filled(t)
	introduced(t, s)
	f := facts(player)
	f.Party = "p"
	must(t, s, Know{Who: who(player), Facts: f})
	refused(t, s, StartMatch{Founder: player}, refusal.Forbidden)
	out := must(t, s, StartMatch{Founder: founder, Report: 5})
	start, ok := out.Record.(match.Start)
	if !ok || start.Match.ID != 3 || !start.Match.Started.Equal(at) || !cmp.Equal(start.Players, []match.Player{{User: player, Party: "p"}}) ||
		len(start.Match.Bots) != 2 || start.Match.Tags[tagMatchUUID] != "" || start.Match.Tags[tagRanked] != "1" {
		t.Errorf("record %+v", out.Record)
	}
	if m := out.Reply.(MatchState); !m.Started || m.ID != 3 || m.Parties[player] != "p" {
		t.Errorf("reply %+v", m)
	}
	if again := must(t, s, StartMatch{Founder: founder}); again.Record != nil || !again.Reply.(MatchState).Started {
		t.Errorf("again: %+v", again)
	}
	set(t, s, player, Status{Player: true, Ready: true, Sync: 1, Color: "255"})
	order(t, s, warden, "$timeout outsider", outsider)
	if late := must(t, s, EndMatch{Founder: founder, Match: 99, NextID: 8, NextUUID: "N"}); late.Record != nil || late.Events != nil {
		t.Errorf("the end of another match: %+v", late)
	}
	refused(t, s, EndMatch{Founder: founder}, refusal.Invalid)
	refused(t, s, EndMatch{Founder: player, NextID: 8, NextUUID: "N"}, refusal.Forbidden)
	out = must(t, s, EndMatch{Founder: founder, NextID: 8, NextUUID: "N"})
	wantEvents(t, out, TagsSet{Tags: map[string]string{tagMatchID: "8", tagMatchUUID: ""}},
		StatusSet{User: player, Status: Status{Player: true, Sync: 1, Color: "255"}})
	stop, ok := out.Record.(match.Stop)
	if !ok || stop.ID != 3 || stop.Next.ID != 8 || stop.Next.UUID != "N" || !stop.At.Equal(at) {
		t.Errorf("record %+v", out.Record)
	}
	if m := out.Reply.(MatchState); m.Started || m.ID != 8 || m.Ended != 3 {
		t.Errorf("reply %+v", m)
	}
	if again := must(t, s, EndMatch{Founder: founder, NextID: 9, NextUUID: "M"}); again.Record != nil || s.matchID != 8 {
		t.Errorf("again: %+v", again)
	}
	must(t, s, Join{Who: who(outsider), Facts: ptr(facts(outsider))}) // the time-out is over
	if out := must(t, s, Tick{}); !cmp.Equal(out.Events[0], any(TagsSet{Tags: map[string]string{tagMatchID: "8", tagHostUUID: "HOST", tagMatchUUID: "N"}})) {
		t.Errorf("events %+v", out.Events)
	}
}

func TestBalanceOfALobby(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	set(t, s, spectator, Status{Player: true, Sync: 1, Color: "1"})
	task, ok := must(t, s, Balance{Teams: 2, Seed: 4}).Reply.(BalanceTask)
	if !ok || len(task.Input.Players) != 2 || task.Input.Seed != 4 {
		t.Fatalf("reply %+v", task)
	}
	made, err := balance.Make(t.Context(), task.Input)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, s, KeepBalance{Input: task.Input, Result: balance.Result{Hash: "other"}}, refusal.Invalid)
	must(t, s, KeepBalance{Input: task.Input, Result: *made})
	second := *made
	second.Deviation = 99
	if got := must(t, s, KeepBalance{Input: task.Input, Result: second}).Reply.(Balanced); got.Result.Deviation != made.Deviation {
		t.Error("two who asked at once have different teams")
	}
	s = restored(t, s)
	got, ok := must(t, s, Balance{Teams: 2, Seed: 77}).Reply.(Balanced)
	if !ok || !cmp.Equal(got.Result, *made) {
		t.Errorf("reply %+v", got)
	}
	wantEvents(t, must(t, s, Say{Who: who(player), Text: "$explain"}),
		Said{User: player, Session: 20, Text: "$explain"}, Told{To: player, Lines: explained(made)})
	must(t, s, ForgetBalance{})
	if _, ok := must(t, s, Balance{Teams: 2}).Reply.(BalanceTask); !ok {
		t.Error("it is not forgotten")
	}
	refused(t, s, Balance{Teams: 65}, refusal.Invalid)
}

// explained is the answer to $explain, by the consul's own words.
func explained(r *balance.Result) []string {
	turn := consul.Turn{State: consul.New(""), Room: &consul.Room{}, Rules: ptr(consul.DefaultRules())}
	turn.State.Balance = &consul.Balance{Result: *r}
	turn.Explain(player)
	return turn.Acts[0].(consul.Tell).Lines
}

func TestPlace(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	order(t, s, warden, "$playerlimit 1")
	order(t, s, spectator, "$joinq")
	wantEvents(t, must(t, s, Place{User: spectator, Player: ptr(true), Ready: ptr(true), Ally: ptr(1)}),
		StatusSet{User: spectator, Status: Status{Player: true, Ready: true, Ally: 1, Sync: 1, Color: "255", Team: spectator}},
		QueueSet{Users: []int64{}})
	wantEvents(t, must(t, s, Place{User: spectator}))
	refused(t, s, Place{User: outsider}, refusal.NotFound)
	refused(t, s, Place{User: spectator, Ally: ptr(256)}, refusal.Invalid)
}

func TestHello(t *testing.T) {
	t.Parallel()
	s := filled(t)
	introduced(t, s)
	if p := must(t, s, Hello{Who: who(player)}).Reply.(Present); p.Asked {
		t.Error("nobody has asked")
	}
	out := order(t, s, warden, "$specafk")
	if !cmp.Equal(out.Events[0], any(Rung{User: player})) {
		t.Errorf("events %+v", out.Events)
	}
	if p := must(t, s, Hello{Who: who(player)}).Reply.(Present); !p.Asked {
		t.Error("it was asked")
	}
	if out := must(t, s, Tick{}); !cmp.Equal(out.Events, []any{Spoke{Text: "AFK-check is now complete, all players marked as present"}}) {
		t.Errorf("events %+v", out.Events)
	}
	refused(t, s, Hello{Who: who(outsider)}, refusal.Forbidden)
}

// The site's rules are read when a lobby opens, and now and then.
func TestRulesAreReadAgain(t *testing.T) {
	t.Parallel()
	s := NewState()
	read := 0
	count := func(out process.Outcome) {
		for _, e := range out.Effects {
			if _, ok := e.(readRules); ok {
				read++
			}
		}
	}
	count(must(t, s, openCommand("")))
	if read != 1 {
		t.Fatalf("read %d times when it opens", read)
	}
	for range 2 * rulesEvery {
		count(must(t, s, Tick{}))
	}
	if read != 3 {
		t.Errorf("read %d times in %d ticks", read, 2*rulesEvery)
	}
	rules := consul.DefaultRules()
	rules.PlayerLimit = 5
	out := must(t, s, rules)
	if terms, ok := out.Events[0].(TermsSet); !ok || terms.Terms.PlayerLimit != 5 {
		t.Errorf("events %+v", out.Events)
	}
	if again := restored(t, s); again.rules.PlayerLimit != 5 {
		t.Error("the rules are forgotten")
	}
}

// Facts come along with what an edge repeats, for a lobby that lost its last second.
func TestRepeatedFacts(t *testing.T) {
	t.Parallel()
	s := filled(t)
	f := facts(player)
	f.Party = "p"
	must(t, s, Repeat{Members: []Member{{Who: who(outsider), Join: 3}}, Facts: map[int64]Facts{player: f, outsider: facts(outsider), 99: {}}})
	if s.consul.People[player].Facts.Party != "p" || s.consul.People[outsider].Facts.Name != "outsider" || s.consul.People[99] != nil {
		t.Errorf("people %+v", s.consul.People)
	}
}

var errNot = errors.New("not now")
