package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/friend"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// Kinds of rows beside those of friend.Relation.
const (
	friendship = "friend"
	request    = "request"
)

type (
	userArgs     struct{ User int64 }
	relationArgs struct {
		FromID int64
		Kind   string
		ToID   int64
	}
	relationRow struct {
		Kind    string
		Other   int64
		Version int64
		At      int64
	}
	turnArgs struct {
		FromID int64
		Kind   string
		ToID   int64
		Into   string
	}
	versionArgs struct{ User, Version int64 }
)

var (
	// One statement, so that what it sees is of one moment. The version is in a row
	// of its own kind.
	relationsOf = statement.Define[userArgs, relationRow]("relations", `
		SELECT '' AS kind, CAST(0 AS BIGINT) AS other, version, CAST(0 AS BIGINT) AS at FROM relations WHERE user_id = @user
		UNION ALL
		SELECT kind, to_id, 0, at FROM relation WHERE from_id = @user
		UNION ALL
		SELECT 'incoming', from_id, 0, 0 FROM relation WHERE to_id = @user AND kind = 'request'
		UNION ALL
		SELECT 'by', from_id, 0, 0 FROM relation WHERE to_id = @user AND kind = 'avoid'
		UNION ALL
		SELECT 'by block', from_id, 0, 0 FROM relation WHERE to_id = @user AND kind = 'block'
		ORDER BY kind, other`)

	lockRelations = statement.Define[userArgs, versionRow]("lock relations", `
		INSERT INTO relations (user_id, version) VALUES (@user, 0)
		ON CONFLICT (user_id) DO UPDATE SET version = relations.version
		RETURNING version`)

	raiseRelations = statement.Define[versionArgs, statement.None]("raise relations", `
		UPDATE relations SET version = @version WHERE user_id = @user`)

	hasRelation = statement.Define[relationArgs, struct{ Found bool }]("has relation", `
		SELECT TRUE AS found FROM relation WHERE from_id = @from_id AND kind = @kind AND to_id = @to_id`)

	addRelation = statement.Define[relationArgs, struct{ ToID int64 }]("add relation", `
		INSERT INTO relation (from_id, kind, to_id, at) VALUES (@from_id, @kind, @to_id, @@wall)
		ON CONFLICT (from_id, kind, to_id) DO NOTHING RETURNING to_id`)

	turnRelation = statement.Define[turnArgs, struct{ ToID int64 }]("turn relation", `
		UPDATE relation SET kind = @into WHERE from_id = @from_id AND kind = @kind AND to_id = @to_id
		AND NOT EXISTS (SELECT 1 FROM relation AS r WHERE r.from_id = @from_id AND r.kind = @into AND r.to_id = @to_id)
		RETURNING to_id`)

	dropRelation = statement.Define[relationArgs, struct{ ToID int64 }]("drop relation", `
		DELETE FROM relation WHERE from_id = @from_id AND kind = @kind AND to_id = @to_id RETURNING to_id`)
)

// Relations implements friend.Store.
func (s *Store) Relations(ctx context.Context, user int64) (*friend.Relations, error) {
	found := relationsOf.With(userArgs{user})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("relations of user %d: %w", user, err)
	}
	r := &friend.Relations{}
	for _, row := range found.Rows() {
		switch row.Kind {
		case "":
			r.Version = row.Version
		case friendship:
			r.Friends = append(r.Friends, row.Other)
		case request:
			r.Outgoing = append(r.Outgoing, row.Other)
		case "incoming":
			r.Incoming = append(r.Incoming, row.Other)
		case string(friend.Ignore):
			r.Ignores = append(r.Ignores, row.Other)
		case string(friend.Follow):
			r.Follows = append(r.Follows, row.Other)
		case string(friend.Block), string(friend.Avoid):
			if row.Kind == string(friend.Block) {
				r.Blocks = append(r.Blocks, row.Other)
			}
			r.Avoids = append(r.Avoids, row.Other)
			r.AvoidedAt = append(r.AvoidedAt, time.UnixMilli(row.At))
		case "by block":
			r.BlockedBy = append(r.BlockedBy, row.Other)
		case "by":
			r.AvoidedBy = append(r.AvoidedBy, row.Other)
		}
	}
	return r, nil
}

// pair is a change of what two users have with each other.
type pair struct {
	ctx context.Context
	tx  engine.Tx
}

// add and drop report whether they changed anything.
func (p pair) add(from int64, kind string, to int64) (bool, error) {
	return changed(p, addRelation, relationArgs{from, kind, to})
}

func (p pair) drop(from int64, kind string, to int64) (bool, error) {
	return changed(p, dropRelation, relationArgs{from, kind, to})
}

func (p pair) has(from int64, kind string, to int64) (bool, error) {
	return changed(p, hasRelation, relationArgs{from, kind, to})
}

// turn makes one relation another that has its time.
func (p pair) turn(from int64, kind, into friend.Relation, to int64) (bool, error) {
	q := turnRelation.With(turnArgs{from, string(kind), to, string(into)})
	err := p.tx.Run(p.ctx, q)
	return len(q.Rows()) > 0, err
}

func changed[R any](p pair, s statement.Statement[relationArgs, R], args relationArgs) (bool, error) {
	q := s.With(args)
	err := p.tx.Run(p.ctx, q)
	return len(q.Rows()) > 0, err
}

// befriend makes a friendship and forgets the requests, both ways.
func (p pair) befriend(a, b int64) error {
	for _, way := range [][2]int64{{a, b}, {b, a}} {
		if _, err := p.drop(way[0], request, way[1]); err != nil {
			return err
		}
		if _, err := p.add(way[0], friendship, way[1]); err != nil {
			return err
		}
	}
	return nil
}

