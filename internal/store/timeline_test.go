package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/pgtest"
)

// given notes everything that a store has given and acknowledged: nothing may come twice.
type given struct {
	t    *testing.T
	mu   sync.Mutex
	what map[string]int64 // to whom
	high map[string]int64 // by kind of number
}

func newGiven(t *testing.T) *given {
	return &given{t: t, what: map[string]int64{}, high: map[string]int64{}}
}

func (g *given) note(kind string, number, to int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := fmt.Sprint(kind, " ", number)
	if before, twice := g.what[name]; twice {
		g.t.Errorf("%s was given to %d and to %d", name, before, to)
	}
	g.what[name] = to
	g.high[kind] = max(g.high[kind], number)
}

// player is a node that takes what it can get, and joins again when it is given up.
type player struct {
	name  string
	s     *Store
	given *given
	self  lease.Membership
}

func (p *player) join(ctx context.Context) error {
	m, err := p.s.Join(ctx, lease.Candidate{Name: p.name, BootID: "boot " + p.name, Proof: true, TTL: time.Hour})
	if err == nil {
		p.self = m
		p.given.note("incarnation", m.Incarnation, m.Incarnation)
	}
	return err
}

// round renews, claims, reserves and logs in once. What has no clear outcome was not given.
func (p *player) round(ctx context.Context, i int) error {
	inc := p.self.Incarnation
	if _, err := p.s.Renew(ctx, inc, lease.Report{Serving: true}); err != nil {
		return err
	}
	key := registry.NewKey("lobby", i%7)
	own, err := p.s.Claim(ctx, key, inc)
	var held *registry.HeldError
	switch {
	case err == nil:
		p.given.note("epoch of "+key.String(), own.Epoch, inc)
		if i%2 == 0 {
			if err := p.s.Release(ctx, fenceOf(own), nil); err != nil {
				return err
			}
		}
	case !errors.As(err, &held):
		return err
	}
	for _, name := range []string{"lobby", "match", "user"} {
		first, err := p.s.Reserve(ctx, name, 3)
		if err != nil {
			return err
		}
		for n := first; n < first+3; n++ {
			p.given.note(name, n, inc)
		}
	}
	user := int64(i % 5)
	now, _, err := p.s.ClaimSession(ctx, user, p.name, inc)
	if err != nil {
		return err
	}
	p.given.note(fmt.Sprint("session of ", user), now.Epoch, inc)
	_, err = p.s.Mark(ctx, inc)
	return err
}

