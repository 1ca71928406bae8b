package store

import (
	"context"
	"fmt"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// claimTries is how often a claim is tried that was refused by a state which had
// changed when we looked why. More than twice in a row is not met in practice.
const claimTries = 5

type (
	keyArgs   struct{ Kind, ID string }
	claimArgs struct {
		Kind, ID    string
		Incarnation int64
	}
	snapshotArgs struct {
		Kind, ID string
		Body     []byte
	}
	claimedRow struct {
		Epoch, Writes int64
		Fresh         bool
	}
)

// claim takes a key if it may be taken. What it sees of other tables can be older
// than the row it locks, so it relies only on what never changes back: a node that
// is seen gone is gone. A node that is not seen has just joined.
var claim = statement.Define[claimArgs, claimedRow]("claim", `
	INSERT INTO owner (kind, id, incarnation, epoch, writes, state, fresh, since)
	SELECT @kind, @id, me.incarnation, 1 + `+epochFloor+`, 0, 'owned', TRUE, @@wall
	FROM node me WHERE me.incarnation = @incarnation AND `+valid("me")+`
	ON CONFLICT (kind, id) DO UPDATE SET
		incarnation = excluded.incarnation, epoch = `+next("owner.epoch")+`, state = 'owned',
		fresh = (owner.state = 'closed'), since = excluded.since
	WHERE owner.state IN ('released', 'closed') OR owner.incarnation = excluded.incarnation
		OR EXISTS (SELECT 1 FROM node n WHERE n.incarnation = owner.incarnation AND n.state IN ('left', 'gone'))
	RETURNING epoch, writes, fresh`)

type viewRow struct {
	Valid       bool // the claimant's lease
	Node        *string
	Incarnation *int64
	Epoch       *int64
	State       *string
	Gone        *bool
	Since       *int64
	Stored      bool // there is a snapshot
	Body        []byte
}

// view is read after a claim in its transaction: a claim that waited for the last
// write of the owner before it must not load what was there before that write.
var view = statement.Define[claimArgs, viewRow]("view of a key", `
	SELECT `+viewColumns+`
	FROM (SELECT CAST(@kind AS TEXT) AS kind, CAST(@id AS TEXT) AS id) k`+viewTables)

var viewColumns = `EXISTS (SELECT 1 FROM node me WHERE me.incarnation = @incarnation AND ` + valid("me") + `) AS valid,
		n.name AS node, o.incarnation, o.epoch, o.state, n.state IN ('left', 'gone') AS gone, o.since,
		s.kind IS NOT NULL AS stored, s.body`

const viewTables = `
	LEFT JOIN owner o ON o.kind = k.kind AND o.id = k.id
	LEFT JOIN node n ON n.incarnation = o.incarnation
	LEFT JOIN snapshot s ON s.kind = k.kind AND s.id = k.id`

type ownerRow struct {
	Kind, ID, Node string
	Incarnation    int64
	Epoch          int64
	State          string
	Gone           bool
	Since          int64
}

const ownerColumns = `o.kind, o.id, COALESCE(n.name, '') AS node, o.incarnation, o.epoch, o.state,
	COALESCE(n.state, 'gone') IN ('left', 'gone') AS gone, o.since`

const ownerTables = ` FROM owner o LEFT JOIN node n ON n.incarnation = o.incarnation `

var (
	lookup = statement.Define[keyArgs, ownerRow]("look up", `
		SELECT `+ownerColumns+ownerTables+`WHERE o.kind = @kind AND o.id = @id`)

	owners = statement.Define[statement.None, ownerRow]("owners", `
		SELECT `+ownerColumns+ownerTables+`WHERE o.state <> 'closed' ORDER BY o.kind, o.id`)
)

type orphansArgs struct {
	Incarnation int64
	Max         int
}

// orphans has those of the asker last, the newest claims first: most of them run,
// and what does not has most likely lost the answer of its claim just now.
var orphans = statement.Define[orphansArgs, ownerRow]("orphans", `
	SELECT kind, id, node, incarnation, epoch, state, gone, since FROM (
		SELECT 0 AS place, `+ownerColumns+ownerTables+`WHERE o.state = 'released'
		UNION ALL
		SELECT 0 AS place, `+ownerColumns+` FROM node n JOIN owner o ON o.incarnation = n.incarnation
		WHERE n.state IN ('left', 'gone') AND n.incarnation <> @incarnation AND o.state = 'owned'
		UNION ALL
		SELECT 1 AS place, `+ownerColumns+ownerTables+`WHERE o.incarnation = @incarnation AND o.state = 'owned'
	) AS found
	ORDER BY place, CASE place WHEN 0 THEN since ELSE -since END, kind, id
	LIMIT @max`)

var (
	setReleased = statement.Define[keyArgs, statement.None]("release", `
		UPDATE owner SET state = 'released', since = @@wall WHERE kind = @kind AND id = @id`)

	setClosed = statement.Define[keyArgs, statement.None]("close", `
		UPDATE owner SET state = 'closed', since = @@wall WHERE kind = @kind AND id = @id`)

	putSnapshot = statement.Define[snapshotArgs, statement.None]("put snapshot", `
		INSERT INTO snapshot (kind, id, body) VALUES (@kind, @id, @body)
		ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body`)

	dropSnapshot = statement.Define[keyArgs, statement.None]("drop snapshot", `
		DELETE FROM snapshot WHERE kind = @kind AND id = @id`)
)

// Claim implements registry.Store.
func (s *Store) Claim(ctx context.Context, key registry.Key, incarnation int64) (registry.Ownership, error) {
	args := claimArgs{key.Kind, key.ID, incarnation}
	for range claimTries {
		claimed, seen := claim.With(args), view.With(args)
		if err := s.db.Run(ctx, engine.Durable, claimed, seen); err != nil {
			return registry.Ownership{}, fmt.Errorf("claim %s: %w", key, err)
		}
		now, _ := seen.One()
		if c, ok := claimed.One(); ok {
			o := registry.Ownership{Key: key, Incarnation: incarnation, Epoch: c.Epoch, Writes: c.Writes, Fresh: c.Fresh}
			if now.Stored {
				o.Snapshot = notNil(now.Body)
			}
			return o, nil
		}
		if !now.Valid {
			return registry.Ownership{}, registry.ErrLeaseLost
		}
		if now.held() {
			return registry.Ownership{}, &registry.HeldError{Owner: now.owner(key)}
		}
	}
	return registry.Ownership{}, fmt.Errorf("claim %s: its owner changed %d times meanwhile", key, claimTries)
}

// held reports whether a living node owns the key.
func (v viewRow) held() bool {
	return v.State != nil && *v.State == string(registry.Owned) && v.Gone != nil && !*v.Gone
}

func (v viewRow) owner(key registry.Key) registry.Owner {
	return registry.Owner{
		Key: key, Node: *v.Node, Incarnation: *v.Incarnation, Epoch: *v.Epoch,
		State: registry.State(*v.State), Gone: *v.Gone, Since: *v.Since,
	}
}

// fenced is every durable write of an owner: the fence, what it does, and the state
// after it, in one transaction and one round trip.
func (s *Store) fenced(ctx context.Context, f registry.Fence, effects ...statement.Call) error {
	if f.Snapshot != nil {
		effects = append(effects, putSnapshot.With(snapshotArgs{f.Key.Kind, f.Key.ID, f.Snapshot}))
	}
	return s.db.Fenced(ctx, f, effects...)
}

// Release implements registry.Store.
func (s *Store) Release(ctx context.Context, f registry.Fence, snapshot []byte) error {
	f.Snapshot = snapshot
	if err := s.fenced(ctx, f, setReleased.With(keyArgs(f.Key))); err != nil {
		return fmt.Errorf("release %s: %w", f.Key, err)
	}
	return nil
}

// CloseKey implements registry.Store.
func (s *Store) CloseKey(ctx context.Context, f registry.Fence) error {
	key := keyArgs(f.Key)
	f.Snapshot = nil
	if err := s.fenced(ctx, f, setClosed.With(key), dropSnapshot.With(key)); err != nil {
		return fmt.Errorf("close %s: %w", f.Key, err)
	}
	return nil
}

// Save implements registry.Store. A batch may be written in several transactions:
// with an error come those that are known to have passed.
func (s *Store) Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	if len(batch) == 0 {
		return map[registry.Key]int64{}, nil
	}
	whole := make([]registry.Snapshot, len(batch))
	for i, b := range batch {
		whole[i] = registry.Snapshot{Fence: b.Fence, Body: notNil(b.Body)}
	}
	passed, err := s.db.Save(ctx, whole)
	if err != nil {
		return passed, fmt.Errorf("save %d snapshots: %w", len(batch), err)
	}
	return passed, nil
}

