package lobby

import "strings"

// joinAs are the ways to ask an autohost to play in somebody else's place.
var joinAs = []string{"!joinas", "!cv joinas", "!callvote joinas"}

// TameVote makes a request to take somebody's place one to watch, unless the lobby
// has computer players, whom people may replace. Autohosts obey private messages and
// chat alike, so both go through here.
func TameVote(text string, computers bool) string {
	if computers || !strings.HasPrefix(text, "!") {
		return text
	}
	for _, way := range joinAs {
		if len(text) >= len(way) && strings.EqualFold(text[:len(way)], way) && (len(text) == len(way) || text[len(way)] == ' ') {
			return way + " spec"
		}
	}
	return text
}

// swallowed reports chat that autohosts must not hear.
func swallowed(text string) bool { return hasPrefixFold(text, "!specafk") }

// queueWord is what players of other servers say to be queued; here a command does it.
const queueWord = "!joinq"

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}