// TestRule11_PromotedStandbyLacksCommits: a standby takes over, under load, without what
// was acknowledged last. No epoch, incarnation, session or id is given twice, nobody goes
// on under the lease of before, and one history begins.
func TestRule11_PromotedStandbyLacksCommits(t *testing.T) {
	t.Parallel()
	pair := pgtest.NewPair(t)
	g := newGiven(t)
	var players []*player
	for i := range 3 {
		s := openStore(t, pair.URL(), Options{Use: Clustered})
		p := &player{name: string(rune('a' + i)), s: s, given: g}
		if err := p.join(t.Context()); err != nil {
			t.Fatal(err)
		}
		players = append(players, p)
	}
	play := func(rounds int) {
		var all sync.WaitGroup
		for _, p := range players {
			all.Go(func() {
				for i := range rounds {
					if err := p.round(context.Background(), i); err != nil {
						t.Errorf("%s: %v", p.name, err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	play(10)
	pair.Detach()

	// Acknowledged, and not on the standby: also a new life of a node, and keys and
	// sequences that it has never heard of.
	if err := players[2].join(t.Context()); err != nil {
		t.Fatal(err)
	}
	play(20)
	lost := registry.NewKey("lobby", "lost")
	own, err := players[0].s.Claim(t.Context(), lost, players[0].self.Incarnation)
	if err != nil {
		t.Fatal(err)
	}
	g.note("epoch of "+lost.String(), own.Epoch, own.Incarnation)
	if n, err := players[0].s.Reserve(t.Context(), "party", 1); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	g.note("party", 1, own.Incarnation)
	before := map[int64]bool{}
	for _, p := range players {
		before[p.self.Incarnation] = true
	}

	const after = 15
	failed, promoted := make(chan struct{}, len(players)), make(chan struct{})
	var all sync.WaitGroup
	for _, p := range players {
		all.Go(func() { goOn(t, p, after, failed, promoted, before) })
	}
	pair.Kill()
	for range players { // each has met the failure under load
		<-failed
	}
	pair.Promote()
	nothingGiven(t, players[0]) // whom the new primary knows
	close(promoted)
	all.Wait()

	for _, p := range players {
		if p.self.Timeline.ID != 2 || p.self.Timeline.Token != players[0].self.Timeline.Token || p.self.Hold == 0 {
			t.Errorf("%s joined %+v, hold %v", p.name, p.self.Timeline, p.self.Hold)
		}
	}
	p := players[1]
	if again, err := p.s.Claim(t.Context(), lost, p.self.Incarnation); err != nil || again.Epoch <= own.Epoch {
		t.Errorf("the key that was lost: %+v, %v", again, err)
	}
	if n, err := p.s.Reserve(t.Context(), "party", 1); err != nil || n <= 1 {
		t.Errorf("the sequence that was lost: %d, %v", n, err)
	}
	for kind, high := range g.high {
		if kind != "party" && kind != "epoch of "+lost.String() && high <= raise {
			t.Errorf("%s: the highest is %d", kind, high)
		}
	}
}

// goOn plays through the failover: the lease of before gets nothing from the new primary.
func goOn(t *testing.T, p *player, rounds int, failed chan<- struct{}, promoted <-chan struct{}, before map[int64]bool) {
	ctx := context.Background()
	told := false
	for i := 0; i < rounds; {
		err := p.round(ctx, i)
		switch {
		case err == nil && told:
			if before[p.self.Incarnation] {
				t.Errorf("%s goes on as %d", p.name, p.self.Incarnation)
				return
			}
			i++
		case err == nil:
		case !told:
			told = true
			failed <- struct{}{}
			<-promoted
		case errors.Is(err, lease.ErrCondemned), errors.Is(err, registry.ErrLeaseLost):
			if err := p.join(ctx); err != nil {
				t.Errorf("%s joins again: %v", p.name, err)
				return
			}
		default: // a connection of before
		}
		if t.Context().Err() != nil {
			return
		}
	}
}

// nothingGiven: before anybody has joined it, the new primary gives nothing.
func nothingGiven(t *testing.T, p *player) {
	t.Helper()
	ctx, inc := t.Context(), p.self.Incarnation
	for name, ask := range map[string]func() error{
		"renewal": func() error { _, err := p.s.Renew(ctx, inc, lease.Report{}); return err },
		"mark":    func() error { _, err := p.s.Mark(ctx, inc); return err },
		"claim":   func() error { _, err := p.s.Claim(ctx, registry.NewKey("lobby", "new"), inc); return err },
		"take-over": func() error {
			_, err := p.s.TakeOver(ctx, []registry.Key{registry.NewKey("lobby", 0)}, inc)
			return err
		},
		"number":  func() error { _, err := p.s.Reserve(ctx, "lobby", 1); return err },
		"session": func() error { _, _, err := p.s.ClaimSession(ctx, 1, p.name, inc); return err },
	} {
		for answered := false; !answered; { // connections of before break first
			err := ask()
			if err == nil {
				t.Errorf("%s: given", name)
			}
			answered = err == nil || t.Context().Err() != nil || errors.Is(err, lease.ErrTimeline) ||
				errors.Is(err, registry.ErrLeaseLost) || errors.Is(err, account.ErrNoLease)
		}
	}
}

// TestRule11_Durability: what is said of the durability of a server is so.
func TestRule11_Durability(t *testing.T) {
	t.Parallel()
	pair := pgtest.NewPair(t)
	look := func() (yes, known bool, e Examination) {
		t.Helper()
		e, err := Examine(t.Context(), pair.URL())
		if err != nil {
			t.Fatal(err)
		}
		yes, known = e.Server.Synchronous()
		return yes, known, e
	}
	yes, known, e := look()
	if yes || !known || len(e.Server.Standbys) != 1 || e.Server.Recovery || e.Schema != 0 || e.Version == "" {
		t.Errorf("asynchronous: %v %v %+v", yes, known, e.Server)
	}
	pair.Synchronous()
	for yes = false; !yes; {
		yes, _, e = look()
	}
	if !e.Server.Standbys[0].Synchronous() {
		t.Errorf("synchronous: %+v", e.Server)
	}
	standby, err := Examine(t.Context(), pair.Standby())
	if err != nil || !standby.Server.Recovery {
		t.Errorf("the standby: %+v, %v", standby.Server, err)
	}
	pair.Detach()
	for yes = true; yes; {
		yes, known, e = look()
	}
	if !known || e.Server.Named != "*" {
		t.Errorf("the standby is away: %v %+v", known, e.Server)
	}
}

// TestRule10_FileIsPutBack: a copy of an SQLite file is another file, and is seen; one that
// is written into the file is seen by what a node remembers.
func TestRule10_FileIsPutBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		put      func(file, backup string) error
		remember bool
	}{
		"moved into its place":  {func(file, backup string) error { return os.Rename(backup, file) }, false},
		"written into the file": {overwrite, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, backup := filepath.Join(dir, "test.db"), filepath.Join(dir, "backup.db")
			g := newGiven(t)
			p := &player{name: "a", given: g}
			open := func() *Store {
				s, err := Open(t.Context(), "sqlite:"+file, Options{Use: Clustered})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			rounds := func(n int) {
				for i := range n {
					if err := p.round(t.Context(), i); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.s = open()
			if err := p.join(t.Context()); err != nil {
				t.Fatal(err)
			}
			rounds(10)
			p.s.Close()
			if err := overwrite(backup, file); err != nil {
				t.Fatal(err)
			}
			p.s = open()
			rounds(10)
			mark, err := p.s.Mark(t.Context(), p.self.Incarnation)
			if err != nil {
				t.Fatal(err)
			}
			m := lease.Memory{ClusterID: p.self.ClusterID, ID: 1, Token: p.self.Timeline.Token, Incarnation: p.self.Incarnation, Mark: mark}
			p.s.Close()
			if !tc.remember {
				m = lease.Memory{}
			}
			if err := tc.put(file, backup); err != nil {
				t.Fatal(err)
			}
			p.s = open()
			defer func() { p.s.Close() }()
			p.self, err = p.s.Join(t.Context(), lease.Candidate{Name: "b", TTL: time.Hour, Memory: m})
			if err != nil || p.self.Timeline.ID != 2 {
				t.Fatalf("joined %+v, %v", p.self, err)
			}
			g.note("incarnation", p.self.Incarnation, p.self.Incarnation)
			rounds(20)
		})
	}
}

// overwrite writes a copy into a file, which stays the same file.
func overwrite(file, from string) error {
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o600)
}

// TestRule10_DumpIsPutBack: a dump makes the tables anew, also in the same database.
func TestRule10_DumpIsPutBack(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	s := openStore(t, url, Options{Use: Clustered})
	m, err := s.Join(t.Context(), lease.Candidate{Name: "a", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	change(t, url, `CREATE TABLE restored (LIKE timeline INCLUDING ALL); INSERT INTO restored SELECT * FROM timeline;
		DROP TABLE timeline; ALTER TABLE restored RENAME TO timeline`)
	if _, err := s.Renew(t.Context(), m.Incarnation, lease.Report{}); !errors.Is(err, lease.ErrTimeline) {
		t.Errorf("renewed: %v", err)
	}
}

// TestRule11_Operator: the operator says that a backup was put back.
func TestRule11_Operator(t *testing.T) {
	t.Parallel()
	for kind, s := range openBoth(t) {
		first, err := s.Join(t.Context(), lease.Candidate{Name: "a", TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		ch, err := s.PutSetting(t.Context(), "k", "v", false)
		if err != nil || len(ch) == 0 {
			t.Fatalf("%s: %+v, %v", kind, ch, err)
		}
		line, err := s.BeginTimeline(t.Context())
		if err != nil || line.ID != 2 {
			t.Errorf("%s: %+v, %v", kind, line, err)
		}
		if _, err := s.Renew(t.Context(), first.Incarnation, lease.Report{}); !errors.Is(err, lease.ErrTimeline) {
			t.Errorf("%s: renewed: %v", kind, err)
		}
		again, err := s.PutSetting(t.Context(), "k", "w", false)
		if err != nil || again[0].Version <= ch[0].Version+raise {
			t.Errorf("%s: version %+v after %+v, %v", kind, again, ch, err)
		}
		if now, ok, err := s.Timeline(t.Context()); err != nil || !ok || now.ID != 2 {
			t.Errorf("%s: %+v %v %v", kind, now, ok, err)
		}
	}
}
