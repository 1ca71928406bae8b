package wire

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/lobby"
)

// decoded are arguments that fit, by command, and what they make.
var decoded = map[string]map[string]any{
	"PING":          {"": Ping{}, "what ever": Ping{}},
	"STLS":          {"": STLS{}},
	"STARTTLS":      {"": STLS{}},
	"LISTCOMPFLAGS": {"": ListCompFlags{}, "x": ListCompFlags{}},
	"EXIT":          {"": Exit{}, "AutoHost shutting down": Exit{Reason: "AutoHost shutting down"}},
	"REGISTER": {
		"Newbie X03MO1qnZdYdgyfeuILPmQ== n@x.org": Register{"Newbie", "X03MO1qnZdYdgyfeuILPmQ==", "n@x.org"},
		"a b c d e":       Register{"a", "b", "c"},
		"x  a b c":        Register{"a", "b", "c"},
		"x\ta b c":        Register{"a", "b", "c"},
		"x y\ta b c":      Register{"a", "b", "c"},
		"Bad-Name! h é@x": Register{"Bad-Name!", "h", "é@x"},
	},
	"LOGIN": {
		"Alice X03MO1qnZdYdgyfeuILPmQ== 0 * PeerTest 1.0\t1234567890 deadbeef\tsp b u cl": Login{
			Name: "Alice", Password: "X03MO1qnZdYdgyfeuILPmQ==", LocalIP: "*", Client: "PeerTest 1.0",
			Hash: "1234567890 deadbeef", Flags: []string{"sp", "b", "u", "cl"}},
		"Alice h 0 127.0.0.1 Lobby\t0\tsp":     Login{Name: "Alice", Password: "h", LocalIP: "127.0.0.1", Client: "Lobby", Hash: "0", Flags: []string{"sp"}},
		"Alice h 0 * PeerTest 1.0\t\tsp b":     Login{Name: "Alice", Password: "h", LocalIP: "*", Client: "PeerTest 1.0", Flags: []string{"sp", "b"}},
		"Alice h 0 * Lobby":                    Login{Name: "Alice", Password: "h", LocalIP: "*", Client: "Lobby"},
		"Alice h 0 * Lobby\t1 2":               Login{Name: "Alice", Password: "h", LocalIP: "*", Client: "Lobby", Hash: "1 2"},
		"Alice h 0 * \t1 2\tsp":                Login{Name: "Alice", Password: "h", LocalIP: "*", Hash: "1 2", Flags: []string{"sp"}},
		"Alice h 0 * Lobby 1.0    1 2    sp u": Login{Name: "Alice", Password: "h", LocalIP: "*", Client: "Lobby 1.0", Hash: "1 2", Flags: []string{"sp", "u"}},
		"Host[EU1][001] h 0 10.0.0.5 SPADS v0.13.47\t37 1a\tb sp\tmore": Login{Name: "Host[EU1][001]", Password: "h", LocalIP: "10.0.0.5",
			Client: "SPADS v0.13.47", Hash: "37 1a", Flags: []string{"b", "sp", "more"}},
	},
	"c.auth.login_queue_heartbeat": {"": LoginQueueHeartbeat{}},
	"CONFIRMAGREEMENT":             {"616598": ConfirmAgreement{"616598"}, "": ConfirmAgreement{}},
	"RESETPASSWORDREQUEST":         {"": ResetPasswordRequest{}, "a@b.c": ResetPasswordRequest{Email: "a@b.c"}},
	"CHANGEPASSWORD":               {"a b": ChangePassword{"a b", "a", "b"}},
	"RENAMEACCOUNT":                {"Y--Y": RenameAccount{"Y--Y"}, "": RenameAccount{}, "a b": RenameAccount{"a b"}},
	"CHANGEEMAILREQUEST":           {"a@b.c": ChangeEmailRequest{"a@b.c"}, "": ChangeEmailRequest{}},
	"CHANGEEMAIL":                  {"a@b.c 123456": ChangeEmail{"a@b.c", "123456"}, "a b c": ChangeEmail{"a", "b"}},
	"GETUSERINFO":                  {"": GetUserInfo{}},
	"CREATEBOTACCOUNT":             {"MyBot9 HostBot2": CreateBotAccount{"MyBot9", "HostBot2"}},
	"GETIP":                        {"Erin": GetIP{"Erin"}, "": GetIP{}},
	"GETUSERID":                    {"Erin": GetUserID{"Erin"}},
	"MYSTATUS": {
		"0": MyStatus{}, "1": MyStatus{InGame: true}, "2": MyStatus{Away: true}, "3": MyStatus{true, true},
		"4": MyStatus{}, "8": MyStatus{}, "64": MyStatus{}, "127": MyStatus{true, true}, "x2": MyStatus{Away: true},
		"99999": MyStatus{true, true}, "128": MyStatus{}, "1 2": MyStatus{InGame: true},
		"1" + strings.Repeat("0", 40) + "3": MyStatus{true, true}, // 10^41+3
	},

	"JOIN": {
		"main": Join{Channel: "main"}, "#main": Join{Channel: "main"}, "bad-name": Join{Channel: "bad"},
		"testroom\tkey": Join{"testroom", "key"}, "TestRoom_2": Join{Channel: "TestRoom_2"}, "a key": Join{Channel: "a"},
		"größe9!": Join{Channel: "größe9"}, "--x": Join{Channel: "x"},
	},
	"LEAVE":    {"main": Leave{"main"}, "": Leave{}, "a b": Leave{"a b"}},
	"CHANNELS": {"": Channels{}},
	"SAY": {
		"main hello all": Say{Channel: "main", Text: "hello all"}, "main  two  blanks": Say{Channel: "main", Text: "two  blanks"},
		"main $explain": Say{Channel: "main", Text: "$explain"}, "x\tmain hi": Say{Channel: "main", Text: "hi"},
	},
	"SAYEX":              {"main waves": Say{Channel: "main", Text: "waves", Emote: true}},
	"GETCHANNELMESSAGES": {"main 0": GetChannelMessages{}, "": GetChannelMessages{}},
	"SAYPRIVATE": {
		"Bob hello Bob": SayPrivate{"Bob", "hello Bob"}, "Alice hi\tAlice  two  spaces": SayPrivate{"Alice", "hi\tAlice  two  spaces"},
		"Bob  x": SayPrivate{"Bob", " x"}, "Alice 😀 hé": SayPrivate{"Alice", "😀 hé"},
	},
	"RING":                 {"Bob": Ring{User: "Bob"}, "Bob Alice": Ring{"Bob", "Alice"}},
	"FRIENDLIST":           {"": FriendList{}},
	"FRIENDREQUESTLIST":    {"": FriendRequestList{}},
	"IGNORELIST":           {"": IgnoreList{}},
	"FRIENDREQUEST":        {"userName=Frank": FriendRequest{"Frank"}, "x=Frank": FriendRequest{"Frank"}},
	"ACCEPTFRIENDREQUEST":  {"userName=Frank": AcceptFriendRequest{"Frank"}},
	"DECLINEFRIENDREQUEST": {"userName=Frank": DeclineFriendRequest{"Frank"}},
	"UNFRIEND":             {"userName=Frank": Unfriend{"Frank"}},
	"IGNORE":               {"userName=Frank": Ignore{"Frank"}},
	"UNIGNORE":             {"userName=Frank": Unignore{"Frank"}},

	"OPENBATTLE": {
		"0 0 * 52200 16 1234 0 5678 spring\t105.1.1-1821\tComet Catcher Remake 1.8\tMy battle\tBeyond All Reason test-1": OpenBattle{
			Port: 52200, MaxPlayers: 16, GameHash: "1234", MapHash: "5678", EngineName: "spring", EngineVersion: "105.1.1-1821",
			Map: "Comet Catcher Remake 1.8", Title: "My battle", Game: "Beyond All Reason test-1"},
		"1 2 sekret 0 0 -1 x 1565299817 a b\t1\tm\tt\tg": OpenBattle{Replay: true, Nat: 2, Password: "sekret", GameHash: "-1",
			MapHash: "1565299817", EngineName: "a b", EngineVersion: "1", Map: "m", Title: "t", Game: "g"},
		"0 1 empty 65535 1 1 0 1 spring\t1\tm\tt\tg": OpenBattle{Nat: 1, Port: 65535, MaxPlayers: 1, GameHash: "1", MapHash: "1",
			EngineName: "spring", EngineVersion: "1", Map: "m", Title: "t", Game: "g"},
	},
	"JOINBATTLE": {
		"3 empty 777": JoinBattle{3, "", "777"}, "13  8a395847": JoinBattle{13, "", "8a395847"}, "3 * 9": JoinBattle{3, "", "9"},
		"4 sekret 1": JoinBattle{4, "sekret", "1"}, "-1 a b": JoinBattle{-1, "a", "b"},
		"9223372036854775807 a b": JoinBattle{1<<63 - 1, "a", "b"},
	},
	"JOINBATTLEACCEPT": {"Alice": JoinBattleAccept{"Alice"}},
	"JOINBATTLEDENY": {"Bob go away please": JoinBattleDeny{"Bob", "go away please"}, "Bob": JoinBattleDeny{User: "Bob"},
		"Bob  x": JoinBattleDeny{"Bob", "x"}},
	"LEAVEBATTLE": {"": LeaveBattle{}},
	"MYBATTLESTATUS": {
		"4195394 255":    MyBattleStatus{lobby.Status{Ready: true, Ally: 1, Player: true, Sync: 1, Color: "255"}},
		"0 0":            MyBattleStatus{lobby.Status{Color: "0"}},
		"12582912 -1":    MyBattleStatus{lobby.Status{Sync: 2, Color: "-1"}},
		"-2147483648 1":  MyBattleStatus{lobby.Status{Ally: 128, Color: "1"}},
		"2147483648 1":   MyBattleStatus{lobby.Status{Ally: 128, Color: "1"}},
		"4294967295 1":   MyBattleStatus{lobby.Status{Ready: true, Team: 255, Ally: 255, Player: true, Handicap: 127, Sync: 2, Side: 15, Color: "1"}},
		"0 blue":         MyBattleStatus{lobby.Status{Color: "0"}},
		"0 255 and more": MyBattleStatus{lobby.Status{Color: "255"}},
		"0 123456789012": MyBattleStatus{lobby.Status{Color: "0"}},
		"0 -2147483648":  MyBattleStatus{lobby.Status{Color: "-2147483648"}},
	},
	"SAYBATTLE":          {"hello battle": SayBattle{Text: "hello battle"}},
	"SAYBATTLEEX":        {"welcomes you": SayBattle{Text: "welcomes you", Emote: true}},
	"SAYBATTLEPRIVATEEX": {"Alice only for Alice": SayBattlePrivateEx{"Alice", "only for Alice"}},
	"UPDATEBATTLEINFO": {
		"1 0 9999 Supreme Isthmus v2.1": UpdateBattleInfo{Spectators: 1, MapHash: "9999", Map: "Supreme Isthmus v2.1"},
		"0 1 -5 m":                      UpdateBattleInfo{Locked: true, MapHash: "-5", Map: "m"},
		"0 2 -5 m":                      UpdateBattleInfo{MapHash: "-5", Map: "m"},
		"x 3 0 1 m m":                   UpdateBattleInfo{Spectators: 3, MapHash: "1", Map: "m m"},
	},
	"c.battle.update_lobby_title": {"A new title": UpdateLobbyTitle{"A new title"}, "": UpdateLobbyTitle{}},
	"c.battles.list_ids":          {"": ListBattleIDs{}},

	"c.party.create_new_party":          {"": CreateParty{}, "x": CreateParty{}},
	"c.party.invite_to_party":           {"Bob": InviteToParty{"Bob"}, "": InviteToParty{}, "Bob Carol": InviteToParty{}},
	"c.party.cancel_invite_to_party":    {"Bob": CancelInviteToParty{"Bob"}},
	"c.party.cancel_invite_to_my_party": {"Bob": CancelInviteToParty{"Bob"}},
	"c.party.accept_invite_to_party":    {"01M8": AcceptParty{"01M8"}, "": AcceptParty{}},
	"c.party.decline_invite_to_party":   {"01M8": DeclineParty{"01M8"}},
	"c.party.leave_current_party":       {"": LeaveParty{}},

	"c.matchmaking.list_all_queues": {"": ListQueues{}, "x": ListQueues{}},
	"c.matchmaking.list_my_queues":  {"": ListMyQueues{}},
	"c.matchmaking.get_queue_info":  {"1": QueueInfo{1, "1"}, "": QueueInfo{}, "x": QueueInfo{0, "x"}},
	"c.matchmaking.join_queue": {"12": JoinQueue{12, "12"}, " 1 ": JoinQueue{1, "1"}, "-1": JoinQueue{0, "-1"}, "1 2": JoinQueue{0, "1 2"},
		"99999999999999999999": JoinQueue{0, "99999999999999999999"}},
	"c.matchmaking.leave_queue":      {"1": LeaveQueue{1}, "Duel": LeaveQueue{}},
	"c.matchmaking.leave_all_queues": {"": LeaveQueues{}},
	"c.matchmaking.ready":            {"": MatchReady{}},
	"c.matchmaking.decline":          {"": MatchDecline{}},

	"c.moderation.report_user": {
		"Bob\tlobby\t6\tbad words": ReportUser{"Bob", "lobby", "6", "bad words"}, "Bob\t\t\t ": ReportUser{User: "Bob"},
		"Bob": ReportUser{}, "": ReportUser{}, "a b\tc\td\te": ReportUser{}, "Bob\ta\tb\tc\td": ReportUser{},
	},

	"c.user.add_friend":             {"13": AddFriend{[]int64{13}}, "13\t14\t13": AddFriend{[]int64{13, 14, 13}}, "007": AddFriend{[]int64{7}}},
	"c.user.remove_friend":          {"13": RemoveFriend{[]int64{13}}},
	"c.user.rescind_friend_request": {"13\t9223372036854775807": RescindFriend{[]int64{13, 1<<63 - 1}}},
	"c.user.accept_friend_request":  {"13": AcceptFriend{13}},
	"c.user.decline_friend_request": {"13": DeclineFriend{13}},
	"c.user.whois":                  {"13": Whois{13}},
	"c.user.whoisName":              {"Frank": WhoisName{"Frank"}},
	"c.user.list_relationships":     {"": ListRelationships{}, "x": ListRelationships{}},
	"c.user.follow":                 {"Frank": RelateTo{Kind: "follow", Name: "Frank"}, "": RelateTo{Kind: "follow"}},
	"c.user.ignore":                 {"Frank": RelateTo{Kind: "ignore", Name: "Frank"}},
	"c.user.avoid":                  {"a b": RelateTo{Kind: "avoid", Name: "a b"}},
	"c.user.block":                  {"13": RelateTo{Kind: "block", Name: "13"}},
	"c.user.follow_by_id":           {"13": RelateTo{Kind: "follow", User: 13}},
	"c.user.ignore_by_id":           {"13": RelateTo{Kind: "ignore", User: 13}},
	"c.user.avoid_by_id":            {"13": RelateTo{Kind: "avoid", User: 13}},
	"c.user.block_by_id":            {"13": RelateTo{Kind: "block", User: 13}},
	"c.user.reset_relationship":     {"Frank": ResetRelationship{"Frank"}, "": ResetRelationship{}},
	"c.user.relationship": {
		"Frank\tblock": Relationship{true, "Frank", "block", "block"}, "Frank\tnonsense": Relationship{true, "Frank", "nonsense", ""},
		"Frank": Relationship{}, "": Relationship{}, "a\tb\tc": Relationship{}, "\tBlock": Relationship{true, "", "Block", ""},
	},
	"c.user.closeness":                 {"Frank": Closeness{"Frank"}, "": Closeness{}},
	"c.battle.update_host":             {`{"teamSize":"8","nbTeams":"2"}`: UpdateHost{TeamSize: 8, TeamCount: 2}},
	"c.battle.queue_status":            {"": QueueStatus{}},
	"c.battle.extra_data":              {"": ExtraData{}},
	"c.telemetry.simple_client_event":  {"lobby.started abc": ClientEvent{"lobby.started", "", "abc"}},
	"c.telemetry.complex_client_event": {"lobby.started eyJhIjoxfQ abc": ClientEvent{"lobby.started", `{"a":1}`, "abc"}},
	"c.telemetry.log_client_event":     {"lobby.started eyJhIjoxfQ== abc": ClientEvent{"lobby.started", `{"a":1}`, "abc"}},
	"c.telemetry.live_client_event":    {"lobby.x eyJhIjoxfQ": LiveClientEvent{}},
	"c.telemetry.update_client_property_test": {
		"hardware:cpuinfo QU1E abc": TelemetryTest{"success"}, "hw !!! abcdef": TelemetryTest{"bad base64 value"},
		"hw QU1E": TelemetryTest{"no match"}, "hw AA== abc": TelemetryTest{"contain invalid characters"},
	},
	"c.telemetry.log_client_event_test": {
		"lobby.x eyJhIjoxfQ== abcdef": TelemetryTest{"success"}, "lobby.x eyJhIjoxfQ==": TelemetryTest{"no match"},
		"a b c": TelemetryTest{"Base64 decode error"}, "a QQ c": TelemetryTest{"Json decode error at position 0"},
		"a eyJhIjo c": TelemetryTest{"Json decode error at position 5"},
	},
	"c.telemetry.upload_infolog": {
		"infolog abcdef eyJzaG9ydGVycm9yIjoieCJ9 eJzLyU9XSM7PK0nNKykGAB45BNE=": UploadInfolog{Type: "infolog", Hash: "abcdef", Metadata: `{"shorterror":"x"}`, Contents: "log contents"},
		"x":                  UploadInfolog{Wrong: "no match"},
		"infolog abc ! x":    UploadInfolog{Wrong: "metadata decode - Base64 decode error"},
		"infolog abc QQ x":   UploadInfolog{Wrong: "metadata decode - Json decode error at position 0"},
		"infolog abc e30 !":  UploadInfolog{Wrong: "infolog contents url_decode64 error"},
		"infolog abc e30 QQ": UploadInfolog{Wrong: "infolog gzip error"},
	},
	"c.telemetry.update_client_property": {"hardware:cpuinfo QU1E abc": UpdateClientProperty{"hardware:cpuinfo", "AMD", "abc"}},

	"ADDBOT": {
		"BarbAI 4195394 255 BARb|stable": AddBot{"BarbAI", 4195394, "255", "BARb|stable"},
		"a 1 0 Raptor: Normal":           AddBot{"a", 0, "0", "Raptor: Normal"},
		"a 1 0 Null\tAI":                 AddBot{"a", 0, "0", "Null"},
		"a -1 0 b":                       AddBot{"a", 1<<32 - 1 - 1<<22 - 1, "0", "b"},
		"a 12582912 0 b":                 AddBot{"a", 8388608, "0", "b"},
	},
	"UPDATEBOT": {
		"BarbAI 4195330 65280": UpdateBot{"BarbAI", 4195330, "65280"},
		"BarbAI 1 red x":       UpdateBot{"BarbAI", 0, "0"},
	},
	"REMOVEBOT": {"BarbAI": RemoveBot{"BarbAI"}},
	"ADDSTARTRECT": {
		"0 0 0 50 200":  AddStartRect{lobby.Rect{Right: 50, Bottom: 200}},
		"255 1 2 3 4 5": AddStartRect{lobby.Rect{Ally: 255, Left: 1, Top: 2, Right: 3, Bottom: 4}},
		"x 0 1 2 3 4":   AddStartRect{lobby.Rect{Left: 1, Top: 2, Right: 3, Bottom: 4}},
	},
	"REMOVESTARTRECT": {"0": RemoveStartRect{0}, "255": RemoveStartRect{255}},
	"SETSCRIPTTAGS": {
		"game/startpostype=2\tGAME/Hosttype=SPADS": SetScriptTags{map[string]string{"game/startpostype": "2", "game/hosttype": "SPADS"}},
		"a=b=c":             SetScriptTags{map[string]string{"a": "b=c"}},
		"a=1\tnothing\tA=2": SetScriptTags{map[string]string{"a": "2"}},
		"a=":                SetScriptTags{map[string]string{"a": ""}},
	},
	"REMOVESCRIPTTAGS":   {"Game/x b": RemoveScriptTags{[]string{"game/x", "b"}}, "a\tb": RemoveScriptTags{[]string{"a", "b"}}},
	"DISABLEUNITS":       {"armcom corcom": DisableUnits{[]string{"armcom", "corcom"}}},
	"ENABLEUNITS":        {"armcom": EnableUnits{[]string{"armcom"}}},
	"ENABLEALLUNITS":     {"": EnableAllUnits{}},
	"HANDICAP":           {"Alice 20": Handicap{"Alice", 20}, "Alice 101": Handicap{"Alice", 100}, "Alice 99999999999999999999": Handicap{"Alice", 100}},
	"FORCETEAMNO":        {"Alice 3": ForceTeamNo{"Alice", 3}, "Alice 255 x": ForceTeamNo{"Alice", 255}},
	"FORCEALLYNO":        {"Alice 2": ForceAllyNo{"Alice", 2}},
	"FORCETEAMCOLOR":     {"Alice 123456": ForceTeamColor{"Alice", "123456"}, "Alice -1": ForceTeamColor{"Alice", "-1"}},
	"FORCESPECTATORMODE": {"Alice": ForceSpectatorMode{"Alice"}},
	"KICKFROMBATTLE":     {"Carol": KickFromBattle{"Carol"}},
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, spec := range Commands {
		if len(decoded[name]) == 0 {
			t.Errorf("%s: no case", name)
		}
		for args, want := range decoded[name] {
			got, err := spec.Decode(args)
			if err != nil {
				t.Errorf("%s %q: %v", name, args, err)
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %q: (-want +got)\n%s", name, args, diff)
			}
		}
	}
	for name := range decoded {
		if _, ok := Commands[name]; !ok {
			t.Errorf("%s: no such command", name)
		}
	}
}

