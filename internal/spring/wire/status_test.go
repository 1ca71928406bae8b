package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/lobby"
	"teiserver/internal/roster"
)

func TestClientStatus(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		user roster.User
		want int
	}{
		"new player":       {roster.User{}, 0},
		"in game and away": {roster.User{InGame: true, Away: true}, 3},
		"bot":              {roster.User{Bot: true}, 64},
		"bot in game":      {roster.User{Bot: true, InGame: true}, 65},
		"moderator rank 5": {roster.User{Moderator: true, Rank: 5}, 52},
		"everything":       {roster.User{InGame: true, Away: true, Rank: 7, Moderator: true, Bot: true}, 127},
		"rank too high":    {roster.User{Rank: 8}, 28},
		"rank below none":  {roster.User{Rank: -1}, 0},
	} {
		if got := ClientStatus(&tc.user); got != tc.want {
			t.Errorf("%s: got %d, want %d", name, got, tc.want)
		}
	}
}

func TestBattleStatus(t *testing.T) {
	t.Parallel()
	player := func(change func(*lobby.Status)) lobby.Status {
		s := lobby.Status{Player: true, Sync: 1, Color: "0"}
		change(&s)
		return s
	}
	for word, status := range map[uint32]lobby.Status{
		0:         {Color: "0"},
		8388608:   lobby.Unsynced,
		4194304:   {Sync: 1, Color: "0"},
		4194306:   {Sync: 1, Ready: true, Color: "0"},
		4195328:   player(func(s *lobby.Status) {}),
		4195330:   player(func(s *lobby.Status) { s.Ready = true }),
		4373504:   player(func(s *lobby.Status) { s.Handicap = 87 }),
		4195332:   player(func(s *lobby.Status) { s.Team = 1 }),
		4195396:   player(func(s *lobby.Status) { s.Team, s.Ally = 1, 1 }),
		4195398:   player(func(s *lobby.Status) { s.Team, s.Ally, s.Ready = 1, 1, true }),
		4194372:   player(func(s *lobby.Status) { s.Team, s.Ally, s.Player = 1, 1, false }),
		4195394:   player(func(s *lobby.Status) { s.Ally, s.Ready = 1, true }),
		4195458:   player(func(s *lobby.Status) { s.Ally, s.Ready = 2, true }),
		4195522:   player(func(s *lobby.Status) { s.Ally, s.Ready = 3, true }),
		20972546:  player(func(s *lobby.Status) { s.Side, s.Ready = 1, true }),
		37749760:  player(func(s *lobby.Status) { s.Side = 2 }),
		4400130:   player(func(s *lobby.Status) { s.Handicap, s.Ready = 100, true }),
		4240386:   player(func(s *lobby.Status) { s.Handicap, s.Ready = 22, true }),
		306447494: player(func(s *lobby.Status) { s.Team, s.Ally, s.Side, s.Ready = 17, 18, 2, true }),
		// What a host's FORCETEAMNO 3, FORCEALLYNO 2 and HANDICAP 20 made of 0.
		12:                    {Team: 3, Color: "0"},
		140:                   {Team: 3, Ally: 2, Color: "0"},
		41100:                 {Team: 3, Ally: 2, Handicap: 20, Color: "0"},
		1<<32 - 1 - 1<<22 - 1: {Ready: true, Team: 255, Ally: 255, Player: true, Handicap: 127, Sync: 2, Side: 15, Color: "0"},
	} {
		if got := PackStatus(status); got != word {
			t.Errorf("pack %+v: got %d, want %d", status, got, word)
		}
		if diff := cmp.Diff(status, UnpackStatus(word, "0")); diff != "" {
			t.Errorf("unpack %d: (-want +got)\n%s", word, diff)
		}
	}
}

func TestBattleStatusOutOfRange(t *testing.T) {
	t.Parallel()
	for word, want := range map[uint32]uint32{
		1:            0,            // bit 0 does not exist
		3 << 22:      2 << 22,      // nor does a third kind of sync
		1<<22 | 1:    1 << 22,      //
		1<<32 - 1:    4290772990,   //
		0b1010 << 22: 0b1010 << 22, // side 2 beside sync 2
	} {
		if got := PackStatus(UnpackStatus(word, "")); got != want {
			t.Errorf("%d: got %d, want %d", word, got, want)
		}
	}
	wild := lobby.Status{Team: -1, Ally: 1 << 20, Handicap: 128, Sync: 7, Side: 16}
	if got := UnpackStatus(PackStatus(wild), ""); got.Team != 255 || got.Ally != 0 || got.Handicap != 0 || got.Sync != 2 || got.Side != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestColor(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"255": "255", "16711680": "16711680", "16777215": "16777215", "-1": "-1", "0": "0", "255 x": "255", "-2147483648": "-2147483648",
		"": "0", "red": "0", "1.5": "0", "-": "0", "+1": "0", "123456789012": "0", "1\t2": "0", " 1": "0", "1\n2": "0", "٣": "0",
	} {
		if got := Color(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestLobbyClient(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"LuaLobby Chobby:test 1234": "LuaLobby Chobby", "SPADS v0.13.47": "SPADS v", "skylobby-0.10.41": "skylobby",
		"PeerTest 1.0": "PeerTest ", "PeerTest": "PeerTest", "SLTS Client d": "SLTS Client d", "1.0": "", "": "", "Ünicode": "", "a\tb": "a",
	} {
		if got := LobbyClient(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestTrafficLevel(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, client string
		bot          bool
		want         roster.Interest
	}{
		{"Alice", "LuaLobby Chobby", false, roster.Everything},
		{"Alice", "skylobby", false, roster.Everything},
		{"Alice", "telnet", false, roster.Everything},
		{"Alice", "", false, roster.Everything},
		{"Host[EU1][001]", "SPADS v", true, roster.Own},
		{"HostBot", "PeerTest ", true, roster.Own},
		{"HostBot", "SLTS Client d", true, roster.Everything},
		{"Host[EU1]", "SPADS v", true, roster.Everything},
		{"Host[US42]", "SPADS v", true, roster.Everything},
		{"Host[EU]", "SPADS v", true, roster.Own},
		{"Host[1]", "SPADS v", true, roster.Own},
		{"Host[eu1]", "SPADS v", true, roster.Own},
		{"Host[EU1", "SPADS v", true, roster.Own},
		{"Host[]", "SPADS v", true, roster.Own},
		{"xHost[EU1]", "SPADS v", true, roster.Own},
		{"Host[E1U1]", "SPADS v", true, roster.Own},
	} {
		if got := TrafficLevel(tc.name, tc.client, tc.bot); got != tc.want {
			t.Errorf("%s %q bot %v: got %v, want %v", tc.name, tc.client, tc.bot, got, tc.want)
		}
	}
}
