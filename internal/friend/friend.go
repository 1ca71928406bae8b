// Package friend keeps what users think of each other: friends, requests, ignores.
package friend

import (
	"context"
	"time"

	"teiserver/internal/cluster/cache"
)

// Relations is everything one user has with others. Values are immutable.
type Relations struct {
	Friends  []int64 `json:"friends"`
	Incoming []int64 `json:"incoming"` // friend requests to this user
	Outgoing []int64 `json:"outgoing"`
	Ignores  []int64 `json:"ignores"`
	Follows  []int64 `json:"follows"`
	Avoids   []int64 `json:"avoids"`
	Blocks   []int64 `json:"blocks"`
	Version  int64   `json:"version"`
	// BlockedBy are those who block this user.
	BlockedBy []int64 `json:"blocked_by"`
	// AvoidedAt says since when, one for each of Avoids.
	AvoidedAt []time.Time `json:"avoided_at"`
}

// Relation is a kind of one-way relation.
type Relation string

// The one-way relations.
const (
	Ignore Relation = "ignore"
	Follow Relation = "follow"
	Avoid  Relation = "avoid"
	Block  Relation = "block"
)

// Store keeps relations. Each change logs both users in account.TableRelations.
type Store interface {
	Relations(ctx context.Context, user int64) (*Relations, error)
	// RequestFriend makes a request from one user to another, or, if the other had
	// asked already, a friendship (accepted true). Existing ones change nothing (changed nil).
	RequestFriend(ctx context.Context, from, to int64) (accepted bool, changed []cache.Change, err error)
	// AnswerFriend accepts or removes the request from -> to; found says whether there was one.
	AnswerFriend(ctx context.Context, from, to int64, accept bool) (found bool, changed []cache.Change, err error)
	// EndFriend removes a friendship.
	EndFriend(ctx context.Context, a, b int64) (found bool, changed []cache.Change, err error)
	// SetRelation sets or clears a one-way relation.
	SetRelation(ctx context.Context, from, to int64, r Relation, on bool) (changed []cache.Change, err error)
}