// change runs work with both users' relations locked, the lower id first so that
// two changes of one pair cannot wait for each other, and logs both users if work
// changed something.
func (s *Store) change(ctx context.Context, a, b int64, work func(p pair) (bool, error)) ([]cache.Change, error) {
	if a == b {
		return nil, fmt.Errorf("user %d has no relation with itself", a)
	}
	var logged []cache.Change
	err := s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		low, high := min(a, b), max(a, b)
		if err := tx.Run(ctx, lockRelations.With(userArgs{low}), lockRelations.With(userArgs{high})); err != nil {
			return err
		}
		did, err := work(pair{ctx, tx})
		if err != nil || !did {
			return err
		}
		logged, err = log(ctx, tx,
			changeArgs{account.TableRelations, strconv.FormatInt(a, 10)},
			changeArgs{account.TableRelations, strconv.FormatInt(b, 10)})
		if err != nil {
			return err
		}
		return tx.Run(ctx,
			raiseRelations.With(versionArgs{a, logged[0].Version}),
			raiseRelations.With(versionArgs{b, logged[1].Version}))
	})
	if err != nil {
		return nil, err
	}
	return logged, nil
}

// RequestFriend implements friend.Store.
func (s *Store) RequestFriend(ctx context.Context, from, to int64) (accepted bool, logged []cache.Change, err error) {
	logged, err = s.change(ctx, from, to, func(p pair) (bool, error) {
		accepted = false // of an earlier try
		if friends, err := p.has(from, friendship, to); friends || err != nil {
			return false, err
		}
		asked, err := p.has(to, request, from)
		if err != nil {
			return false, err
		}
		if asked {
			accepted = true
			return true, p.befriend(from, to)
		}
		return p.add(from, request, to)
	})
	if err != nil {
		return false, nil, fmt.Errorf("request of %d to %d: %w", from, to, err)
	}
	return accepted, logged, nil
}

// AnswerFriend implements friend.Store.
func (s *Store) AnswerFriend(ctx context.Context, from, to int64, accept bool) (found bool, logged []cache.Change, err error) {
	logged, err = s.change(ctx, from, to, func(p pair) (bool, error) {
		var err error
		if found, err = p.drop(from, request, to); !found || err != nil {
			return false, err
		}
		if accept {
			return true, p.befriend(from, to)
		}
		return true, nil
	})
	if err != nil {
		return false, nil, fmt.Errorf("answer of %d to %d: %w", to, from, err)
	}
	return found, logged, nil
}

// EndFriend implements friend.Store.
func (s *Store) EndFriend(ctx context.Context, a, b int64) (found bool, logged []cache.Change, err error) {
	logged, err = s.change(ctx, a, b, func(p pair) (bool, error) {
		one, err := p.drop(a, friendship, b)
		if err != nil {
			return false, err
		}
		other, err := p.drop(b, friendship, a)
		found = one || other
		return found, err
	})
	if err != nil {
		return false, nil, fmt.Errorf("end friendship of %d and %d: %w", a, b, err)
	}
	return found, logged, nil
}

// exclusive are the relations of which one user has one at most to another.
var exclusive = []friend.Relation{friend.Follow, friend.Avoid, friend.Block}

// avoiding are the two relations that mean to avoid somebody, each with the other one. Going
// from one to the other is not to begin anew.
var avoiding = map[friend.Relation]friend.Relation{friend.Avoid: friend.Block, friend.Block: friend.Avoid}

// dropAll reports whether there was any of these relations.
func (p pair) dropAll(from, to int64, kinds ...friend.Relation) (bool, error) {
	dropped := false
	for _, kind := range kinds {
		did, err := p.drop(from, string(kind), to)
		if err != nil {
			return false, err
		}
		dropped = dropped || did
	}
	return dropped, nil
}

// ClearRelations implements friend.Store.
func (s *Store) ClearRelations(ctx context.Context, from, to int64) ([]cache.Change, error) {
	logged, err := s.change(ctx, from, to, func(p pair) (bool, error) {
		return p.dropAll(from, to, append([]friend.Relation{friend.Ignore}, exclusive...)...)
	})
	if err != nil {
		return nil, fmt.Errorf("clear relations of %d to %d: %w", from, to, err)
	}
	return logged, nil
}

// SetRelation implements friend.Store.
func (s *Store) SetRelation(ctx context.Context, from, to int64, r friend.Relation, on bool) ([]cache.Change, error) {
	switch r {
	case friend.Ignore, friend.Follow, friend.Avoid, friend.Block:
	default:
		return nil, fmt.Errorf("there is no relation %q", r)
	}
	logged, err := s.change(ctx, from, to, func(p pair) (bool, error) {
		if !on {
			return p.drop(from, string(r), to)
		}
		var turned, dropped bool
		if slices.Contains(exclusive, r) {
			var err error
			if kind, ok := avoiding[r]; ok {
				if turned, err = p.turn(from, kind, r, to); err != nil {
					return false, err
				}
			}
			others := slices.DeleteFunc(slices.Clone(exclusive), func(x friend.Relation) bool { return x == r })
			if dropped, err = p.dropAll(from, to, others...); err != nil {
				return false, err
			}
		}
		added, err := p.add(from, string(r), to)
		return turned || added || dropped, err
	})
	if err != nil {
		return nil, fmt.Errorf("set %s of %d to %d: %w", r, from, to, err)
	}
	return logged, nil
}
