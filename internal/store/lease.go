package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/failpoint"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// clusterID is the secret that names the cluster a store belongs to.
const clusterID = "cluster_id"

// nodesKept is how long a node that is no more is listed.
const nodesKept = 24 * time.Hour

type (
	secretArgs struct {
		Name string
		Body []byte
	}
	nameArgs        struct{ Name string }
	bodyRow         struct{ Body []byte }
	incarnationArgs struct{ Incarnation int64 }
	incarnationRow  struct{ Incarnation int64 }
	supersedeArgs   struct{ Incarnation, Renewal int64 }
)

// makeClusterID takes the row also when it is there: only one node joins at a time.
var makeClusterID = statement.Define[secretArgs, bodyRow]("make cluster id", `
	INSERT INTO secret (name, body) VALUES (@name, @body)
	ON CONFLICT (name) DO UPDATE SET name = excluded.name
	RETURNING body`)

type namesakeRow struct {
	Incarnation int64
	Life        int64
	Renewal     int64
	HostBoot    string
	Rebooted    bool // the lease is of an earlier run of the store's clock
	Expired     bool
}

var namesakes = statement.Define[nameArgs, namesakeRow]("namesakes", `
	SELECT incarnation, life, renewal, host_boot, clock_boot <> @@boot AS rebooted,
		expires_at IS NOT NULL AND expires_at <= @@now AS expired
	FROM node WHERE name = @name AND state IN ('serving', 'draining') AND NOT superseded`)

var condemnProven = statement.Define[incarnationArgs, statement.None]("condemn proven", `
	UPDATE node SET state = 'gone', touched_at = @@wall
	WHERE incarnation = @incarnation AND state IN ('serving', 'draining')`)

// supersede ends the renewals of a node whose lease has run out. Its keys stay its
// own until it is condemned: perhaps it is the store's clock that jumped. It takes the
// row only as it was read: a renewal that came between goes on.
var supersede = statement.Define[supersedeArgs, incarnationRow]("supersede", `
	UPDATE node SET superseded = TRUE
	WHERE incarnation = @incarnation AND renewal = @renewal AND state IN ('serving', 'draining')
	RETURNING incarnation`)

// condemnAll is for who has the whole database for itself.
var condemnAll = statement.Define[statement.None, statement.None]("condemn all", `
	UPDATE node SET state = 'gone', touched_at = @@wall WHERE state IN ('serving', 'draining')`)

// condemnSingle: beside a cluster no node without a lease can live.
var condemnSingle = statement.Define[statement.None, statement.None]("condemn single", `
	UPDATE node SET state = 'gone', touched_at = @@wall
	WHERE state IN ('serving', 'draining') AND expires_at IS NULL`)

type joinArgs struct {
	Name, Address, Version, HostBoot string
	TTL, Timeline, Life              int64
}

// leaseRow is what a lease statement gives: of which life, and the store's time of day.
type leaseRow struct{ Incarnation, Wall int64 }

// renewedRow is what a renewal gives besides.
type renewedRow struct {
	Incarnation, Wall int64
	Drain             bool
}

var join = statement.Define[joinArgs, leaseRow]("join", `
	INSERT INTO node (name, state, address, version, host_boot, ttl, expires_at, clock_boot, touched_at, timeline, life)
	VALUES (@name, 'serving', @address, @version, @host_boot, CAST(@ttl AS BIGINT),
		CASE WHEN CAST(@ttl AS BIGINT) = 0 THEN NULL ELSE @@now + CAST(@ttl AS BIGINT) END, @@boot, @@wall, @timeline, @life)
	RETURNING incarnation, @@wall AS wall`)

type renewArgs struct {
	Incarnation        int64
	State, Hears, Note string
	Clients, Processes int
}

var renew = statement.Define[renewArgs, renewedRow]("renew", `
	UPDATE node SET renewal = renewal + 1,
		expires_at = CASE WHEN ttl = 0 THEN NULL ELSE @@now + ttl END, clock_boot = @@boot,
		state = @state, hears = @hears, note = @note, clients = @clients, processes = @processes, touched_at = @@wall
	WHERE incarnation = @incarnation AND state IN ('serving', 'draining') AND NOT superseded AND `+present+`
	RETURNING incarnation, @@wall AS wall, drain`)

type setDrainArgs struct {
	Name  string
	Drain bool
}

// setDrain is for the newest life of a name: an earlier one may wait to be condemned.
var setDrain = statement.Define[setDrainArgs, incarnationRow]("set drain", `
	UPDATE node SET drain = @drain
	WHERE incarnation = (SELECT MAX(incarnation) FROM node WHERE name = @name AND state IN ('serving', 'draining'))
	RETURNING incarnation`)

