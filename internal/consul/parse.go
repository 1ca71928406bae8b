package consul

import (
	"strings"
	"unicode/utf8"
)

// restLength is how many characters behind a command's name count.
const restLength = 999

// Parse takes a line like "$name rest", or "$%name rest" for one that is not to be
// echoed, apart. The name comes in lower case. "$ text" and a lone "$" are no commands.
func Parse(line string) (name string, silent bool, rest string, ok bool) {
	body, dollar := strings.CutPrefix(line, "$")
	if !dollar {
		return "", false, "", false
	}
	body, silent = strings.CutPrefix(body, "%")
	name, rest, _ = strings.Cut(body, " ")
	if name == "" {
		return "", false, "", false
	}
	if utf8.RuneCountInString(rest) > restLength {
		rest = string([]rune(rest)[:restLength])
	}
	return strings.ToLower(name), silent, rest, true
}

// banMark begins the reason behind the names of $lobbybanmult.
const banMark = "!!"

// TargetWords are the words of an order that name people, which the sender's node
// resolves, in this order; see Target.
func TargetWords(name, rest string) []string {
	switch name {
	case "follow", "speclock", "forcespec", "forceplay", "lobbykick", "unban", "vip", "backofthequeue", "makeready":
		if word := strings.TrimSpace(rest); word != "" {
			return []string{word}
		}
	case "timeout", "lobbyban":
		if words := strings.Fields(rest); len(words) > 0 {
			return words[:1]
		}
	case "pull":
		return strings.Fields(rest)
	case "lobbybanmult":
		names, _, _ := strings.Cut(rest, banMark)
		return strings.Fields(names)
	}
	return nil
}
