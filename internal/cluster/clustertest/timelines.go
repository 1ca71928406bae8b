package clustertest

import (
	"sync"
	"testing"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

// RunTimelines checks what lease.Store promises of a store that is not what it was.
func RunTimelines(t *testing.T, open func(t *testing.T) Env) {
	run(t, open, []test{
		{"NothingIsGivenByAnotherStore", nothingFromAnotherStore},
		{"ANewTimelineIsAboveTheOld", aboveTheOld},
		{"OneOfManyBeginsIt", oneBeginsIt},
		{"ANodeRemembersMore", remembersMore},
		{"ANodeRemembersALostTimeline", remembersLost},
		{"ALifeGoesOn", lifeGoesOn},
		{"ALifeComesTooLate", lifeComesLate},
	})
}

func (s suite) joinAs(name string, m lease.Memory) lease.Membership {
	s.Helper()
	joined, err := s.Leases.Join(s.ctx, lease.Candidate{Name: name, BootID: "boot-" + name, TTL: long, Memory: m})
	if err != nil {
		s.Fatalf("join as %s: %v", name, err)
	}
	return joined
}

func (s suite) reserve(name string) int64 {
	s.Helper()
	first, err := s.Sequences.Reserve(s.ctx, name, 10)
	if err != nil {
		s.Fatalf("reserve %s: %v", name, err)
	}
	return first
}

// memoryOf is what a node remembers after joining, with its mark.
func memoryOf(m lease.Membership, mark int64) lease.Memory {
	return lease.Memory{ClusterID: m.ClusterID, ID: m.Timeline.ID, Token: m.Timeline.Token, Incarnation: m.Incarnation, Mark: mark}
}

func nothingFromAnotherStore(s suite) {
	a := s.join("a", long)
	b := s.join("b", short)
	key := registry.NewKey("lobby", 1)
	own := s.claim(key, a)
	s.reserve("lobby")
	s.Pass(2 * short)
	s.Fork()
	_, err := s.Leases.Renew(s.ctx, a, lease.Report{Serving: true})
	s.is(err, lease.ErrTimeline)
	s.is(err, lease.ErrCondemned)
	_, err = s.Mark(s.ctx, a)
	s.is(err, lease.ErrTimeline)
	for _, k := range []registry.Key{key, registry.NewKey("lobby", 2)} {
		_, err = s.Owners.Claim(s.ctx, k, a)
		s.is(err, registry.ErrLeaseLost)
	}
	_, err = s.Owners.TakeOver(s.ctx, []registry.Key{key}, a)
	s.is(err, registry.ErrLeaseLost)
	s.is(s.Leases.Condemn(s.ctx, a, b, s.node(b).Renewal), lease.ErrNotExpired)
	for _, name := range []string{"lobby", "match"} {
		if first, err := s.Sequences.Reserve(s.ctx, name, 1); err == nil {
			s.Errorf("%s: got %d of a store that nobody has joined", name, first)
		}
	}
	o, _, err := s.Owners.Lookup(s.ctx, key)
	if err != nil || o.Epoch != own.Epoch {
		s.Errorf("the row: %+v, %v", o, err)
	}
}

func aboveTheOld(s suite) {
	first := s.joinAs("a", lease.Memory{})
	if first.Timeline.ID != 1 || first.Timeline.Token == "" || first.Hold != 0 {
		s.Errorf("the first timeline: %+v, hold %v", first.Timeline, first.Hold)
	}
	a, b := first.Incarnation, s.join("b", long)
	known, unknown := registry.NewKey("lobby", "known"), registry.NewKey("lobby", "unknown")
	for range 3 {
		s.claim(known, a)
	}
	s.reserve("lobby")
	s.Fork()
	m := s.joinAs("c", lease.Memory{})
	if m.Timeline.ID != 2 || !m.Timeline.New || m.Timeline.Token == first.Timeline.Token || m.Timeline.Why == "" {
		s.Errorf("the second timeline: %+v", m.Timeline)
	}
	if m.Hold != long {
		s.Errorf("claims are held back for %v", m.Hold)
	}
	if m.Incarnation <= b+raise {
		s.Errorf("incarnation %d after %d", m.Incarnation, b)
	}
	for _, gone := range []int64{a, b} {
		if state := s.node(gone).State; state != lease.Gone {
			s.Errorf("node %d is %s", gone, state)
		}
		s.is(s.renew(gone, lease.Report{Serving: true}), lease.ErrTimeline)
	}
	if got := s.claim(known, m.Incarnation); got.Epoch <= 3+raise || got.Fresh {
		s.Errorf("a key of before: %+v", got)
	}
	if got := s.claim(unknown, m.Incarnation); got.Epoch <= raise || !got.Fresh {
		s.Errorf("a key that the store does not know: %+v", got)
	}
	again, err := s.Owners.TakeOver(s.ctx, []registry.Key{known}, m.Incarnation)
	if err != nil || len(again.Owned) != 1 || again.Owned[0].Epoch <= 4+raise {
		s.Errorf("taken over: %+v, %v", again, err)
	}
	if got := s.reserve("lobby"); got <= 10+raise {
		s.Errorf("lobby goes on at %d", got)
	}
	if got := s.reserve("match"); got <= raise {
		s.Errorf("match, which the store does not know, begins at %d", got)
	}
	next := s.joinAs("d", lease.Memory{})
	if next.Timeline.ID != 2 || next.Timeline.New || next.Timeline.Token != m.Timeline.Token || next.Hold != long {
		s.Errorf("who joins next: %+v, hold %v", next.Timeline, next.Hold)
	}
	if next.Incarnation != m.Incarnation+1 {
		s.Errorf("incarnation %d after %d", next.Incarnation, m.Incarnation)
	}
	s.is(s.renew(m.Incarnation, lease.Report{Serving: true}), nil)
}

func oneBeginsIt(s suite) {
	s.join("a", long)
	s.Fork()
	var (
		mu    sync.Mutex
		begun int
		seen  = map[string]bool{}
	)
	together(8, func(i int) {
		m, err := s.Leases.Join(s.ctx, lease.Candidate{Name: string(rune('b' + i)), TTL: long})
		if err != nil {
			s.Errorf("join: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		seen[m.Timeline.Token] = true
		if m.Timeline.New {
			begun++
		}
	})
	if begun != 1 || len(seen) != 1 {
		s.Errorf("%d have begun %d timelines", begun, len(seen))
	}
	living := 0
	for _, n := range s.nodes() {
		if n.State == lease.Serving {
			living++
		}
	}
	if living != 8 {
		s.Errorf("%d live", living)
	}
}

func (s suite) mark(incarnation int64) int64 {
	s.Helper()
	mark, err := s.Mark(s.ctx, incarnation)
	if err != nil {
		s.Fatalf("mark %d: %v", incarnation, err)
	}
	return mark
}

func remembersMore(s suite) {
	a := s.joinAs("a", lease.Memory{})
	s.mark(a.Incarnation)
	m := memoryOf(a, s.mark(a.Incarnation))
	s.mark(a.Incarnation) // and the node died before it noted that
	b := s.join("b", long)
	if err := s.Leases.Leave(s.ctx, a.Incarnation); err != nil {
		s.Fatal(err)
	}
	right := s.joinAs("a", m)
	if right.Timeline.ID != 1 || right.Timeline.New {
		s.Errorf("the store knows all that is remembered: %+v", right.Timeline)
	}
	foreign := m
	foreign.ClusterID, foreign.Mark = "another", 100
	if got := s.joinAs("c", foreign); got.Timeline.ID != 1 {
		s.Errorf("what is remembered of another cluster: %+v", got.Timeline)
	}
	more := memoryOf(right, 1)
	got := s.joinAs("d", more)
	if got.Timeline.ID != 2 || !got.Timeline.New || got.Incarnation <= raise {
		s.Errorf("the store went back: %+v at %d", got.Timeline, got.Incarnation)
	}
	s.is(s.renew(b, lease.Report{Serving: true}), lease.ErrTimeline)
	// Who comes later and remembers the same needs no third one.
	if next := s.joinAs("e", more); next.Timeline.ID != 2 || next.Timeline.New {
		s.Errorf("the next one: %+v", next.Timeline)
	}
	s.is(s.renew(got.Incarnation, lease.Report{Serving: true}), nil)
	absent := memoryOf(got, 0)
	absent.Incarnation += 100
	if next := s.joinAs("f", absent); next.Timeline.ID != 3 || next.Incarnation <= absent.Incarnation+raise {
		s.Errorf("an incarnation that the store has not given: %+v at %d", next.Timeline, next.Incarnation)
	}
}

// remembersLost: the lost history had begun timelines of its own, whose numbers are as
// high as those of the next one would be.
func remembersLost(s suite) {
	a := s.joinAs("a", lease.Memory{})
	key := registry.NewKey("lobby", 1)
	s.claim(key, a.Incarnation)
	s.reserve("lobby")
	lost := memoryOf(a, 0)
	lost.ID, lost.Token, lost.Incarnation = 3, "lost", 2*raise+7
	m := s.joinAs("b", lost)
	if m.Timeline.ID != 4 || m.Incarnation <= 3*raise+7 {
		s.Errorf("%+v at %d", m.Timeline, m.Incarnation)
	}
	if got := s.claim(key, m.Incarnation); got.Epoch <= 3*raise {
		s.Errorf("epoch %d", got.Epoch)
	}
	if got := s.reserve("lobby"); got <= 3*raise {
		s.Errorf("number %d", got)
	}
}

// goOn joins with a life of the timeline before.
func (s suite) goOn(name string, of lease.Membership, ttl time.Duration) (lease.Membership, error) {
	return s.Leases.Join(s.ctx, lease.Candidate{Name: name, BootID: "boot-" + name, TTL: ttl, Life: of.Incarnation, ClusterID: of.ClusterID, Memory: memoryOf(of, 0)})
}

func lifeGoesOn(s suite) {
	a, b := s.joinAs("a", lease.Memory{}), s.joinAs("b", lease.Memory{})
	key := registry.NewKey("lobby", 1)
	own := s.claim(key, a.Incarnation)
	for _, n := range s.nodes() {
		if n.Life != n.Incarnation || n.Timeline != 1 {
			s.Errorf("before: %+v", n)
		}
	}
	s.Fork()
	for _, n := range s.nodes() { // nobody has joined this one: what they say may be undone
		if n.Timeline != 0 {
			s.Errorf("between: %+v", n)
		}
	}
	again, err := s.goOn("b", b, long)
	if err != nil || !again.Timeline.New || again.Timeline.ID != 2 || again.Incarnation <= raise || again.Hold != long {
		s.Errorf("b goes on as %+v, %v", again, err)
	}
	if got := s.node(again.Incarnation); got.Life != b.Incarnation || got.Timeline != 2 || got.State != lease.Serving {
		s.Errorf("b is %+v", got)
	}
	second, err := s.goOn("a", a, long)
	if err != nil || second.Timeline.ID != 2 || second.Timeline.New {
		s.Errorf("a goes on as %+v, %v", second, err)
	}
	// The answer was lost: the same life asks again, and is no namesake of its own.
	third, err := s.goOn("a", a, long)
	if err != nil || third.Incarnation <= second.Incarnation {
		s.Errorf("a asks again: %+v, %v", third, err)
	}
	if got := s.node(second.Incarnation); got.State != lease.Gone {
		s.Errorf("a's first answer: %+v", got)
	}
	row, _, err := s.Owners.Lookup(s.ctx, key)
	if err != nil || row.Epoch != own.Epoch || row.Incarnation != a.Incarnation || !row.Gone {
		s.Errorf("the row is %+v, %v", row, err)
	}
	if got := s.claim(key, third.Incarnation); got.Epoch <= raise || got.Fresh || got.Writes != own.Writes {
		s.Errorf("claimed again: %+v", got)
	}
}

func lifeComesLate(s suite) {
	a, b := s.joinAs("a", lease.Memory{}), s.joinAs("b", lease.Memory{})
	s.Fork()
	if _, err := s.goOn("a", a, long); err != nil {
		s.Fatal(err)
	}
	s.Age(lease.AwaitLeases*long - time.Minute)
	if m, err := s.goOn("b", b, long); err != nil || m.Hold != long {
		s.Errorf("in time: %+v, %v", m, err)
	}
	s.Age(time.Minute)
	_, err := s.goOn("a", a, long)
	s.is(err, lease.ErrLate)
	if m := s.joinAs("c", lease.Memory{}); m.Timeline.ID != 2 || m.Hold != 0 {
		s.Errorf("who begins: %+v", m)
	}
}
