package spadsapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKeys(t *testing.T) {
	for text, want := range map[string][]string{
		`{}`:                      nil,
		` { } `:                   nil,
		`{'Alice': {'team': 0}}`:  {"Alice"},
		`{'b': None, 'a': True,}`: {"b", "a"},
		`{"d'Artagnan": {'clan': None}, 'say "hi"': [1, 2.5e3, -7], u'x': (1,), 'y': ()}`: {"d'Artagnan", `say "hi"`, "x", "y"},
		`{'": None"': {': None': "': None"}}`:                                             {`": None"`},
		`{'it\'s': 1, 'tab\t': 2, 'back\\': 3, 'é\xe9é': 4, '\101': 5}`:                   {"it's", "tab\t", `back\`, "ééé", "A"},
		`{'color': {'red': 255}, 'set': {1, 2}, 'nested': [[[{}]]]}`:                      {"color", "set", "nested"},
		`{"json": {"a": null, "b": true, "c": [false]}}`:                                  {"json"},
		`{'[TAG]Name_1': {'skill': 16.67, 'rank': 1_000}}`:                                {"[TAG]Name_1"},
	} {
		got, err := parseKeys(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	for _, text := range []string{
		``, ` `, `[]`, `'a'`, `None`, `{`, `{'a'}`, `{'a': }`, `{'a': 1`, `{'a': 1 'b': 2}`, `{'a': 1}}`, `{'a': 1} x`, `{1: 2}`,
		`{'a: 1}`, `{'a\`, `{'\x1': 1}`, `{'\q': 1}`, `{'\U11000000': 1}`, `{'a': __import__('os')}`, `{'a': 1+1}`, `{'a': b}`,
		`{,}`, `{'a': [1 2]}`, `{'a': {1: 2, 3}: 4}`, `{'a': '}`, `{'a': rb'x'}`,
		"{'a': " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}",
		"{" + strings.Repeat("'a': 1,", 5000) + "}",
	} {
		if got, err := parseKeys(text); err == nil {
			t.Errorf("%.60q: %v", text, got)
		}
	}
}

// Whatever comes, it ends without a panic; and what JSON reads as an object has the
// same keys here.
func FuzzParseKeys(f *testing.F) {
	for _, s := range []string{`{'a': None}`, `{"a": {"b": [1, "c"]}}`, `{'\x41': (1,)}`, `{u"é": 'x'}`, `{"\u00e9":1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		keys, err := parseKeys(s)
		var object map[string]any
		if json.Unmarshal([]byte(s), &object) != nil || object == nil || strings.ContainsAny(s, "\\\uFFFD") {
			return
		}
		if err != nil {
			if len(s) < 60 { // longer ones may be too deep
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		for _, k := range keys {
			if _, ok := object[k]; !ok && strings.ToValidUTF8(k, "") == k {
				t.Errorf("%q: key %q", s, k)
			}
		}
	})
}
