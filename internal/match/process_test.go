package match

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/registry"
)

// memory is a store of matches in memory.
type memory struct {
	Store // what the tests do not use panics

	mu      sync.Mutex
	matches map[int64]*Match
	members map[int64][]Membership
	told    map[int64]int
	failed  map[int64]int
	stats   map[int64]map[string]string
	stale   map[Stale][]int64
	chunks  [][]int64
	broken  error
	puts    int // of stats
}

func newMemory(ids ...int64) *memory {
	m := &memory{
		matches: map[int64]*Match{}, members: map[int64][]Membership{}, told: map[int64]int{}, failed: map[int64]int{},
		stats: map[int64]map[string]string{}, stale: map[Stale][]int64{},
	}
	for _, id := range ids {
		m.matches[id] = &Match{
			ID: id, Founder: 90, GameType: Duel, TeamCount: 2, TeamSize: 1, Started: time.Unix(1000, 0), Finished: time.Unix(2000, 0),
			End: json.RawMessage(`{"gameDuration": 900, "teamStats": {"Alice": {}, "Bob": {}}, "players": [{"accountId": 11, "name": "Alice", "win": 1}]}`),
		}
		m.members[id] = []Membership{{User: 11, Name: "Alice"}, {User: 12, Name: "Bob", Team: 1}}
	}
	return m
}

func (s *memory) DueMatches(_ context.Context, _ time.Duration, after int64, most int) (list []Due, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.matches)) {
		if m := s.matches[id]; id > after && m.Processed.IsZero() && len(list) < most {
			list = append(list, Due{id, s.failed[id]})
		}
	}
	return list, s.broken
}

func (s *memory) ProcessMatch(ctx context.Context, id int64, work func(ctx context.Context, w Work) (Plan, error)) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := *s.matches[id]
	if !m.Processed.IsZero() {
		return false, nil
	}
	settled := s.members[id]
	plan, err := work(ctx, Work{Match: m, Members: slices.Clone(s.members[id]), Now: time.Unix(3000, 0), Settle: func(_ context.Context, p Plan) error {
		settled = p.Members
		return nil
	}})
	if err != nil {
		return false, err
	}
	s.members[id], s.matches[id] = settled, &plan.Match
	return true, nil
}

func (s *memory) FailMatch(_ context.Context, id int64, _ string, _ time.Duration) error {
	s.failed[id]++
	return nil
}

func (s *memory) UntoldMatches(_ context.Context, after int64, most int) (list []int64, err error) {
	for _, id := range slices.Sorted(maps.Keys(s.matches)) {
		if id > after && !s.matches[id].Processed.IsZero() && s.told[id] == 0 && len(list) < most {
			list = append(list, id)
		}
	}
	return list, nil
}

func (s *memory) ToldMatch(_ context.Context, id int64) error           { s.told[id]++; return nil }
func (s *memory) MatchByID(_ context.Context, id int64) (*Match, error) { return s.matches[id], nil }
func (s *memory) Memberships(_ context.Context, id int64) ([]Membership, error) {
	return s.members[id], nil
}
func (s *memory) GamesOf(context.Context, int64, time.Duration, int) ([]Played, error) {
	return []Played{{Type: Duel, Finished: time.Unix(2000, 0), Win: true, Decided: true}}, nil
}

func (s *memory) PutStats(_ context.Context, user int64, stats map[string]string) error {
	s.stats[user] = stats
	s.puts++
	return nil
}

func (s *memory) StaleMatches(_ context.Context, sort Stale, _ time.Duration, most int) ([]int64, error) {
	return slices.Clone(s.stale[sort][:min(most, len(s.stale[sort]))]), s.broken
}

func (s *memory) DeleteMatches(_ context.Context, _ *registry.Fence, ids []int64) error {
	return s.clean(ids, Unplayed, Unrated)
}

func (s *memory) StripMatches(_ context.Context, _ *registry.Fence, ids []int64) error {
	return s.clean(ids, Bulky)
}

func (s *memory) clean(ids []int64, sorts ...Stale) error {
	s.chunks = append(s.chunks, ids)
	for _, sort := range sorts {
		s.stale[sort] = slices.DeleteFunc(s.stale[sort], func(id int64) bool { return slices.Contains(ids, id) })
	}
	return nil
}

