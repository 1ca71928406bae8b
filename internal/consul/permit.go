package consul

import "slices"

// Level says who may use a command.
type Level string

// The levels. Each of them includes those who are named after it.
const (
	Everybody Level = "everybody"
	BossLevel Level = "bosses, host, moderators"
	HostLevel Level = "host, moderators"
	ModLevel  Level = "moderators"
	AdmLevel  Level = "admins"
)

// Command is a "$" command of the consul. docs/consul.md lists them.
type Command struct {
	Name   string
	Short  string // another name
	Args   string
	Level  Level
	Effect string

	run func(t *Turn, o *order)
}

// commands is complete before main begins. It is filled by init, as its functions lead
// back to it.
var commands []Command

func init() {
	commands = []Command{
		{Name: "status", Short: "s", Level: Everybody, Effect: "Tells the sender how the lobby is set, who waits and who is boss.", run: (*Turn).orderStatus},
		{Name: "explain", Level: Everybody, Effect: "Tells the sender how the last teams were made. Said in the room, the line is shown.", run: (*Turn).orderExplain},
		{Name: "joinq", Level: Everybody, Effect: "Puts the sender into the join queue.", run: (*Turn).orderJoinQueue},
		{Name: "leaveq", Level: Everybody, Effect: "Takes the sender out of it.", run: (*Turn).orderLeaveQueue},
		{Name: "password?", Level: Everybody, Effect: "Tells the sender the password.", run: (*Turn).orderPassword},
		{Name: "roll", Args: "nDs | N | MN MX", Level: Everybody, Effect: "Rolls n dice with s sides (1 to 100 each), or a number from 1 to N, or from MN to MX.", run: (*Turn).orderRoll},
		{Name: "afks", Level: Everybody, Effect: "Tells the sender which players have been silent for more than 20 seconds. Echo.", run: (*Turn).orderAFKs},
		{Name: "splitlobby", Args: "[least players]", Level: Everybody, Effect: "Begins a split: who agrees within 60 seconds moves with the sender. Echo.", run: (*Turn).orderSplit},
		{Name: "y", Level: Everybody, Effect: "Moves with who began the split. Echo, nothing without a split.", run: (*Turn).orderYes},
		{Name: "n", Level: Everybody, Effect: "Stays. Echo, nothing without a split.", run: (*Turn).orderNo},
		{Name: "follow", Args: "user", Level: Everybody, Effect: "Does in the split what that user does. Echo, nothing without a split.", run: (*Turn).orderFollow},

		{Name: "balancealgorithm", Args: "algorithm | default", Level: BossLevel, Effect: "Sets how teams are made. Moderators have more to choose from.", run: (*Turn).orderAlgorithm},
		{Name: "gatekeeper", Args: "friends | friendsplay | default", Level: BossLevel, Effect: "Only friends of members may join, or only friends of players may play. Echo.", run: (*Turn).orderGatekeeper},
		{Name: "welcome-message", Args: "[text]", Level: BossLevel, Effect: "Sets what joiners are told; $$ begins a new line; nothing clears it. Echo.", run: (*Turn).orderWelcome},
		{Name: "reset-approval", Level: BossLevel, Effect: "From now on lock and password hold everybody who is not present now. Echo.", run: (*Turn).orderApproval},
		{Name: "rename", Args: "[title]", Level: BossLevel, Effect: "Sets the title; nothing gives back the host's. Echo.", run: (*Turn).orderRename},
		{Name: "minratinglevel", Args: "[rating]", Level: BossLevel, Effect: "Sets the lowest rating of players; nothing clears it. Echo.", run: (*Turn).orderMinRating},
		{Name: "maxratinglevel", Args: "[rating]", Level: BossLevel, Effect: "Sets the highest rating of players; nothing clears it. Echo.", run: (*Turn).orderMaxRating},
		{Name: "setratinglevels", Args: "rating rating", Level: BossLevel, Effect: "Sets both, in any order. Echo.", run: (*Turn).orderRatings},
		{Name: "resetratinglevels", Level: BossLevel, Effect: "Clears both. Echo.", run: (*Turn).orderResetRatings},
		{Name: "minchevlevel", Args: "[1 to 8]", Level: BossLevel, Effect: "Sets the lowest chevron of players and clears the highest. Echo.", run: (*Turn).orderMinChev},
		{Name: "maxchevlevel", Args: "[1 to 8]", Level: BossLevel, Effect: "Sets the highest chevron of players and clears the lowest. Echo.", run: (*Turn).orderMaxChev},
		{Name: "resetchevlevels", Level: BossLevel, Effect: "Clears both. Echo.", run: (*Turn).orderResetChevs},

		{Name: "specunready", Level: HostLevel, Effect: "Rings every player who is not ready and makes it a spectator. Echo.", run: (*Turn).orderSpecUnready},
		{Name: "makeready", Args: "[user]", Level: HostLevel, Effect: "Rings the user, or every player who is not ready, and makes it ready. Echo.", run: (*Turn).orderMakeReady},
		{Name: "settag", Args: "key value", Level: HostLevel, Effect: "Sets a script tag. Echo.", run: (*Turn).orderSetTag},
		{Name: "set-config-teaser", Args: "[text]", Level: HostLevel, Effect: "Sets the part of the title behind the name. Echo.", run: (*Turn).orderTeaser},
		{Name: "lock", Args: "team | allyid | player | spectator | boss", Level: HostLevel, Effect: "Members cannot change that of themselves; boss: nobody else votes for a boss. Echo.", run: (*Turn).orderLock},
		{Name: "unlock", Args: "team | allyid | player | spectator | boss", Level: HostLevel, Effect: "They can again. Echo.", run: (*Turn).orderUnlock},
		{Name: "speclock", Args: "user", Level: HostLevel, Effect: "Makes the user a spectator and keeps it one, until unban. Echo.", run: (*Turn).orderSpecLock},
		{Name: "forcespec", Args: "user", Level: HostLevel, Effect: "The same. Echo.", run: (*Turn).orderForceSpec},
		{Name: "forceplay", Args: "user", Level: HostLevel, Effect: "Makes the user a player, ready, whatever the limits. Echo.", run: (*Turn).orderForcePlay},
		{Name: "lobbyban", Args: "user [reason]", Level: HostLevel, Effect: "Throws the user out until unban. Echo.", run: (*Turn).orderBan},
		{Name: "lobbybanmult", Args: "users [!! reason]", Level: HostLevel, Effect: "The same for several. Echo.", run: (*Turn).orderBanMany},
		{Name: "unban", Args: "user", Level: HostLevel, Effect: "Ends bans, spectator locks and time-outs of the user. Echo.", run: (*Turn).orderUnban},

		{Name: "playerlimit", Args: "number", Level: ModLevel, Effect: "Sets the most players, as far as the teams allow.", run: (*Turn).orderPlayerLimit},
		{Name: "success", Level: ModLevel, Effect: "Has every player say !y, if no split is on. Echo.", run: (*Turn).orderSuccess},
		{Name: "cancelsplit", Level: ModLevel, Effect: "Ends the split, nobody moves. Echo.", run: (*Turn).orderCancelSplit},
		{Name: "dosplit", Level: ModLevel, Effect: "Has the split take place now. Echo.", run: (*Turn).orderDoSplit},
		{Name: "specafk", Level: ModLevel, Effect: "Asks every player whether it is there; who does not answer within 40 seconds is made a spectator.", run: (*Turn).orderSpecAFK},
		{Name: "vip", Args: "user", Level: ModLevel, Effect: "Puts the user at the front of the join queue. Echo; told to the room in any case.", run: (*Turn).orderVIP},
		{Name: "backofthequeue", Args: "user", Level: ModLevel, Effect: "Puts the user at its end. Echo.", run: (*Turn).orderBack},
		{Name: "pull", Args: "users", Level: ModLevel, Effect: "Takes the users into the lobby. Echo.", run: (*Turn).orderPull},
		{Name: "timeout", Args: "user [reason]", Level: ModLevel, Effect: "Throws the user out until the end of the match. Echo.", run: (*Turn).orderTimeout},
		{Name: "lobbykick", Args: "user", Level: ModLevel, Effect: "Throws the user out. Echo.", run: (*Turn).orderKick},
		{Name: "reset", Level: ModLevel, Effect: "Ends all that was ordered: bans, locks, bounds, queue, welcome and balance. What the host has said stays.", run: (*Turn).orderReset},
		{Name: "bstatus", Level: ModLevel, Effect: "Tells the sender how the balancer is set.", run: (*Turn).orderBalanceStatus},
		{Name: "set", Args: "variable number", Level: ModLevel, Effect: "Sets max_deviation, rating_lower_boundary, rating_upper_boundary, mean_diff_max, stddev_diff_max or fuzz_multiplier of the balancer. Echo.", run: (*Turn).orderSet},
		{Name: "force_party", Level: ModLevel, Effect: "Sets its limits so high that parties stay together.", run: (*Turn).orderForceParty},

		{Name: "shuffle", Args: "party | friends | contributor | admin | all | default", Level: AdmLevel, Effect: "Players and queue are divided anew: who belongs to what is named plays, by lot, the others watch and are the join queue. party and friends are the sender's.", run: (*Turn).orderShuffle},
	}
}

