package wire

import (
	"strings"

	"teiserver/internal/roster"
)

// maxClient is the longest name of a lobby client that is shown: everybody is told it.
const maxClient = 64

// LobbyClient is what is kept and shown of the lobby sentence of a LOGIN: the
// letters and blanks that it begins with ("PeerTest 1.0" is "PeerTest ").
func LobbyClient(sentence string) string {
	n := 0
	for n < min(len(sentence), maxClient) && (isLetter(sentence[n]) || sentence[n] == ' ') {
		n++
	}
	return sentence[:n]
}

// observer is the lobby client that is always told everything.
const observer = "SLTS Client d"

// TrafficLevel says what a session wants to hear. Hosts live well without the
// memberships of battles they are not in, and there are many of them; the managers
// of hosts and all players need them. The client is as LobbyClient returns it.
func TrafficLevel(name, client string, bot bool) roster.Interest {
	if bot && !isHostManager(name) && client != observer {
		return roster.Own
	}
	return roster.Everything
}

// isHostManager reports a name like Host[EU1]: capitals, then digits. The hosts
// that it starts have names like Host[EU1][001].
func isHostManager(name string) bool {
	inner, ok := strings.CutPrefix(name, "Host[")
	if !ok {
		return false
	}
	inner, ok = strings.CutSuffix(inner, "]")
	if !ok {
		return false
	}
	digits := strings.TrimLeft(inner, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	return len(digits) < len(inner) && isDigits(digits)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
