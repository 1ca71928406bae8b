package clustertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

// raise is what a new timeline begins above the one before it.
const raise = 1_000_000

// line is a timeline of the store.
type line struct {
	lease.Timeline
	place int // the database that it is of
	floor int64
	since time.Duration
}

// Copy is what a store had at a moment, as a backup has it, or a standby.
type Copy struct{ s *Store }

// Copy copies the store.
func (s *Store) Copy() Copy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Copy{s.contents()}
}

// contents copies what is stored.
func (s *Store) contents() *Store {
	c := &Store{
		last: s.last, nodes: map[int64]*node{}, owners: map[registry.Key]*owner{},
		sequences: maps.Clone(s.sequences), facts: slices.Clone(s.facts), lines: slices.Clone(s.lines),
	}
	for inc, n := range s.nodes {
		row := *n
		c.nodes[inc] = &row
	}
	for key, o := range s.owners {
		row := *o
		c.owners[key] = &row
	}
	return c
}

// TakeOverBy makes a copy the store: what was written since is lost. It can be seen that
// it is another database, as that of a standby.
func (s *Store) TakeOverBy(c Copy) {
	s.PutBack(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place++
}

// PutBack makes a copy the store, and nothing in it tells.
func (s *Store) PutBack(c Copy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := c.s.contents()
	s.last, s.nodes, s.owners, s.sequences, s.facts, s.lines = old.last, old.nodes, old.owners, old.sequences, old.facts, old.lines
}

// Age has the newest timeline have begun d earlier.
func (s *Store) Age(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[len(s.lines)-1].since -= d
}

// present reports whether the newest timeline is of this database.
func (s *Store) present() bool { return len(s.lines) == 0 || s.lines[len(s.lines)-1].place == s.place }

func (s *Store) floor() int64 {
	if len(s.lines) == 0 {
		return 0
	}
	return s.lines[len(s.lines)-1].floor
}

// enter returns the timeline that a node joins, and begins a new one if it must.
func (s *Store) enter(m lease.Memory) lease.Timeline {
	if len(s.lines) == 0 && m.Token == "" {
		s.lines = append(s.lines, line{Timeline: lease.Timeline{ID: 1, Token: token(1, s.place, s.clock())}, place: s.place})
		return s.lines[0].Timeline
	}
	behind := func() bool {
		if m.Token == "" || m.ClusterID != s.clusterID {
			return false
		}
		at := slices.IndexFunc(s.lines, func(l line) bool { return l.Token == m.Token })
		n := s.nodes[m.Incarnation]
		return at < 0 || at == len(s.lines)-1 && (n == nil || n.mark < m.Mark)
	}
	if s.present() && !behind() {
		return s.lines[len(s.lines)-1].Timeline
	}
	before := int64(0)
	if len(s.lines) > 0 {
		before = s.lines[len(s.lines)-1].ID
	}
	id := max(before, m.ID) + 1
	floor := s.floor()
	for _, o := range s.owners {
		floor = max(floor, o.Epoch)
	}
	for _, next := range s.sequences {
		floor = max(floor, next)
	}
	l := line{lease.Timeline{ID: id, Token: token(id, s.place, s.clock()), Why: "test", New: true}, s.place, floor + raise*(id-before), s.clock()}
	s.last = max(s.last, m.Incarnation) + raise*(id-before)
	for _, n := range s.nodes {
		if alive(n) {
			n.State = lease.Gone
		}
	}
	s.lines = append(s.lines, l)
	s.lines[len(s.lines)-1].New = false
	return l.Timeline
}

func token(id int64, place int, at time.Duration) string { return fmt.Sprint(id, " ", place, " ", at) }

func (s *Store) whyGone(n *node) error {
	if !s.present() || n != nil && n.timeline < s.lines[len(s.lines)-1].ID {
		return lease.ErrTimeline
	}
	return lease.ErrCondemned
}

// Mark raises the mark of a node, see lease.Memory.
func (s *Store) Mark(ctx context.Context, incarnation int64) (int64, error) {
	return access(ctx, s, Access{Op: "mark", Incarnation: incarnation}, func() (int64, error) {
		n := s.nodes[incarnation]
		if n == nil || !alive(n) || !s.present() {
			return 0, s.whyGone(n)
		}
		n.mark++
		return n.mark, nil
	})
}