type nodeRow struct {
	Incarnation, Life                          int64
	Name, State, Address, Version, Hears, Note string
	Renewal, Remaining, TTL                    int64
	Clients, Processes                         int
	Timeline                                   int64
}

var nodes = statement.Define[struct{ Since int64 }, nodeRow]("nodes", `
	SELECT incarnation, life, name, state, address, version, hears, note, renewal, ttl, clients, processes,
		CASE WHEN `+present+` THEN COALESCE((SELECT MAX(id) FROM timeline), 0) ELSE 0 END AS timeline,
		CASE WHEN expires_at IS NULL THEN 0 WHEN clock_boot <> @@boot THEN -ttl ELSE expires_at - @@now END AS remaining
	FROM node WHERE state IN ('serving', 'draining') OR touched_at > @@wall - @since
	ORDER BY CASE WHEN state IN ('serving', 'draining') THEN 0 ELSE 1 END, incarnation`)

type condemnArgs struct{ Self, Victim, Renewal int64 }

var condemn = statement.Define[condemnArgs, incarnationRow]("condemn", `
	UPDATE node SET state = 'gone', touched_at = @@wall
	WHERE incarnation = @victim AND renewal = @renewal AND state IN ('serving', 'draining')
		AND expires_at IS NOT NULL AND (clock_boot <> @@boot OR expires_at <= @@now)
		AND EXISTS (SELECT 1 FROM node me WHERE me.incarnation = @self AND `+valid("me")+`)
	RETURNING incarnation`)

var leave = statement.Define[incarnationArgs, statement.None]("leave", `
	UPDATE node SET state = 'left', touched_at = @@wall
	WHERE incarnation = @incarnation AND state IN ('serving', 'draining')`)

// valid is the condition that a row of node has a lease now, in this history of the store.
func valid(node string) string {
	return node + `.state IN ('serving', 'draining') AND NOT ` + node + `.superseded AND (` + node +
		`.expires_at IS NULL OR (` + node + `.clock_boot = @@boot AND ` + node + `.expires_at > @@now)) AND ` + present
}

// Join implements lease.Store. A namesake whose lease has run out may renew no
// more, but is condemned only by who watched it.
func (s *Store) Join(ctx context.Context, c lease.Candidate) (lease.Membership, error) {
	var m lease.Membership
	ttl := int64((c.TTL + time.Millisecond - 1) / time.Millisecond)
	if ttl == 0 && s.use != engine.Single {
		return m, errors.New("join: a node without a lease needs the database for itself")
	}
	err := s.db.Transact(ctx, engine.Lease, func(ctx context.Context, tx engine.Tx) error {
		id, err := checkCluster(ctx, tx, c.ClusterID)
		if err != nil {
			return err
		}
		line, err := s.enter(ctx, tx, c, id) // joins come one at a time from here
		if err != nil {
			return err
		}
		if c.Life != 0 && !line.fresh && line.Age >= lease.AwaitLeases*ttl && ttl > 0 {
			return lease.ErrLate
		}
		if err := s.endOthers(ctx, tx, c, ttl); err != nil {
			return err
		}
		joined := join.With(joinArgs{c.Name, c.Address, c.Version, c.BootID, ttl, line.ID, c.Life})
		if err := tx.Run(ctx, joined); err != nil {
			return err
		}
		row, _ := joined.One()
		m = lease.Membership{Incarnation: row.Incarnation, ClusterID: id, Now: time.UnixMilli(row.Wall)}
		m.Timeline = lease.Timeline{ID: line.ID, Token: line.Token, Why: line.Why, New: line.fresh}
		if line.ID > 1 && line.Age < holdWithin*ttl {
			m.Hold = c.TTL
		}
		return nil
	})
	if err != nil {
		return lease.Membership{}, fmt.Errorf("join as %s: %w", c.Name, err)
	}
	return m, nil
}

// checkCluster returns the store's cluster id, making it at first contact.
func checkCluster(ctx context.Context, tx engine.Tx, expected string) (string, error) {
	fresh := ulid.Make().String()
	made := makeClusterID.With(secretArgs{clusterID, []byte(fresh)})
	if err := tx.Run(ctx, made); err != nil {
		return "", err
	}
	row, _ := made.One()
	id := string(row.Body)
	if expected == "" || expected == id {
		return id, nil
	}
	if id == fresh {
		return "", fmt.Errorf("the database is new, but this node is of cluster %s: is it the right database?", expected)
	}
	return "", fmt.Errorf("the database is of cluster %s, but this node is of cluster %s", id, expected)
}

