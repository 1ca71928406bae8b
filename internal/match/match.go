// Package match keeps the records of battles. A record is made for each lobby when
// it opens, so that the id is known before the game starts, and again after each
// battle.
package match

import (
	"context"
	"time"

	"teiserver/internal/cluster/registry"
)

// Match is the record of one battle, or of the one that may come.
type Match struct {
	ID         int64
	UUID       string // server/match/uuid
	ServerUUID string // server/host/uuid
	Founder    int64
	Lobby      int64
	Map        string
	Created    time.Time
}

// Store keeps matches.
type Store interface {
	// CreateMatch stores a new record, fenced by the lobby that owns it. The same
	// id again is success (a retry).
	CreateMatch(ctx context.Context, f registry.Fence, m Match) error
	MatchByID(ctx context.Context, id int64) (*Match, error)
}
