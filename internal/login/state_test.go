package login

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// owner is a State with a clock.
type owner struct {
	*testing.T
	s   State
	now time.Time
}

func newOwner(t *testing.T) *owner { return &owner{T: t, now: epoch} }

func (o *owner) pass(d time.Duration) { o.now = o.now.Add(d) }

func (o *owner) ask(a Ask) Grant {
	o.Helper()
	if a.Room == 0 {
		a.Room = -1
	}
	if a.Rate == 0 {
		a.Rate = 2
	}
	out, err := o.s.Apply(process.Command{Body: a, At: o.now})
	if err != nil {
		o.Fatal(err)
	}
	return out.Reply.(Grant)
}

// collect has nodes ask for a while, each second or when the owner says, and counts
// what each got.
func (o *owner) collect(d time.Duration, asks ...Ask) []int {
	got, next := make([]int, len(asks)), make([]time.Time, len(asks))
	for end := o.now.Add(d); o.now.Before(end); o.pass(10 * time.Millisecond) {
		for i := range asks {
			if !o.now.Before(next[i]) {
				g := o.ask(asks[i])
				got[i] += g.Permits
				next[i] = o.now.Add(min(g.Next, beat))
			}
		}
	}
	return got
}

func TestNothingIsSavedUpAtTheStart(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	if g := o.ask(Ask{Node: 1, Members: []int64{1}, Waiting: 5}); g.Permits != 0 || g.Next > 501*time.Millisecond {
		t.Errorf("first ask: %+v", g)
	}
	o.pass(499 * time.Millisecond)
	if g := o.ask(Ask{Node: 1, Members: []int64{1}, Waiting: 5}); g.Permits != 0 {
		t.Errorf("early: %+v", g)
	}
	o.pass(time.Millisecond)
	if g := o.ask(Ask{Node: 1, Members: []int64{1}, Waiting: 5}); g.Permits != 1 {
		t.Errorf("after half a second: %+v", g)
	}
}

func TestASecondIsSavedUp(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	alone := []int64{1}
	for range 60 {
		o.ask(Ask{Node: 1, Members: alone, Rate: 5})
		o.pass(time.Second)
	}
	if g := o.ask(Ask{Node: 1, Members: alone, Rate: 5, Waiting: 100}); g.Permits != 5 {
		t.Errorf("after a minute: %+v", g)
	}
	if g := o.ask(Ask{Node: 1, Members: alone, Rate: 5, Waiting: 95}); g.Permits != 0 {
		t.Errorf("at once again: %+v", g)
	}
}

// TestRule27_OneNodeGetsAll: with all clients on one of three nodes it has the full
// rate; with clients on all, each has what it needs in proportion.
func TestRule27_OneNodeGetsAll(t *testing.T) {
	t.Parallel()
	three := []int64{1, 2, 3}
	ask := func(node int64, waiting int) Ask {
		return Ask{Node: node, Members: three, Rate: 6, Waiting: waiting}
	}
	for name, tc := range map[string]struct {
		waiting [3]int
		want    [3]int
	}{
		"one":        {[3]int{1000, 0, 0}, [3]int{600, 0, 0}},
		"all":        {[3]int{1000, 1000, 1000}, [3]int{200, 200, 200}},
		"by waiting": {[3]int{1000, 2000, 3000}, [3]int{100, 200, 300}},
		"few":        {[3]int{1, 1, 5000}, [3]int{1, 1, 600}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOwner(t)
			got := o.collect(100*time.Second, ask(1, tc.waiting[0]), ask(2, tc.waiting[1]), ask(3, tc.waiting[2]))
			for i, want := range tc.want {
				if diff := got[i] - want; diff > 12 || diff < -12 {
					t.Errorf("node %d got %d in 100 s, want %d", i+1, got[i], want)
				}
			}
		})
	}
}

// TestSharesAreKeptBack: a member that has not promised anything may use its share, so
// the owner does not give it to others; when it falls silent no longer than that.
func TestSharesAreKeptBack(t *testing.T) {
	t.Parallel()
	three := []int64{1, 2, 3}
	a := Ask{Node: 1, Members: three, Rate: 6, Waiting: 1000}
	b := Ask{Node: 2, Members: three, Rate: 6}
	c := Ask{Node: 3, Members: three, Rate: 6}
	for name, tc := range map[string]struct {
		asks []Ask
		want int
	}{
		"alone":                {[]Ask{a}, 20},
		"two":                  {[]Ask{a, b}, 40},
		"three":                {[]Ask{a, b, c}, 60},
		"one is alone":         {[]Ask{a, b, {Node: 3, Members: three, Rate: 6, Alone: true}}, 40},
		"one sees a newcomer":  {[]Ask{a, b, {Node: 3, Members: []int64{1, 2, 3, 4}, Rate: 6}}, 45},
		"one knows it is gone": {[]Ask{{Node: 1, Members: []int64{1, 2}, Rate: 6, Waiting: 1000}, b, c}, 40},
		"one has a lower rate": {[]Ask{a, b, {Node: 3, Members: three, Rate: 3}}, 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOwner(t)
			if got := o.collect(10*time.Second, tc.asks...)[0]; got > tc.want || got < tc.want-7 {
				t.Errorf("got %d in 10 s, want %d", got, tc.want)
			}
		})
	}
}