// Commands lists the commands of the consul.
func Commands() []Command { return slices.Clone(commands) }

func find(name string) *Command {
	for i := range commands {
		if c := &commands[i]; c.Name == name || c.Short == name && name != "" {
			return c
		}
	}
	return nil
}

// permitted says whether a sender may use a command, and if not, why.
func (t *Turn) permitted(c *Command, user int64, f *Facts, name string) (why string, ok bool) {
	host := user == t.Room.Founder.User
	unknown := "No command of name '" + name + "'"
	switch {
	case c == nil:
		return unknown, false
	case c.Level == Everybody, f.Admin,
		f.Moderator && c.Level != AdmLevel,
		host && c.Level == HostLevel,
		c.Level == BossLevel && (host || t.State.boss(user)):
		return "", true
	case c.Level == HostLevel:
		return "You are not allowed to use the '" + name + "' command (host only)", false
	case c.Level == BossLevel:
		return "You are not allowed to use the '" + name + "' command (boss only)", false
	}
	return unknown, false
}

// coordinators are the commands that are the Coordinator's, wherever they are said.
var coordinators = []string{
	"help", "whoami", "whois", "discord", "coc", "mute", "unmute", "ignore", "unignore", "website", "party",
	"modme", "modparty", "unparty", "unmodme",
}

// IsCoordinators reports a command that is handed to the Coordinator.
func IsCoordinators(name string) bool { return slices.Contains(coordinators, name) }
