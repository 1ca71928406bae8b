package moderation

import (
	"fmt"
	"slices"
	"strings"
)

// The restrictions, by their names.
const (
	Bridging   = "Bridging"
	RoomChat   = "Room chat"
	GameChat   = "Game chat"
	LobbyChat  = "Lobby chat"
	BattleChat = "Battle chat"
	DirectChat = "Direct chat"
	AllChat    = "All chat"

	HostCommands = "Host commands"
	Voting       = "Voting"

	LowPriority = "Low priority"
	GameQueue   = "Game queue"
	Boss        = "Boss"
	Matchmaking = "Matchmaking"
	Joining     = "Joining existing lobbies"
	AllLobbies  = "All lobbies"

	Login     = "Login"
	Permanent = "Permanently banned"

	Accolades = "Accolades"
	Reporting = "Reporting"
	Renaming  = "Renaming"
	Community = "Community"

	Warning = "Warning reminder"
	Note    = "Note"
)

// Restriction is a row of Restrictions.
type Restriction struct {
	Name    string
	Group   string
	Forbids string
	// Given is false for one that the server gives and takes by itself.
	Given bool
}

// Restrictions lists all of them; docs/moderation.md shows the table.
var Restrictions = []Restriction{
	{Bridging, "chat", "What is said in channels is not passed on to Discord.", true},
	{RoomChat, "chat", "Lines in channels are dropped.", true},
	{LobbyChat, "chat", "Lines in lobbies are dropped, but for votes and the simple commands of hosts; the host is told `!mute`.", true},
	{BattleChat, "chat", "The same.", true},
	{GameChat, "chat", "The same.", true},
	{DirectChat, "chat", "Private messages are dropped, but for those to the server's own accounts.", true},
	{AllChat, "chat", "All of these, and no new name.", true},
	{HostCommands, "game", "Lines in lobbies that begin with `!` are dropped.", true},
	{Voting, "game", "Votes in lobbies are dropped.", true},
	{LowPriority, "game", "Waits behind all others in the join queue of lobbies.", true},
	{GameQueue, "game", "Does not enter the join queue of lobbies.", true},
	{Boss, "game", "Is no boss of a lobby.", true},
	{Matchmaking, "game", "Does not enter the queues of matchmaking.", true},
	{Joining, "game", "Joins no lobby.", true},
	{AllLobbies, "game", "Joins no lobby and opens none; is taken out of the one it is in, and the host is told `!bkick`.", true},
	{Login, "game", "Does not log in; a connection ends, and the host is told `!gkick`.", true},
	{Permanent, "game", "The same, with another text. Comes and goes with a Login of more than ten years.", false},
	{Accolades, "other", "Gets no accolades.", true},
	{Reporting, "other", "Reports nobody.", true},
	{Renaming, "other", "Gets no new name.", true},
	{Community, "other", "No new name, no reports and no accolades.", true},
	{Warning, "warnings", "After each login it must acknowledge the warning before it joins a lobby.", true},
	{Note, "internal", "Nothing: a note for moderators, of which the user is not told.", true},
}

// checkRestrictions brings names into the spelling and order of Restrictions.
func checkRestrictions(names []string) ([]string, error) {
	var list []string
	for _, r := range Restrictions {
		if r.Given && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(strings.TrimSpace(n), r.Name) }) {
			list = append(list, r.Name)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(strings.TrimSpace(n), l) }) {
			return nil, fmt.Errorf("there is no restriction %q; there are: %s", n, strings.Join(givenNames(), ", "))
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("an action needs a restriction; there are: %s", strings.Join(givenNames(), ", "))
	}
	return list, nil
}

func givenNames() (names []string) {
	for _, r := range Restrictions {
		if r.Given {
			names = append(names, r.Name)
		}
	}
	return names
}
