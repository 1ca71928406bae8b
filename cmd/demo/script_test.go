package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseScript(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]step{
		"":                     nil,
		" ; ":                  nil,
		"5s d2; 1m30s u2;8s q": {{5 * time.Second, key{'d', 1}}, {90 * time.Second, key{'u', 1}}, {8 * time.Second, key{'q', -1}}},
		"k1;  r3 ; 200ms b":    {{0, key{'k', 0}}, {0, key{'r', 2}}, {200 * time.Millisecond, key{'b', -1}}},
		"c1; 5s":               {{0, key{'c', 0}}, {5 * time.Second, key{}}},
	} {
		got, err := parseScript(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{}, key{})); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"5s x1":    `"5s x1": no key "x1"`,
		"k":        "k needs a node from 1 to 3",
		"k4":       "k needs a node from 1 to 3",
		"k12":      "k needs a node from 1 to 3",
		"q1":       "q concerns no node",
		"5s k1 k2": "want a pause and one key",
		"-1s k1":   "a pause of -1s",
		"5 k1":     "want a pause and one key",
	} {
		if _, err := parseScript(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", text, err, want)
		}
	}
}
