package cache

import "context"

// Change is a row of the change log: the store wrote it in the transaction that
// changed the data. Version comes from one counter of the store.
type Change struct {
	Version int64  `json:"version"`
	Table   string `json:"table"`
	Key     string `json:"key"`
}

// Log is the tail of changes that the store keeps.
type Log interface {
	// Changes returns rows with a version above after, oldest first. A caller
	// reads with an overlap, because versions may commit out of order.
	Changes(ctx context.Context, after int64, limit int) ([]Change, error)
	// LastChange returns the highest version so far, 0 if there is none.
	LastChange(ctx context.Context) (int64, error)
	// TrimChanges removes rows older than keep milliseconds.
	TrimChanges(ctx context.Context, keepMillis int64) error
}
