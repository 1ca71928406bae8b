package setting

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Form is how values of a type are written as text.
type Form[T any] struct {
	Name  string // what is expected, for lists and errors: "true or false"
	Parse func(text string) (T, error)
	Print func(v T) string
}

// Bool is true or false; on/off and yes/no are understood as well.
var Bool = Form[bool]{
	Name: "true or false",
	Parse: func(text string) (bool, error) {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true", "on", "yes", "1":
			return true, nil
		case "false", "off", "no", "0":
			return false, nil
		}
		return false, fmt.Errorf("%q is not true or false", text)
	},
	Print: strconv.FormatBool,
}

// Int is a whole number in a range.
func Int(low, high int) Form[int] {
	return Form[int]{
		Name: fmt.Sprintf("a number from %d to %d", low, high),
		Parse: func(text string) (int, error) {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || n < low || n > high {
				return 0, fmt.Errorf("%q is not a number from %d to %d", text, low, high)
			}
			return n, nil
		},
		Print: strconv.Itoa,
	}
}

// maxText bounds texts: they are sent to every client that logs in.
const maxText = 8192

// Lines is a text of several lines. On a command line \n separates them.
var Lines = Form[[]string]{
	Name: `text; \n begins a new line`,
	Parse: func(text string) ([]string, error) {
		if len(text) > maxText {
			return nil, fmt.Errorf("the text has %d bytes; %d are allowed", len(text), maxText)
		}
		text = strings.ReplaceAll(strings.ReplaceAll(text, `\n`, "\n"), "\r\n", "\n")
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
			return nil, errors.New("the text has control characters")
		}
		text = strings.TrimRight(text, "\n")
		if text == "" {
			return nil, nil
		}
		return strings.Split(text, "\n"), nil
	},
	Print: func(v []string) string { return strings.Join(v, "\n") },
}

// URL is an address of the web.
var URL = Form[string]{
	Name: "an address that begins with https:// or http://",
	Parse: func(text string) (string, error) {
		text = strings.TrimRight(strings.TrimSpace(text), "/")
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.ContainsAny(text, " \t\r\n") {
			return "", fmt.Errorf("%q is not an address that begins with https:// or http://", text)
		}
		return text, nil
	},
	Print: func(v string) string { return v },
}

// Setting is a definition. Values it returns are shared and must not be changed.
type Setting[T any] struct {
	key         string
	def         T
	description string
	form        Form[T]
}

// Key is the name under which the setting is stored and set.
func (s *Setting[T]) Key() string { return s.key }

// Default is the value if nothing is stored.
func (s *Setting[T]) Default() T { return s.def }

// definition is a setting without its type.
type definition interface {
	describe() Info
	parse(text string) (value any, canonical string, err error)
}

// Info describes a setting and its present value.
type Info struct {
	Key         string `json:"key"`
	Text        string `json:"value"` // present value
	Default     string `json:"default"`
	Form        string `json:"form"` // what is expected
	Description string `json:"description"`
	Set         bool   `json:"set"` // somebody set it, be it to the default
}

func (s *Setting[T]) describe() Info {
	def := s.form.Print(s.def)
	return Info{Key: s.key, Text: def, Default: def, Form: s.form.Name, Description: s.description}
}

func (s *Setting[T]) parse(text string) (any, string, error) {
	v, err := s.form.Parse(text)
	if err != nil {
		return nil, "", err
	}
	return v, s.form.Print(v), nil
}

// defined is the registration table; it is complete before main begins.
var defined = map[string]definition{}

// Define registers a setting. Call it from a package-level var; a key defined
// twice and a default that its own form refuses panic.
func Define[T any](key string, def T, form Form[T], description string) *Setting[T] {
	s := &Setting[T]{key: key, def: def, description: description, form: form}
	if _, dup := defined[key]; dup {
		panic("setting: defined twice: " + key)
	}
	if _, err := form.Parse(form.Print(def)); err != nil {
		panic(fmt.Sprintf("setting: default of %s: %v", key, err))
	}
	defined[key] = s
	return s
}

// Keys lists the known keys in order.
func Keys() []string {
	keys := make([]string, 0, len(defined))
	for key := range defined {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Describe returns the definition of a key, with its default as the value.
func Describe(key string) (Info, error) {
	d, err := lookup(key)
	if err != nil {
		return Info{}, err
	}
	return d.describe(), nil
}

// Check returns the text as it is stored, or says in one line what is wrong with
// the key or the value.
func Check(key, text string) (canonical string, err error) {
	d, err := lookup(key)
	if err != nil {
		return "", err
	}
	_, canonical, err = d.parse(text)
	if err != nil {
		return "", fmt.Errorf("setting %s: %w", key, err)
	}
	return canonical, nil
}

func lookup(key string) (definition, error) {
	d, ok := defined[key]
	if !ok {
		also := hint(key, Keys())
		if also == "" {
			also = "; known: " + strings.Join(Keys(), ", ")
		}
		return nil, fmt.Errorf("unknown setting %q%s", key, also)
	}
	return d, nil
}
