// Package setting keeps the site settings: typed, with defaults, the same on all nodes.
//
// A setting is defined once (site.go) with its key, default, meaning and check;
// the list of definitions is what operators may set. The store keeps only values
// that were set. Values are read through a cache that follows the store's change
// log, so a change takes effect on every node within about a second and needs no
// restart; whoever wants to know at once registers with Service.OnChange.
//
// Reading never fails and never blocks for long: without the store a value is the
// last one known, or the default.
package setting

import (
	"context"

	"teiserver/internal/cluster/cache"
)

// Table is the cache table of settings; the key is the setting's name.
const Table = "setting"

// Value is a stored setting.
type Value struct {
	Text    string `json:"text"`
	Version int64  `json:"version"`
}

// Store keeps the settings that differ from their defaults.
type Store interface {
	// Setting returns a stored value; ok is false if there is none.
	Setting(ctx context.Context, key string) (v Value, ok bool, err error)
	Settings(ctx context.Context) (map[string]Value, error)
	// PutSetting stores a value; insertOnly keeps an existing one and then returns no change.
	PutSetting(ctx context.Context, key, text string, insertOnly bool) ([]cache.Change, error)
	DeleteSetting(ctx context.Context, key string) ([]cache.Change, error)
	// Secret returns a value that belongs to the store itself (certificate, cluster
	// id), made by create if it is missing; of several creators one wins.
	Secret(ctx context.Context, name string, create func() ([]byte, error)) ([]byte, error)
}
