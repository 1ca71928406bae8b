package coordinator

// audience says to whom a text of help is shown.
type audience int

const (
	everybody audience = iota
	hosts              // and moderators
	moderators
)

// entry is the help of one command, as clients have always shown it.
type entry struct {
	name  string
	args  string // behind the name, with the blank before them
	whom  audience
	lines []string
}

// entries are in the order in which they are listed.
var entries = []entry{
	{"help", "", everybody, []string{
		"Displays this help text.",
	}},
	{"whoami", "", everybody, []string{
		"Sends back information about who you are.",
	}},
	{"whois", " <user>", everybody, []string{
		"Sends back information about the user specified.",
	}},
	{"discord", "", everybody, []string{
		"Allows linking of your discord account to your BAR account.",
	}},
	{"mute", " <username>", everybody, []string{
		"Mutes that user and prevents you seeing their messages.",
	}},
	{"unmute", " <username>", everybody, []string{
		"Un-mutes that user and allows you to see their messages.",
	}},
	{"coc", " <term>", everybody, []string{
		"Searches the code of conduct and returns items with a textual match in them.",
	}},
	{"joinq", "", everybody, []string{
		"Adds you to the queue to join when a space opens up, you will be automatically added to the game as a player. If already a member it has no effect.",
	}},
	{"leaveq", "", everybody, []string{
		"Removes you from the join queue.",
	}},
	{"status", "", everybody, []string{
		"Status info about the battle lobby.",
	}},
	{"afks", "", everybody, []string{
		"Lists possible afk players.",
	}},
	{"password?", "", everybody, []string{
		"Tells you the room password",
	}},
	{"splitlobby", " <minimum players>", everybody, []string{
		"Causes a \"vote\" to start where other players can elect to join you in splitting the lobby, follow someone",
		"of their choosing or remain in place. After 60 seconds, if at least the minimum number of players agreed to split, you are moved to a new (empty) lobby and those that voted yes",
		"or are following someone that voted yes are also moved to that lobby.",
	}},
	{"roll", " <range>", everybody, []string{
		"Rolls a random number based on the range format.",
		"- Dice format: nDs, where n is number of dice and s is sides of die. E.g. 4D6 - 4 dice with 6 sides are rolled",
		"- Max format: N, where N is a number and an integer between 1 and N is returned",
		"- Min/Max format: MN MX, where each is a number and an integer between them (inclusive) is returned",
		"",
	}},
	{"explain", "", everybody, []string{
		"Lists a log of the steps taken to calculate balance for the lobby",
	}},
	{"reset-approval", "", everybody, []string{
		"Resets the list of approved players to just the ones present at the moment (approved players are able to join even if it is locked and without needing a password). Requires boss privileges.",
	}},
	{"welcome-message", " <message>", everybody, []string{
		"Sets the welcome message sent to anybody joining the lobby. Run this command without a message to clear the existing message. Requires boss privileges. Use $$ to add a line return.",
	}},
	{"gatekeeper", " <(default | friends | friendsplay)>", everybody, []string{
		"sets the gatekeeper for this battle. Requires boss privileges.",
		"> default: no limitations",
		"> friends allows only friends of existing members to join the lobby",
		"> friendsplay: allows only friends of existing players to become players (but anybody can join to spectate)",
	}},
	{"rename", " <new name>", everybody, []string{
		"Renames the lobby to the name given. Requires boss privileges.",
	}},
	{"minratinglevel", " <min-level>", everybody, []string{
		"Sets the minimum level for players, you must be at least this rating to be a player. Requires boss privileges.",
	}},
	{"maxratinglevel", " <max-level>", everybody, []string{
		"Sets the maximum level for players, you must be at below this rating to be a player. Requires boss privileges.",
	}},
	{"setratinglevels", " <min-level> <max-level>", everybody, []string{
		"Sets the minimum and maximum rating levels for players. Requires boss privileges.",
	}},
	{"resetratinglevels", "", everybody, []string{
		"Resets the rating level limits to not exist. Requires boss privileges.",
	}},
	{"minchevlevel", " <min-level>", everybody, []string{
		"Sets the minimum chevron level for players. Requires boss privileges. Leave number blank to reset it.",
	}},
	{"maxchevlevel", " <max-level>", everybody, []string{
		"Sets the maximum chevron level for players. Requires boss privileges. Leave number blank to reset it.",
	}},
	{"resetchevlevels", "", everybody, []string{
		"Resets the chevron level restrictions to not exist. Requires boss privileges.",
	}},
	{"lock", " <(team | player | spectator | side)>", hosts, []string{
		"Engages a lock on that mode, when engaged members are unable to change that attribute about themselves.",
		"hosts and the server are the only thing that will be able to change it. Moderators are typically exempt",
		"from these restrictions.",
		"Multiple locks can be engaged at the same time",
		"> Team: Prevents a member from changing their teamally value (Team 1, 2 etc)",
		"> Allyid: Prevents a member from changing their team value (also called playerid)",
		"> Player: Prevents spectators becoming players",
		"> Spectator: Prevents players becoming spectators",
		"> Boss: Prevents unbossing except by moderators and bosses",
	}},
	{"unlock", " <(team | player | spectator)>", hosts, []string{
		"Disengages the lock on that mode",
	}},
	{"specunready", "", hosts, []string{
		"Specs all unready players, they are each sent a ring from the coordinator.",
	}},
	{"makeready", " <user>", hosts, []string{
		"Sets a user to ready, when no user is specified all users are set to ready",
		"  any user set to ready is sent a ring from the coordinator",
	}},
	{"settag", " <key> <value>", hosts, []string{
		"Sets a battletag of <key> to <value>",
	}},
	{"speclock", " <user>", hosts, []string{
		"Locks the user into a spectator role. Can be reverted with the unban command.",
	}},
	{"forceplay", " <user>", hosts, []string{
		"Forces the user into a player position.",
	}},
	{"timeout", " <user> <reason, default: You have been given a timeout on the naughty step>", moderators, []string{
		"Bans the user from the lobby for 1 game, will expire once the game is over.",
	}},
	{"lobbykick", "  <user>", moderators, []string{
		"Kicks the user from the lobby.",
	}},
	{"lobbyban", " <user> <reason , default: None given>", hosts, []string{
		"Bans the user from the lobby but not the server, will refresh on !rehost",
	}},
	{"lobbybanmult", " <user>", hosts, []string{
		"Bans all users separated by spaces (from the lobby, not the game)",
		"  If you want to add a reason, add a `!!` to the end of the player list, anything after that will be the reason.",
	}},
	{"unban", " <user>", hosts, []string{
		"Removes the user from the lobby banlist.",
	}},
	{"forcespec", " <user>", hosts, []string{
		"Moves the user to spectators and bans them from becoming a player.",
	}},
	{"success", "", moderators, []string{
		"Sends a \"!y\" message from every player to the game host to make a vote pass.",
	}},
	{"check", " <user>", moderators, []string{
		"Performs a smurf check against the user mentioned and sends you the result.",
	}},
	{"pull", " <user>", moderators, []string{
		"Pulls a given user into the battle.",
	}},
	{"dosplit", "", moderators, []string{
		"Completes the lobby split now.",
	}},
	{"cancelsplit", "", moderators, []string{
		"Cancels the lobby split.",
	}},
	{"vip", " <name>", moderators, []string{
		"Places that user at the front of the queue. This command will always output it's use even if used with the % operator.",
	}},
	{"reset", "", moderators, []string{
		"Resets the coordinator bot for this lobby to the default.",
	}},
	{"specafk", "", moderators, []string{
		"Everybody is sent a message asking them to confirm they are not afk. If they don't respond within 40 seconds they are moved to spectators. Requires boss privileges.",
	}},
	{"playerlimit", " <limit>", moderators, []string{
		"Sets a new player limit for this specific host.",
	}},
	{"modme", "", moderators, []string{
		"(Re)gain moderator privileges",
	}},
	{"unmodme", "", moderators, []string{
		"Drops moderator privileges for this session",
	}},
}
