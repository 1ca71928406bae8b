package app

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/process"
	"teiserver/internal/moderation"
	"teiserver/internal/setting"
)

// rows reads the tables of a page under a heading: first cell without its backquotes
// to all cells.
func rows(t *testing.T, page, heading string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if heading != "" {
		_, after, found := strings.Cut(text, "\n## "+heading+"\n")
		if !found {
			t.Fatalf("%s has no section %q", page, heading)
		}
		text, _, _ = strings.Cut(after, "\n## ")
	} else {
		text, _, _ = strings.Cut(text, "\n## ")
	}
	found := map[string][]string{}
	for _, line := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*$").FindAllStringSubmatch(text, -1) {
		var cells []string
		for _, c := range strings.Split(strings.Trim(line[0], "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		found[line[1]] = cells
	}
	return found
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func TestProcessesPage(t *testing.T) {
	page := rows(t, "processes.md", "")
	code := map[string][]string{}
	yes := map[bool]string{true: "yes", false: "no"}
	kept := map[bool]string{true: "snapshot", false: "nothing"}
	for _, k := range kinds(parts{}) {
		code[k.Name] = []string{"`" + k.Name + "`", string(k.Scope), string(k.Start), string(k.Doubt), kept[k.Persist], yes[k.Indexed], k.Origin, k.Purpose}
		if k.Origin == "" {
			t.Errorf("kind %s does not say what the node of origin does", k.Name)
		}
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/processes.md differs from the kinds (-code +page):\n%s", diff)
	}
	sequences := names(rows(t, "processes.md", "Sequences"))
	if diff := cmp.Diff(sequencesOf(t, "../../internal"), sequences); diff != "" {
		t.Errorf("sequences (-code +page):\n%s", diff)
	}
}

// sequencesOf are the values of the constants that name sequences, sequenceX or SequenceX, in the
// packages below a folder. Whoever takes a number names its sequence by such a constant.
func sequencesOf(t *testing.T, folder string) []string {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if strings.Contains(path, "/cluster/") || strings.Contains(path, "test/") { // they number for others
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if after, ok := strings.CutPrefix(strings.ToLower(name.Name), "sequence"); ok && after != "" && i < len(n.Values) {
						if lit, ok := n.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
							found[strings.Trim(lit.Value, "\"")] = true
						}
					}
				}
			case *ast.CallExpr:
				called, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || called.Sel.Name != "Next" && called.Sel.Name != "Reserve" || len(n.Args) < 2 {
					return true
				}
				if lit, ok := n.Args[1].(*ast.BasicLit); ok {
					t.Errorf("%s: %s of %s: a sequence is named by a constant", path, called.Sel.Name, lit.Value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names(found)
}

func TestPubSubPage(t *testing.T) {
	var topics []string
	for _, topic := range bus.Topics() {
		topics = append(topics, topic.Name)
	}
	if diff := cmp.Diff(topics, names(rows(t, "pubsub.md", "Topics"))); diff != "" {
		t.Errorf("topics (-code +page):\n%s", diff)
	}
	feeds := map[string]bool{"presence.NODE": true}
	for _, k := range kinds(parts{}) {
		id := "ID"
		switch {
		case k.Name == "channel":
			id = "NAME"
		case k.Scope == process.PerCluster:
			id = "main"
		}
		feeds[k.Name+"/"+id] = true
		if k.Indexed {
			feeds[k.Name+".index.NODE"] = true
		}
	}
	if diff := cmp.Diff(names(feeds), names(rows(t, "pubsub.md", "Feeds"))); diff != "" {
		t.Errorf("feeds (-code +page):\n%s", diff)
	}
}

// TestCachesPage compares the page with the caches that a node has when it has started.
func TestCachesPage(t *testing.T) {
	_, servers := startServers(t, 1, nil, true)
	code, page := map[string]string{}, map[string]string{}
	for _, info := range servers[0].caches.Tables() {
		code[info.Name] = fmt.Sprint(info.Size, " ", info.MaxAge, " ", info.Purpose)
	}
	for name, cells := range rows(t, "caches.md", "") {
		page[name] = strings.Join([]string{cells[2], cells[3], cells[5]}, " ")
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/caches.md differs from the tables (-code +page):\n%s", diff)
	}
}

func TestModerationPage(t *testing.T) {
	page, code := map[string]string{}, map[string]string{}
	for name, cells := range rows(t, "moderation.md", "Actions and restrictions") {
		page[name] = strings.Join(cells[1:3], " ")
	}
	for _, r := range moderation.Restrictions {
		code[r.Name] = r.Group + " " + r.Forbids
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/moderation.md differs from the restrictions (-code +page):\n%s", diff)
	}
}

// TestPagesNameSettings: a setting that a page names exists. What looks like one and is a
// topic, a service or a metric of another page is none.
func TestPagesNameSettings(t *testing.T) {
	keys := map[string]bool{}
	families := map[string]bool{}
	for _, key := range setting.Keys() {
		keys[key] = true
		family, _, _ := strings.Cut(key, ".")
		families[family] = true
	}
	others := map[string]bool{}
	for _, o := range account.UserOptions {
		others[o.Key] = true
	}
	for _, heading := range []string{"Topics", "Services"} {
		for name := range rows(t, "pubsub.md", heading) {
			others[name] = true
		}
	}
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	named := 0
	for _, file := range append(files, "../../README.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`([a-z_]+)\\.([a-z_.-]+)`").FindAllStringSubmatch(string(text), -1) {
			key := m[1] + "." + m[2]
			switch {
			case keys[key]:
				named++
			case families[m[1]] && !others[key] && !slices.Contains([]string{"go", "md", "yml"}, m[2]):
				t.Errorf("%s names the setting %s, which does not exist", filepath.Base(file), key)
			}
		}
	}
	if named < 50 {
		t.Errorf("the pages name %d settings", named)
	}
}
