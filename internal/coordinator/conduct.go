package coordinator

// conduct is the code of conduct, in the order in which it is listed.
var conduct = []struct{ point, text string }{
	{"1.1", "Promoting illegal activities including but not limited to gambling, drug use, phishing, self-harm and the like; note some of these can be discussed in the appropriate locations but this is a game and generally not a place for sharing these topics"},
	{"1.10", "Disrupting game lobbies either by flooding chat, calling repeated votes or repeatedly joining when asked to leave"},
	{"1.11", "Respect for all other members is mandatory, harassment and baiting of any community member, especially contributors is not tolerated. Note: Constant unwarranted negative information and misinformation intended to cast a negative light on the project or contributors will not be tolerated."},
	{"1.2", "Discrimination or abuse especially on the grounds or context of sexism, racism, homophobia, disability, religion and similar"},
	{"1.3", "Threats and harassment, saying 'it was just a joke' does not excuse this either; it's only a joke if all parties find it funny"},
	{"1.4", "Nicknames and clan tags must not be offensive or inappropriate. An account which doesn't abide by this rule will be suspended until it gets renamed. Impersonation of other players and real-life figures is forbidden"},
	{"1.5", "Griefing or actively working against your team. Examples include teamkilling, purposefully hurting/imprisoning allied, actively stealing allied units without consent"},
	{"1.6", "Custom widgets used on public servers must be made publicly available, we have a section on the discord specifically for it"},
	{"1.7", "Self destructing all your units in a team game; if you want to leave then resign and let your team take control of your units"},
	{"1.8", "Harassing players for using perfectly valid strategies such as rushing, commander drops, unexpected air raids and the like"},
	{"1.9", "Abuse of the ping or draw function to obscure team mates view or drawing hate symbols, heavy profanity etc"},
	{"2.1", "Playing in a team game but not working with your team; you are not obliged do everything your team says but you are expected to play with them not against them"},
	{"2.2", "Profanity; we discourage swearing but it isn't banned as long as it's not excessive. Be careful not to confuse curse words with unacceptable behaviour such as racism"}, //nolint:misspell // as players know it
	{"2.3", "In a teamgame everybody needs some space, purposefully limiting allies so you can have more without an objectively reasonable cause is not acceptable"},
	{"2.4", "Pausing at inappropriate moments or unpausing when someone is disconnected"},
	{"2.5", "Dragging out very clearly won games"},
	{"2.6", "Abusing spectator mode to pass on information to a player"},
	{"3.1", "Attempting to hack another player's account or the game infrastructure (if you wish to perform security testing contact the devs)"},
	{"3.2", "Revealing personal or identifiable information about another player they've not already revealed themselves"},
	{"3.3", "Posting malware, spam or scam links/messages. We'd assume most of these would be bot behaviours but we're listing it here to be safe."}, //nolint:misspell // as players know it
	{"3.4", "False or intentionally erroneous reports"},
	{"3.5", "Impersonation of another player or the team running and making BAR, this includes taking credit for things you did not contribute to"},
	{"3.6", "Circumvention of moderation, if you've been temporarily banned don't try to create a new account to get around it"},
	{"3.7", "Exploiting bugs, hacking, spec cheating (second account to view the game as a spectator) or using game features to gain an unfair advantage in some manner (e.g. abusing subbing to co-op in a team game)"},
	{"3.8", "Attempting to exploit the player skill rating system, either by dumping by losing on purpose or boosting with smurf accounts"},
}
