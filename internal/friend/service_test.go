package friend

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/refusal"
)

// memoryStore is a Store of a test.
type memoryStore struct {
	mu     sync.Mutex
	rel    map[int64]*Relations
	broken error

	written int // relations
}

func (m *memoryStore) of(id int64) *Relations {
	if m.rel[id] == nil {
		m.rel[id] = &Relations{}
	}
	return m.rel[id]
}

func (m *memoryStore) Relations(_ context.Context, id int64) (*Relations, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := *m.of(id)
	c.Friends, c.Incoming, c.Outgoing = slices.Clone(c.Friends), slices.Clone(c.Incoming), slices.Clone(c.Outgoing)
	c.Ignores, c.Follows = slices.Clone(c.Ignores), slices.Clone(c.Follows)
	c.Avoids, c.Blocks = slices.Clone(c.Avoids), slices.Clone(c.Blocks)
	return &c, m.broken
}

func set(list *[]int64, id int64, on bool) bool {
	i := slices.Index(*list, id)
	switch {
	case on && i < 0:
		*list = append(*list, id)
	case !on && i >= 0:
		*list = slices.Delete(*list, i, i+1)
	default:
		return false
	}
	return true
}

var some = []cache.Change{{Version: 1, Table: "relations", Key: "1"}}

func (m *memoryStore) befriend(a, b int64) {
	set(&m.of(a).Friends, b, true)
	set(&m.of(b).Friends, a, true)
}

func (m *memoryStore) RequestFriend(_ context.Context, from, to int64) (bool, []cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if set(&m.of(from).Incoming, to, false) {
		set(&m.of(to).Outgoing, from, false)
		m.befriend(from, to)
		return true, some, m.broken
	}
	if slices.Contains(m.of(from).Friends, to) || !set(&m.of(from).Outgoing, to, true) {
		return false, nil, m.broken
	}
	set(&m.of(to).Incoming, from, true)
	return false, some, m.broken
}

func (m *memoryStore) AnswerFriend(_ context.Context, from, to int64, accept bool) (bool, []cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !set(&m.of(to).Incoming, from, false) {
		return false, nil, m.broken
	}
	set(&m.of(from).Outgoing, to, false)
	if accept {
		m.befriend(from, to)
	}
	return true, some, m.broken
}

func (m *memoryStore) EndFriend(_ context.Context, a, b int64) (bool, []cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := set(&m.of(a).Friends, b, false)
	set(&m.of(b).Friends, a, false)
	return found, some, m.broken
}

func (m *memoryStore) SetRelation(_ context.Context, from, to int64, r Relation, on bool) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.written++
	u := m.of(from)
	did := false
	if on && r != Ignore {
		for _, list := range []*[]int64{&u.Follows, &u.Avoids, &u.Blocks} {
			set(list, to, false)
		}
	}
	lists := map[Relation][]*[]int64{Ignore: {&u.Ignores}, Follow: {&u.Follows}, Avoid: {&u.Avoids}, Block: {&u.Blocks, &u.Avoids}}
	for _, list := range lists[r] {
		did = set(list, to, on) || did
	}
	if did {
		return some, m.broken
	}
	return nil, m.broken
}

func (m *memoryStore) ClearRelations(_ context.Context, from, to int64) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.of(from)
	for _, list := range []*[]int64{&u.Ignores, &u.Follows, &u.Avoids, &u.Blocks} {
		set(list, to, false)
	}
	return some, m.broken
}

type limit int

func (l limit) MaxRelations(context.Context) int { return int(l) }

func newService(max int) (*Service, *memoryStore) {
	m := &memoryStore{rel: map[int64]*Relations{}}
	return NewService(m, nil, limit(max), nil), m
}

// Erin and Frank, as in the recorded conversation.
const erin, frank int64 = 12, 13

