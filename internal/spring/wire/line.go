package wire

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxID is the longest message id that is taken. An id is repeated on every line
// of an answer: without a limit, one line of digits and a long list would make an
// answer of gigabytes. Clients count up from 1.
const maxID = 64

// Line is a received line, taken apart.
type Line struct {
	ID      string // message id without the "#", empty if there was none
	Command string
	Args    string // everything behind the command, trimmed
}

// ParseLine takes a line apart: an optional "#digits ", the command (the longest
// run of ASCII letters, digits, "_" and "."), and the arguments. Nothing needs to
// stand between command and arguments. It is false for a line that does not have
// this form or is not UTF-8; such lines are dropped without an answer. A line end
// may still be there.
func ParseLine(line []byte) (Line, bool) {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	if bytes.IndexByte(line, '\n') >= 0 || !utf8.Valid(line) {
		return Line{}, false
	}
	s := string(line)
	var id string
	if strings.HasPrefix(s, "#") {
		n := 1
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n == 1 || n > 1+maxID || n == len(s) || s[n] != ' ' {
			return Line{}, false
		}
		id, s = s[1:n], s[n+1:]
	}
	n := 0
	for n < len(s) && isCommand(s[n]) {
		n++
	}
	if n == 0 {
		return Line{}, false
	}
	return Line{ID: id, Command: s[:n], Args: strings.TrimSpace(s[n:])}, true
}

// WithID puts the message id of a request before every line of its answer. The
// answer as a whole loses the white space around it, as clients know it; without
// an id it is returned as it is.
func WithID(id string, lines []byte) []byte {
	if id == "" {
		return lines
	}
	lines = bytes.TrimSpace(lines)
	if len(lines) == 0 {
		return nil
	}
	b := make([]byte, 0, len(lines)+(bytes.Count(lines, []byte{'\n'})+1)*(len(id)+3))
	for line := range bytes.SplitSeq(lines, []byte{'\n'}) {
		b = append(b, '#')
		b = append(b, id...)
		b = append(b, ' ')
		b = append(b, line...)
		b = append(b, '\n')
	}
	return b
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isCommand(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '.'
}
