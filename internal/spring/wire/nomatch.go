package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendNoMatch appends the answer to a command that is unknown or whose arguments do
// not fit: a line, and for LOGIN and OPENBATTLE their own refusal behind it. The user id
// is decimal, and empty before login. The misspelling is what clients know.
func AppendNoMatch(b []byte, command, args, userid string) []byte {
	b = append(appendNoMatchLine(b, command, args, userid), '\n')
	switch command {
	case "LOGIN":
		b = AppendDenied(b, "Invalid details format")
	case "OPENBATTLE":
		b = AppendOpenBattleFailed(b, "No match")
	}
	return b
}

func appendNoMatchLine(b []byte, command, args, userid string) []byte {
	if command == "SAYEX" {
		command = "SAY"
	}
	b = append(b, "SERVERMSG No incomming match for "...)
	b = appendWord(b, command)
	b = append(b, " with data '"...)
	b = appendInspected(b, strings.ReplaceAll(args, "\t", `\t`))
	b = append(b, "'. Userid "...)
	return appendWord(b, userid)
}

// What of a text is shown at most: characters if it is printable, else bytes.
const (
	inspectRunes = 4096
	inspectBytes = 50
)

// appendInspected shows a text like Elixir's inspect does: in quotes, with escapes,
// or, if there is something unprintable in it, as numbers.
func appendInspected(b []byte, s string) []byte {
	head, cut := s, false
	n := 0
	for i := range s {
		if n == inspectRunes {
			head, cut = s[:i], true
			break
		}
		n++
	}
	if !printable(head) {
		return appendBytes(b, s)
	}
	b = append(b, '"')
	for i := 0; i < len(head); i++ {
		c := head[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '#' && strings.HasPrefix(head[i:], "#{"):
			b = append(b, `\#`...)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', controls[c])
		default:
			b = append(b, c)
		}
	}
	b = append(b, '"')
	if cut {
		b = append(b, " <> ..."...)
	}
	return b
}

// controls are the control characters that count as printable, and their escapes.
var controls = map[byte]byte{
	'\a': 'a', '\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', 0x1b: 'e', 0x7f: 'd',
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		switch {
		case r < ' ' || r == 0x7f:
			if controls[byte(r)] == 0 { //nolint:gosec // below 0x80
				return false
			}
		case r < 0x7f, 0xa0 <= r && r <= 0xfffd, 0x10000 <= r:
		default: // the second set of controls, and the end of the first plane
			return false
		}
	}
	return true
}

func appendBytes(b []byte, s string) []byte {
	b = append(b, "<<"...)
	for i := range len(s) {
		if i > 0 {
			b = append(b, ", "...)
		}
		if i == inspectBytes {
			b = append(b, "..."...)
			break
		}
		b = strconv.AppendUint(b, uint64(s[i]), 10)
	}
	return append(b, ">>"...)
}