func TestConversation(t *testing.T) {
	t.Parallel()
	s, _ := newService(300)
	ctx := t.Context()
	for i, step := range []struct {
		do     func() ([]Notice, error)
		want   []Notice
		refuse string
	}{
		{func() ([]Notice, error) { return s.Ask(ctx, erin, frank) }, []Notice{{frank, Asked, erin}}, ""},
		{func() ([]Notice, error) { return s.Ask(ctx, erin, frank) }, nil, "Already friends"},
		{func() ([]Notice, error) { return s.Answer(ctx, frank, erin, true) }, []Notice{{erin, Accepted, frank}}, ""},
		{func() ([]Notice, error) { return s.Answer(ctx, frank, erin, true) }, nil, "no request"},
		{func() ([]Notice, error) { return s.Ask(ctx, frank, erin) }, nil, "Already friends"},
		{func() ([]Notice, error) { return s.End(ctx, erin, frank) }, []Notice{{frank, Ended, erin}, {erin, Ended, frank}}, ""},
		{func() ([]Notice, error) { return s.End(ctx, erin, frank) }, nil, ""},
		{func() ([]Notice, error) { return s.Ask(ctx, frank, erin) }, []Notice{{erin, Asked, frank}}, ""},
		{func() ([]Notice, error) { return s.Answer(ctx, erin, frank, false) }, []Notice{{frank, Declined, erin}}, ""},
		{func() ([]Notice, error) { return s.Answer(ctx, erin, frank, false) }, nil, "no request"},
		{func() ([]Notice, error) { return s.Ask(ctx, frank, erin) }, []Notice{{erin, Asked, frank}}, ""},
		{func() ([]Notice, error) { return s.Rescind(ctx, frank, erin) }, []Notice{{erin, Rescinded, frank}}, ""},
		{func() ([]Notice, error) { return s.Rescind(ctx, frank, erin) }, nil, "no request"},
		// Requests that cross are a friendship, and each is told once.
		{func() ([]Notice, error) { return s.Ask(ctx, frank, erin) }, []Notice{{erin, Asked, frank}}, ""},
		{func() ([]Notice, error) { return s.Ask(ctx, erin, frank) }, []Notice{{erin, Accepted, frank}, {frank, Accepted, erin}}, ""},
		{func() ([]Notice, error) { return s.Ask(ctx, erin, erin) }, nil, "Invalid user"},
		{func() ([]Notice, error) { return s.Set(ctx, erin, frank, Follow, true) }, []Notice{{frank, Followed, erin}}, ""},
		{func() ([]Notice, error) { return s.Set(ctx, erin, frank, Follow, true) }, []Notice{{frank, Followed, erin}}, ""},
		{func() ([]Notice, error) { return s.Set(ctx, erin, frank, Follow, false) }, nil, ""},
	} {
		got, err := step.do()
		said := ""
		if no, ok := refusal.As(err); ok {
			said = no.Message
		} else if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" || said != step.refuse {
			t.Errorf("step %d: refused %q, want %q; %s", i, said, step.refuse, diff)
		}
	}
	r, err := s.Relations(ctx, erin)
	if err != nil || !slices.Equal(r.Friends, []int64{frank}) || len(r.Incoming)+len(r.Outgoing) != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestUnwanted: who ignores, avoids or blocks me is not asked.
