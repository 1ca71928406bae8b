package lobby

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
)

func wantRecord(t *testing.T, got any, at time.Time) {
	t.Helper()
	if diff := cmp.Diff(any(match.Match{
		ID: 3, UUID: "MATCH", ServerUUID: "HOST", Founder: founder, Lobby: 3,
		Map: "Comet Catcher Remake 1.8", Created: at,
	}), got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestWhoMayJoin(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		password string // of the lobby
		locked   bool
		given    string
		rights   Rights
		approved bool
		want     refusal.Code // empty: may
		message  string
	}{
		"open, no password":         {},
		"open, *":                   {given: "*"},
		"open, empty":               {given: "empty"},
		"open, any":                 {given: "whatever"},
		"lobby says *":              {password: "*", given: "x"},
		"right password":            {password: "sekret", given: "sekret"},
		"wrong password":            {password: "sekret", given: "wrong", want: refusal.Password, message: "Invalid password"},
		"no password":               {password: "sekret", given: "empty", want: refusal.Password, message: "Invalid password"},
		"password differs in case":  {password: "sekret", given: "Sekret", want: refusal.Password, message: "Invalid password"},
		"moderator needs none":      {password: "sekret", rights: Rights{Moderator: true}},
		"caster needs none":         {password: "sekret", rights: Rights{Caster: true}},
		"bot needs one":             {password: "sekret", rights: Rights{Bot: true}, want: refusal.Password, message: "Invalid password"},
		"approved needs none":       {password: "sekret", approved: true},
		"locked":                    {locked: true, want: refusal.Locked, message: "Battle locked"},
		"locked comes first":        {locked: true, password: "sekret", given: "wrong", want: refusal.Locked, message: "Battle locked"},
		"moderator through a lock":  {locked: true, rights: Rights{Moderator: true}},
		"caster through a lock":     {locked: true, rights: Rights{Caster: true}},
		"approved through a lock":   {locked: true, approved: true},
		"locked with the password":  {locked: true, password: "sekret", given: "sekret", want: refusal.Locked, message: "Battle locked"},
		"approved, lock, no secret": {locked: true, password: "sekret", approved: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := opened(t, tc.password)
			if tc.approved {
				must(t, s, Join{Who: who(outsider), Password: tc.password})
				must(t, s, Answer{By: who(founder), User: outsider, Accept: true})
				must(t, s, Leave{Who: who(outsider)})
			}
			must(t, s, Update{Who: who(founder), Locked: tc.locked, MapHash: "5678", Map: "m"})
			join := Join{Who: who(outsider), Rights: tc.rights, Password: tc.given}
			if tc.want != "" {
				if r := refused(t, s, join, tc.want); r.Message != tc.message {
					t.Errorf("message %q, want %q", r.Message, tc.message)
				}
				return
			}
			wantEvents(t, must(t, s, join), Requested{Asked: Asked{Who: who(outsider)}})
		})
	}
}

func TestApprovalEndsWithAKick(t *testing.T) {
	t.Parallel()
	s := filled(t)
	must(t, s, Update{Who: who(founder), Locked: true})
	must(t, s, Leave{Who: who(spectator)})
	must(t, s, Join{Who: who(spectator)})
	must(t, s, Answer{By: who(founder), User: spectator, Accept: true})
	must(t, s, Kick{By: who(founder), User: spectator})
	refused(t, s, Join{Who: who(spectator)}, refusal.Locked)
	must(t, s, Answer{By: who(founder), User: asker}) // who was denied has not joined
	refused(t, s, Join{Who: who(asker)}, refusal.Locked)
}

func TestAskingAgainReplacesTheRequest(t *testing.T) {
	t.Parallel()
	s := filled(t)
	again := Asked{Who: who(asker), Join: 2, ScriptPassword: "new", IP: "10.0.0.6"}
	wantEvents(t, must(t, s, Join{Who: who(asker), Join: 2, ScriptPassword: "new", IP: "10.0.0.6"}), Requested{again})
	if diff := cmp.Diff([]Asked{again}, view(t, s).Pending); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	wantEvents(t, must(t, s, Answer{By: who(founder), User: asker, Accept: true}),
		Entered{Member{Who: who(asker), Join: 2, ScriptPassword: "new", Status: Unsynced}})
	refused(t, s, Answer{By: who(founder), User: asker, Accept: true}, refusal.NotFound)
}

