package wire

import (
	"math"
	"strconv"
	"strings"

	"teiserver/internal/lobby"
)

var battleCommands = []Spec{
	{Name: "OPENBATTLE",
		Form: "type natType password port maxPlayers gameHash rank mapHash " +
			"{engineName}<tab>{engineVersion}<tab>{map}<tab>{title}<tab>{gameName}",
		Example: "0 0 * 52200 16 1234 0 5678 spring\t105.1.1-1821\tComet Catcher Remake 1.8\tMy battle\tBeyond All Reason test-1",
		Decode:  decodeOpenBattle},
	{Name: "JOINBATTLE", Form: "battleId password scriptPassword", Example: "3 empty 777", Decode: decodeJoinBattle},
	{Name: "JOINBATTLEACCEPT", Form: "userName", Example: "Alice",
		Decode: some(func(text string) JoinBattleAccept { return JoinBattleAccept{User: text} })},
	{Name: "JOINBATTLEDENY", Form: "userName [{reason}]", Example: "Bob go away please",
		Decode: some(func(text string) JoinBattleDeny {
			user, reason, _ := strings.Cut(text, " ")
			return JoinBattleDeny{User: user, Reason: strings.TrimSpace(reason)}
		})},
	{Name: "LEAVEBATTLE", Decode: plain(LeaveBattle{})},
	{Name: "MYBATTLESTATUS", InBattle: true, Form: "status color", Example: "4195394 255",
		Decode: formed("w+", func(f [9]string) (MyBattleStatus, bool) {
			word, ok := statusWord(f[0])
			return MyBattleStatus{Status: UnpackStatus(word, f[1])}, ok
		})},
	{Name: "SAYBATTLE", InBattle: true, Form: "{message}", Example: "hello battle",
		Decode: some(func(text string) SayBattle { return SayBattle{Text: text} })},
	{Name: "SAYBATTLEEX", InBattle: true, Form: "{message}", Example: "welcomes you",
		Decode: some(func(text string) SayBattle { return SayBattle{Text: text, Emote: true} })},
	{Name: "SAYBATTLEPRIVATEEX", Form: "userName {message}", Example: "Alice only for Alice",
		Decode: formed("w+", func(f [9]string) (SayBattlePrivateEx, bool) {
			text := strings.TrimSpace(f[1])
			return SayBattlePrivateEx{User: f[0], Text: text}, text != ""
		})},
	{Name: "UPDATEBATTLEINFO", Form: "spectatorCount locked mapHash {map}", Example: "1 0 9999 Supreme Isthmus v2.1",
		Decode: formed("nnw+", func(f [9]string) (UpdateBattleInfo, bool) {
			spectators, ok := number(f[0], math.MaxInt32)
			return UpdateBattleInfo{Spectators: spectators, Locked: f[1] == "1", MapHash: f[2], Map: f[3]}, ok
		})},
	{Name: "c.battle.update_lobby_title", Form: "{title}", Example: "A new title",
		Decode: all(func(text string) UpdateLobbyTitle { return UpdateLobbyTitle{Title: text} })},
	{Name: "c.battles.list_ids", Decode: plain(ListBattleIDs{})},
}

// password makes nothing of the words that stand for no password.
func password(word string) string {
	if word == "empty" || word == "*" {
		return ""
	}
	return word
}

// decodeOpenBattle reads eight words and five sentences; the first sentence stands
// behind a space, the others behind tabs.
func decodeOpenBattle(args string) (any, error) {
	var w [8]string
	for i := range w {
		word, rest, ok := cutWord(args)
		if !ok {
			return nil, ErrArguments
		}
		w[i], args = word, rest
	}
	s := strings.Split(args, "\t")
	if len(s) != 5 {
		return nil, ErrArguments
	}
	for _, sentence := range s {
		if sentence == "" {
			return nil, ErrArguments
		}
	}
	nat, natOK := number(w[1], 2)
	port, portOK := number(w[3], math.MaxUint16)
	players, playersOK := number(w[4], math.MaxInt32)
	if !natOK || !portOK || !playersOK {
		return nil, ErrArguments
	}
	return OpenBattle{
		Replay:        w[0] != "0",
		Nat:           nat,
		Password:      password(w[2]),
		Port:          port,
		MaxPlayers:    players,
		GameHash:      w[5],
		MapHash:       w[7], // w[6] is a rank that nobody uses
		EngineName:    s[0],
		EngineVersion: s[1],
		Map:           s[2],
		Title:         s[3],
		Game:          s[4],
	}, nil
}

// decodeJoinBattle reads exactly three fields. An empty password leaves two blanks
// side by side: taking these for one would lose the script password, and the game
// would turn the player away.
func decodeJoinBattle(args string) (any, error) {
	f := strings.Split(args, " ")
	if len(f) != 3 || f[1] != "" && !isWord(f[1]) || !isWord(f[2]) {
		return nil, ErrArguments
	}
	id, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || !isInteger(f[0]) {
		return nil, ErrArguments
	}
	return JoinBattle{ID: id, Password: password(f[1]), ScriptPassword: f[2]}, nil
}

