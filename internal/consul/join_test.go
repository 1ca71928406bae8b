package consul

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	const (
		blocked  = "You are blocked by too many players in this lobby"
		blocking = "You are blocking too many players in this lobby"
	)
	for name, tc := range map[string]struct {
		before   []string // orders of HostBot, or of BossBob
		facts    Facts
		approved bool
		empty    bool
		want     Verdict
	}{
		"anybody":              {want: Verdict{}},
		"approved":             {approved: true, want: Verdict{Override: true}},
		"moderator":            {facts: Facts{Moderator: true}, want: Verdict{Override: true}},
		"warned moderator":     {facts: Facts{Moderator: true, Warned: true}, want: Verdict{Reason: "Awaiting acknowledgement of your warning - check chat from @Coordinator and follow instructions there. Pay attention to spelling."}},
		"banned":               {before: []string{"HostBot $lobbyban Zed"}, want: Verdict{Reason: "Banned"}},
		"banned for a reason":  {before: []string{"HostBot $lobbyban Zed too loud"}, approved: true, want: Verdict{Reason: "too loud"}},
		"banned moderator":     {before: []string{"HostBot $lobbyban Zed"}, facts: Facts{Moderator: true}, want: Verdict{Override: true}},
		"banned by number":     {before: []string{"HostBot $lobbyban #20"}, want: Verdict{Reason: "Banned"}},
		"unbanned":             {before: []string{"HostBot $lobbyban Zed", "HostBot $unban zed"}, want: Verdict{}},
		"timed out":            {before: []string{"Moddy $timeout Zed"}, approved: true, want: Verdict{Reason: "You have been given a timeout on the naughty step"}},
		"timed out, match end": {before: []string{"Moddy $timeout Zed", "@ ended"}, want: Verdict{}},
		"held to watch":        {before: []string{"HostBot $speclock Zed"}, want: Verdict{}},
		"banned, not only to watch": {
			before: []string{"HostBot $lobbyban Zed", "HostBot $speclock Zed"}, want: Verdict{Reason: "Banned"},
		},
		"shadow":                {facts: Facts{Shadowbanned: true}, approved: true, want: Verdict{Reason: "Err"}},
		"blocked by one of 3":   {facts: Facts{BlockedBy: []int64{erin, frank, moddy}}, want: Verdict{}},
		"blocked by two of 3":   {facts: Facts{BlockedBy: []int64{erin, gina}}, approved: true, want: Verdict{Reason: blocked}},
		"blocks two of 3":       {facts: Facts{Blocks: []int64{erin, gina}}, want: Verdict{Reason: blocking}},
		"both":                  {facts: Facts{Blocks: []int64{erin, gina}, BlockedBy: []int64{erin, gina}}, want: Verdict{Reason: blocked}},
		"avoided by a boss":     {facts: Facts{AvoidedBy: []int64{77, bob}}, approved: true, want: Verdict{Reason: "You are blocked by the boss of this lobby"}},
		"blocked by a boss":     {facts: Facts{BlockedBy: []int64{bob}}, approved: true, want: Verdict{Reason: "You are blocked by the boss of this lobby"}},
		"of a boss no more":     {before: []string{"HostBot Boss mode disabled by Bob"}, facts: Facts{AvoidedBy: []int64{bob}}, want: Verdict{}},
		"avoided, a moderator":  {facts: Facts{AvoidedBy: []int64{bob}, Moderator: true}, want: Verdict{Override: true}},
		"friends, no friend":    {before: []string{"BossBob $gatekeeper friends"}, facts: Facts{Friends: []int64{77}}, want: Verdict{Reason: "Friends only gatekeeper"}},
		"friends, of a watcher": {before: []string{"BossBob $gatekeeper friends"}, facts: Facts{Friends: []int64{77, frank}}, want: Verdict{Friend: true}},
		"friends, approved":     {before: []string{"BossBob $gatekeeper friends"}, approved: true, want: Verdict{Override: true}},
		"friends, empty lobby":  {before: []string{"BossBob $gatekeeper friends"}, empty: true, want: Verdict{Friend: true}},
		"friends play":          {before: []string{"BossBob $gatekeeper friendsplay"}, want: Verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTable(t)
			for _, line := range tc.before {
				x.step(line)
			}
			if tc.empty {
				x.room.Seats = nil
			}
			var got Verdict
			x.do(func(t *Turn) { got = t.Join(zed, &tc.facts, tc.approved) })
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestWant(t *testing.T) {
	t.Parallel()
	play := Seat{User: frank, Player: true, Ready: true, Team: 4, Ally: 1}
	for name, tc := range map[string]struct {
		before []string
		user   int64
		want   Seat
		got    Seat
		queued bool
	}{
		"becomes a player, not ready": {user: frank, want: play, got: Seat{User: frank, Player: true, Team: 4, Ally: 1}},
		"stays a player, ready":       {user: gina, want: Seat{Player: true, Ready: true, Team: 3}, got: Seat{User: gina, Player: true, Ready: true, Team: 3}},
		"full":                        {before: []string{"HostBot nbTeams=1 teamSize=3"}, user: frank, want: play, got: Seat{User: frank, Ready: true, Team: 4, Ally: 1}, queued: true},
		"full by order":               {before: []string{"Moddy $playerlimit 3"}, user: frank, want: play, got: Seat{User: frank, Ready: true, Team: 4, Ally: 1}, queued: true},
		"others wait":                 {before: []string{"Moddy $playerlimit 4", "Moddy $joinq"}, user: frank, want: play, got: Seat{User: frank, Ready: true, Team: 4, Ally: 1}, queued: true},
		"first of those who wait":     {before: []string{"Moddy $playerlimit 4", "Frank $joinq", "Moddy $joinq"}, user: frank, want: play, got: Seat{User: frank, Player: true, Team: 4, Ally: 1}},
		"team locked":                 {before: []string{"HostBot $lock team"}, user: gina, want: Seat{Player: true, Team: 9, Ally: 5}, got: Seat{User: gina, Player: true, Team: 9, Ally: 1}},
		"number locked":               {before: []string{"HostBot $lock allyid"}, user: gina, want: Seat{Player: true, Team: 9, Ally: 5}, got: Seat{User: gina, Player: true, Team: 1, Ally: 5}},
		"players locked":              {before: []string{"HostBot $lock player"}, user: frank, want: play, got: Seat{User: frank, Ready: true, Team: 4, Ally: 1}},
		"spectators locked":           {before: []string{"HostBot $lock spectator"}, user: gina, want: Seat{}, got: Seat{User: gina, Player: true}},
		"held to watch":               {before: []string{"HostBot $speclock Frank"}, user: frank, want: play, got: Seat{User: frank}},
		"held to watch, watches":      {before: []string{"HostBot $speclock Frank"}, user: frank, want: Seat{Team: 3}, got: Seat{User: frank, Team: 3}},
		"no friend plays":             {before: []string{"BossBob $gatekeeper friendsplay"}, user: frank, want: play, got: Seat{User: frank}},
		"rating too low":              {before: []string{"BossBob $minratinglevel 17"}, user: frank, want: play, got: Seat{User: frank, Ready: true, Team: 4, Ally: 1}},
		"moderators have no bounds":   {before: []string{"BossBob $minratinglevel 17"}, user: moddy, want: Seat{Player: true}, got: Seat{User: moddy, Player: true}},
		"chevron too high":            {before: []string{"BossBob $maxchevlevel 3"}, user: gina, want: Seat{Player: true}, got: Seat{User: gina}},
		"contributors have no rank":   {before: []string{"BossBob $maxchevlevel 3"}, user: bob, want: Seat{Player: true}, got: Seat{User: bob, Player: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTable(t)
			for _, line := range tc.before {
				x.step(line)
			}
			got, _ := x.want(tc.user, tc.want)
			if diff := cmp.Diff(tc.got, got); diff != "" {
				t.Errorf("seat (-want +got):\n%s", diff)
			}
			if n := (&Turn{State: x.state}).queued(tc.user); (n > 0) != tc.queued {
				t.Errorf("at %d of the queue", n)
			}
		})
	}
}

func TestHiddenRatingCountsAsNone(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	x.rules.HiddenUncertainty = 8
	x.step("BossBob $maxratinglevel 20")
	if got := x.play(frank, true); !got.Player {
		t.Error("a hidden rating is 0, which is low enough")
	}
	x.step("BossBob $setratinglevels 5 20")
	_, acts := x.want(frank, Seat{Player: true})
	want := []string{"D Frank: " + splitter, "D Frank: This lobby has rating restrictions (Rating: 5-20). You won't be able to join until you play enough Large Team matches for your rating to be visible."}
	if diff := cmp.Diff(want, told(acts)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestMatchmakingAndHashes(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	f := people[frank]
	f.Matchmaking = true
	x.do(func(t *Turn) { t.Know(frank, f) })
	if x.play(frank, true).Player {
		t.Error("plays while it waits for a match")
	}
	x.rules.RequireChobby = true
	for i := range 4 {
		user := int64(30 + i)
		x.enter(user, Facts{Name: fmt.Sprint("P", user)})
		if !x.play(user, true).Player {
			t.Fatalf("player %d of a small game needs no hashes", i)
		}
	}
	x.enter(40, Facts{Name: "NoHash"})
	x.enter(41, Facts{Name: "Hash", Chobby: true})
	if x.play(40, true).Player || !x.play(41, true).Player {
		t.Error("the eighth player needs hashes, and no more than that")
	}
}

func TestGameTypes(t *testing.T) {
	t.Parallel()
	for want, teams := range map[string][][2]int{
		typeDuel: {{2, 1}}, typeSmallTeam: {{2, 2}, {2, 5}}, typeLargeTeam: {{2, 6}, {2, 8}}, typeFFA: {{3, 1}, {16, 1}}, typeTeamFFA: {{3, 2}},
	} {
		for _, x := range teams {
			if got := gameType(x[0], x[1], 5); got != want {
				t.Errorf("%d teams of %d: %s, want %s", x[0], x[1], got, want)
			}
		}
	}
}

func TestTitles(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	rules.Flagged = []string{"curse"}
	for title, want := range map[string]string{
		"":                           "Lobby name must not be empty",
		"   ":                        "Lobby name must not be empty",
		strings.Repeat("x", 70):      "",
		strings.Repeat("x", 71):      "Lobby name is too long. Maximum 70 characters allowed.",
		"[a] <b> c+d | e:f (g) h_-1": "",
		"no ümlaut":                  "Lobby name contains invalid characters. Allowed characters: alphanumeric, spaces, [, ], <, >, -, +, |, :.",
		"a\tb":                       "Lobby name contains invalid characters. Allowed characters: alphanumeric, spaces, [, ], <, >, -, +, |, :.",
		"my Cur5e":                   "Lobby name was rejected.",
	} {
		if got := CheckTitle(title, &rules, false); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
	for title, want := range map[string]bool{
		"noobs": true, "N00bs!": true, "new players": true, "nubz": true, "newb 1v1": true,
		"no noobs": false, "noobs and nubs": false, "knobs": false, "pros": false,
	} {
		if got := noobTitle(plainTitle(title)); got != want {
			t.Errorf("%q is for new players: %t", title, got)
		}
	}
	s := New("Base")
	s.Teaser, s.Unranked, s.MinRating, s.MinRank, s.MaxRank = "teaser", true, 5, 2, 5
	if got, want := s.Title(), "Base teaser | Chev between: 3 - 6 | Min rating: 5 | Unranked"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1200)
	for line, want := range map[string]string{
		"$Status":             "status|",
		"$%roll 1  2 ":        "%roll|1  2 ",
		"$password?":          "password?|",
		"$force_party":        "force_party|",
		"$ status":            "",
		"$":                   "",
		"$%":                  "",
		"hi $status":          "",
		"$rename " + long:     "rename|" + strings.Repeat("ä", 999),
		"$reset-approval x y": "reset-approval|x y",
	} {
		got := ""
		if name, silent, rest, ok := Parse(line); ok {
			got = name + "|" + rest
			if silent {
				got = "%" + got
			}
		}
		if got != want {
			t.Errorf("%.30q: %.60q, want %.60q", line, got, want)
		}
	}
	for line, want := range map[string][]string{
		"vip  Ann ": {"Ann"}, "vip": nil, "timeout Ann too loud": {"Ann"}, "pull a  b": {"a", "b"}, "lobbybanmult a b !! c d": {"a", "b"},
		"rename Ann": nil, "makeready": nil, "follow #12": {"#12"},
	} {
		name, rest, _ := strings.Cut(line, " ")
		if diff := cmp.Diff(want, TargetWords(name, rest)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

// Friends are kept as far as they are here, whoever came first.
func TestFriendsAreThoseWhoAreHere(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	x.enter(zed, Facts{Name: "Zed", Friends: []int64{50, gina, 51}, Blocks: []int64{60}})
	if f := x.state.People[zed].Facts; !cmp.Equal(f.Friends, []int64{gina}) || f.Blocks != nil {
		t.Errorf("kept %+v", f)
	}
	var got [2]bool
	x.do(func(t *Turn) { got = [2]bool{t.friends(gina, zed), t.friends(erin, zed)} })
	if got != [2]bool{true, false} {
		t.Errorf("friends %v", got)
	}
}

// A place in the queue outlives a connection that was lost, as long as the place is kept.
func TestQueueOfWhoLostTheConnection(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	x.step("Moddy $playerlimit 3")
	x.step("Frank $joinq")
	x.step("Ada $joinq")
	x.room.Kept = []Seat{{User: frank}}
	x.leave(frank)
	x.step("Erin watches")
	x.step("@ fill")
	if !x.room.seat(ada).Player {
		t.Error("who is not there holds up the rest")
	}
	if diff := cmp.Diff([]int64{frank}, x.state.Waiting()); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
	x.room.Kept = nil
	x.at = x.at.Add(time.Minute)
	x.step("@ tick")
	if len(x.state.Waiting()) != 0 || x.state.People[frank] != nil {
		t.Error("who is gone is still known")
	}
}
