package rating

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/match"
	"teiserver/internal/setting"
)

// memory is a Store of a test. What is not needed panics.
type memory struct {
	Store
	mu     sync.Mutex
	rows   map[Owner][]Rating
	log    []cache.Change
	loads  int
	rated  map[int64]bool
	boards []time.Time // since when they were asked for
	last   time.Time
	broken error
}

func (m *memory) Ratings(_ context.Context, season int, users ...int64) ([][]Rating, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	var lists [][]Rating
	for _, user := range users {
		lists = append(lists, slices.Clone(m.rows[Owner{user, season}]))
	}
	return lists, m.broken
}

func (m *memory) RateIn(_ context.Context, tx match.Tx, g *Game, r Rules) ([]Entry, []cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if tx != "tx" {
		return nil, nil, errors.New("another transaction")
	}
	if m.rated[g.Match] {
		return nil, nil, ErrRated
	}
	m.rated[g.Match] = true
	before := map[int64]Rating{}
	for _, p := range g.Players {
		before[p.User] = Start(Key{p.User, g.Type, r.Season})
	}
	entries := Rate(g, r, before)
	var changes []cache.Change
	for _, e := range entries {
		o := Owner{e.User, e.Season}
		m.rows[o] = []Rating{e.Rating}
		changes = append(changes, cache.Change{Version: int64(len(m.log) + 1), Table: Table, Key: o.Text()})
		m.log = append(m.log, changes[len(changes)-1])
	}
	return entries, changes, m.broken
}

func (m *memory) Rerate(ctx context.Context, g *Game, r Rules) ([]Entry, []cache.Change, error) {
	m.mu.Lock()
	delete(m.rated, g.Match)
	m.mu.Unlock()
	return m.RateIn(ctx, "tx", g, r)
}

func (m *memory) Board(_ context.Context, t Type, season int, since time.Time, most int) ([]Place, error) {
	m.boards = append(m.boards, since)
	return []Place{{User: int64(season), Name: string(t), Rating: float64(most)}}, m.broken
}

func (m *memory) LastPlayed(context.Context, int) (time.Time, error) { return m.last, m.broken }

func (m *memory) Changes(_ context.Context, after int64, _ int) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.log[min(int(after), len(m.log)):]), nil
}

func (m *memory) LastChange(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.log)), nil
}

func (m *memory) TrimChanges(context.Context, int64) error { return nil }

func newMemory() *memory { return &memory{rows: map[Owner][]Rating{}, rated: map[int64]bool{}} }

func wonBy(id int64) (match.Match, []match.Membership) {
	team := 1
	return match.Match{
			ID: id, GameType: match.Duel, TeamCount: 2, TeamSize: 1, GameDuration: 600, WinningTeam: &team,
			Processed: time.Unix(9, 0), Finished: time.Unix(8, 0), End: []byte(`{}`),
		}, []match.Membership{
			{User: 1, Team: 1, Win: true}, {User: 2, Team: 2},
		}
}

// A rating is the new one on every node as soon as the host may be told.
func TestRatedIsSeenEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		network := bus.NewNetwork()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		settings := setting.Fixed(nil)
		var services []*Service
		var caches []*cache.Caches
		for _, name := range []string{"a", "b", "c"} {
			b := network.Join(bus.Origin{Node: name, Incarnation: 1})
			defer b.Close()
			c := cache.New(b, m, cache.Options{})
			wg.Go(func() { _ = c.Run(ctx) })
			caches, services = append(caches, c), append(services, NewService(m, c, settings, time.Now))
		}
		synctest.Wait()
		for _, s := range services {
			for range 3 {
				if set, err := s.Of(ctx, 1); err != nil || set.Of(Duel).Skill != StartSkill || len(set.All()) != 0 {
					t.Errorf("before: %+v, %v", set, err)
				}
			}
		}
		if m.loads != 3 {
			t.Errorf("%d loads on three nodes", m.loads)
		}
		rater := NewRater(m, caches[0], settings, slog.New(slog.DiscardHandler))
		game, members := wonBy(5)
		rated, err := rater.Rate(ctx, "tx", game, members)
		if err != nil || rated.Type != "Duel" || rated.Why != "" || rated.Committed == nil {
			t.Fatalf("%+v, %v", rated, err)
		}
		// Who cannot wait for the news reads it.
		if sets, err := services[2].Fresh(ctx, 2, 1); err != nil || sets[0].Of(Duel).Matches != 1 || sets[1].Of(Duel).Wins != 1 {
			t.Errorf("fresh: %+v, %v", sets, err)
		}
		rated.Committed(ctx)
		synctest.Wait() // no second passes
		for i, s := range services {
			set, err := s.Of(ctx, 1)
			if err != nil || set.Of(Duel).Wins != 1 || set.Of(FFA).Skill != StartSkill {
				t.Errorf("node %d: %+v, %v", i, set, err)
			}
		}
		m.mu.Lock()
		m.broken = errors.New("away")
		m.mu.Unlock()
		if _, err := services[0].Of(ctx, 77); err == nil {
			t.Error("a store that is away is a new player")
		}
		if set, err := services[0].Of(ctx, 1); err != nil || set.Of(Duel).Wins != 1 {
			t.Errorf("known, but the store is away: %v", err)
		}
		if sets, err := services[0].Fresh(ctx, 1); err != nil || sets[0].Of(Duel).Wins != 1 {
			t.Errorf("known, but the store is away: %+v, %v", sets, err)
		}
		if _, err := services[0].Fresh(ctx, 1, 77); err == nil {
			t.Error("a store that is away is a new player")
		}
	})
}

