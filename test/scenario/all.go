package scenario

// All is every scenario, in the order in which they run. The first one wants a
// server on which nobody is.
var All = []Scenario{
	{"login to an empty server", loginEmpty},
	{"login to a busy server", loginBusy},
	{"refused logins", loginRefused},
	{"everybody sees everybody", everybodySees},
	{"second login on the same node", secondLoginSame},
	{"second login on another node", secondLoginOther},
	{"second login of a host", secondLoginHost},
	{"second LOGIN on one connection", secondLoginInside},
	{"rename", rename},
	{"new password", newPassword},
	{"TLS", secure},
	{"STLS after the login", secureTooLate},
	{"message ids", messageIDs},
	{"registration", registration},
	{"exit and disconnect", exits},
	{"client status", clientStatus},
	{"account queries", accountQueries},

	{"private messages", privateMessages},
	{"channels", channels},
	{"channel members who vanish", channelVanish},
	{"long chat lines", longLines},
	{"friends", friends},
	{"ignores", ignores},
	{"ring", ring},
	{"parties", parties},
	{"moderation", moderated},
	{"a restriction runs out", runsOut},
	{"automod", automod},

	{"host handshake", hostHandshake},
	{"join handshake", joinHandshake},
	{"join refused", joinRefused},
	{"another battle after a refusal", afterRefusal},
	{"two requests to join", twoRequests},
	{"a request taken back", withdrawn},
	{"passwords", passwords},
	{"locked battle", lockedBattle},
	{"battle status", battleStatus},
	{"forced settings", forced},
	{"computer players", computers},
	{"start rectangles", rectangles},
	{"script tags", scriptTags},
	{"disabled units", disabledUnits},
	{"battle information", battleInformation},
	{"battle title", battleTitle},
	{"battle chat", battleChat},
	{"kick", kick},
	{"leave a battle", leaveBattle},
	{"host leaves", hostLeaves},
	{"host's connection is lost", hostLost},
	{"host opens another battle", hostReopens},
	{"member changes battle", changesBattle},
	{"member's connection is lost", memberLost},
	{"place of a lost member", placeKept},
	{"a match", match},
	{"a match is reported", reportedMatch},
	{"what hosts ask over HTTP", spads},
	{"a rated match", ratedMatch},
	{"accolades", accolades},
	{"achievements", achievements},

	{"odd arguments before the login", oddBefore},
	{"odd arguments of a player", oddPlayer},
	{"odd arguments of a host", oddHost},
	{"over-long lines", overlong},
	{"odd bytes", oddBytes},
	{"a client that does not read", stalled},

	{"one account a hundred times", hundredLogins},
	{"one new name everywhere", oneName},
	{"battles at the same moment", battlesAtOnce},
	{"ten thousand lines", tenThousandLines},
	{"two hundred rounds", twoHundredRounds},
	{"two hundred vanish", twoHundredVanish},
}

// long are those of All that take most of the time.
var long = []string{
	"odd arguments of a player", "odd arguments of a host", "over-long lines", "a client that does not read",
	"one account a hundred times", "ten thousand lines", "two hundred rounds", "two hundred vanish",
}

// Later is what belongs to commands that are not built yet. A scenario moves to
// All together with its commands.
var Later = []Scenario{
	{"relations by id", relations},
}
