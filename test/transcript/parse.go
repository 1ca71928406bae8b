package transcript

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"golang.org/x/tools/txtar"
)

//go:embed testdata/*.txtar testdata/full/*.txtar testdata/mailed/*.txtar testdata/matchmaking/*.txtar
var golden embed.FS

// Script is a parsed conversation.
type Script struct {
	Title string
	Steps []Step
}

// Step is one line of a script.
type Step struct {
	Line int    // in the script
	Who  string // empty for meet and strict
	Op   byte   // ':' '>' '<' '!', or 0 for meet and strict
	Text string
}

var stepForm = regexp.MustCompile(`^([a-z][a-z0-9_]*)([:><!])(?: *(.*))?$`)

// glyphs are the characters that stand for those that one cannot see.
var glyphs = strings.NewReplacer("⇥", "\t", "␠", " ")

// Parse reads a conversation.
func Parse(data []byte) (*Script, error) {
	archive := txtar.Parse(data)
	s := &Script{Title: strings.TrimSpace(string(archive.Comment))}
	if s.Title == "" {
		return nil, fmt.Errorf("no title")
	}
	if len(archive.Files) != 1 || archive.Files[0].Name != "script" {
		return nil, fmt.Errorf("want one file named script")
	}
	for i, line := range strings.Split(string(archive.Files[0].Data), "\n") {
		step, ok, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if ok {
			step.Line = i + 1
			s.Steps = append(s.Steps, step)
		}
	}
	if len(s.Steps) == 0 {
		return nil, fmt.Errorf("no steps")
	}
	return s, nil
}

func parseStep(line string) (step Step, ok bool, err error) {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		return Step{}, false, nil
	case trimmed == "meet" || trimmed == "strict":
		return Step{Text: trimmed}, true, nil
	}
	m := stepForm.FindStringSubmatch(strings.TrimRight(line, " \t"))
	if m == nil {
		return Step{}, false, fmt.Errorf("%q is no step", line)
	}
	step = Step{Who: m[1], Op: m[2][0], Text: glyphs.Replace(m[3])}
	if step.Op == ':' {
		if _, known := verbs[strings.Fields(step.Text + " ?")[0]]; !known {
			return Step{}, false, fmt.Errorf("%q is no verb", step.Text)
		}
	}
	return step, true, nil
}

// Load returns all conversations by file name.
func Load() (map[string]*Script, error) { return load("testdata/") }

// Full returns those that want a server with the login throttle on, and room for one
// player.
func Full() (map[string]*Script, error) { return load("testdata/full/") }

// Mailed returns those that want a server that verifies addresses, and a runner that reads
// its mail.
func Mailed() (map[string]*Script, error) { return load("testdata/mailed/") }

// Matched returns those that want a server with scenario.MatchedSettings.
func Matched() (map[string]*Script, error) { return load("testdata/matchmaking/") }

func load(folder string) (map[string]*Script, error) {
	names, err := fs.Glob(golden, folder+"*.txtar")
	if err != nil {
		return nil, err
	}
	out := map[string]*Script{}
	for _, name := range names {
		data, err := golden.ReadFile(name)
		if err != nil {
			return nil, err
		}
		script, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[strings.TrimSuffix(strings.TrimPrefix(name, folder), ".txtar")] = script
	}
	return out, nil
}
