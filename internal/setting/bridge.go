package setting

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Channels give names to channels of Discord, which are numbers: "main=123, promote=456".
var Channels = Form[map[string]string]{
	Name: "pairs of a name and the number of a channel of Discord: main=123 promote=456",
	Parse: func(text string) (map[string]string, error) {
		out := map[string]string{}
		for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
			name, id, ok := strings.Cut(pair, "=")
			if !ok || name == "" || id == "" || len(id) > 20 || strings.Trim(id, "0123456789") != "" {
				return nil, fmt.Errorf("%q is not a name and the number of a channel, as in main=123", pair)
			}
			if _, twice := out[name]; twice {
				return nil, fmt.Errorf("%s is named twice", name)
			}
			out[name] = id
		}
		return out, nil
	},
	Print: func(v map[string]string) string {
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, name+"="+v[name])
		}
		return strings.Join(pairs, " ")
	},
}

// The bridge to Discord. docs/bridge.md
var (
	Bridge = Define("addon.bridge", false, Bool,
		"DiscordBridge is online, and carries lines between channels and Discord. It needs --discord-token.")
	BridgeRooms = Define("bridge.rooms", nil, Channels,
		"Chat channels of the lobby server, and the channel of Discord that each is one with.")
	BridgePosts = Define("bridge.posts", nil, Channels,
		"Where on Discord notices go that are not lines of chat: server-updates.")
	BridgeCounters = Define("bridge.counters", nil, Channels,
		"Channels of Discord whose names say how many there are of clients, players, matches and lobbies.")
	BridgeFromDiscord = Define("bridge.from_discord", true, Bool,
		"What is said on Discord is said in the lobby server's channels.")
	BridgeFromServer = Define("bridge.from_server", true, Bool,
		"What is said in the lobby server's channels is said on Discord.")
	BridgeNumbers = Define("bridge.player_numbers", true, Bool,
		"The channels of bridge.counters are named anew every ten minutes.")
	BridgeNotify = Define("bridge.notify", true, Bool,
		"Who has linked an account of Discord is told there of the end of a wait in a join queue and of games that start.")
)
