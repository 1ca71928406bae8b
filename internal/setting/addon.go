package setting

// What can be switched off and has no settings besides. Other add-ons have their switch
// with their settings: addon.telemetry, addon.match_monitor and so on.
var (
	Parties = Define("addon.parties", true, Bool,
		"Users may make parties. Off: no new ones, nobody comes into one, and none counts when teams are made.")
	LobbyCommands = Define("addon.lobby_commands", true, Bool,
		"Members of lobbies may give commands with $. Off: moderators only; rules, queue and limits of lobbies go on.")
)
