package moderation

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// MaySay reports whether a line that is shown in a lobby may be said. Who is muted may
// vote, and call for what does not depend on words.
func (s *Standing) MaySay(now time.Time, text string) bool {
	if s == nil || len(s.Actions) == 0 && !s.Shadowbanned {
		return true
	}
	words := strings.Fields(strings.ToLower(text))
	switch {
	case s.Shadowbanned:
		return false
	case s.MutedInLobbies(now) && !harmless(words):
		return false
	case s.Restricted(now, HostCommands) && strings.HasPrefix(text, "!"):
		return false
	case s.Restricted(now, Voting) && votes(words):
		return false
	}
	return true
}

var (
	answers = []string{"y", "yes", "n", "no"}
	blanks  = []string{"b", "blank"}
	simple  = []string{"!y", "!n", "!b", "!ev", "!endvote", "!help"}
	calls   = []string{"balance", "start", "stop", "resign", "forcestart"}
)

// harmless reports a line in which nobody can say anything.
func harmless(words []string) bool {
	if len(words) == 0 {
		return false
	}
	first, rest := words[0], words[1:]
	switch {
	case first == "!vote":
		return len(rest) == 0 || len(rest) == 1 && (slices.Contains(answers, rest[0]) || slices.Contains(blanks, rest[0]))
	case first == "!cv" || first == "!callvote":
		return len(rest) == 1 && slices.Contains(calls, rest[0])
	case slices.Contains(simple, first):
		return len(rest) == 0
	}
	call, command := strings.CutPrefix(first, "!")
	return command && len(rest) == 0 && slices.Contains(calls, call)
}

// votes reports a vote for or against.
func votes(words []string) bool {
	if len(words) == 0 {
		return false
	}
	answer, command := strings.CutPrefix(words[0], "!")
	if words[0] == "!vote" && len(words) > 1 {
		return slices.Contains(answers, words[1])
	}
	return command && slices.Contains(answers, answer)
}

// unleet undoes what letters are written with.
var unleet = strings.NewReplacer("1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "0", "o", "-", "", "_", "")

// Flagged reports whether one of the words of a text is among these, which are in lower case.
func Flagged(text string, words []string) bool {
	if len(words) == 0 {
		return false
	}
	plain := unleet.Replace(strings.ToLower(text))
	each := strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc(each, func(w string) bool { return slices.Contains(words, w) })
}