// long is a number, or a word, longer than any.
var long = strings.Repeat("9", 70000)

// refused are arguments that do not fit and are answered so, by command.
var refused = map[string][]string{
	"REGISTER":         {"", "OneArg9", "TwoArgs9 X03MO1qnZdYdgyfeuILPmQ==", "a  b c", "a\tb\tc", "a b\tc d"},
	"LOGIN":            {"", "Alice", "Alice h", "Alice h 0", "Alice h 0 *", "Alice h 1 * Lobby\t1 2\tsp", "Alice  h 0 * L", "Alice h 0 x L", "A\tB h 0 * L", "Alice h 0 *    1"},
	"CHANGEPASSWORD":   {"", "a"},
	"CHANGEEMAIL":      {"", "a", "a  b"},
	"CREATEBOTACCOUNT": {"", "a"},
	"GETUSERID":        {""},
	"MYSTATUS":         {"", "abc", "½", "٣"},
	"JOIN":             {"", "###", " ", "\x00"},
	"SAY":              {"", "main", "main\thello", "main \u00a0"},
	"SAYEX":            {"", "main"},
	"SAYPRIVATE":       {"", "Alice", "Alice\thi"},
	"FRIENDREQUEST":    {"", "x", "userName=a=b"},
	"UNFRIEND":         {"", "x"}, "ACCEPTFRIENDREQUEST": {"", "x"}, "DECLINEFRIENDREQUEST": {"", "x"},
	"OPENBATTLE": {
		"", "0 0 * 52200", "0 9 * 52200 16 1 0 1 spring\t1\tm\tt\tg", "0 0 * x y 1 0 1 spring\t1\tm\tt\tg",
		"0 0 * 65536 16 1 0 1 spring\t1\tm\tt\tg", "0 0 * -1 16 1 0 1 spring\t1\tm\tt\tg", "0 0 * 1 99999999999 1 0 1 spring\t1\tm\tt\tg",
		"0 0 * 1 16 1 0 1 spring\t1\tm\tt", "0 0 * 1 16 1 0 1 spring\t1\tm\tt\tg\tx", "0 0 * 1 16 1 0 1 spring\t1\t\tt\tg",
		"0 0 * 1 16 1 0 1 \t1\tm\tt\tg", "0 0 * 1 16 1 0 1\tspring\t1\tm\tt\tg", "0  0 * 1 16 1 0 1 spring\t1\tm\tt\tg",
		"0 0 * " + long + " 16 1 0 1 spring\t1\tm\tt\tg",
	},
	"JOINBATTLE":         {"", "99999", "99999 empty", "abc empty 12", "1 a b c", "1 a ", "1  ", " a b", "+1 a b", "9223372036854775808 a b", "1 a\tb c", "1 a b\tc", long + " a b"},
	"MYBATTLESTATUS":     {"", "0", "x 0", "4294967296 0", "-2147483649 0", "+1 0", "1.5 0", "0x1 0", "1_0 0", long + " 0"},
	"SAYBATTLEPRIVATEEX": {"", "Alice"},
	"UPDATEBATTLEINFO":   {"", "0", "0 0 x", "a 0 x m", "0 b x m", "-1 0 x m", "99999999999 0 x m"},
	"ADDBOT":             {"", "a", "a 0", "a 0 0", "a x 0 b", "a 0 x b", "a 0 -1 b", "a 4294967296 0 b", "0 0 0  ", "a 0 " + "\t b"},
	"UPDATEBOT":          {"", "a", "a 0", "a x 0", "a 4294967296 0"},
	"ADDSTARTRECT":       {"", "0 0 0", "0 0 0 0", "0 0 0 0 201", "256 0 0 0 0", "0 -1 0 0 0", "0 0 0 x 0", "0 0 0 0 " + long},
	"HANDICAP":           {"", "Alice", "Alice x", "Alice -5"},
	"FORCETEAMNO":        {"", "Alice", "Alice x", "Alice 256", "Alice -1"},
	"FORCEALLYNO":        {"", "Alice", "Alice x", "Alice 256"},
	"FORCETEAMCOLOR":     {"", "Alice", "Alice red", "Alice 123456789012", "Alice " + long},
	"c.user.add_friend":  {"", "x", "0", "-1", "+1", "1 2", "1\t", "\t1", "1\tx", "1\t\t2", "9223372036854775808", long, strings.Repeat("1\t", 100) + "1"},
	"c.user.whois":       {"", "Frank", "1\t2", "٣"}, "c.user.accept_friend_request": {"", "x", "1\t2"}, "c.user.block_by_id": {"", "x", "1.5"},
	"c.user.whoisName":              {"", "a b", "a\tb"},
	"c.user.remove_friend":          {"", "x", "0", "1 2", "1\t\t2", "9223372036854775808"},
	"c.user.rescind_friend_request": {"", "x", "0", "1 2", "1\t\t2", "9223372036854775808"},
	"c.user.decline_friend_request": {"", "x", "1\t2"},
	"c.user.follow_by_id":           {"", "x", "-1", "1.5", "1 2"},
	"c.user.ignore_by_id":           {"", "x", "-1", "1.5", "1 2"},
	"c.user.avoid_by_id":            {"", "x", "-1", "1.5", "1 2"},
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, cases := range refused {
		for _, args := range cases {
			if got, err := Commands[name].Decode(args); !errors.Is(err, ErrArguments) || errors.Is(err, ErrIgnored) {
				t.Errorf("%s %.60q: got %+v, %v, want ErrArguments", name, args, got, err)
			}
		}
	}
}

