package springclient

import (
	"fmt"
	"regexp"
	"strings"
)

// Vars holds what the variables of patterns have been bound to.
type Vars map[string]string

// Pattern describes a line:
//
//   - matches one word (no blank, no tab)
//     …         matches anything, also nothing
//     $name     matches one word at first and binds it; later the same word
//     $$        is a dollar
//
// Everything else stands for itself. Variables are only known to patterns made
// by CompileVars.
type Pattern struct {
	re    *regexp.Regexp
	names []string // variables that this pattern binds
}

var variable = regexp.MustCompile(`\$(\$|[a-z][a-z0-9_]*)`)

// Compile makes a pattern without variables: a dollar stands for itself.
func Compile(text string) (*Pattern, error) {
	re, err := regexp.Compile("^(?s:" + wildcards(text) + ")$")
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	return &Pattern{re: re}, nil
}

// CompileVars makes a pattern with variables, those in vars being bound already.
func CompileVars(text string, vars Vars) (*Pattern, error) {
	var expr strings.Builder
	var names []string
	at := 0
	for _, m := range variable.FindAllStringSubmatchIndex(text, -1) {
		expr.WriteString(wildcards(text[at:m[0]]))
		at = m[1]
		name := text[m[2]:m[3]]
		value, bound := vars[name]
		switch {
		case name == "$":
			expr.WriteString(`\$`)
		case bound:
			expr.WriteString(regexp.QuoteMeta(value))
		default:
			names = append(names, name)
			expr.WriteString(`([^ \t]+)`)
		}
	}
	expr.WriteString(wildcards(text[at:]))
	re, err := regexp.Compile("^(?s:" + expr.String() + ")$")
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	return &Pattern{re: re, names: names}, nil
}

// Expand puts the values of variables into a line to be sent.
func Expand(text string, vars Vars) (string, error) {
	var missing error
	out := variable.ReplaceAllStringFunc(text, func(s string) string {
		if s == "$$" {
			return "$"
		}
		value, ok := vars[s[1:]]
		if !ok {
			missing = fmt.Errorf("variable %s is not bound in %q", s, text)
		}
		return value
	})
	return out, missing
}

// Match reports whether the line fits.
func (p *Pattern) Match(line string) bool { return p.re.MatchString(line) }

// Bind matches the line and puts what its variables matched into vars. A
// variable that occurs twice must have matched the same word.
func (p *Pattern) Bind(line string, vars Vars) bool {
	m := p.re.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	found := Vars{}
	for i, name := range p.names {
		if old, ok := found[name]; ok && old != m[i+1] {
			return false
		}
		found[name] = m[i+1]
	}
	for name, value := range found {
		vars[name] = value
	}
	return true
}

func wildcards(text string) string {
	q := regexp.QuoteMeta(text)
	q = strings.ReplaceAll(q, `\*`, `[^ \t]+`)
	return strings.ReplaceAll(q, "…", ".*")
}
