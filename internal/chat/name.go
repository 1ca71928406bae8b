package chat

import (
	"strings"
	"unicode"
)

// CleanName returns the channel that a client means: the first run of letters,
// digits and _ in what it sent. "#main" is main, "my-room" is my. ok is false if
// there is none.
func CleanName(raw string) (name string, ok bool) {
	start := strings.IndexFunc(raw, inName)
	if start < 0 {
		return "", false
	}
	name = raw[start:]
	if end := strings.IndexFunc(name, notInName); end >= 0 {
		name = name[:end]
	}
	return name, true
}

// inName: a byte that is no UTF-8 decodes to the replacement character, which is
// none of these.
func inName(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func notInName(r rune) bool { return !inName(r) }