// ignored are arguments that do not fit, to which nothing is answered, by command.
var ignored = map[string][]string{
	"RING":             {"", "a b c", "a  b", "a\tb"},
	"IGNORE":           {"", "x", "userName=a=b"},
	"UNIGNORE":         {"", "x"},
	"JOINBATTLEACCEPT": {""}, "JOINBATTLEDENY": {""}, "SAYBATTLE": {""}, "SAYBATTLEEX": {""}, "REMOVEBOT": {""},
	"REMOVESTARTRECT":  {"", "x", "-1", "256", "99999999999999999999"},
	"SETSCRIPTTAGS":    {"", "noequals", "=x", "\t\t"},
	"REMOVESCRIPTTAGS": {"", " \t "},
	"DISABLEUNITS":     {""}, "ENABLEUNITS": {""}, "FORCESPECTATORMODE": {""}, "KICKFROMBATTLE": {""},
	"c.battle.update_host":               {"", "{", "x", "[1]"},
	"c.telemetry.update_client_property": {"", "a", "a b", "a QQ== b c", "a !!! b", "a /w== b"},
	"c.telemetry.simple_client_event":    {"", "a", "a b c"},
	"c.telemetry.complex_client_event":   {"", "a", "a b", "a !!! b", "a QQ b"},
	"c.telemetry.log_client_event":       {"", "a", "a b", "a !!! b", "a QQ b"},
}

