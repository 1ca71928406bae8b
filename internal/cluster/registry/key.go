package registry

import (
	"fmt"
	"strings"
)

// Key names a process: its kind and every part of its id. Two keys are the same
// process exactly when they are equal.
type Key struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// NewKey builds a key. It panics on an empty kind or id part, and on a separator
// inside a kind: a process registered without its id is the mistake this prevents.
func NewKey(kind string, id ...any) Key {
	if kind == "" || strings.Contains(kind, "/") || len(id) == 0 {
		panic(fmt.Sprintf("registry: bad key %q %v", kind, id))
	}
	parts := make([]string, len(id))
	for i, p := range id {
		parts[i] = fmt.Sprint(p)
		if parts[i] == "" {
			panic(fmt.Sprintf("registry: empty id part in key %q %v", kind, id))
		}
	}
	return Key{Kind: kind, ID: strings.Join(parts, "/")}
}

func (k Key) String() string { return k.Kind + "/" + k.ID }
