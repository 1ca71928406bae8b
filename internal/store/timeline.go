package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// raise is what a new history begins above the one before it: more than a store can have
// given in the commits that were lost, and small enough for numbers that clients keep in
// 32 bits to be raised two thousand times.
const raise = 1_000_000

// holdWithin is for how many leases after the beginning of a history who joins must hold
// its first claims back. One is what is needed; the rest is for clocks that are set.
const holdWithin = 10

// present is the condition that the newest history is of the database as it is: nobody
// has joined, or its fingerprint is still the same.
const present = `NOT EXISTS (SELECT 1 FROM timeline t
	WHERE t.id = (SELECT MAX(id) FROM timeline) AND t.fingerprint <> @@timeline)`

// epochFloor is what the epochs of this history are above. A key that the store does not
// know may have been owned in the lost one.
const epochFloor = `COALESCE((SELECT MAX(epoch_floor) FROM timeline), 0)`

// next is the epoch after that of a row.
func next(epoch string) string {
	return `(1 + CASE WHEN ` + epoch + ` > ` + epochFloor + ` THEN ` + epoch + ` ELSE ` + epochFloor + ` END)`
}

type timelineRow struct {
	ID                      int64
	Token, Fingerprint, Why string
	EpochFloor, NumberFloor int64
	Age                     int64 // milliseconds; the store's clock may have been set since
	Present                 bool  // it is of the database as it is
}

// entered is the history that a node joins.
type entered struct {
	timelineRow
	fresh bool // begun by this join
}

var newestTimeline = statement.Define[statement.None, timelineRow]("newest timeline", `
	SELECT id, token, fingerprint, why, epoch_floor, number_floor, @@wall - since AS age, fingerprint = @@timeline AS present
	FROM timeline ORDER BY id DESC LIMIT 1`)

type rememberedArgs struct {
	Token       string
	Incarnation int64
}

// remembered is what the store knows of what a node remembers.
var remembered = statement.Define[rememberedArgs, struct {
	Known bool // the history
	Mark  int64
}]("remembered", `
	SELECT EXISTS (SELECT 1 FROM timeline WHERE token = @token) AS known,
		COALESCE((SELECT mark FROM node WHERE incarnation = @incarnation), -1) AS mark`)

type beginArgs struct {
	ID                      int64
	Token, Why              string
	EpochFloor, NumberFloor int64
}

var beginTimeline = statement.Define[beginArgs, statement.None]("begin timeline", `
	INSERT INTO timeline (id, token, fingerprint, epoch_floor, number_floor, since, why)
	VALUES (@id, @token, @@timeline, @epoch_floor, @number_floor, @@wall, @why)`)

var highestEpoch = statement.Define[statement.None, struct{ Epoch int64 }]("highest epoch", `
	SELECT COALESCE(MAX(epoch), 0) AS epoch FROM (
		SELECT MAX(epoch) AS epoch FROM owner UNION ALL SELECT MAX(epoch) AS epoch FROM session) AS highest`)

type (
	byArgs     struct{ By int64 }
	counterRow struct{ Incarnation, Version int64 }
	setArgs    struct {
		Tbl string
		Top int64
	}
)

var raiseSequences = statement.Define[byArgs, statement.None]("raise sequences", `
	UPDATE sequence SET next = next + @by`)

// The numbers that the engines give to rows themselves: incarnations, and versions of
// the change log, which are those of users, friends and settings as well.
var (
	sqliteCounters = statement.Define[statement.None, counterRow]("counters of sqlite", `
		SELECT COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'node'), 0) AS incarnation,
			COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'change'), 0) AS version`, statement.SQLite)

	sqliteRaise = statement.Define[setArgs, statement.None]("raise counter of sqlite", `
		UPDATE sqlite_sequence SET seq = @top WHERE name = @tbl`, statement.SQLite)

	sqliteBegin = statement.Define[setArgs, statement.None]("begin counter of sqlite", `
		INSERT INTO sqlite_sequence (name, seq) SELECT @tbl, @top
		WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = @tbl)`, statement.SQLite)

	postgresCounters = statement.Define[statement.None, counterRow]("counters of postgres", `
		SELECT GREATEST((SELECT last_value FROM node_incarnation_seq), (SELECT MAX(incarnation) FROM node)) AS incarnation,
			GREATEST((SELECT last_value FROM change_version_seq), (SELECT MAX(version) FROM change)) AS version`, statement.Postgres)

	postgresRaise = statement.Define[setArgs, struct{ Top int64 }]("raise counter of postgres", `
		SELECT setval(CASE WHEN @tbl = 'node' THEN 'node_incarnation_seq'::regclass ELSE 'change_version_seq'::regclass END,
			@top) AS top`, statement.Postgres)
)

// enter returns the history that a node joins, and begins a new one if the database is
// not the one of the newest, or is behind what the node remembers.
func (s *Store) enter(ctx context.Context, tx engine.Tx, c lease.Candidate, clusterID string) (entered, error) {
	newest := newestTimeline.With(statement.None{})
	if err := tx.Run(ctx, newest); err != nil {
		return entered{}, err
	}
	line, any := newest.One()
	why, err := whyAnother(ctx, tx, c.Memory, clusterID, line)
	if err != nil || any && why == "" {
		return entered{line, false}, err
	}
	if !any && why == "" { // a new database, or one of a release that knew no histories
		first := timelineRow{ID: 1, Token: ulid.Make().String(), Why: "the first one"}
		return entered{first, true}, tx.Run(ctx, beginTimeline.With(beginArgs{ID: first.ID, Token: first.Token, Why: first.Why}))
	}
	line, err = s.begin(ctx, tx, line, c.Memory, why)
	return entered{line, true}, err
}