func TestRater(t *testing.T) {
	m := newMemory()
	rater := NewRater(m, nil, setting.Fixed(map[string]string{"rating.min_seconds": "300"}), slog.New(slog.DiscardHandler))
	game, members := wonBy(5)
	game.GameDuration = 299
	if rated, err := rater.Rate(t.Context(), "tx", game, members); err != nil || rated.Why != "too_short" || rated.Type != "" {
		t.Errorf("too short: %+v, %v", rated, err)
	}
	game.GameDuration = 300
	if rated, err := rater.Rate(t.Context(), "tx", game, members); err != nil || rated.Type != "Duel" {
		t.Errorf("%+v, %v", rated, err)
	} else {
		rated.Committed(t.Context()) // without caches nobody is told
	}
	if rated, err := rater.Rate(t.Context(), "tx", game, members); err != nil || rated.Why != "already_rated" {
		t.Errorf("twice: %+v, %v", rated, err)
	}
	if entries, err := rater.Again(t.Context(), game, members); err != nil || len(entries) != 2 {
		t.Errorf("again: %+v, %v", entries, err)
	}
	cheated := game
	cheated.End = []byte(`{"cheating":1}`)
	if _, err := rater.Again(t.Context(), cheated, members); !errors.Is(err, ErrCheating) {
		t.Errorf("cheats: %v", err)
	}
	game.End = nil
	if _, err := rater.Again(t.Context(), game, members); !errors.Is(err, ErrGone) {
		t.Errorf("emptied: %v", err)
	}
	game.RatingType = "Duel"
	if _, err := rater.Again(t.Context(), game, members); err != nil {
		t.Errorf("emptied, but it was rated: %v", err)
	}
	m.broken = errors.New("away")
	game.ID = 6
	if _, err := rater.Rate(t.Context(), "tx", game, members); !errors.Is(err, m.broken) {
		t.Errorf("the store is away: %v", err)
	}
}

func TestBoards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.last = time.Unix(5_000_000, 0)
		b := bus.NewNetwork().Join(bus.Origin{Node: "a", Incarnation: 1})
		defer b.Close()
		c := cache.New(b, m, cache.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = c.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		synctest.Wait()
		s := NewService(m, c, setting.Fixed(map[string]string{"rating.season": "2"}), time.Now)
		for range 10 {
			boards, err := s.Boards(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			var types []Type
			for _, b := range boards {
				types = append(types, b.Type)
			}
			if diff := cmp.Diff(BoardTypes, types); diff != "" {
				t.Error(diff)
			}
		}
		if len(m.boards) != len(BoardTypes) {
			t.Errorf("the store was asked %d times", len(m.boards))
		}
		if want := time.Now().Add(-35 * 24 * time.Hour); !m.boards[0].Equal(want) {
			t.Errorf("active since %v, want %v", m.boards[0], want)
		}
		if _, err := s.Boards(ctx, 1); err != nil {
			t.Error(err)
		}
		if got, want := m.boards[len(m.boards)-1], m.last.Add(-35*24*time.Hour); !got.Equal(want) {
			t.Errorf("the last season counts from %v, want %v", got, want)
		}
		for _, season := range []int{-1, 0, 3} {
			if _, err := s.Boards(ctx, season); !errors.Is(err, ErrSeason) {
				t.Errorf("season %d: %v", season, err)
			}
		}
	})
}

func TestOwner(t *testing.T) {
	o := Owner{42, 3}
	if back, err := ParseOwner(o.Text()); err != nil || back != o {
		t.Errorf("%v, %v", back, err)
	}
	for _, text := range []string{"", "42", "x/1", "1/x", "1/2/3"} {
		if _, err := ParseOwner(text); err == nil {
			t.Errorf("%q is an owner", text)
		}
	}
}
