// Package friend keeps what users think of each other: friends, requests, and what one
// of them alone decides about another.
//
// Of the relations of one side, Follow, Avoid and Block exclude each other: the last one
// counts. Ignore stands beside them. What each means: who is ignored is not heard; who is
// avoided is put into another team where teams are made so; who is blocked is that too, and
// does not come in where many block it. Who is any of these three can ask neither for
// friendship nor into a party.
package friend

import (
	"context"
	"slices"
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
	Avoids   []int64 `json:"avoids"` // also those of Blocks
	Blocks   []int64 `json:"blocks"`
	Version  int64   `json:"version"`
	// BlockedBy are those who block this user, AvoidedBy those who only avoid it. They have
	// no limit.
	BlockedBy []int64 `json:"blocked_by"`
	AvoidedBy []int64 `json:"avoided_by"`
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

// Relations in the order in which Closest looks for them.
var byCloseness = []Relation{Follow, Ignore, Block, Avoid}

// Closest is the relation that comes first of those that this user has to another, empty
// if there is none.
func (r *Relations) Closest(other int64) Relation {
	for _, kind := range byCloseness {
		if slices.Contains(r.list(kind), other) {
			return kind
		}
	}
	return ""
}

// Shuns reports whether this user wants nothing to do with another.
func (r *Relations) Shuns(other int64) bool {
	return slices.Contains(r.Ignores, other) || slices.Contains(r.Avoids, other)
}

// friendly counts friends and requests of both directions: they share one limit.
func (r *Relations) friendly() int { return len(r.Friends) + len(r.Incoming) + len(r.Outgoing) }

// count is how many of a kind there are. Those of Blocks are not counted among Avoids.
func (r *Relations) count(kind Relation) int {
	n := len(r.list(kind))
	if kind == Avoid {
		n -= len(r.Blocks)
	}
	return n
}

// has reports whether the relation to another is this one.
func (r *Relations) has(kind Relation, other int64) bool {
	return slices.Contains(r.list(kind), other) && (kind != Avoid || !slices.Contains(r.Blocks, other))
}

func (r *Relations) list(kind Relation) []int64 {
	switch kind {
	case Ignore:
		return r.Ignores
	case Follow:
		return r.Follows
	case Avoid:
		return r.Avoids
	case Block:
		return r.Blocks
	}
	return nil
}

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
	// SetRelation sets or clears a one-way relation. Setting Follow, Avoid or Block clears
	// the other two. Who goes from Avoid to Block or back has avoided since the first.
	SetRelation(ctx context.Context, from, to int64, r Relation, on bool) (changed []cache.Change, err error)
	// ClearRelations clears every one-way relation of one user to another.
	ClearRelations(ctx context.Context, from, to int64) (changed []cache.Change, err error)
}
