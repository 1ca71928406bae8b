package app

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lastRule is the number of rules. Each stands in one of the tables of the page.
const lastRule = 30

// TestRulesPage: every rule is on docs/rules.md, the packages and tests that it names
// exist, and a test that has a rule in its name is named in the row of that rule.
func TestRulesPage(t *testing.T) {
	kept, later := ruleRows(t, "Kept"), ruleRows(t, "Not yet")
	var want []string
	for i := 1; i <= lastRule; i++ {
		want = append(want, fmt.Sprintf("R%02d", i))
	}
	found := append(names(kept), names(later)...)
	slices.Sort(found)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("rules (-want +page):\n%s", diff)
	}
	tests := testFunctions(t)
	named := map[string]string{}
	for rule, cells := range kept {
		if len(cells) != 4 {
			t.Errorf("%s has %d cells, want rule, text, packages, tests", rule, len(cells))
			continue
		}
		for _, pkg := range quoted(cells[2]) {
			if _, err := os.Stat(filepath.Join(root, folder(pkg))); err != nil {
				t.Errorf("%s is kept by %s, which is not there", rule, pkg)
			}
		}
		listed := quoted(cells[3])
		if len(listed) == 0 {
			t.Errorf("%s has no test", rule)
		}
		for _, name := range listed {
			pkg, function, _ := strings.Cut(name, ".")
			if !tests[folder(pkg)+"."+function] {
				t.Errorf("%s names the test %s, which is not there", rule, name)
			}
			named[folder(pkg)+"."+function] += rule
		}
	}
	ruled := regexp.MustCompile(`\.TestRule(\d\d)_`)
	for name := range tests {
		if m := ruled.FindStringSubmatch(name); m != nil && !strings.Contains(named[name], "R"+m[1]) {
			t.Errorf("%s is not in the row of R%s", name, strings.TrimLeft(m[1], "0"))
		}
	}
}

// root is the folder of the module.
const root = "../.."

// folder is where a package is: below internal unless it says otherwise.
func folder(pkg string) string {
	if strings.HasPrefix(pkg, "test/") || strings.HasPrefix(pkg, "cmd/") {
		return pkg
	}
	return "internal/" + pkg
}

// ruleRows reads a table of the page: two-digit rule to all cells.
func ruleRows(t *testing.T, heading string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs/rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(raw), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("rules.md has no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	found := map[string][]string{}
	for _, line := range regexp.MustCompile(`(?m)^\| R(\d+) \|.*$`).FindAllStringSubmatch(text, -1) {
		rule := "R" + strings.Repeat("0", 2-min(2, len(line[1]))) + line[1]
		if found[rule] != nil {
			t.Errorf("%s stands twice in %q", rule, heading)
		}
		for _, cell := range strings.Split(strings.Trim(line[0], "|"), "|") {
			found[rule] = append(found[rule], strings.TrimSpace(cell))
		}
	}
	return found
}

var backquoted = regexp.MustCompile("`([^`]+)`")

func quoted(cell string) (list []string) {
	for _, m := range backquoted.FindAllStringSubmatch(cell, -1) {
		list = append(list, m[1])
	}
	return list
}

// testFunctions lists the tests of the module, as folder.Name.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, top := range []string{"cmd", "internal", "test"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			where, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					found[filepath.ToSlash(where)+"."+f.Name.Name] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
