package wire

import (
	"os"
	"strings"
	"testing"
)

// page is the description of the protocol.
const page = "../../../docs/protocol-spring.md"

// rows returns the cells of the table rows of a section, by the command in the first cell.
func rows(t *testing.T, section string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, text2, ok := strings.Cut(string(text), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("no section %q", section)
	}
	text2, _, _ = strings.Cut(text2, "\n## ")
	found := map[string][]string{}
	for line := range strings.Lines(text2) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name := strings.Trim(cells[0], "`")
		if found[name] != nil {
			t.Errorf("%s: two rows", name)
		}
		found[name] = cells
	}
	return found
}

// TestPageNamesTheCommands: the page and the table name the same commands, with
// the same arguments, and say the same about login.
func TestPageNamesTheCommands(t *testing.T) {
	t.Parallel()
	found := rows(t, "Commands")
	for name, spec := range Commands {
		cells := found[name]
		if len(cells) != 5 {
			t.Errorf("%s: row %q", name, cells)
			continue
		}
		if cells[1] != spec.Form {
			t.Errorf("%s: the page says %q, the code %q", name, cells[1], spec.Form)
		}
		if want := map[bool]string{true: "yes", false: "no"}[spec.BeforeLogin]; cells[2] != want {
			t.Errorf("%s: the page says %q about before login, the code %q", name, cells[2], want)
		}
		if cells[3] == "" {
			t.Errorf("%s: no answer", name)
		}
	}
	for name := range found {
		if _, ok := Commands[name]; !ok {
			t.Errorf("%s: on the page only", name)
		}
	}
}

// TestPageNamesWhatIsLeftOut: nothing on that list is implemented, and it says
// rightly what is dropped.
func TestPageNamesWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	found := rows(t, "Left out")
	for name, cells := range found {
		if len(cells) != 3 || cells[2] == "" {
			t.Errorf("%s: row %q", name, cells)
			continue
		}
		if _, ok := Commands[name]; ok {
			t.Errorf("%s: implemented and left out", name)
		}
		if want := map[bool]string{true: "nothing", false: "nm"}[Silent(name, true)]; cells[1] != want {
			t.Errorf("%s: the page says %q, the code %q", name, cells[1], want)
		}
	}
	for _, group := range silentGroups {
		if found[group] == nil {
			t.Errorf("%s: not on the page", group)
		}
	}
}
