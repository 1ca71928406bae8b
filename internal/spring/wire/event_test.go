package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/chat"
	"teiserver/internal/lobby"
	"teiserver/internal/roster"
)

var (
	coordinator = &roster.User{ID: 2, Name: "Coordinator", Country: "GB-WLS", Client: "Teiserver Internal Client", Bot: true}
	host        = &roster.User{ID: 7, Name: "HostBot", Country: "??", Client: "PeerTest ", Bot: true}
	alice       = &roster.User{ID: 3, Name: "Alice", Client: "PeerTest "}
	bob         = &roster.User{ID: 4, Name: "Bob", Country: "??", Client: "PeerTest"}
	carol       = &roster.User{ID: 5, Name: "Carol", Country: "DE", Client: "LuaLobby Chobby", InGame: true}
	moddy       = &roster.User{ID: 9, Name: "Moddy", Country: "SE", Client: "", Moderator: true, Rank: 5}
)

func battle() *roster.Lobby {
	return &roster.Lobby{Founder: host, Info: lobby.Info{
		ID: 3, IP: "127.0.0.1", Port: 52200, MaxPlayers: 8, GameHash: "1234", MapHash: "5678", EngineName: "spring",
		EngineVersion: "105.1.1-1821", Map: "Comet Catcher Remake 1.8", Title: "My battle", Game: "Beyond All Reason test-1",
	}}
}

const opened = "BATTLEOPENED 3 0 0 HostBot 127.0.0.1 52200 16 0 0 5678 " +
	"spring\t105.1.1-1821\tComet Catcher Remake 1.8\tMy battle\tBeyond All Reason test-1\n"

// isthmus is the battle after UPDATEBATTLEINFO.
func isthmus(locked bool, members ...*roster.User) *roster.Lobby {
	l := battle()
	l.Info.Spectators, l.Info.MapHash, l.Info.Map, l.Info.Locked = 1, "9999", "Supreme Isthmus v2.1", locked
	l.Members = members
	return l
}

type golden struct {
	event roster.Event
	want  string
}