// What a host does with its battle and those in it.
var forceCommands = []Spec{
	{Name: "ADDBOT", Form: "name status color {aiDll}", Example: "BarbAI 4195394 255 BARb|stable",
		Decode: formed("win+", func(f [9]string) (AddBot, bool) {
			word, ok := statusWord(f[1])
			ai, _, _ := strings.Cut(f[3], "\t") // a sentence ends at a tab
			ai = strings.TrimSpace(ai)
			return AddBot{Name: f[0], Status: tidyWord(word), Color: Color(f[2]), AI: ai}, ok && ai != ""
		})},
	{Name: "UPDATEBOT", Form: "name status color", Example: "BarbAI 4195330 65280",
		Decode: formed("www", func(f [9]string) (UpdateBot, bool) {
			word, ok := statusWord(f[1])
			return UpdateBot{Name: f[0], Status: tidyWord(word), Color: Color(f[2])}, ok
		})},
	{Name: "REMOVEBOT", Form: "name", Example: "BarbAI",
		Decode: some(func(text string) RemoveBot { return RemoveBot{Name: text} })},
	{Name: "ADDSTARTRECT", Form: "ally left top right bottom", Example: "0 0 0 50 200",
		Decode: formed("nnnnn", decodeRect)},
	{Name: "REMOVESTARTRECT", Form: "ally", Example: "0", Decode: decodeRemoveStartRect},
	{Name: "SETSCRIPTTAGS", Form: "key=value[<tab>key=value...]", Example: "game/startpostype=2\tgame/hosttype=SPADS",
		Decode: decodeSetScriptTags},
	{Name: "REMOVESCRIPTTAGS", Form: "key[ key...]", Example: "game/startpostype game/hosttype",
		Decode: listed(func(keys []string) RemoveScriptTags {
			for i := range keys {
				keys[i] = strings.ToLower(keys[i])
			}
			return RemoveScriptTags{Keys: keys}
		})},
	{Name: "DISABLEUNITS", Form: "unit[ unit...]", Example: "armcom corcom",
		Decode: listed(func(units []string) DisableUnits { return DisableUnits{Units: units} })},
	{Name: "ENABLEUNITS", Form: "unit[ unit...]", Example: "armcom",
		Decode: listed(func(units []string) EnableUnits { return EnableUnits{Units: units} })},
	{Name: "ENABLEALLUNITS", Decode: plain(EnableAllUnits{})},
	{Name: "HANDICAP", Form: "userName value", Example: "Alice 20",
		Decode: formed("wn", func(f [9]string) (Handicap, bool) {
			value, ok := number(f[1], 100)
			if !ok {
				value = 100
			}
			return Handicap{User: f[0], Value: value}, true
		})},
	{Name: "FORCETEAMNO", Form: "userName id", Example: "Alice 3",
		Decode: formed("wn", func(f [9]string) (ForceTeamNo, bool) {
			value, ok := number(f[1], 255)
			return ForceTeamNo{User: f[0], Value: value}, ok
		})},
	{Name: "FORCEALLYNO", Form: "userName ally", Example: "Alice 2",
		Decode: formed("wn", func(f [9]string) (ForceAllyNo, bool) {
			value, ok := number(f[1], 255)
			return ForceAllyNo{User: f[0], Value: value}, ok
		})},
	{Name: "FORCETEAMCOLOR", Form: "userName color", Example: "Alice 123456",
		Decode: formed("wi", func(f [9]string) (ForceTeamColor, bool) {
			return ForceTeamColor{User: f[0], Color: f[1]}, len(f[1]) <= maxColor
		})},
	{Name: "FORCESPECTATORMODE", Form: "userName", Example: "Alice",
		Decode: some(func(text string) ForceSpectatorMode { return ForceSpectatorMode{User: text} })},
	{Name: "KICKFROMBATTLE", Form: "userName", Example: "Carol",
		Decode: some(func(text string) KickFromBattle { return KickFromBattle{User: text} })},
}

// rectLimit is the size of the map in start rectangles.
const rectLimit = 200

func decodeRect(f [9]string) (AddStartRect, bool) {
	var n [5]int
	for i := range n {
		limit := rectLimit
		if i == 0 {
			limit = 255 // the ally team
		}
		v, ok := number(f[i], limit)
		if !ok {
			return AddStartRect{}, false
		}
		n[i] = v
	}
	return AddStartRect{Rect: lobby.Rect{Ally: n[0], Left: n[1], Top: n[2], Right: n[3], Bottom: n[4]}}, true
}

func decodeRemoveStartRect(args string) (any, error) {
	ally, ok := number(args, 255)
	if !ok {
		return nil, ErrIgnored
	}
	return RemoveStartRect{Ally: ally}, nil
}

// decodeSetScriptTags puts keys into lower case here, while their order is known:
// of two spellings of one key the last counts.
func decodeSetScriptTags(args string) (any, error) {
	tags := map[string]string{}
	for piece := range strings.SplitSeq(args, "\t") {
		key, value, ok := strings.Cut(piece, "=")
		if !ok || key == "" {
			continue
		}
		tags[strings.ToLower(key)] = value
	}
	if len(tags) == 0 {
		return nil, ErrIgnored
	}
	return SetScriptTags{Tags: tags}, nil
}

// listed decodes words between any blanks; none are ignored.
func listed[T any](request func(words []string) T) decode {
	return func(args string) (any, error) {
		words := strings.Fields(args)
		if len(words) == 0 {
			return nil, ErrIgnored
		}
		return request(words), nil
	}
}
