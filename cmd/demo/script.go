package main

import (
	"fmt"
	"strings"
	"time"
)

// nodeCount is how many nodes there are: the least of which two can outvote one.
const nodeCount = 3

// key is what somebody wants. Node is -1 for the selected one, or if it concerns none.
type key struct {
	verb byte
	node int
}

// verbs are the keys and what they do, in the order of the help line.
var verbs = []struct {
	key   byte
	text  string
	alone bool // concerns no node
}{
	{'k', "kill -9", false},
	{'r', "restart", false},
	{'p', "pause/resume", false},
	{'c', "cut/heal links", false},
	{'d', "drain/undrain", false},
	{'u', "undrain", false},
	{'b', "bots go home", true},
	{'q', "quit", true},
}

// step is one key of a script, after a pause.
type step struct {
	pause time.Duration
	key   key
}

// parseScript reads steps such as "5s d2; 10s u2; 8s q": a pause, a key and the number
// of its node. A step without a pause follows at once, one without a key only waits.
// A script ends with q whether it says so or not.
func parseScript(text string) ([]step, error) {
	var steps []step
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		s, err := parseStep(words)
		if err != nil {
			return nil, fmt.Errorf("script: %q: %w", strings.TrimSpace(part), err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(words []string) (s step, err error) {
	if pause, err := time.ParseDuration(words[0]); err == nil {
		if pause < 0 {
			return s, fmt.Errorf("a pause of %s", pause)
		}
		s.pause, words = pause, words[1:]
	}
	switch len(words) {
	case 0:
		return s, nil
	case 1:
		s.key, err = parseKey(words[0])
		return s, err
	default:
		return s, fmt.Errorf("want a pause and one key, such as 5s k1")
	}
}

func parseKey(word string) (key, error) {
	for _, v := range verbs {
		if word[0] != v.key {
			continue
		}
		switch {
		case v.alone && len(word) == 1:
			return key{v.key, -1}, nil
		case v.alone:
			return key{}, fmt.Errorf("%c concerns no node", v.key)
		case len(word) == 2 && word[1] >= '1' && word[1] < '1'+nodeCount:
			return key{v.key, int(word[1] - '1')}, nil
		default:
			return key{}, fmt.Errorf("%c needs a node from 1 to %d, such as %c1", v.key, nodeCount, v.key)
		}
	}
	return key{}, fmt.Errorf("no key %q", word)
}