// anything are the commands whose arguments always fit: they have none, or say in their own
// answer what is wrong with them.
var anything = strings.Fields(`PING STLS STARTTLS LISTCOMPFLAGS EXIT c.auth.login_queue_heartbeat CONFIRMAGREEMENT RESETPASSWORDREQUEST
	RENAMEACCOUNT CHANGEEMAILREQUEST GETUSERINFO GETIP LEAVE CHANNELS GETCHANNELMESSAGES FRIENDLIST FRIENDREQUESTLIST IGNORELIST
	LEAVEBATTLE c.battle.update_lobby_title c.battles.list_ids ENABLEALLUNITS c.battle.queue_status c.battle.extra_data
	c.party.create_new_party c.party.invite_to_party c.party.cancel_invite_to_party c.party.cancel_invite_to_my_party
	c.party.accept_invite_to_party c.party.decline_invite_to_party c.party.leave_current_party
	c.matchmaking.list_all_queues c.matchmaking.list_my_queues c.matchmaking.get_queue_info c.matchmaking.join_queue
	c.matchmaking.leave_queue c.matchmaking.leave_all_queues c.matchmaking.ready c.matchmaking.decline
	c.moderation.report_user c.user.list_relationships c.user.follow c.user.ignore c.user.avoid c.user.block
	c.user.reset_relationship c.user.relationship c.user.closeness c.telemetry.live_client_event
	c.telemetry.update_client_property_test c.telemetry.log_client_event_test c.telemetry.upload_infolog`)

