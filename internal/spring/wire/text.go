package wire

import (
	"strconv"
	"strings"
)

// appendText appends the sentence at the end of a line. Line ends are taken out.
func appendText(b []byte, s string) []byte {
	if strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 {
		return append(b, s...)
	}
	for i := range len(s) {
		if s[i] != '\n' && s[i] != '\r' {
			b = append(b, s[i])
		}
	}
	return b
}

// appendField appends a sentence that ends at a tab, or in which clients allow no
// tab: a tab in it becomes a space.
func appendField(b []byte, s string) []byte {
	start := len(b)
	b = appendText(b, s)
	for i := start; i < len(b); i++ {
		if b[i] == '\t' {
			b[i] = ' '
		}
	}
	return b
}

// appendWord appends a word. A blank in it, which no source of ours has, would
// shift the words behind it, so it becomes "_".
func appendWord(b []byte, s string) []byte {
	start := len(b)
	b = appendText(b, s)
	for i := start; i < len(b); i++ {
		if isBlank(b[i]) {
			b[i] = '_'
		}
	}
	return b
}

// appendWordOr is appendWord for a word that must not be empty.
func appendWordOr(b []byte, s, otherwise string) []byte {
	if s == "" {
		s = otherwise
	}
	return appendWord(b, s)
}

// appendReason appends the text of a refusal, which clients want not to be empty.
func appendReason(b []byte, s string) []byte {
	if s == "" {
		s = "no reason given"
	}
	return appendField(b, s)
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

func appendBit(b []byte, on bool) []byte {
	if on {
		return append(b, '1')
	}
	return append(b, '0')
}

// appendWords appends words, each with a space before it.
func appendWords(b []byte, words []string) []byte {
	for _, w := range words {
		b = append(b, ' ')
		b = appendWord(b, w)
	}
	return b
}

// line1 appends a line of a command and a word.
func line1(b []byte, command, word string) []byte {
	b = append(b, command...)
	b = append(b, ' ')
	b = appendWord(b, word)
	return append(b, '\n')
}

// line2 appends a line of a command and two words.
func line2(b []byte, command, first, second string) []byte {
	b = append(b, command...)
	b = append(b, ' ')
	b = appendWord(b, first)
	b = append(b, ' ')
	b = appendWord(b, second)
	return append(b, '\n')
}

// lineText appends a line of a command and a sentence.
func lineText(b []byte, command, text string) []byte {
	b = append(b, command...)
	b = append(b, ' ')
	b = appendText(b, text)
	return append(b, '\n')
}

// lineReason appends a line of a command and a reason.
func lineReason(b []byte, command, reason string) []byte {
	b = append(b, command...)
	b = append(b, ' ')
	b = appendReason(b, reason)
	return append(b, '\n')
}

// lineID appends a line of a command and a number.
func lineID(b []byte, command string, id int64) []byte {
	b = append(b, command...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, id, 10)
	return append(b, '\n')
}
