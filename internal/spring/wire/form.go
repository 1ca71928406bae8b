package wire

import (
	"strconv"
	"strings"
)

// fit finds the first place in args where the words of a form stand one after the
// other with a single space between them. What stands before or after does not
// matter. A form has one letter per word: "w" any word, "n" decimal digits, "i"
// an integer with an optional minus sign; a "+" at its end is a sentence, that is
// all that follows, and must not be empty.
func fit(args, form string) (fields [9]string, ok bool) {
	for start := 0; start < len(args); {
		if isBlank(args[start]) {
			start++
			continue
		}
		if fields, ok = fitAt(args[start:], form); ok {
			return fields, true
		}
		for start < len(args) && !isBlank(args[start]) {
			start++
		}
	}
	return fields, false
}

func fitAt(args, form string) (fields [9]string, ok bool) {
	for i := range len(form) {
		if i > 0 {
			if args == "" || args[0] != ' ' {
				return fields, false
			}
			args = args[1:]
		}
		if form[i] == '+' {
			fields[i] = args
			return fields, args != ""
		}
		n := 0
		for n < len(args) && !isBlank(args[n]) {
			n++
		}
		word := args[:n]
		if n == 0 || form[i] == 'n' && !isDigits(word) || form[i] == 'i' && !isInteger(word) {
			return fields, false
		}
		fields[i], args = word, args[n:]
	}
	return fields, true
}

// cutWord takes the word off that args begins with, and the space behind it,
// which must be there.
func cutWord(args string) (word, rest string, ok bool) {
	word, rest, ok = strings.Cut(args, " ")
	return word, rest, ok && isWord(word)
}

// number reads decimal digits up to a limit.
func number(s string, limit int) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || !isDigits(s) || int(n) > limit {
		return 0, false
	}
	return int(n), true
}

func isWord(s string) bool {
	for i := range len(s) {
		if isBlank(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isInteger(s string) bool { return isDigits(strings.TrimPrefix(s, "-")) }

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