func TestComputersGoBeforeTheirOwner(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]any{
		"leave":  Leave{Who: who(player)},
		"kick":   Kick{By: who(founder), User: player},
		"gone":   Gone{Incarnation: 100 * player},
		"absent": Absent{Who: who(player)},
	} {
		s := filled(t)
		must(t, s, AddComputer{Who: who(player), Computer: Computer{Name: "Aaa"}})
		wantEvents(t, must(t, s, body), ComputerRemoved{"Aaa"}, ComputerRemoved{"Barb"},
			Departed{Who: who(player), Kicked: name == "kick"})
	}
	s := filled(t)
	out := must(t, s, Join{Who: who(player), Join: 2})
	wantEvents(t, out, Requested{Asked{Who: who(player), Join: 2}}, ComputerRemoved{"Barb"}, Departed{Who: who(player)})
	if diff := cmp.Diff([]Computer{{Name: "HostAI", Owner: founder, Status: 2, Color: "0", AI: "NullAI|1"}}, view(t, s).Computers); diff != "" {
		t.Errorf("computers (-want +got):\n%s", diff)
	}
}

func TestPlayerLimit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		said  []string
		limit int
	}{
		"nothing said":     {nil, 16},
		"size and number":  {[]string{"Settings: teamSize=1;nbTeams=3"}, 3},
		"in two lines":     {[]string{"teamSize=2", "* nbTeams=2 now"}, 4},
		"never above 16":   {[]string{"teamSize=16", "nbTeams=16"}, 16},
		"no number":        {[]string{"teamSize=", "nbTeams=x"}, 16},
		"zero":             {[]string{"teamSize=0"}, 16},
		"senseless":        {[]string{"teamSize=99999999999999999999"}, 16},
		"last one counts":  {[]string{"nbTeams=1 teamSize=1", "teamSize=5"}, 5},
		"other case is no": {[]string{"TEAMSIZE=1"}, 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := opened(t, "")
			for i, text := range tc.said {
				must(t, s, Say{Who: who(founder), Rights: Rights{Bot: true}, Text: text, Emote: i%2 == 1})
			}
			for i := range tc.limit + 1 {
				user := int64(100 + i)
				enter(t, s, user)
				want := Status{Player: i < tc.limit, Ready: i >= tc.limit, Team: i, Sync: 1, Color: "1"}
				ask := Status{Player: true, Ready: true, Team: i, Sync: 1, Color: "1"}
				events := []any{StatusSet{User: user, Status: want}}
				if i == tc.limit { // it waits for a place
					events = append(events,
						Spoke{Text: "You are now in the join-queue at position 1. Use $status to check on the queue.", Emote: true, To: user},
						QueueSet{Users: []int64{user}})
				}
				wantEvents(t, must(t, s, SetStatus{Who: who(user), Status: ask}), events...)
			}
			// A player stays one though the lobby is full.
			ask := Status{Player: true, Ready: true, Sync: 1, Color: "1"}
			wantEvents(t, must(t, s, SetStatus{Who: who(100), Status: ask}), StatusSet{User: 100, Status: ask})
		})
	}
	t.Run("only the founder in public", func(t *testing.T) {
		s := filled(t)
		must(t, s, Say{Who: who(player), Text: "teamSize=1"})
		must(t, s, Say{Who: who(founder), Text: "teamSize=1", Emote: true, To: player})
		if n := s.consul.MostPlayers(&s.rules); n != 16 {
			t.Errorf("limit %d", n)
		}
	})
}

func TestSay(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 20000)
	for name, tc := range map[string]struct {
		user    int64
		text    string
		want    string
		command bool
	}{
		"trimmed":              {player, "  hello  ", "hello", false},
		"257 characters":       {player, long, long[:2*257], false},
		"bots have no limit":   {founder, long, long, false},
		"welcome":              {player, "!Welcome-Message " + long, "!Welcome-Message " + long[:2*(1025-17)], false},
		"mode":                 {player, "!MODE " + long, "!MODE " + long[:2*(1025-6)], false},
		"no mode":              {player, "!modes " + long, "!modes " + long[:2*(257-7)], false},
		"tweakdefs":            {player, "!bSet tweakdefs " + long, "!bSet tweakdefs " + long[:2*(16385-16)], false},
		"tweakunits":           {player, "!bset tweakunits1 " + long, "!bset tweakunits1 " + long[:2*(16385-18)], false},
		"relay marks":          {player, "a:s: web:system:hi a:b", "hi a:b", false},
		"no relay mark":        {player, "sa:hi", "sa:hi", false},
		"command":              {player, "$Status now", "$Status now", true},
		"silent command":       {player, "$%roll 6", "$%roll 6", true},
		"command behind marks": {player, "a: $help", "$help", true},
		"welcome command":      {player, "$welcome-message " + long, "$welcome-message " + long[:2*(1025-17)], true},
		"dollar said":          {player, "$ status", "$status", false},
		"lone dollar":          {player, "$", "$", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := must(t, filled(t), Say{Who: who(tc.user), Rights: rights(tc.user), Text: tc.text})
			if tc.command {
				wantEvents(t, out)
				if diff := cmp.Diff(any(Command{Text: tc.want}), out.Reply); diff != "" {
					t.Errorf("reply (-want +got):\n%s", diff)
				}
				return
			}
			// Who tweaks the game without being boss is told something, too.
			wantEvents(t, process.Outcome{Events: out.Events[:1]}, Said{User: tc.user, Session: 10 * tc.user, Text: tc.want})
		})
	}
	s := filled(t)
	for _, text := range []string{"", "   ", "a:", "web: s:"} {
		refused(t, s, Say{Who: who(player), Text: text}, refusal.Invalid)
	}
	refused(t, s, Say{Who: who(moderator), Rights: rights(moderator), Text: "hi"}, refusal.Forbidden)
	refused(t, s, Say{Who: who(founder), Text: "hi", To: outsider}, refusal.NotFound)
	wantEvents(t, must(t, s, Say{Who: who(player), Text: "$x", Emote: true}), Said{User: player, Session: 10 * player, Text: "$x", Emote: true})
}

