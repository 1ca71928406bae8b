package store

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/pgtest"
	"teiserver/internal/store/statement"
	"teiserver/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{})
	})
	cluster(t, func(t *testing.T) clustertest.Env {
		clock := &testClock{value: statement.Instant{Now: 1, Boot: "one", Wall: 1_700_000_000_000}}
		s := openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{Use: Clustered, Clock: clock})
		return environment(s, func(d time.Duration) {
			clock.set(func(i *statement.Instant) { i.Now += d.Milliseconds() })
		})
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	dbs := &databases{t: t}
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return openStore(t, dbs.take(t), Options{})
	})
	cluster(t, func(t *testing.T) clustertest.Env {
		url := dbs.take(t)
		conn := raw(t, url)
		// Nobody can set the server's clock: the leases are moved instead.
		return environment(openStore(t, url, Options{Use: Clustered}), func(d time.Duration) {
			_, err := conn.Exec(context.Background(), "UPDATE node SET expires_at = expires_at - $1", d.Milliseconds())
			if err != nil {
				t.Fatal(err)
			}
		})
	})
}

// databases gives the tests of a suite empty databases, and empties what a test
// has left for the next one: making one takes longer than most tests.
type databases struct {
	t    *testing.T // of the suite
	mu   sync.Mutex
	free []string
}

const truncate = `DO $$ BEGIN EXECUTE (
	SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
	FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT IN ('schema_version', 'river_migration'));
	INSERT INTO rating_hold (id, token, type, season, finished, match_id, rated) VALUES (1, '', '', 0, 0, 0, 0); -- as its migration does
	END $$`

func (d *databases) take(t *testing.T) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var url string
	if last := len(d.free) - 1; last >= 0 {
		url, d.free = d.free[last], d.free[:last]
	} else {
		url = pgtest.URL(d.t)
	}
	t.Cleanup(func() { // after the store is closed
		change(d.t, url, truncate)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.free = append(d.free, url)
	})
	return url
}

// cluster runs the suites of those who use leases, owners and sequences.
func cluster(t *testing.T, open func(t *testing.T) clustertest.Env) {
	for name, run := range map[string]func(*testing.T, func(*testing.T) clustertest.Env){
		"leases": clustertest.RunLeases, "owners": clustertest.RunOwners, "sequences": clustertest.RunSequences,
		"timelines": clustertest.RunTimelines,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open)
		})
	}
}

var countMatches = statement.Define[struct{ UUID string }, struct{ Count int }]("count matches",
	`SELECT count(*) AS count FROM matches WHERE uuid = @uuid`)

// fork makes the database another one than that of the newest timeline.
var fork = statement.Define[statement.None, statement.None]("fork", `
	UPDATE timeline SET fingerprint = 'of another database' WHERE id = (SELECT MAX(id) FROM timeline)`)

var age = statement.Define[struct{ By int64 }, statement.None]("age", `
	UPDATE timeline SET since = since - @by WHERE id = (SELECT MAX(id) FROM timeline)`)

func environment(s *Store, pass func(d time.Duration)) clustertest.Env {
	var id atomic.Int64
	return clustertest.Env{
		Leases: s, Owners: s, Sequences: s, Pass: pass,
		Write: func(ctx context.Context, f registry.Fence, value string) error {
			return s.CreateMatch(ctx, f, match.Match{ID: id.Add(1), UUID: value})
		},
		Facts: func(ctx context.Context, value string) (int, error) {
			counted := countMatches.With(struct{ UUID string }{value})
			err := s.db.Run(ctx, engine.Read, counted)
			row, _ := counted.One()
			return row.Count, err
		},
		Fork: func() {
			if err := s.db.Run(context.Background(), engine.Durable, fork.With(statement.None{})); err != nil {
				panic(err)
			}
		},
		Age: func(d time.Duration) {
			if err := s.db.Run(context.Background(), engine.Durable, age.With(struct{ By int64 }{d.Milliseconds()})); err != nil {
				panic(err)
			}
		},
		Mark: s.Mark,
	}
}
