// Package migrations holds the schema of the store, step by step, for both engines.
//
// Steps only go forward: a released file is never changed, a new one is added.
// Both engines have the same tables, columns and numbers of steps (a test of
// package store compares them). A step must leave the program before it running.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// Migration is a step.
type Migration struct {
	Version int64
	Name    string
	SQL     string
}

// For returns the steps of an engine in order, numbered from 1 without gaps.
func For(engine string) ([]Migration, error) {
	entries, err := fs.ReadDir(files, engine)
	if err != nil {
		return nil, fmt.Errorf("read migrations of %s: %w", engine, err)
	}
	steps := make([]Migration, 0, len(entries))
	for i, e := range entries {
		number, name, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("migration %s/%s: its number should be %d", engine, e.Name(), i+1)
		}
		text, err := files.ReadFile(path.Join(engine, e.Name()))
		if err != nil {
			return nil, err
		}
		steps = append(steps, Migration{version, name, string(text)})
	}
	return steps, nil
}

// Pending returns the steps after version at. A database that is newer than the
// program is an error: an old program would write what the new one cannot read.
func Pending(engine string, at int64) ([]Migration, error) {
	steps, err := For(engine)
	if err != nil {
		return nil, err
	}
	if newest := int64(len(steps)); at > newest {
		return nil, fmt.Errorf("has schema %d, this teiserver knows schemas up to %d: use a newer teiserver", at, newest)
	}
	return steps[at:], nil
}
