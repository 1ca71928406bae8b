// Package message gives the values that cross the bus a name and a form.
//
// Every type that travels between nodes is registered once under a stable name.
// Bodies are JSON and additive: a field may be added, never renamed or given a
// new meaning, so that a release understands its neighbor. Data only, never
// functions. On one node values are passed as they are and must be treated as
// immutable by everybody who receives them.
package message

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"sync"
)

// Raw is an encoded value: its registered name and its JSON.
type Raw struct {
	Type string          `json:"t"`
	Body json.RawMessage `json:"b,omitempty"`
}

var (
	mu     sync.RWMutex
	byName = map[string]reflect.Type{}
	byType = map[reflect.Type]string{}
)

// Register names the type T. Call it from a package-level var or init; a name or
// type registered twice panics. Values are decoded as T, not as *T.
func Register[T any](name string) struct{} {
	t := reflect.TypeFor[T]()
	mu.Lock()
	defer mu.Unlock()
	if _, dup := byName[name]; dup {
		panic("message: name registered twice: " + name)
	}
	if _, dup := byType[t]; dup {
		panic("message: type registered twice: " + t.String())
	}
	byName[name], byType[t] = t, name
	return struct{}{}
}

// Names lists the registered names in order.
func Names() []string {
	mu.RLock()
	defer mu.RUnlock()
	names := make([]string, 0, len(byName))
	for n := range byName {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// New returns a pointer to a zero value of the named type, for tests and fuzzers.
func New(name string) (any, bool) {
	mu.RLock()
	defer mu.RUnlock()
	t, ok := byName[name]
	if !ok {
		return nil, false
	}
	return reflect.New(t).Interface(), true
}

// Encode encodes a registered value. nil encodes to an empty Raw.
func Encode(v any) (Raw, error) {
	if v == nil {
		return Raw{}, nil
	}
	mu.RLock()
	name, ok := byType[reflect.TypeOf(v)]
	mu.RUnlock()
	if !ok {
		return Raw{}, fmt.Errorf("message: type %T is not registered", v)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return Raw{}, fmt.Errorf("message: encode %s: %w", name, err)
	}
	return Raw{Type: name, Body: body}, nil
}

// Decode is the reverse of Encode. An unknown name is an error: the sender is
// newer than we are, and the message is dropped by whoever asked.
func Decode(r Raw) (any, error) {
	if r.Type == "" {
		return nil, nil
	}
	mu.RLock()
	t, ok := byName[r.Type]
	mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("message: unknown type %q", r.Type)
	}
	p := reflect.New(t)
	if len(r.Body) > 0 {
		if err := json.Unmarshal(r.Body, p.Interface()); err != nil {
			return nil, fmt.Errorf("message: decode %s: %w", r.Type, err)
		}
	}
	return p.Elem().Interface(), nil
}