// Lookup implements registry.Store.
func (s *Store) Lookup(ctx context.Context, key registry.Key) (o registry.Owner, ok bool, err error) {
	found := lookup.With(keyArgs(key))
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return registry.Owner{}, false, fmt.Errorf("look up %s: %w", key, err)
	}
	row, ok := found.One()
	if !ok {
		return registry.Owner{}, false, nil
	}
	return row.owner(), true, nil
}

// Orphans implements registry.Store.
func (s *Store) Orphans(ctx context.Context, incarnation int64, limit int) ([]registry.Owner, error) {
	found := orphans.With(orphansArgs{incarnation, limit})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("look for orphans: %w", err)
	}
	return ownersOf(found.Rows()), nil
}

// Owners implements registry.Store.
func (s *Store) Owners(ctx context.Context) ([]registry.Owner, error) {
	found := owners.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	return ownersOf(found.Rows()), nil
}

func ownersOf(rows []ownerRow) []registry.Owner {
	list := make([]registry.Owner, len(rows))
	for i, r := range rows {
		list[i] = r.owner()
	}
	return list
}

func (r ownerRow) owner() registry.Owner {
	return registry.Owner{
		Key: registry.Key{Kind: r.Kind, ID: r.ID}, Node: r.Node, Incarnation: r.Incarnation,
		Epoch: r.Epoch, State: registry.State(r.State), Gone: r.Gone, Since: r.Since,
	}
}

// notNil keeps an empty body apart from none.
func notNil(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}