// goldens are events and the lines that Teiserver sends for them, where it was
// recorded, but for the repeats that are left out.
func goldens() map[string]golden {
	set := lobby.Status{Sync: 1, Color: "65280"}
	tags := map[string]string{"game/modoptions/ranked_game": "1", "game/server_match_id": "3", "server/match/uuid": ""}
	return map[string]golden{
		"user came":            {roster.UserCame{User: bob}, "ADDUSER Bob ?? 4 PeerTest\nCLIENTSTATUS Bob 0\n"},
		"user came, bot":       {roster.UserCame{User: coordinator}, "ADDUSER Coordinator GB-WLS 2 Teiserver Internal Client\nCLIENTSTATUS Coordinator 64\n"},
		"user came, unknown":   {roster.UserCame{User: alice}, "ADDUSER Alice ?? 3 PeerTest \nCLIENTSTATUS Alice 0\n"},
		"user came, no client": {roster.UserCame{User: moddy}, "ADDUSER Moddy SE 9 \nCLIENTSTATUS Moddy 52\n"},
		"user changed":         {roster.UserChanged{User: carol}, "CLIENTSTATUS Carol 1\n"},
		"user went":            {roster.UserWent{User: bob}, "REMOVEUSER Bob\n"},
		"several": {roster.Several{Updates: []*roster.Update{{Event: roster.UserWent{User: bob}}, {Event: roster.UserCame{User: bob}}}},
			"REMOVEUSER Bob\nADDUSER Bob ?? 4 PeerTest\nCLIENTSTATUS Bob 0\n"},
		"lobby opened": {roster.LobbyOpened{Lobby: battle()}, opened},
		"lobby opened, replay with password": {roster.LobbyOpened{Lobby: &roster.Lobby{Founder: host, Info: lobby.Info{
			ID: 4, Replay: true, Nat: 2, IP: "10.0.0.5", Port: 1, Passworded: true, MapHash: "-1540855590", EngineName: "a", EngineVersion: "b", Map: "c", Title: "d", Game: "e",
		}}}, "BATTLEOPENED 4 1 2 HostBot 10.0.0.5 1 16 1 0 -1540855590 a\tb\tc\td\te\n"},
		"lobby opened, heard of late": {roster.LobbyOpened{Lobby: isthmus(true)},
			"BATTLEOPENED 3 0 0 HostBot 127.0.0.1 52200 16 0 0 9999 spring\t105.1.1-1821\tSupreme Isthmus v2.1\tMy battle\tBeyond All Reason test-1\n" +
				"UPDATEBATTLEINFO 3 1 1 9999 Supreme Isthmus v2.1\n"},
		"lobby changed":  {roster.LobbyChanged{Lobby: isthmus(true)}, "UPDATEBATTLEINFO 3 1 1 9999 Supreme Isthmus v2.1\n"},
		"lobby retitled": {roster.LobbyRetitled{Lobby: battle()}, "s.battle.update_lobby_title 3\tMy battle\n"},
		"lobby closed":   {roster.LobbyClosed{ID: 3}, "BATTLECLOSED 3\n"},
		"member came":    {roster.MemberCame{Lobby: battle(), User: bob}, "CLIENTSTATUS Bob 0\nJOINEDBATTLE 3 Bob\n"},
		"member came, in the room": {roster.MemberCame{Lobby: battle(), User: bob, Room: true},
			"CLIENTSTATUS Bob 0\nJOINEDBATTLE 3 Bob\nUPDATEBATTLEINFO 3 0 0 5678 Comet Catcher Remake 1.8\n"},
		"member came, for the host": {roster.MemberCame{Lobby: battle(), User: alice, ScriptPassword: "777", Room: true},
			"CLIENTSTATUS Alice 0\nJOINEDBATTLE 3 Alice 777\nUPDATEBATTLEINFO 3 0 0 5678 Comet Catcher Remake 1.8\n"},
		"member went":              {roster.MemberWent{Lobby: isthmus(false), User: bob}, "LEFTBATTLE 3 Bob\n"},
		"member went, in the room": {roster.MemberWent{Lobby: isthmus(false), User: alice, Room: true}, "LEFTBATTLE 3 Alice\nUPDATEBATTLEINFO 3 1 0 9999 Supreme Isthmus v2.1\n"},
		"member went, kicked":      {roster.MemberWent{Lobby: isthmus(false), User: carol, Room: true, Kicked: true}, "LEFTBATTLE 3 Carol\n"},
		"hosting": {roster.Hosting{Lobby: battle(), View: lobby.View{Tags: tags}},
			opened + "OPENBATTLE 3\nJOINBATTLE 3 1234\n" +
				"SETSCRIPTTAGS game/modoptions/ranked_game=1\tgame/server_match_id=3\tserver/match/uuid=\nREQUESTBATTLESTATUS\n"},
		"hosting, with rectangles": {roster.Hosting{Lobby: battle(), View: lobby.View{Rects: []lobby.Rect{{Ally: 1, Left: 150, Right: 200, Bottom: 200}}}},
			opened + "OPENBATTLE 3\nJOINBATTLE 3 1234\nSETSCRIPTTAGS \nADDSTARTRECT 1 150 0 200 200\nREQUESTBATTLESTATUS\n"},
		"entered": {roster.Entered{
			Lobby: isthmus(false, bob, alice), Me: carol, ScriptPassword: "999",
			View: lobby.View{Tags: map[string]string{"game/x": "1", "game/hosttype": "SPADS"}, Rects: []lobby.Rect{{Ally: 1, Left: 150, Right: 200, Bottom: 200}}},
			Statuses: []roster.StatusSet{{User: host, Status: lobby.Status{Color: "0"}}, {User: bob, Status: set},
				{User: alice, Status: lobby.Status{Team: 3, Ally: 2, Handicap: 20, Color: "123456"}}},
			Computers: []roster.ComputerAdded{{Lobby: 3, Owner: host, Computer: lobby.Computer{Name: "HostAI", Color: "0", AI: "NullAI|1"}}},
		}, "JOINBATTLE 3 1234\nJOINEDBATTLE 3 Carol 999\nSETSCRIPTTAGS game/hosttype=SPADS\tgame/x=1\n" +
			"CLIENTBATTLESTATUS HostBot 0 0\nCLIENTBATTLESTATUS Bob 4194304 65280\nCLIENTBATTLESTATUS Alice 41100 123456\n" +
			"ADDBOT 3 HostAI HostBot 0 0 NullAI|1\nADDSTARTRECT 1 150 0 200 200\nREQUESTBATTLESTATUS\nCLIENTSTATUS Carol 1\n"},
		"entered, nearly nothing": {roster.Entered{Lobby: battle(), Me: alice},
			"JOINBATTLE 3 1234\nJOINEDBATTLE 3 Alice\nSETSCRIPTTAGS \nREQUESTBATTLESTATUS\nCLIENTSTATUS Alice 0\n"},
		"entered, unknown members and disabled units": {roster.Entered{
			Lobby: battle(), Me: alice, ScriptPassword: "1", Unknown: []*roster.User{bob, carol}, View: lobby.View{Disabled: []string{"armcom", "corcom"}},
		}, "CLIENTSTATUS Bob 0\nJOINEDBATTLE 3 Bob\nCLIENTSTATUS Carol 1\nJOINEDBATTLE 3 Carol\nJOINBATTLE 3 1234\nJOINEDBATTLE 3 Alice 1\n" +
			"SETSCRIPTTAGS \nDISABLEUNITS armcom corcom\nREQUESTBATTLESTATUS\nCLIENTSTATUS Alice 0\n"},
		"ejected":                 {roster.Ejected{Lobby: battle()}, "FORCEQUITBATTLE\n"},
		"join requested":          {roster.JoinRequested{Lobby: battle(), User: alice, IP: "127.0.0.1"}, "JOINBATTLEREQUEST Alice 127.0.0.1\n"},
		"join denied":             {roster.JoinDenied{Reason: "go away please"}, "JOINBATTLEFAILED go away please\n"},
		"join denied, in silence": {roster.JoinDenied{}, "JOINBATTLEFAILED no reason given\n"},
		"status set":              {roster.StatusSet{User: bob, Status: set}, "CLIENTBATTLESTATUS Bob 4194304 65280\n"},
		"status set, initial":     {roster.StatusSet{User: host, Status: lobby.Unsynced}, "CLIENTBATTLESTATUS HostBot 8388608 0\n"},
		"status set, no color":    {roster.StatusSet{User: host}, "CLIENTBATTLESTATUS HostBot 0 0\n"},
		"room said":               {roster.RoomSaid{User: alice, Text: "hello battle"}, "SAIDBATTLE Alice hello battle\n"},
		"room said, emote":        {roster.RoomSaid{User: host, Text: "welcomes you", Emote: true}, "SAIDBATTLEEX HostBot welcomes you\n"},
		"computer added": {roster.ComputerAdded{Lobby: 1, Owner: alice, Computer: lobby.Computer{Name: "BarbAI", Status: 4195394, Color: "255", AI: "BARb|stable"}},
			"ADDBOT 1 BarbAI Alice 4195394 255 BARb|stable\n"},
		"computer updated":   {roster.ComputerUpdated{Lobby: 1, Computer: lobby.Computer{Name: "BarbAI", Status: 4195330, Color: "65280"}}, "UPDATEBOT 1 BarbAI 4195330 65280\n"},
		"computer removed":   {roster.ComputerRemoved{Lobby: 1, Name: "BarbAI"}, "REMOVEBOT 1 BarbAI\n"},
		"rect added":         {roster.RectAdded{Rect: lobby.Rect{Right: 50, Bottom: 200}}, "ADDSTARTRECT 0 0 0 50 200\n"},
		"rect removed":       {roster.RectRemoved{Ally: 0}, "REMOVESTARTRECT 0\n"},
		"tags set":           {roster.TagsSet{Tags: map[string]string{"game/startpostype": "2", "game/hosttype": "SPADS"}}, "SETSCRIPTTAGS game/hosttype=SPADS\tgame/startpostype=2\n"},
		"tags removed":       {roster.TagsRemoved{Keys: []string{"custom/key1"}}, "REMOVESCRIPTTAGS custom/key1\n"},
		"tags removed, none": {roster.TagsRemoved{}, "REMOVESCRIPTTAGS \n"},
		"units disabled":     {roster.UnitsSet{Disabled: []string{"unit1", "unit2", "unit3"}}, "ENABLEALLUNITS\nDISABLEUNITS unit1 unit2 unit3\n"},
		"units enabled":      {roster.UnitsSet{}, "ENABLEALLUNITS\n"},
		"channel entered": {roster.ChannelEntered{Name: "testroom", AuthorName: "Alice", Me: bob, Members: []*roster.User{alice, carol}},
			"JOIN testroom\nJOINED testroom Bob\nCHANNELTOPIC testroom Alice\nCLIENTS testroom Bob Alice Carol\n"},
		"channel entered, new": {roster.ChannelEntered{Name: "test_room", AuthorName: "Alice", Me: alice},
			"JOIN test_room\nJOINED test_room Alice\nCHANNELTOPIC test_room Alice\nCLIENTS test_room Alice\n"},
		"channel came":        {roster.ChannelCame{Name: "testroom", User: bob}, "JOINED testroom Bob\n"},
		"channel went":        {roster.ChannelWent{Name: "testroom", User: bob}, "LEFT testroom Bob\n"},
		"channel said":        {roster.ChannelSaid{Name: "testroom", User: alice, Text: "hello all"}, "SAID testroom Alice hello all\n"},
		"channel said, emote": {roster.ChannelSaid{Name: "testroom", User: bob, Text: "waves", Emote: true}, "SAIDEX testroom Bob waves\n"},
		"private said":        {roster.PrivateSaid{From: bob, Text: "hi\tAlice  two  spaces"}, "SAIDPRIVATE Bob hi\tAlice  two  spaces\n"},
		"private said, lines": {roster.PrivateSaid{From: coordinator, Text: "one\r\ntwo\n\nfour\n"}, "SAIDPRIVATE Coordinator one\nSAIDPRIVATE Coordinator two\nSAIDPRIVATE Coordinator \nSAIDPRIVATE Coordinator four\n"},
		"rang":                {roster.Rang{By: host}, "RING HostBot\n"},
		"friend asked":        {roster.FriendEvent{What: roster.FriendAsked, Other: 12}, "s.user.new_incoming_friend_request 12\n"},
		"friend accepted":     {roster.FriendEvent{What: roster.FriendAccepted, Other: 13}, "s.user.friend_request_accepted 13\n"},
		"friend declined":     {roster.FriendEvent{What: roster.FriendDeclined, Other: 12}, "s.user.friend_request_declined 12\n"},
		"friend rescinded":    {roster.FriendEvent{What: roster.FriendRescinded, Other: 13}, "s.user.friend_request_rescinded 13\n"},
		"friend ended":        {roster.FriendEvent{What: roster.FriendEnded, Other: 12}, "s.user.friend_deleted 12\n"},
		"ready check":         {roster.ReadyCheck{Queue: 3}, "s.matchmaking.ready_check 3\n"},
		"match cancelled":     {roster.MatchCanceled{Queue: 3}, "s.matchmaking.match_cancelled 3\n"}, //nolint:misspell // as clients know it
		"in queues":           {roster.QueuesSet{Queues: []roster.QueueName{{ID: 1, Name: "Duel"}, {ID: 2, Name: "Small\tTeam"}}}, "s.matchmaking.your_queue_list 1:Duel\t2:Small Team\n"},
		"followed":            {roster.FriendEvent{What: roster.Followed, Other: 12}, "s.user.new_follower 12\n"},
	}
}