// TestEveryCommandRefuses: of each command it is known what it does not take, or that it takes
// anything; then it takes whatever others do not.
func TestEveryCommandRefuses(t *testing.T) {
	t.Parallel()
	var odd []string
	for _, table := range []map[string][]string{refused, ignored} {
		for name, cases := range table {
			if _, known := Commands[name]; !known {
				t.Errorf("%s: no such command", name)
			}
			odd = append(odd, cases...)
		}
	}
	for _, name := range Names() {
		takes := slices.Contains(anything, name)
		if takes == (len(refused[name])+len(ignored[name]) > 0) {
			t.Errorf("%s: no row of what it does not take, or one although it takes anything", name)
		}
		for _, args := range odd {
			if got, err := Commands[name].Decode(args); takes && err != nil {
				t.Errorf("%s %.60q: got %+v, %v; it takes anything", name, args, got, err)
			}
		}
	}
	for _, name := range anything {
		if _, known := Commands[name]; !known {
			t.Errorf("%s: no such command", name)
		}
	}
}

func TestDecodeIgnores(t *testing.T) {
	t.Parallel()
	for name, cases := range ignored {
		for _, args := range cases {
			if got, err := Commands[name].Decode(args); !errors.Is(err, ErrIgnored) || !errors.Is(err, ErrArguments) {
				t.Errorf("%s %q: got %+v, %v, want ErrIgnored", name, args, got, err)
			}
		}
	}
}

