package statement

import (
	"fmt"
	"slices"
	"strings"
)

// postgresClock is what the clock's values are in PostgreSQL, where they are not
// parameters: the server's clock decides. store_now is made by the first migration.
var postgresClock = map[string]string{
	"now":  "store_now()",
	"boot": "''",
	"wall": "store_now()",

	"timeline": "store_timeline()", // by the third
}

// render numbers the parameters of a text in the way of a dialect.
func render(d Dialect, text string, arguments []field) (form, error) {
	var (
		out     strings.Builder
		f       form
		numbers = map[string]int{}
		used    = make([]bool, len(arguments))
	)
	number := func(key string, p param) {
		n, ok := numbers[key]
		if !ok {
			f.params = append(f.params, p)
			n = len(f.params)
			numbers[key] = n
		}
		mark := "?"
		if d == Postgres {
			mark = "$"
		}
		fmt.Fprintf(&out, "%s%d", mark, n)
	}
	for i := 0; i < len(text); {
		switch {
		case text[i] == '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return form{}, fmt.Errorf("a quote is not closed")
			}
			out.WriteString(text[i : i+end+2])
			i += end + 2
		case strings.HasPrefix(text[i:], "@@"):
			name := word(text[i+2:])
			literal, ok := postgresClock[name]
			if !ok {
				return form{}, fmt.Errorf("there is no value @@%s", name)
			}
			if d == Postgres {
				out.WriteString(literal)
			} else {
				number("@@"+name, param{clock: name})
			}
			i += 2 + len(name)
		case text[i] == '@':
			name := word(text[i+1:])
			at := slices.IndexFunc(arguments, func(f field) bool { return f.name == name })
			if at < 0 {
				return form{}, fmt.Errorf("parameter @%s has no field", name)
			}
			used[at] = true
			number(name, param{field: arguments[at].path})
			i += 1 + len(name)
		default:
			out.WriteByte(text[i])
			i++
		}
	}
	if unused := slices.Index(used, false); unused >= 0 {
		return form{}, fmt.Errorf("field for @%s is not used", arguments[unused].name)
	}
	f.sql = out.String()
	return f, nil
}

// word is the name at the start of a text.
func word(s string) string {
	end := 0
	for end < len(s) && (s[end] == '_' || s[end] >= 'a' && s[end] <= 'z' || s[end] >= '0' && s[end] <= '9') {
		end++
	}
	return s[:end]
}
