package transcript

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// consulRow is a row of the table of commands in docs/consul.md: name, other name,
// arguments, who may.
var consulRow = regexp.MustCompile("^\\| `\\$([^`]+)`(?:, `\\$([^`]+)`)? \\| (.*?) \\| ([a-z, ]+) \\| ")

// anything takes every text for its argument: nothing that is ordered with it is wrong.
var anything = map[string]bool{"welcome-message": true, "set-config-teaser": true}

// wrong is what people are answered who order what cannot be.
var wrong = []string{
	" Error: ", "Unable to turn '", "Unable to convert ", "Format not recognised", "No lock of that type", "No gatekeeper of that type", //nolint:misspell // as clients know it
	"No balance algorithm of ", "setplaylevels takes two numbers", "Chev level must be", "Lobby name contains invalid characters",
	"Shuffle types are ",
}

// ordered is what conversations show of a command.
type ordered struct{ permitted, refused, malformed bool }

// TestEveryOrderIsCovered: each "$" command of docs/consul.md is in a conversation with
// who may use it, with who may not if there are such, and, if it takes arguments, with
// such as it does not take.
func TestEveryOrderIsCovered(t *testing.T) {
	page, err := os.ReadFile("../../docs/consul.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]ordered{}
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		noteOrders(scripts[name].Steps, seen)
	}
	commands := 0
	for line := range strings.Lines(string(page)) {
		row := consulRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		commands++
		name, args, who := row[1], strings.TrimSpace(row[3]), row[4]
		got := seen[name]
		if !got.permitted {
			t.Errorf("$%s: no conversation shows it carried out", name)
		}
		if !got.refused && who != "everybody" {
			t.Errorf("$%s: no conversation shows it refused", name)
		}
		if !got.malformed && args != "" && !anything[name] {
			t.Errorf("$%s: no conversation shows it malformed", name)
		}
		if short := row[2]; short != "" && !seen[short].permitted {
			t.Errorf("$%s: no conversation says $%s", name, short)
		}
		delete(seen, name)
		delete(seen, row[2])
	}
	if commands < 50 {
		t.Errorf("docs/consul.md lists %d commands", commands)
	}
}

// noteOrders notes what becomes of each order: it is in the steps before the same
// person sends something else.
func noteOrders(steps []Step, seen map[string]ordered) {
	for i, s := range steps {
		order, ok := strings.CutPrefix(s.Text, "SAYBATTLE $$")
		if s.Op != '>' || !ok {
			continue
		}
		order, silent := strings.CutPrefix(order, "%")
		name, _, _ := strings.Cut(order, " ")
		name = strings.ToLower(name)
		refused, malformed := false, false
		for _, next := range steps[i+1:] {
			if next.Op == '>' {
				break
			}
			refused = refused || next.Op == '<' && next.Who == s.Who &&
				(strings.HasSuffix(next.Text, "No command of name '"+name+"'") || strings.Contains(next.Text, "You are not allowed to use the '"+name+"' command"))
			malformed = malformed || next.Op == '!' && !silent && strings.Contains(next.Text, "$$"+name) || // not even an echo
				next.Op == '<' && slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(next.Text, w) })
		}
		o := seen[name]
		o.refused = o.refused || refused
		o.malformed = o.malformed || malformed
		o.permitted = o.permitted || !refused && !malformed
		seen[name] = o
	}
}

func TestNoteOrders(t *testing.T) {
	script, err := Parse([]byte(`T.
-- script --
alice> SAYBATTLE $$lock team
bob< SAIDBATTLE $alice $$lock team
alice> SAYBATTLE $$lock side
alice< SAIDBATTLEEX Coordinator No lock of that type
bob> SAYBATTLE $$lock team
bob< SAIDBATTLEEX Coordinator You are not allowed to use the 'lock' command (host only)
bob> SAYBATTLE $$TIMEOUT $alice
bob< SAIDBATTLEEX Coordinator No command of name 'timeout'
bob> SAYBATTLE $$speclock nobody
bob! SAIDBATTLE $bob $$speclock …
bob> SAYBATTLE $$%settag a b
bob! SAIDBATTLE $bob $$settag …
bob> SAYBATTLE $$reset
bob> SAYBATTLE hello
alice< SAIDBATTLEEX Coordinator No command of name 'reset'
`))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]ordered{}
	noteOrders(script.Steps, got)
	want := map[string]ordered{
		"lock": {true, true, true}, "timeout": {refused: true}, "speclock": {malformed: true}, "settag": {permitted: true}, "reset": {permitted: true},
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