func TestEncodeEvent(t *testing.T) {
	t.Parallel()
	for name, g := range goldens() {
		if diff := cmp.Diff(g.want, string(EncodeEvent(g.event))); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestEncodeWorld(t *testing.T) {
	t.Parallel()
	users := []*roster.User{coordinator, bob, moddy, host}
	l := isthmus(false, bob, carol)
	dump := "BATTLEOPENED 3 0 0 HostBot 127.0.0.1 52200 16 0 0 9999 spring\t105.1.1-1821\tSupreme Isthmus v2.1\tMy battle\tBeyond All Reason test-1\n" +
		"UPDATEBATTLEINFO 3 1 0 9999 Supreme Isthmus v2.1\n"
	for name, tc := range map[string]struct {
		got  []byte
		want string
	}{
		"chunk": {EncodeChunk(users), "ADDUSER Coordinator GB-WLS 2 Teiserver Internal Client\nADDUSER Bob ?? 4 PeerTest\n" +
			"ADDUSER Moddy SE 9 \nADDUSER HostBot ?? 7 PeerTest \n"},
		"statuses": {EncodeStatuses(users), "CLIENTSTATUS Coordinator 64\nCLIENTSTATUS Bob 0\nCLIENTSTATUS Moddy 52\nCLIENTSTATUS HostBot 64\n"},
		"notables": {EncodeNotables(users), "CLIENTSTATUS Coordinator 64\nCLIENTSTATUS Moddy 52\nCLIENTSTATUS HostBot 64\n"},
		"lobby":    {EncodeLobby(l), dump},
		"members":  {EncodeLobbyMembers(l), dump + "CLIENTSTATUS Bob 0\nJOINEDBATTLE 3 Bob\nCLIENTSTATUS Carol 1\nJOINEDBATTLE 3 Carol\n"},
		"nobody":   {EncodeChunk(nil), ""},
	} {
		if diff := cmp.Diff(tc.want, string(tc.got)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// answerLines are the lines that are no events.
func answerLines() map[string]string {
	return map[string]string{
		string(Greeting):                    "TASSERVER 0.38-33-ga5f3b28 * 8201 0\n",
		string(Pong):                        "PONG\n",
		string(AppendCompFlags(nil, false)): "COMPFLAGS sp teiserver\n",
		string(AppendCompFlags(nil, true)):  "COMPFLAGS sp teiserver matchmaking\n",
		string(AppendQueues(nil, nil)):      "s.matchmaking.full_queue_list \n",
		string(AppendMyQueues(nil, nil)):    "s.matchmaking.your_queue_list \n",
		string(AppendQueueInfo(nil, roster.QueueName{ID: 1, Name: "Duel"}, 12, 3)): "s.matchmaking.queue_info 1\tDuel\t12\t3\n",
		string(RegistrationAccepted):       "REGISTRATIONACCEPTED\n",
		string(Unauthenticated):            "DENIED Unauthenticated\n",
		string(Queued):                     "QUEUED\n",
		string(AgreementEnd):               "AGREEMENTEND\n",
		string(LoginInfoEnd):               "LOGININFOEND\n",
		string(ChangeEmailAccepted):        "CHANGEEMAILACCEPTED\n",
		string(ChangeEmailRequestAccepted): "CHANGEEMAILREQUESTACCEPTED\n",
		string(AppendOK(nil, "STLS", "")):  "OK cmd=STLS\n",
		string(AppendOK(nil, "https://localhost/password_reset", "")):                  "OK cmd=https://localhost/password_reset\n",
		string(AppendNO(nil, "GETIP", "")):                                             "NO cmd=GETIP\n",
		string(AppendNO(nil, "c.battle.update_lobby_title", "Lobby name is too long")): "NO cmd=c.battle.update_lobby_title\tLobby name is too long\n",
		string(AppendRegistrationDenied(nil, "Username already taken")):                "REGISTRATIONDENIED Username already taken\n",
		string(AppendAccepted(nil, "Alice", []string{"Message of the day", "---------", ""})): "ACCEPTED Alice\n" +
			`SERVERMSG @PROTOCOL_EXTENSIONS@ {"ring:originator":1}` + "\nMOTD Message of the day\nMOTD ---------\nMOTD \n",
		string(AppendDenied(nil, "Incorrect code")):                                            "DENIED Incorrect code\n",
		string(AppendAgreement(nil, "Please read.")):                                           "AGREEMENT Please read.\n",
		string(AppendAgreement(nil, "")):                                                       "AGREEMENT \n",
		string(AppendServerMsg(nil, "Ingame time: 0")):                                         "SERVERMSG Ingame time: 0\n",
		string(AppendServerMsg(nil, "")):                                                       "SERVERMSG no reason given\n",
		string(AppendChangeEmailDenied(nil, "bad code")):                                       "CHANGEEMAILDENIED bad code\n",
		string(AppendChangeEmailRequestDenied(nil, "Email already in use")):                    "CHANGEEMAILREQUESTDENIED Email already in use\n",
		string(AppendUserIP(nil, "Erin", "127.0.0.1")):                                         "Erin is currently bound to 127.0.0.1\n",
		string(AppendUserID(nil, "Erin", "1234567890 deadbeef", 12)):                           "The ID for Erin is 1234567890 deadbeef 12\n",
		string(AppendDisconnect(nil, "Logged out")):                                            "s.system.disconnect Logged out\n",
		string(AppendJoinFailed(nil, "main", "No user")):                                       "JOINFAILED main\tNo user\n",
		string(AppendLeft(nil, "", "cheap0906")):                                               "LEFT  cheap0906\n",
		string(AppendChannels(nil, []chat.Summary{{Name: "bad"}, {Name: "main", Members: 1}})): "CHANNELS\nCHANNEL bad 0\nCHANNEL main 1\nENDOFCHANNELS\n",
		string(AppendSayPrivate(nil, "Bob", "hello Bob")):                                      "SAYPRIVATE Bob hello Bob\n",
		string(AppendSayPrivate(nil, "", "hi")):                                                "SAYPRIVATE  hi\n",
		string(AppendNameList(nil, "FRIENDLIST", []string{"Frank"})):                           "FRIENDLISTBEGIN\nFRIENDLIST userName=Frank\nFRIENDLISTEND\n",
		string(AppendNameList(nil, "IGNORELIST", nil)):                                         "IGNORELISTBEGIN\nIGNORELISTEND\n",
		string(AppendOpenBattleFailed(nil, "Not a bot")):                                       "OPENBATTLEFAILED Not a bot\n",
		string(AppendBattleIDs(nil, []int64{6, 12})):                                           "s.battles.id_list 6\t12\n",
		string(AppendBattleIDs(nil, nil)):                                                      "s.battles.id_list \n",
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for got, want := range answerLines() {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// shape is what SPADS and Chobby check a line by: how many words there are, split
// at single spaces, before the sentence (sentence -1: none, exactly so many words),
// and how many tabs the sentence has.
type shape struct {
	words    int
	least    int // if not 0: from least to words
	sentence bool
	tabs     int // -1: any
}

var shapes = map[string]shape{
	"ADDUSER": {words: 3, sentence: true}, "REMOVEUSER": {words: 1}, "CLIENTSTATUS": {words: 2},
	"BATTLEOPENED": {words: 10, sentence: true, tabs: 4}, "BATTLECLOSED": {words: 1}, "UPDATEBATTLEINFO": {words: 4, sentence: true},
	"OPENBATTLE": {words: 1}, "JOINBATTLE": {words: 2}, "JOINBATTLEFAILED": {sentence: true}, "JOINBATTLEREQUEST": {words: 2},
	"JOINEDBATTLE": {words: 3, least: 2}, "LEFTBATTLE": {words: 2}, "FORCEQUITBATTLE": {}, "REQUESTBATTLESTATUS": {},
	"CLIENTBATTLESTATUS": {words: 3}, "ADDBOT": {words: 5, sentence: true}, "UPDATEBOT": {words: 4}, "REMOVEBOT": {words: 2},
	"ADDSTARTRECT": {words: 5}, "REMOVESTARTRECT": {words: 1}, "SETSCRIPTTAGS": {sentence: true, tabs: -1},
	"REMOVESCRIPTTAGS": {sentence: true}, "ENABLEALLUNITS": {}, "DISABLEUNITS": {sentence: true},
	"SAIDBATTLE": {words: 1, sentence: true, tabs: -1}, "SAIDBATTLEEX": {words: 1, sentence: true, tabs: -1},
	"SAID": {words: 2, sentence: true, tabs: -1}, "SAIDEX": {words: 2, sentence: true, tabs: -1},
	"SAIDPRIVATE": {words: 1, sentence: true, tabs: -1}, "RING": {words: 1},
	"JOIN": {words: 1}, "JOINED": {words: 2}, "LEFT": {words: 2}, "CHANNELTOPIC": {words: 2}, "CLIENTS": {words: 1, sentence: true},
	"s.battle.update_lobby_title":        {sentence: true, tabs: 1},
	"s.user.new_incoming_friend_request": {words: 1}, "s.user.friend_request_accepted": {words: 1}, "s.user.friend_request_declined": {words: 1},
	"s.matchmaking.ready_check": {words: 1}, "s.matchmaking.your_queue_list": {sentence: true, tabs: -1},
	"s.matchmaking.match_cancelled":   {words: 1}, //nolint:misspell // as clients know it
	"s.user.friend_request_rescinded": {words: 1}, "s.user.friend_deleted": {words: 1}, "s.user.new_follower": {words: 1},
}

// checkLines holds encoded lines to their shapes and returns their commands.
func checkLines(t *testing.T, name string, b []byte) []string {
	t.Helper()
	if len(b) == 0 || b[len(b)-1] != '\n' || strings.ContainsAny(string(b), "\r") {
		t.Errorf("%s: %q", name, b)
		return nil
	}
	var commands []string
	for line := range strings.Lines(string(b)) {
		parsed, ok := ParseLine([]byte(line))
		if !ok {
			t.Errorf("%s: %q is no line", name, line)
			continue
		}
		commands = append(commands, parsed.Command)
		s, ok := shapes[parsed.Command]
		if !ok {
			t.Errorf("%s: no shape for %q", name, line)
			continue
		}
		words := strings.Split(strings.TrimSuffix(line, "\n"), " ")[1:]
		n := s.words
		if s.sentence {
			n++
		}
		switch {
		case s.sentence && len(words) < n:
			t.Errorf("%s: %q has %d words, wants %d", name, line, len(words), n)
			continue
		case !s.sentence && len(words) != n && (s.least == 0 || len(words) != s.least):
			t.Errorf("%s: %q has %d words, wants %d", name, line, len(words), n)
			continue
		}
		for _, w := range words[:min(s.words, len(words))] {
			if w == "" || strings.Contains(w, "\t") {
				t.Errorf("%s: %q has the word %q", name, line, w)
			}
		}
		if s.sentence && s.tabs >= 0 {
			if tabs := strings.Count(strings.Join(words[s.words:], " "), "\t"); tabs != s.tabs {
				t.Errorf("%s: %q has %d tabs, wants %d", name, line, tabs, s.tabs)
			}
		}
	}
	return commands
}

func TestLinesHaveTheirShape(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, g := range goldens() {
		b := EncodeEvent(g.event)
		if got, want := strings.Count(string(b), "\n"), strings.Count(g.want, "\n"); got != want {
			t.Errorf("%s: %d lines, want %d", name, got, want)
		}
		for _, c := range checkLines(t, name, b) {
			seen[c] = true
		}
	}
	for command := range shapes {
		if !seen[command] {
			t.Errorf("%s: never encoded", command)
		}
	}
}

// TestNothingIsInjected puts line ends, tabs and blanks into everything that a
// client can have written, and expects the same lines as without.
func TestNothingIsInjected(t *testing.T) {
	t.Parallel()
	const evil = "x\r\nREMOVEUSER Alice\ny\tz w"
	u := &roster.User{ID: 1, Name: evil, Country: evil, Client: strings.ReplaceAll(evil, "\t", ""), IP: evil}
	info := lobby.Info{ID: 3, IP: evil, GameHash: evil, MapHash: evil, EngineName: evil, EngineVersion: evil, Map: evil, Title: evil, Game: evil, Spectators: 1}
	l := &roster.Lobby{Info: info, Founder: u, Members: []*roster.User{u}}
	c := lobby.Computer{Name: evil, Color: evil, AI: strings.ReplaceAll(evil, "\t", "")}
	view := lobby.View{Info: info, Tags: map[string]string{evil: evil}, Disabled: []string{evil}, Rects: []lobby.Rect{{}}}
	for name, tc := range map[string]struct {
		event roster.Event
		lines int
	}{
		"user":        {roster.UserCame{User: u}, 2},
		"changed":     {roster.UserChanged{User: u}, 1},
		"went":        {roster.UserWent{User: u}, 1},
		"opened":      {roster.LobbyOpened{Lobby: l}, 2},
		"info":        {roster.LobbyChanged{Lobby: l}, 1},
		"title":       {roster.LobbyRetitled{Lobby: l}, 1},
		"member":      {roster.MemberCame{Lobby: l, User: u, ScriptPassword: evil, Room: true}, 3},
		"member went": {roster.MemberWent{Lobby: l, User: u, Room: true}, 2},
		"hosting":     {roster.Hosting{Lobby: l, View: view}, 7},
		"entered": {roster.Entered{Lobby: l, Me: u, ScriptPassword: evil, View: view, Statuses: []roster.StatusSet{{User: u, Status: lobby.Status{Color: evil}}},
			Computers: []roster.ComputerAdded{{Owner: u, Computer: c}}, Unknown: []*roster.User{u}}, 11},
		"request":      {roster.JoinRequested{Lobby: l, User: u, IP: evil}, 1},
		"denied":       {roster.JoinDenied{Reason: evil}, 1},
		"status":       {roster.StatusSet{User: u, Status: lobby.Status{Color: evil}}, 1},
		"said":         {roster.RoomSaid{User: u, Text: evil}, 1},
		"computer":     {roster.ComputerAdded{Owner: u, Computer: c}, 1},
		"updated":      {roster.ComputerUpdated{Computer: c}, 1},
		"removed":      {roster.ComputerRemoved{Name: evil}, 1},
		"tags":         {roster.TagsSet{Tags: map[string]string{evil: evil}}, 1},
		"tags removed": {roster.TagsRemoved{Keys: []string{evil}}, 1},
		"units":        {roster.UnitsSet{Disabled: []string{evil}}, 2},
		"channel":      {roster.ChannelEntered{Name: evil, AuthorName: evil, Me: u, Members: []*roster.User{u}}, 4},
		"channel came": {roster.ChannelCame{Name: evil, User: u}, 1},
		"channel went": {roster.ChannelWent{Name: evil, User: u}, 1},
		"channel said": {roster.ChannelSaid{Name: evil, User: u, Text: evil}, 1},
		"private":      {roster.PrivateSaid{From: u, Text: evil}, 3},
		"ring":         {roster.Rang{By: u}, 1},
	} {
		b := EncodeEvent(tc.event)
		for _, command := range checkLines(t, name, b) {
			if command == "REMOVEUSER" && name != "went" {
				t.Errorf("%s: injected: %q", name, b)
			}
		}
		if n := strings.Count(string(b), "\n"); n != tc.lines {
			t.Errorf("%s: %d lines, want %d: %q", name, n, tc.lines, b)
		}
	}
	for name, b := range map[string][]byte{
		"denied": AppendDenied(nil, evil), "message": AppendServerMsg(nil, evil), "ok": AppendOK(nil, evil, evil), "echo": AppendSayPrivate(nil, evil, evil),
		"left": AppendLeft(nil, evil, evil), "ip": AppendUserIP(nil, evil, evil), "id": AppendUserID(nil, evil, evil, 1), "agreement": AppendAgreement(nil, evil),
		"disconnect": AppendDisconnect(nil, evil), "title": AppendLobbyTitle(nil, 1, evil), "failed": AppendJoinFailed(nil, evil, evil),
		"no match": AppendNoMatch(nil, "SAY", evil, evil),
	} {
		if n := strings.Count(string(b), "\n"); n != 1 || b[len(b)-1] != '\n' || strings.Contains(string(b), "\r") {
			t.Errorf("%s: %q", name, b)
		}
	}
}