// endOthers condemns those who cannot live beside the candidate.
func (s *Store) endOthers(ctx context.Context, tx engine.Tx, c lease.Candidate, ttl int64) error {
	if ttl == 0 {
		return tx.Run(ctx, condemnAll.With(statement.None{}))
	}
	if s.use == engine.Clustered {
		if err := tx.Run(ctx, condemnSingle.With(statement.None{})); err != nil {
			return err
		}
	}
	for {
		again, err := endNamesakes(ctx, tx, c)
		if err != nil || !again {
			return err
		}
	}
}

// endNamesakes ends those who have the candidate's name, or says that one of them lives.
// again: one has changed since it was read.
func endNamesakes(ctx context.Context, tx engine.Tx, c lease.Candidate) (again bool, err error) {
	same := namesakes.With(nameArgs{c.Name})
	if err := tx.Run(ctx, same); err != nil {
		return false, err
	}
	for _, n := range same.Rows() {
		switch {
		case n.Rebooted, c.Proof && n.HostBoot == c.BootID, c.Life != 0 && n.Life == c.Life, failpoint.Broken("namesake"):
			if err := tx.Run(ctx, condemnProven.With(incarnationArgs{n.Incarnation})); err != nil {
				return false, err
			}
		case n.Expired:
			ended := supersede.With(supersedeArgs{n.Incarnation, n.Renewal})
			if err := tx.Run(ctx, ended); err != nil {
				return false, err
			}
			_, ok := ended.One()
			again = again || !ok
		default:
			return false, lease.ErrNameInUse
		}
	}
	return again, nil
}

// Renew implements lease.Store.
func (s *Store) Renew(ctx context.Context, incarnation int64, r lease.Report) (lease.Renewed, error) {
	hears, err := json.Marshal(r.Hears)
	if err != nil {
		return lease.Renewed{}, err
	}
	state := lease.Draining
	if r.Serving {
		state = lease.Serving
	}
	renewed := renew.With(renewArgs{incarnation, state, string(hears), r.Note, r.Clients, r.Processes})
	if err := s.db.Run(ctx, engine.Lease, renewed); err != nil {
		return lease.Renewed{}, fmt.Errorf("renew the lease of %d: %w", incarnation, err)
	}
	row, ok := renewed.One()
	if !ok {
		return lease.Renewed{}, s.whyGone(ctx, incarnation)
	}
	return lease.Renewed{Now: time.UnixMilli(row.Wall), Drain: row.Drain}, nil
}

// Nodes implements lease.Store. A lease without end has Left and TTL 0.
func (s *Store) Nodes(ctx context.Context) ([]lease.Node, error) {
	listed := nodes.With(struct{ Since int64 }{nodesKept.Milliseconds()})
	if err := s.db.Run(ctx, engine.Watch, listed); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	list := make([]lease.Node, 0, len(listed.Rows()))
	for _, r := range listed.Rows() {
		n := lease.Node{
			Name: r.Name, Incarnation: r.Incarnation, State: r.State, Address: r.Address, Version: r.Version,
			Renewal: r.Renewal, Clients: r.Clients, Processes: r.Processes,
			Life: cmp.Or(r.Life, r.Incarnation), Note: r.Note, Timeline: r.Timeline,
			Left: time.Duration(r.Remaining) * time.Millisecond, TTL: time.Duration(r.TTL) * time.Millisecond,
		}
		if err := json.Unmarshal([]byte(r.Hears), &n.Hears); err != nil {
			return nil, fmt.Errorf("list nodes: what %s hears: %w", r.Name, err)
		}
		list = append(list, n)
	}
	return list, nil
}

// SetDrain implements lease.Store.
func (s *Store) SetDrain(ctx context.Context, name string, drain bool) error {
	set := setDrain.With(setDrainArgs{name, drain})
	if err := s.db.Run(ctx, engine.Lease, set); err != nil {
		return fmt.Errorf("drain %s: %w", name, err)
	}
	if _, ok := set.One(); !ok {
		return fmt.Errorf("%w %q", lease.ErrNoNode, name)
	}
	return nil
}

// Condemn implements lease.Store.
func (s *Store) Condemn(ctx context.Context, self, victim, renewal int64) error {
	condemned := condemn.With(condemnArgs{self, victim, renewal})
	if err := s.db.Run(ctx, engine.Lease, condemned); err != nil {
		return fmt.Errorf("condemn %d: %w", victim, err)
	}
	if _, ok := condemned.One(); !ok {
		return lease.ErrNotExpired
	}
	return nil
}

// Leave implements lease.Store. Who has been condemned already has left, too.
func (s *Store) Leave(ctx context.Context, incarnation int64) error {
	if err := s.db.Run(ctx, engine.Lease, leave.With(incarnationArgs{incarnation})); err != nil {
		return fmt.Errorf("leave as %d: %w", incarnation, err)
	}
	return nil
}