func TestUnwanted(t *testing.T) {
	t.Parallel()
	for _, kind := range []Relation{Ignore, Avoid, Block} {
		s, _ := newService(300)
		if _, err := s.Set(t.Context(), frank, erin, kind, true); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Ask(t.Context(), erin, frank); !refusal.Is(err, refusal.Invalid) {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := s.Ask(t.Context(), frank, erin); err != nil {
			t.Errorf("the other way, %s: %v", kind, err)
		}
	}
}

// TestFollowed: who follows is told of, but not by who wants nothing to do with it, and not
// without end; what is there already is not written again.
func TestFollowed(t *testing.T) {
	t.Parallel()
	s, m := newService(300)
	ctx := t.Context()
	follow := func(by int64) int {
		t.Helper()
		told, err := s.Set(ctx, by, frank, Follow, true)
		if err != nil {
			t.Fatal(err)
		}
		return len(told)
	}
	for _, kind := range []Relation{Ignore, Avoid, Block} {
		if _, err := s.Set(ctx, frank, erin, kind, true); err != nil {
			t.Fatal(err)
		}
		if follow(erin) != 0 {
			t.Errorf("told of who is under %s", kind)
		}
		if err := s.Reset(ctx, frank, erin); err != nil {
			t.Fatal(err)
		}
	}
	sum := 0
	for range 50 {
		sum += follow(erin)
		if err := s.Reset(ctx, erin, frank); err != nil {
			t.Fatal(err)
		}
	}
	if sum != 5 || follow(99) != 1 {
		t.Errorf("told %d times, want 5 of each", sum)
	}
	written := m.written
	for range 3 {
		if err := s.SetIgnore(ctx, erin, frank, true); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := s.SetIgnore(ctx, erin, frank, false); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.written - written; n != 2 {
		t.Errorf("%d transactions for two changes", n)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	s, _ := newService(3)
	ctx := t.Context()
	for other := int64(100); other < 103; other++ {
		if _, err := s.Ask(ctx, erin, other); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Ask(ctx, erin, frank)
	if no, ok := refusal.As(err); !ok || no.Message != "You have reached the maximum number of friends" {
		t.Errorf("mine: %v", err)
	}
	_, err = s.Ask(ctx, frank, erin)
	if no, ok := refusal.As(err); !ok || no.Message != "This user has reached the maximum number of friends" {
		t.Errorf("theirs: %v", err)
	}
	// Answering a request makes no relation more, so it is always possible.
	if _, err := s.Ask(ctx, 100, erin); err != nil {
		t.Errorf("crossing request at the limit: %v", err)
	}
	if _, err := s.Ask(ctx, 300, frank); err != nil {
		t.Fatal(err)
	}
	s.limits = limit(1) // lowered while the request waits
	if _, err := s.Ask(ctx, frank, 300); err != nil {
		t.Errorf("answer by a request at the limit: %v", err)
	}
	s.limits = limit(3)

	for other := int64(200); other < 203; other++ {
		if err := s.SetIgnore(ctx, erin, other, true); err != nil {
			t.Fatal(err)
		}
	}
	err = s.SetIgnore(ctx, erin, 203, true)
	if no, ok := refusal.As(err); !ok || no.Message != "Maximum 3 ignores reached" {
		t.Errorf("ignores: %v", err)
	}
	if err := s.SetIgnore(ctx, erin, 202, true); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	if err := s.SetIgnore(ctx, erin, 202, false); err != nil {
		t.Errorf("less: %v", err)
	}
	if err := s.SetIgnore(ctx, erin, 203, true); err != nil {
		t.Errorf("one for another: %v", err)
	}
}

func TestIgnores(t *testing.T) {
	t.Parallel()
	s, _ := newService(300)
	for _, on := range []bool{true, false} {
		if err := s.SetIgnore(t.Context(), erin, frank, on); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Ignores(t.Context(), erin, frank); got != on || err != nil {
			t.Errorf("%v: %v %v", on, got, err)
		}
	}
	if got, _ := s.Ignores(t.Context(), frank, erin); got {
		t.Error("ignoring is not mutual")
	}
	if err := s.SetIgnore(t.Context(), erin, erin, true); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("oneself: %v", err)
	}
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	s, m := newService(300)
	m.broken = errors.New("away")
	_, ask := s.Ask(t.Context(), erin, frank)
	_, answer := s.Answer(t.Context(), erin, frank, true)
	_, end := s.End(t.Context(), erin, frank)
	for what, err := range map[string]error{"ask": ask, "answer": answer, "end": end, "ignore": s.SetIgnore(t.Context(), erin, frank, true)} {
		if _, refused := refusal.As(err); refused || !errors.Is(err, m.broken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	s, _ := newService(2)
	ctx := t.Context()
	set := func(other int64, kind Relation) {
		t.Helper()
		if _, err := s.Set(ctx, erin, other, kind, true); err != nil {
			t.Errorf("%s %d: %v", kind, other, err)
		}
	}
	closest := func(want Relation) {
		t.Helper()
		r, err := s.Relations(ctx, erin)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Closest(frank); got != want {
			t.Errorf("closest is %q, want %q", got, want)
		}
		if got, want := r.Shuns(frank), want != "" && want != Follow; got != want {
			t.Errorf("shuns: %v", got)
		}
	}
	closest("")
	set(frank, Avoid)
	closest(Avoid)
	set(frank, Block)
	closest(Block)
	set(frank, Ignore)
	closest(Ignore)
	set(frank, Avoid)
	closest(Ignore)
	if err := s.Reset(ctx, erin, frank); err != nil {
		t.Fatal(err)
	}
	closest("")
	set(frank, Follow)
	closest(Follow)
	if r, _ := s.Relations(ctx, frank); r.Closest(erin) != "" {
		t.Error("the other way")
	}
	// The kinds have a limit each: whom one blocks is not counted among those one avoids.
	set(100, Block)
	set(101, Block)
	set(102, Avoid)
	set(103, Avoid)
	for kind, want := range map[Relation]string{Avoid: "Maximum 2 avoids reached", Block: "Maximum 2 blocks reached"} {
		_, err := s.Set(ctx, erin, 104, kind, true)
		if no, ok := refusal.As(err); !ok || no.Message != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
	set(103, Avoid)
	_, err := s.Set(ctx, erin, 101, Avoid, true) // blocked as yet
	if no, ok := refusal.As(err); !ok || no.Message != "Maximum 2 avoids reached" {
		t.Errorf("from block to avoid: %v", err)
	}
}

func TestOneself(t *testing.T) {
	t.Parallel()
	s, _ := newService(300)
	ctx := t.Context()
	for what, do := range map[string]func() error{
		"follow": func() error { _, err := s.Set(ctx, erin, erin, Follow, true); return err },
		"reset":  func() error { return s.Reset(ctx, erin, erin) },
		"ask":    func() error { _, err := s.Ask(ctx, erin, erin); return err },
	} {
		if err := do(); !refusal.Is(err, refusal.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, do := range map[string]func() error{
		"answer":  func() error { _, err := s.Answer(ctx, erin, erin, true); return err },
		"rescind": func() error { _, err := s.Rescind(ctx, erin, erin); return err },
	} {
		if err := do(); !refusal.Is(err, refusal.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if notices, err := s.End(ctx, erin, erin); notices != nil || err != nil {
		t.Errorf("end: %v %v", notices, err)
	}
}