// TestSpecs: every command is named, has a form if it has arguments, and its
// example decodes; requests are values, so that a type switch finds them.
func TestSpecs(t *testing.T) {
	t.Parallel()
	for name, spec := range Commands {
		if spec.Name != name || spec.Decode == nil {
			t.Fatalf("%s: %+v", name, spec)
		}
		if line, ok := ParseLine([]byte(name)); !ok || line.Command != name {
			t.Errorf("%s: not a command word", name)
		}
		if (spec.Form == "") != (spec.Example == "") {
			t.Errorf("%s: form %q but example %q", name, spec.Form, spec.Example)
		}
		got, err := spec.Decode(spec.Example)
		if err != nil {
			t.Errorf("%s %s: %v", name, spec.Example, err)
			continue
		}
		if k := reflect.TypeOf(got).Kind(); k != reflect.Struct {
			t.Errorf("%s: request is a %s", name, k)
		}
	}
	before := []string{"c.telemetry.update_client_property", "PING", "STLS", "STARTTLS", "LOGIN", "REGISTER", "CONFIRMAGREEMENT", "RESETPASSWORDREQUEST", "EXIT",
		"CHANGEPASSWORD", "LISTCOMPFLAGS", "c.auth.login_queue_heartbeat", "c.telemetry.upload_infolog",
		"c.telemetry.log_client_event", "c.telemetry.simple_client_event", "c.telemetry.complex_client_event"}
	n := 0
	for _, name := range before {
		if !Commands[name].BeforeLogin {
			t.Errorf("%s: not allowed before login", name)
		}
	}
	for _, spec := range Commands {
		if spec.BeforeLogin {
			n++
		}
	}
	if n != len(before) {
		t.Errorf("%d commands before login, want %d", n, len(before))
	}
	if names := Names(); len(names) != len(Commands) || names[0] >= names[1] {
		t.Errorf("names %v", names)
	}
}

