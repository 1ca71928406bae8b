package coordinator

import (
	"fmt"
	"slices"
	"strings"

	"teiserver/internal/resident"
)

// The commands that the Coordinator carries out itself.
var (
	everybodys = []string{"help", "whoami", "whois", "discord", "coc", "mute", "ignore", "unmute", "unignore", "website", "party", "modme"}
	trusted    = []string{"modparty", "unparty", "unmodme"}
	admins     = []string{"broadcast"}
	// lobbys are those that it hands to the lobby of who asks.
	lobbys = []string{"s", "status", "players", "follow", "joinq", "leaveq", "splitlobby", "y", "yes", "n", "no", "explain"}
)

// unhandled are commands that may be used and do nothing.
var unhandled = []string{"party"}

// Presence is the Command of the Task for who says that it is there.
const Presence = "hello"

// Answers reports whether a command that is typed in a lobby is the Coordinator's.
func Answers(name string) bool {
	return slices.Contains(everybodys, name) || slices.Contains(trusted, name)
}

// ForLobby reports whether a command that is told the Coordinator in private is meant for
// the lobby of who tells it.
func ForLobby(name string) bool { return slices.Contains(lobbys, name) }

// Parse reads a text like "$name arguments" or "$%name arguments" (the silent form). The
// name comes in lower case; the arguments are as they were written. "$ text" and a lone
// "$" are no commands.
func Parse(text string) (t Task, ok bool) {
	rest, dollar := strings.CutPrefix(text, "$")
	if !dollar {
		return Task{}, false
	}
	rest, silent := strings.CutPrefix(rest, "%")
	name, args, _ := strings.Cut(rest, " ")
	if name == "" {
		return Task{}, false
	}
	return Task{Command: strings.ToLower(name), Args: args, Silent: silent}, true
}

// answer never has bots read the sentence for people: two bots that apologize to each
// other would not end.
func answer(d resident.Direct) any {
	text := strings.TrimSpace(d.Text)
	t, command := Parse(text)
	switch {
	case command && !may(t.Command, d.Rights):
		return says(fmt.Sprintf("No command of name '%s'", t.Command))
	case command && !handled(t.Command):
		return says(fmt.Sprintf("I don't have a handler for the command '%s'", t.Command))
	case command:
		return t
	case text == Presence:
		return Task{Command: Presence}
	case d.Rights.Bot || text == "":
		return says()
	}
	return says("I don't currently handle messages, sorry " + d.FromName)
}

func says(lines ...string) resident.Says {
	if lines == nil {
		lines = []string{}
	}
	return resident.Says{Lines: lines}
}

// may says who may use a command. Moderators may use what does not exist, and are told
// that it does not.
func may(name string, r resident.Rights) bool {
	switch {
	case slices.Contains(everybodys, name), ForLobby(name), r.Admin:
		return true
	case slices.Contains(admins, name):
		return false
	}
	return r.Moderator
}

func handled(name string) bool {
	return !slices.Contains(unhandled, name) && (Answers(name) || ForLobby(name) || slices.Contains(admins, name))
}
