package store

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/pgtest"
)

func joinAs(t *testing.T, s *Store, name string) int64 {
	t.Helper()
	m, err := s.Join(t.Context(), lease.Candidate{Name: name, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return m.Incarnation
}

// TestRule07_LockedRowDelaysItselfAlone: a transaction holds the row of one of a thousand
// keys of a dead node. The others are taken without waiting for it, and it is when the
// transaction has ended.
func TestRule07_LockedRowDelaysItselfAlone(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	dead, heir := joinAs(t, s, "dead"), joinAs(t, s, "heir")
	keys := make([]registry.Key, 1000)
	for i := range keys {
		keys[i] = registry.NewKey("lobby", i)
	}
	insert := `INSERT INTO owner (kind, id, incarnation, epoch, writes, state, fresh, since)
		SELECT 'lobby', n::text, ` + strconv.FormatInt(dead, 10) + `, 7, 3, 'owned', FALSE, 0 FROM generate_series(0, 999) n`
	change(t, address, insert)
	if err := s.Leave(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	tx, err := raw(t, address).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT 1 FROM owner WHERE id = '567' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	taken := map[registry.Key]int64{}
	var skipped []registry.Key
	take := func(keys []registry.Key) {
		t.Helper()
		for batch := range slices.Chunk(keys, registry.MassClaim) {
			got, err := s.TakeOver(t.Context(), batch, heir)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range got.Owned {
				taken[o.Key] = o.Epoch
			}
			skipped = append(skipped, got.Skipped...)
		}
	}
	take(keys)
	stuck := []registry.Key{registry.NewKey("lobby", 567)}
	if diff := cmp.Diff(stuck, skipped); diff != "" || len(taken) != 999 {
		t.Errorf("%d keys were taken, skipped (-want +got):\n%s", len(taken), diff)
	}
	take(stuck)
	if len(taken) != 999 {
		t.Error("a locked row was taken")
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	take(stuck)
	for _, key := range keys {
		if taken[key] != 8 {
			t.Errorf("%s was taken with epoch %d", key, taken[key])
		}
	}
}

// unheard is a feed that nobody follows.
type unheard struct{}

func (unheard) Publish(any) feed.Version { return feed.Version{} }
func (unheard) Restart() feed.Version    { return feed.Version{} }
func (unheard) Version() feed.Version    { return feed.Version{} }
func (unheard) Base(any)                 {}
func (unheard) Close()                   {}

// TestRule14_KilledBetweenCommitAndAnswer is the test of package process on a real
// store: the next owner finds record, state and id of a durable command together.
func TestRule14_KilledBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	for dialect, s := range openBoth(t) {
		t.Run(dialect.String(), func(t *testing.T) {
			key := registry.NewKey("tally", 1)
			host := func(node int64, committed func(h *process.Host)) *process.Host {
				var h *process.Host
				kind := clustertest.Tally("tally", nil)
				kind.Write = func(ctx context.Context, f registry.Fence, record any) error {
					err := s.CreateMatch(ctx, f, match.Match{ID: time.Now().UnixNano(), UUID: "one"})
					if err == nil {
						committed(h)
					}
					return err
				}
				h = process.NewHost(process.Options{
					Incarnation: node, Kinds: map[string]*process.Kind{"tally": &kind}, Store: s,
					Trusted:    func() bool { return true },
					OpenFeed:   func(string, int64, int64, feed.ViewFunc, ...feed.OpenOption) process.Publisher { return unheard{} },
					IndexTopic: func(kind string) string { return kind },
				})
				t.Cleanup(h.DropAll)
				return h
			}
			a, b := joinAs(t, s, "a"), joinAs(t, s, "b")
			first := host(a, func(h *process.Host) { h.Get(key).Drop() })
			own, err := s.Claim(t.Context(), key, a)
			if err != nil {
				t.Fatal(err)
			}
			p, err := first.Start(t.Context(), own, nil)
			if err != nil {
				t.Fatal(err)
			}
			call := func(p *process.Process, n int64, body any) (any, error) {
				return p.Call(t.Context(), process.Call{Body: body, ID: process.ID{Incarnation: a, N: n}})
			}
			durable := clustertest.Add{V: 2, Durable: true}
			if _, err := call(p, 1, clustertest.Add{V: 1}); err != nil {
				t.Fatal(err)
			}
			if reply, err := call(p, 2, durable); err == nil {
				t.Errorf("the killed owner has answered %v", reply)
			}
			<-p.Done()
			if err := s.Leave(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			taken, err := s.TakeOver(t.Context(), []registry.Key{key}, b)
			if err != nil || len(taken.Owned) != 1 {
				t.Fatal(taken, err)
			}
			second := host(b, func(*process.Host) {})
			q, err := second.Start(t.Context(), taken.Owned[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				reply, err := call(q, 2, durable)
				if diff := cmp.Diff(any(clustertest.List{Values: []int{1, 2}}), reply); err != nil || diff != "" {
					t.Errorf("sent again: %v, answer (-want +got):\n%s", err, diff)
				}
			}
			counted := countMatches.With(struct{ UUID string }{"one"})
			if err := s.db.Run(t.Context(), engine.Read, counted); err != nil {
				t.Fatal(err)
			}
			if row, _ := counted.One(); row.Count != 1 {
				t.Errorf("%d records", row.Count)
			}
		})
	}
}
