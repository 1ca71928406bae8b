package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// FilePath is the flag that names the configuration file. When kong has found
// the flag (or its environment variable), the file is read and answers for the
// flags that neither the command line nor the environment has set.
type FilePath string

// BeforeResolve reads the file.
func (FilePath) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, ok := ctx.FlagValue(trace.Flag).(FilePath)
	if !ok || path == "" || !selected(ctx, trace.Flag) {
		return nil
	}
	values, err := readFile(string(path))
	if err != nil {
		return err
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, env := range flag.Envs {
			// kong would let the file win over the environment.
			if _, set := os.LookupEnv(env); set {
				return nil, nil
			}
		}
		v, ok := values[flag.Name]
		if !ok {
			return nil, nil
		}
		return v, nil
	}))
	return nil
}

// selected reports whether the flag belongs to the command that will run. With
// the environment variable set kong calls the hook for every command's flag.
func selected(ctx *kong.Context, flag *kong.Flag) bool {
	for _, p := range ctx.Path {
		if p.Flag == flag || slices.Contains(p.Flags, flag) {
			return true
		}
	}
	return false
}

// readFile returns the file's values by flag name, each as kong takes it.
func readFile(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	raw := map[string]any{}
	if _, err := toml.Decode(string(text), &raw); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return nil, fmt.Errorf("config file %s, line %d: %s", path, parse.Position.Line, parse.Message)
		}
		return nil, fmt.Errorf("config file %s: %w", path, err)
	}
	known := fileKeys()
	values := map[string]any{}
	for _, key := range inOrder(string(text), raw) {
		if !known[key] {
			return nil, fmt.Errorf("config file %s, line %d: unknown key %q", path, lineOf(string(text), key), key)
		}
		v, err := fileValue(raw[key])
		if err != nil {
			return nil, fmt.Errorf("config file %s, line %d: %s: %w", path, lineOf(string(text), key), key, err)
		}
		values[key] = v
	}
	return values, nil
}

// fileValue turns a TOML value into the text of a flag. Numbers are only refused
// where the flag refuses their text.
func fileValue(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case int64:
		return fmt.Sprint(v), nil
	case []any:
		parts := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, errors.New("a list may have texts only")
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), nil
	default:
		return nil, errors.New("want a text, true or false, or a list of texts")
	}
}

// lineOf finds the line on which a top-level key or table first appears, 1 if it
// cannot be found (a key that is written with escapes).
func lineOf(text, key string) int {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimLeft(line, " \t[")
		line = strings.TrimLeft(line, `"'`)
		rest, ok := strings.CutPrefix(line, key)
		if !ok {
			continue
		}
		if rest = strings.TrimLeft(rest, "\"' \t\r"); rest == "" || strings.ContainsRune("=.]", rune(rest[0])) {
			return i + 1
		}
	}
	return 1
}