func TestTickSeparatesTeams(t *testing.T) {
	t.Parallel()
	s := filled(t)
	for user := int64(20); user < 24; user++ {
		enter(t, s, user)
	}
	st := func(ally, team int) Status { return Status{Player: true, Ally: ally, Team: team, Sync: 1, Color: "1"} }
	set(t, s, player, st(1, 5))
	set(t, s, 20, st(0, 5))
	set(t, s, 21, st(1, 0))
	set(t, s, 22, st(0, 5))
	set(t, s, 23, st(1, 4))
	out := must(t, s, Tick{})
	wantEvents(t, out,
		StatusSet{20, st(0, 0)}, StatusSet{22, st(0, 1)},
		StatusSet{21, st(1, 2)}, StatusSet{23, st(1, 3)}, StatusSet{player, st(1, 4)})
	wantEvents(t, must(t, s, Tick{}))
	// Spectators may share.
	set(t, s, 23, Status{Team: 4, Sync: 1, Color: "1"})
	wantEvents(t, must(t, s, Tick{}))
	// A founder who plays counts, and keeps its number where it can.
	set(t, s, founder, st(0, 0))
	wantEvents(t, must(t, s, Tick{}),
		StatusSet{20, st(0, 1)}, StatusSet{22, st(0, 2)}, StatusSet{21, st(1, 3)})
}

func TestTickRestoresTags(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{tagMatchID, tagHostUUID, tagMatchUUID} {
		s := filled(t)
		must(t, s, RemoveTags{Who: who(founder), Keys: []string{tag}})
		wantEvents(t, must(t, s, Tick{}), TagsSet{Tags: map[string]string{tagMatchID: "3", tagHostUUID: "HOST", tagMatchUUID: "MATCH"}})
	}
	s := filled(t)
	must(t, s, RemoveTags{Who: who(founder), Keys: []string{tagRanked}})
	wantEvents(t, must(t, s, Tick{}))
}

func TestHandicapIsTheHosts(t *testing.T) {
	t.Parallel()
	s := filled(t)
	for given, want := range map[int]int{-5: 0, 0: 0, 20: 20, 100: 100, 128: 100} {
		must(t, s, Force{By: who(founder), User: player, Handicap: ptr(50)})
		must(t, s, Force{By: who(founder), User: player, Handicap: ptr(given)})
		set(t, s, player, Status{Player: true, Handicap: 77, Color: "1"})
		if m, _ := s.room.Member(player); m.Status.Handicap != want {
			t.Errorf("handicap %d gives %d, want %d", given, m.Status.Handicap, want)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	s := opened(t, "")
	do := func(c SetUnits, want ...any) {
		t.Helper()
		c.Who = who(founder)
		wantEvents(t, must(t, s, c), want...)
	}
	do(SetUnits{Enable: []string{"unit1"}})
	do(SetUnits{All: true})
	do(SetUnits{})
	do(SetUnits{Disable: []string{"unit1", "unit2", "unit3"}}, UnitsSet{[]string{"unit1", "unit2", "unit3"}})
	do(SetUnits{Disable: []string{"unit2"}}, UnitsSet{[]string{"unit1", "unit2", "unit3"}})
	do(SetUnits{Enable: []string{"unit3"}}, UnitsSet{[]string{"unit1", "unit2"}})
	do(SetUnits{Enable: []string{"unit9"}}, UnitsSet{[]string{"unit1", "unit2"}})
	do(SetUnits{Enable: []string{"unit1", "unit2"}}, UnitsSet{[]string{}})
	do(SetUnits{Disable: []string{"unit1"}}, UnitsSet{[]string{"unit1"}})
	do(SetUnits{All: true, Disable: []string{"unit4"}}, UnitsSet{[]string{"unit4"}})
}

func TestTagsThatBecomeOne(t *testing.T) {
	t.Parallel()
	for range 20 {
		out := must(t, opened(t, ""), SetTags{Who: who(founder), Tags: map[string]string{"A": "1", "a": "2", "": "3"}})
		wantEvents(t, out, TagsSet{map[string]string{"a": "2"}})
	}
	wantEvents(t, must(t, opened(t, ""), SetTags{Who: who(founder), Tags: map[string]string{"": "3"}}))
}