// whyAnother says why the database is not what it was in its newest history, if it is not.
func whyAnother(ctx context.Context, tx engine.Tx, m lease.Memory, clusterID string, newest timelineRow) (string, error) {
	if newest.ID > 0 && !newest.Present {
		return "another server or file has the database: a failover, or a copy that was put back", nil
	}
	if m.Token == "" || m.ClusterID != clusterID {
		return "", nil
	}
	asked := remembered.With(rememberedArgs{m.Token, m.Incarnation})
	if err := tx.Run(ctx, asked); err != nil {
		return "", err
	}
	known, _ := asked.One()
	switch {
	case !known.Known:
		return "a node remembers a history that the database does not: a backup was put back", nil
	case m.Token == newest.Token && known.Mark < m.Mark:
		// In an older history it may well be behind: it was lost then, and raised above.
		return "a node remembers more than the database: a backup was put back", nil
	}
	return "", nil
}

// begin begins a history. Everybody who lives is gone in it: what they own or were given
// may be lost. What must never repeat goes on above all that the lost history may have
// given; if that had begun histories of its own, as a node remembers, above those too.
func (s *Store) begin(ctx context.Context, tx engine.Tx, before timelineRow, m lease.Memory, why string) (timelineRow, error) {
	highest := highestEpoch.With(statement.None{})
	counters := sqliteCounters.With(statement.None{})
	if s.kind == "postgres" {
		counters = postgresCounters.With(statement.None{})
	}
	if err := tx.Run(ctx, highest, counters); err != nil {
		return timelineRow{}, err
	}
	epoch, _ := highest.One()
	counted, _ := counters.One()
	line := timelineRow{ID: max(before.ID, m.ID) + 1, Token: ulid.Make().String(), Why: why}
	by := raise * (line.ID - before.ID)
	line.EpochFloor = max(before.EpochFloor, epoch.Epoch) + by
	line.NumberFloor = before.NumberFloor + by
	calls := []statement.Call{
		condemnAll.With(statement.None{}),
		raiseSequences.With(byArgs{by}),
		beginTimeline.With(beginArgs{line.ID, line.Token, line.Why, line.EpochFloor, line.NumberFloor}),
	}
	for _, to := range []setArgs{
		{"node", max(counted.Incarnation, m.Incarnation) + by},
		{"change", counted.Version + by},
	} {
		if s.kind == "postgres" {
			calls = append(calls, postgresRaise.With(to))
		} else {
			calls = append(calls, sqliteRaise.With(to), sqliteBegin.With(to))
		}
	}
	return line, tx.Run(ctx, calls...)
}

// BeginTimeline begins a new history because the operator says so: a backup was put back
// where nothing else can tell. Nodes that run join again.
func (s *Store) BeginTimeline(ctx context.Context) (lease.Timeline, error) {
	var line timelineRow
	err := s.db.Transact(ctx, engine.Lease, func(ctx context.Context, tx engine.Tx) error {
		if _, err := checkCluster(ctx, tx, ""); err != nil { // one at a time, with the joins
			return err
		}
		newest := newestTimeline.With(statement.None{})
		if err := tx.Run(ctx, newest); err != nil {
			return err
		}
		before, _ := newest.One()
		var err error
		line, err = s.begin(ctx, tx, before, lease.Memory{}, "the operator said so")
		return err
	})
	if err != nil {
		return lease.Timeline{}, fmt.Errorf("begin a timeline: %w", err)
	}
	return lease.Timeline{ID: line.ID, Token: line.Token, Why: line.Why, New: true}, nil
}

// Timeline is the newest history; ok is false before the first node has joined.
func (s *Store) Timeline(ctx context.Context) (t lease.Timeline, ok bool, err error) {
	newest := newestTimeline.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, newest); err != nil {
		return t, false, fmt.Errorf("read the timeline: %w", err)
	}
	line, ok := newest.One()
	return lease.Timeline{ID: line.ID, Token: line.Token, Why: line.Why}, ok, nil
}

var raiseMark = statement.Define[incarnationArgs, struct{ Mark int64 }]("raise mark", `
	UPDATE node SET mark = mark + 1
	WHERE incarnation = @incarnation AND state IN ('serving', 'draining') AND `+present+`
	RETURNING mark`)

// Mark counts up and returns the mark of a node, which the node remembers outside of the
// store: see lease.Memory. Who is gone gets lease.ErrCondemned.
func (s *Store) Mark(ctx context.Context, incarnation int64) (int64, error) {
	raised := raiseMark.With(incarnationArgs{incarnation})
	if err := s.db.Run(ctx, engine.Durable, raised); err != nil {
		return 0, fmt.Errorf("mark %d: %w", incarnation, err)
	}
	row, ok := raised.One()
	if !ok {
		return 0, s.whyGone(ctx, incarnation)
	}
	return row.Mark, nil
}

type standingRow struct {
	Present          bool
	Joined, Timeline int64
}

var standing = statement.Define[incarnationArgs, standingRow]("standing of a node", `
	SELECT `+present+` AS present,
		COALESCE((SELECT timeline FROM node WHERE incarnation = @incarnation), -1) AS joined,
		COALESCE((SELECT MAX(id) FROM timeline), 0) AS timeline`)

// whyGone says why a node may not renew: the store's history has changed, or another
// node has condemned it. Nobody who asks comes back, whatever the answer.
func (s *Store) whyGone(ctx context.Context, incarnation int64) error {
	asked := standing.With(incarnationArgs{incarnation})
	if err := s.db.Run(ctx, engine.Watch, asked); err != nil {
		return errors.Join(lease.ErrCondemned, err)
	}
	if now, ok := asked.One(); ok && (!now.Present || now.Joined >= 0 && now.Joined < now.Timeline) {
		return lease.ErrTimeline
	}
	return lease.ErrCondemned
}