// TestASilentNodeGetsItsShareBack: from the moment at which it could use its own share
// nothing of it is given to others.
func TestASilentNodeGetsItsShareBack(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	two := []int64{1, 2}
	a := Ask{Node: 1, Members: two, Rate: 10, Waiting: 1000}
	o.collect(5*time.Second, a, Ask{Node: 2, Members: two, Rate: 10})
	o.collect(silence, a)
	if got := o.collect(10*time.Second, a)[0]; got > 51 || got < 45 {
		t.Errorf("got %d in 10 s, want half of the rate", got)
	}
}

// TestSetAsideComesBack: what was set aside for a node that is not heard of anymore,
// or has nobody left, is given to others.
func TestSetAsideComesBack(t *testing.T) {
	t.Parallel()
	for _, dies := range []bool{true, false} {
		o := newOwner(t)
		two := []int64{1, 2}
		a, b := Ask{Node: 1, Members: two, Rate: 2}, Ask{Node: 2, Members: two, Rate: 2}
		o.ask(b)
		a.Waiting = 1000
		o.ask(a)
		o.pass(900 * time.Millisecond)
		b.Waiting = 1
		o.ask(b) // most is set aside for a
		if s := o.s.nodes[0].credit; s < permit {
			t.Fatalf("set aside: %d", s)
		}
		if dies {
			o.pass(silence / 2)
			o.ask(Ask{Node: 2, Members: two, Rate: 2})
			o.pass(silence / 2)
		} else {
			a.Waiting = 0
			o.ask(a)
		}
		b.Waiting = 10
		if g := o.ask(b); g.Permits != map[bool]int{true: 2, false: 1}[dies] {
			t.Errorf("node 1 dies %v: node 2 gets %+v", dies, g)
		}
	}
}

// TestRoom: no more are let in than there is room for, and those of the last moments
// count though no node sees them online yet.
func TestRoom(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	ask := func(waiting, room int) int {
		return o.ask(Ask{Node: 1, Members: []int64{1}, Rate: 10, Waiting: waiting, Room: room}).Permits
	}
	ask(0, 3)
	o.pass(time.Second)
	var got []int
	got = append(got, ask(10, 3), ask(7, 3), ask(7, 4))
	o.pass(visible)
	got = append(got, ask(7, 1), ask(6, 1))
	if diff := cmp.Diff([]int{3, 0, 1, 1, 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestManyNodesAndALowRate(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	var members []int64
	var asks []Ask
	for i := range int64(9) {
		members = append(members, i+1)
	}
	for _, m := range members {
		asks = append(asks, Ask{Node: m, Members: members, Rate: 1, Waiting: 500})
	}
	sum := 0
	for i, n := range o.collect(91*time.Second, asks...) {
		sum += n
		if n < 8 || n > 11 {
			t.Errorf("node %d got %d in 91 s, want about 10", i+1, n)
		}
	}
	if sum > 91 || sum < 80 {
		t.Errorf("%d in 91 s at one per second", sum)
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	a := Ask{Node: 1, Members: []int64{1}, Rate: 10_000_000, Waiting: 1 << 40}
	o.ask(a)
	o.pass(1000 * time.Hour)
	if g := o.ask(a); g.Permits != 0 {
		t.Errorf("after a long silence: %+v", g)
	}
	o.pass(time.Second)
	if g := o.ask(a); g.Permits != maxRate {
		t.Errorf("the highest rate: %+v", g)
	}
	o.pass(-time.Hour)
	if g := o.ask(a); g.Permits != 0 {
		t.Errorf("a clock that steps back: %+v", g)
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	k := NewKind(nil)
	got := []any{k.Name, k.Scope, k.Start, k.Doubt, k.Persist, k.Indexed}
	want := []any{"login", process.PerCluster, process.Ensured, process.Freeze, false, false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kind (-want +got):\n%s", diff)
	}
	m, err := k.Open(t.Context(), "main", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []any{struct{}{}, Ask{}, Ask{Node: 1}, Ask{Node: 1, Rate: 1, Waiting: -1}} {
		if _, err := m.Apply(process.Command{Body: bad, At: epoch}); !refusal.Is(err, refusal.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := m.Apply(process.Command{Body: Ask{Node: 1, Rate: 1, Members: []int64{1}, Waiting: 3, Room: -1}, At: epoch}); err != nil {
		t.Error(err)
	}
	if m.View() != any(View{Waiting: 3}) || m.Resume() != nil {
		t.Errorf("view %+v", m.View())
	}
}
