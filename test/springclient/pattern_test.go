package springclient

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPattern(t *testing.T) {
	for name, tc := range map[string]struct {
		pattern, line string
		vars, want    Vars // want nil: no match
	}{
		"literal":        {"SAID main a.b (c) [d]", "SAID main a.b (c) [d]", Vars{}, Vars{}},
		"literal, other": {"SAID main a.b", "SAID main aXb", Vars{}, nil},
		"word":           {"ADDUSER * ?? * x", "ADDUSER Bob ?? 12 x", Vars{}, Vars{}},
		"word, no blank": {"LEFT *", "LEFT main Bob", Vars{}, nil},
		"a star":         {"TASSERVER * * 8201 0", "TASSERVER 0.38 * 8201 0", Vars{}, Vars{}},
		"rest":           {"SERVERMSG …", "SERVERMSG a b\tc", Vars{}, Vars{}},
		"rest, nothing":  {"MOTD …", "MOTD ", Vars{}, Vars{}},
		"rest, middle":   {"a … z", "a b c z", Vars{}, Vars{}},
		"bind":           {"OPENBATTLE $battle", "OPENBATTLE 12", Vars{}, Vars{"battle": "12"}},
		"bound":          {"BATTLECLOSED $battle", "BATTLECLOSED 12", Vars{"battle": "12"}, Vars{"battle": "12"}},
		"bound, other":   {"BATTLECLOSED $battle", "BATTLECLOSED 13", Vars{"battle": "12"}, nil},
		"twice":          {"$a $a", "x x", Vars{}, Vars{"a": "x"}},
		"twice, differs": {"$a $a", "x y", Vars{}, nil},
		"dollar":         {"SAID main Bob $$joinq", "SAID main Bob $joinq", Vars{}, Vars{}},
		"line break":     {"a…", "a\nb", Vars{}, Vars{}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileVars(tc.pattern, tc.vars)
			if err != nil {
				t.Fatal(err)
			}
			got := tc.vars
			if !p.Bind(tc.line, tc.vars) {
				got = nil
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s on %q (-want +got):\n%s", tc.pattern, tc.line, diff)
			}
		})
	}
}

func TestCompileKnowsNoVariables(t *testing.T) {
	p, err := Compile("SAYBATTLE $joinq *")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Match("SAYBATTLE $joinq now") || p.Match("SAYBATTLE x now") {
		t.Error("a dollar is not literal")
	}
}

func TestExpand(t *testing.T) {
	got, err := Expand("JOINBATTLE $battle empty $$x", Vars{"battle": "4"})
	if err != nil || got != "JOINBATTLE 4 empty $x" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := Expand("JOINBATTLE $battle", Vars{}); err == nil {
		t.Error("an unbound variable was sent")
	}
}