// raterFunc rates by a function.
type raterFunc func(m Match, members []Membership) (Rated, error)

func (f raterFunc) Rate(_ context.Context, _ Tx, m Match, members []Membership) (Rated, error) {
	return f(m, members)
}

func TestProcessMatches(t *testing.T) {
	t.Parallel()
	s := newMemory(1, 2)
	var order []string
	var over []int64
	p := NewProcessor(Options{
		Store: s,
		Rater: raterFunc(func(m Match, members []Membership) (Rated, error) {
			if m.Processed.IsZero() || m.WinningTeam == nil || len(members) != 2 || !members[0].Win {
				t.Errorf("rated as %+v %+v", m, members)
			}
			return Rated{Type: "Duel", Committed: func(context.Context) { order = append(order, "committed") }}, nil
		}),
		TellHost: func(_ context.Context, host int64, line string) bool {
			order = append(order, fmt.Sprint(host, " ", line))
			return true
		},
		Over: []func(context.Context, Match, []Membership) error{func(_ context.Context, m Match, _ []Membership) error { over = append(over, m.ID); return nil }},
	})
	for range 3 { // again and again: each once
		if err := p.ProcessMatches(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"committed", "90 updateSkill Alice Bob", "committed", "90 updateSkill Alice Bob"}
	if !slices.Equal(order, want) || !slices.Equal(over, []int64{1, 2}) || s.told[1] != 1 || s.told[2] != 1 {
		t.Errorf("said %q, over %v, told %v", order, over, s.told)
	}
	if m := s.matches[1]; m.RatingType != "Duel" || m.GameDuration != 900 || s.stats[11]["win_count.duel"] != "1" {
		t.Errorf("match %+v, stats %v", m, s.stats[11])
	}
}

// A match that fails or panics keeps no other from being processed, and is tried again.
func TestFailuresAreIsolated(t *testing.T) {
	t.Parallel()
	s := newMemory(1, 2, 3, 4)
	s.matches[2].End = json.RawMessage(`{"players": 7}`)
	bad := true
	p := NewProcessor(Options{Store: s, Rater: raterFunc(func(m Match, _ []Membership) (Rated, error) {
		switch {
		case bad && m.ID == 1:
			panic("rating")
		case bad && m.ID == 3:
			return Rated{}, errors.New("no rating")
		}
		return Rated{Why: "no"}, nil
	})})
	if err := p.ProcessMatches(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.failed[1] != 1 || s.failed[2] != 1 || s.failed[3] != 1 || s.matches[4].Processed.IsZero() || !s.matches[1].Processed.IsZero() {
		t.Errorf("failed %v, matches %+v", s.failed, s.matches)
	}
	if len(s.members[1]) != 2 {
		t.Error("a match that failed has lost members")
	}
	bad = false
	s.matches[2].End = nil
	if err := p.ProcessMatches(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, m := range s.matches {
		if m.Processed.IsZero() || s.told[id] != 1 {
			t.Errorf("match %d: processed %v, told %d times", id, m.Processed, s.told[id])
		}
	}
}

// Who is not told is told by the next run, with nothing rated again.
func TestToldLater(t *testing.T) {
	t.Parallel()
	s := newMemory(1)
	rated, tries, hosts, others := 0, 0, 0, 0
	p := NewProcessor(Options{
		Store: s,
		Rater: raterFunc(func(Match, []Membership) (Rated, error) { rated++; return Rated{Type: "Duel"}, nil }),
		Over: []func(context.Context, Match, []Membership) error{
			func(context.Context, Match, []Membership) error {
				switch tries++; tries {
				case 1, 2:
					return errors.New("nobody there")
				case 3:
					panic("a bug")
				}
				return nil
			},
			func(context.Context, Match, []Membership) error { others++; return nil },
		},
		TellHost: func(context.Context, int64, string) bool { hosts++; return true },
	})
	for range 5 {
		if err := p.ProcessMatches(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if rated != 1 || tries != 4 || s.told[1] != 1 {
		t.Errorf("rated %d times, tried %d times, told %d times", rated, tries, s.told[1])
	}
	if hosts != 1 || others != 1 || s.puts != 2 || len(p.follow.known) != 0 {
		t.Errorf("what went well was done again: host %d, other %d, stats %d times; remembered %v", hosts, others, s.puts, p.follow.known)
	}
}

// A host that is away when its match is processed hears of it when it is back, within a
// few minutes; nobody else waits for that.
func TestHostIsAway(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"comes back": true, "stays away": false} {
		s := newMemory(1)
		now, there, said, over := time.Unix(3000, 0), false, 0, 0
		p := NewProcessor(Options{
			Store: s, Now: func() time.Time { return now },
			TellHost: func(context.Context, int64, string) bool {
				if there {
					said++
				}
				return there
			},
			Over: []func(context.Context, Match, []Membership) error{func(context.Context, Match, []Membership) error { over++; return nil }},
		})
		for minute := range 10 {
			there = back && minute >= 3
			if err := p.ProcessMatches(t.Context()); err != nil {
				t.Fatal(err)
			}
			if waits := back && minute < 3 || !back && minute <= 5; (s.told[1] == 0) != waits {
				t.Errorf("%s: told %d times after %d minutes", name, s.told[1], minute)
			}
			now = now.Add(time.Minute)
		}
		if over != 1 || (said == 1) != back {
			t.Errorf("%s: over %d times, said %d times", name, over, said)
		}
	}
}

func TestProcessingIsOff(t *testing.T) {
	t.Parallel()
	s := newMemory(1)
	p := NewProcessor(Options{Store: s, On: func(context.Context) bool { return false }})
	if err := p.ProcessMatches(t.Context()); err != nil || !s.matches[1].Processed.IsZero() {
		t.Errorf("%v, %+v", err, s.matches[1])
	}
	s.broken = errors.New("no store")
	p = NewProcessor(Options{Store: s})
	if err := p.ProcessMatches(t.Context()); !errors.Is(err, s.broken) {
		t.Errorf("without a store: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.broken = nil
	if err := p.ProcessMatches(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]time.Duration{0: time.Minute, 1: 2 * time.Minute, 5: 32 * time.Minute, 9: longestRetry, 1000: longestRetry} {
		if got := retryDelay(attempts); got != want {
			t.Errorf("after %d: %s, want %s", attempts, got, want)
		}
	}
	if got := oneLine("a\n\x00b " + strings.Repeat("ü", 400)); len(got) > mostFailure || strings.ContainsAny(got, "\n\x00") {
		t.Errorf("%q", got)
	}
}

func TestCleanBattles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		numbers := func(first, n int64) (ids []int64) {
			for i := range n {
				ids = append(ids, first+i)
			}
			return ids
		}
		s.stale[Unplayed], s.stale[Bulky], s.stale[Unrated] = numbers(1, 12), numbers(100, 5), numbers(200, 3)
		age := func(context.Context) time.Duration { return time.Hour }
		c := &Cleaner{Store: s, UnplayedAge: age, UnratedAge: age, DataAge: age}

		// Its context ends in the middle: the chunk is whole, the next run does the rest.
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if err := c.CleanBattles(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %v", err)
		}
		if len(s.stale[Unplayed]) != 2 || len(s.chunks) != 2 {
			t.Errorf("after two chunks %v are left", s.stale[Unplayed])
		}
		began := time.Now()
		if err := c.CleanBattles(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.stale[Unplayed])+len(s.stale[Bulky])+len(s.stale[Unrated]) != 0 {
			t.Errorf("left: %v", s.stale)
		}
		for _, chunk := range s.chunks {
			if len(chunk) > cleanChunk {
				t.Errorf("%d at once", len(chunk))
			}
		}
		if took := time.Since(began); took != 3*CleanPause {
			t.Errorf("three chunks took %s", took)
		}
		s.stale[Unplayed] = numbers(1000, cleanMost+50)
		if err := c.CleanBattles(t.Context()); err != nil || len(s.stale[Unplayed]) != 50 {
			t.Errorf("%d are left of too many, %v", len(s.stale[Unplayed]), err)
		}
	})
}
