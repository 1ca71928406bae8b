package setting

// The settings of accolades and achievements.
var (
	Accolades = Define("addon.accolades", true, Bool,
		"After a match AccoladesBot asks players what they would thank a team mate for. Off: it asks nobody and takes no answer.")
	AccoladeMatch = Define("accolade.match_seconds", 600, Int(0, 86400),
		"Players are asked after matches that were longer than this.")
	AccoladeAnswer = Define("accolade.answer_seconds", 600, Int(1, 86400),
		"Seconds for which an answer to AccoladesBot is waited for.")
	AccoladeDays = Define("accolade.gift_days", 5, Int(0, 365),
		"Days for which nobody is asked again about a player that it has answered about.")
	AccoladeMisses = Define("accolade.miss_limit", 20, Int(1, 31),
		"Who has missed so often is not asked anymore: no answer counts 10, nothing given 3, an accolade given takes 5 away.")
	AccoladeInform = Define("accolade.inform", true, Bool,
		"Whether a player is told of a new accolade.")
	Achievements = Define("addon.achievements", true, Bool,
		"Whether achievements are counted from what clients and hosts report.")
)
