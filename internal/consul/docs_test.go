package consul

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/consul.md has each command with arguments, who may and effect, as the code has it.
func TestDocs(t *testing.T) {
	t.Parallel()
	const path = "../../docs/consul.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var page, code []string
	inside := false
	for line := range strings.Lines(string(raw)) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "## "):
			inside = line == "## Commands"
		case inside && strings.HasPrefix(line, "| `$"):
			page = append(page, line)
		}
	}
	for _, c := range Commands() {
		name := "`$" + c.Name + "`"
		if c.Short != "" {
			name += ", `$" + c.Short + "`"
		}
		args := strings.ReplaceAll(c.Args, "|", `\|`)
		code = append(code, fmt.Sprintf("| %s | %s | %s | %s |", name, args, c.Level, c.Effect))
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("%s differs from the commands (-code +page):\n%s\nthe code's rows:\n%s", path, diff, strings.Join(code, "\n"))
	}
}

// Every command is in the conversations, with somebody who may use it and, but for those
// of everybody, somebody who may not.
func TestEveryCommandIsTested(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/orders.golden")
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := os.ReadFile("testdata/rooms.golden")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw)+string(rooms), "\n")
	for _, c := range Commands() {
		used, denied := false, c.Level == Everybody
		for i, line := range lines {
			_, order, ok := strings.Cut(line, " $")
			if !ok || strings.HasPrefix(line, " ") {
				continue
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(order, "%"), " ")
			if name != c.Name {
				continue
			}
			refused := i+1 < len(lines) && (strings.Contains(lines[i+1], "You are not allowed") || strings.Contains(lines[i+1], "No command of name"))
			used, denied = used || !refused, denied || refused
		}
		if !used || !denied {
			t.Errorf("$%s: permitted %t, refused %t in the conversations", c.Name, used, denied)
		}
	}
}
