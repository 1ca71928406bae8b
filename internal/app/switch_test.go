package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/setting"
)

// TestSwitchesPage: docs/processes.md lists every add-on that can be switched off, with
// what it is without a word of the operator.
func TestSwitchesPage(t *testing.T) {
	t.Parallel()
	page, code := map[string]string{}, map[string]string{}
	for name, cells := range rows(t, "processes.md", "Switches") {
		page[name] = cells[1]
	}
	for _, key := range setting.Keys() {
		if !strings.HasPrefix(key, "addon.") {
			continue
		}
		info, err := setting.Describe(key)
		if err != nil {
			t.Fatal(err)
		}
		code[key] = info.Default
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/processes.md differs from the settings (-code +page):\n%s", diff)
	}
}