// TestDecodeAnything gives every command what no client should send.
func TestDecodeAnything(t *testing.T) {
	t.Parallel()
	odd := []string{"", " ", "\t", "\x00", "\xff\xfe", "\r\n", "a\nb c\nd", "\u2028", strings.Repeat("x", 70000), strings.Repeat("9 ", 35000),
		strings.Repeat("\t", 1000), strings.Repeat("=", 1000), strings.Repeat("a=b\t", 1000), "-", "- - - -", "\v \f \v", "#1 #2"}
	for _, line := range clientLines {
		if l, ok := ParseLine([]byte(line)); ok {
			odd = append(odd, l.Args)
		}
	}
	for _, spec := range Commands {
		for _, args := range odd {
			checkDecode(t, spec, args)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, line := range clientLines {
		if l, ok := ParseLine([]byte(line)); ok {
			f.Add(l.Args)
		}
	}
	for _, cases := range decoded {
		for args := range cases {
			f.Add(args)
		}
	}
	f.Fuzz(func(t *testing.T, args string) {
		for _, spec := range Commands {
			checkDecode(t, spec, args)
		}
	})
}

// checkDecode holds a decoder to what the package promises of its requests.
func checkDecode(t *testing.T, spec Spec, args string) {
	t.Helper()
	got, err := spec.Decode(args)
	if (err == nil) == (got == nil) || err != nil && !errors.Is(err, ErrArguments) {
		t.Fatalf("%s %.80q: %+v, %v", spec.Name, args, got, err)
	}
	bad := false
	switch r := got.(type) {
	case MyBattleStatus:
		s := r.Status
		bad = s.Team > 255 || s.Ally > 255 || s.Sync > 2 || s.Side > 15 || s.Handicap > 127 || !isInteger(s.Color)
	case AddBot:
		bad = !isWord(r.Name) || r.Status&1 != 0 || r.Status>>22&3 == 3 || !isDigits(r.Color) || r.AI == ""
	case UpdateBot:
		bad = !isWord(r.Name) || r.Status&1 != 0 || r.Status>>22&3 == 3 || !isInteger(r.Color)
	case AddStartRect:
		bad = min(r.Rect.Ally, r.Rect.Left, r.Rect.Top, r.Rect.Right, r.Rect.Bottom) < 0 ||
			max(r.Rect.Left, r.Rect.Top, r.Rect.Right, r.Rect.Bottom) > 200 || r.Rect.Ally > 255
	case OpenBattle:
		bad = r.Nat < 0 || r.Nat > 2 || r.Port < 0 || r.Port > 65535 || r.MaxPlayers < 0 || r.Title == "" || !isWord(r.MapHash)
	case JoinBattle:
		bad = !isWord(r.ScriptPassword) || strings.ContainsAny(r.Password, " \t")
	case Handicap:
		bad = r.Value < 0 || r.Value > 100
	case ForceTeamNo:
		bad = r.Value < 0 || r.Value > 255
	case AddFriend:
		bad = len(r.Users) == 0 || len(r.Users) > 100 || slices.Min(r.Users) <= 0
	case RelateTo:
		bad = r.Kind == "" || r.User < 0 || r.User != 0 && r.Name != ""
	case UpdateBattleInfo:
		bad = r.Spectators < 0 || r.Map == ""
	}
	if bad {
		t.Fatalf("%s %.80q: %+v", spec.Name, args, got)
	}
}

func TestSilent(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][2]bool{ // before login, after
		"c.telemetry.nosuch": {false, false},
		"c.matchmaking.list": {false, true},
		"c.party.nosuch":     {false, true},
		"c.battle.nosuch":    {false, false},
		"c.user.whois":       {false, false},
		"FOO":                {false, false},
		"PING":               {false, false},
	} {
		if got := [2]bool{Silent(command, false), Silent(command, true)}; got != want {
			t.Errorf("%s: got %v, want %v", command, got, want)
		}
	}
	for name := range Commands {
		if Silent(name, true) {
			t.Errorf("%s is implemented and silent", name)
		}
	}
}
