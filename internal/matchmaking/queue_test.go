package matchmaking

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

var duel = Spec{ID: 1, Name: "Duel", TeamSize: 1, TeamCount: 2}

// apply has a queue execute commands of which none is refused.
func apply(t *testing.T, m process.Machine, at time.Time, commands ...any) (out process.Outcome) {
	t.Helper()
	for _, body := range commands {
		var err error
		if out, err = m.Apply(process.Command{Body: body, At: at}); err != nil {
			t.Fatalf("%T: %v", body, err)
		}
	}
	return out
}

func join(spec Spec, id string, rating float64, users ...int64) Join {
	return Join{Spec: spec, Rules: usual, Group: waits(id, rating, 0, users...)}
}

func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// order is who waits, and who was proposed behind a star.
func order(q *Queue) (list []string) {
	for _, s := range q.Summary().(QueueView).Seats {
		name := s.Group
		if s.Match != "" {
			name = "*" + name
		}
		list = append(list, name)
	}
	return list
}

func wantOrder(t *testing.T, q *Queue, want ...string) {
	t.Helper()
	if got := order(q); !slices.Equal(got, want) {
		t.Errorf("waiting %q, want %q", got, want)
	}
}

// begins are the matches that an outcome begins.
func begins(out process.Outcome) (list []Begin) {
	for _, e := range out.Effects {
		if b, ok := e.(begin); ok {
			list = append(list, b.Begin)
		}
	}
	return list
}

// four waits in a queue for two.
func four(t *testing.T) (*Queue, Begin) {
	t.Helper()
	q := NewQueue(1)
	apply(t, q, after(0), join(duel, "a", 30, 1))
	apply(t, q, after(1), join(duel, "b", 10, 2))
	apply(t, q, after(2), join(duel, "c", 22, 3))
	out := apply(t, q, after(3), join(duel, "d", 11, 4))
	b := begins(out)
	if len(b) != 1 || !sameUsers(b[0].Users(), []int64{2, 4}) {
		t.Fatalf("begun %+v", b)
	}
	if out.Record == nil {
		t.Error("what was proposed is not stored")
	}
	wantOrder(t, q, "a", "c", "*b", "*d")
	return q, b[0]
}

// TestOldPlace: who is back from a match that failed is where it was, whoever came since.
func TestOldPlace(t *testing.T) {
	t.Parallel()
	q, b := four(t)
	apply(t, q, after(4), Confirm{b.ID}, join(duel, "e", 50, 5))
	apply(t, q, after(5), Settle{Match: b.ID, Fates: map[string]Fate{"d": FateOut}})
	wantOrder(t, q, "a", "b", "c", "e")
	apply(t, q, after(6), Settle{Match: b.ID, Made: true}) // said again
	wantOrder(t, q, "a", "b", "c", "e")
	if q.Waiting[1].Joined != after(1) {
		t.Errorf("b has waited since %v", q.Waiting[1].Joined)
	}
}

func TestMade(t *testing.T) {
	t.Parallel()
	q, b := four(t)
	apply(t, q, after(9), Settle{Match: b.ID, Made: true})
	wantOrder(t, q, "a", "c")
	if v := q.Summary().(QueueView); v.MeanWait != 1 || v.Players() != 2 { // 2 and 0 seconds
		t.Errorf("%+v", v)
	}
}

// TestLater: who could not be asked is not proposed again at once.
func TestLater(t *testing.T) {
	t.Parallel()
	q, b := four(t)
	out := apply(t, q, after(4), Settle{Match: b.ID, Fates: map[string]Fate{"b": FateLater, "d": FateBack}})
	if n := len(begins(out)); n != 0 {
		t.Errorf("%d matches at once", n)
	}
	wantOrder(t, q, "a", "b", "c", "d")
	if out = apply(t, q, after(8), QueueTick{}); len(begins(out)) != 0 {
		t.Error("a match too soon")
	}
	if out = apply(t, q, after(9), QueueTick{}); len(begins(out)) != 1 {
		t.Error("no match later")
	}
}

// TestLeftMeanwhile: who leaves the queue while a match is proposed does not come back.
func TestLeftMeanwhile(t *testing.T) {
	t.Parallel()
	q, b := four(t)
	if out := apply(t, q, after(4), Leave{Who: who(2, 1)}); out.Record == nil {
		t.Error("not stored")
	}
	wantOrder(t, q, "a", "c", "*d")
	apply(t, q, after(5), join(duel, "again", 11, 4)) // it waits already
	apply(t, q, after(5), join(duel, "anew", 60, 2))
	wantOrder(t, q, "a", "c", "anew", "*d")
	apply(t, q, after(6), Settle{Match: b.ID})
	wantOrder(t, q, "a", "c", "d", "anew")
}

// TestPlaysAfterAll: who had left and waits anew waits no more when the match is made.
func TestPlaysAfterAll(t *testing.T) {
	t.Parallel()
	q, b := four(t)
	apply(t, q, after(4), Leave{Who: who(2, 1)})
	apply(t, q, after(5), join(duel, "anew", 60, 2))
	apply(t, q, after(6), Settle{Match: b.ID, Made: true})
	wantOrder(t, q, "a", "c")
}

// TestAboutToPlay: one of a party that was found cannot wait as somebody else.
func TestAboutToPlay(t *testing.T) {
	t.Parallel()
	pair := Spec{ID: 1, TeamSize: 2, TeamCount: 2}
	q := NewQueue(1)
	apply(t, q, after(0), join(pair, "p", 10, 1, 2), join(pair, "q", 10, 3, 4))
	if _, err := q.Apply(process.Command{Body: join(pair, "x", 10, 1), At: after(4)}); !refusal.Is(err, refusal.Taken) {
		t.Errorf("joined: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	wide := Spec{ID: 1, TeamSize: 3, TeamCount: 2}
	for name, tc := range map[string]struct {
		commands []any // one a second
		want     []string
	}{
		"joined twice":           {[]any{join(duel, "a", 1, 1), join(duel, "b", 9, 2), join(duel, "x", 1, 1)}, []string{"a", "b"}},
		"as another party":       {[]any{join(wide, "a", 1, 1), join(wide, "b", 1, 2), join(wide, "p", 1, 1, 3)}, []string{"b", "p"}},
		"left":                   {[]any{join(duel, "a", 1, 1), Leave{Who: who(1, 1)}}, nil},
		"a party leaves as one":  {[]any{join(wide, "p", 1, 1, 3), Leave{Who: who(3, 1)}}, nil},
		"not in it":              {[]any{join(duel, "a", 1, 1), Leave{Who: who(9, 1)}}, []string{"a"}},
		"dropped":                {[]any{join(duel, "a", 1, 1), join(duel, "b", 9, 2), Drop{Groups: []string{"a"}}}, []string{"b"}},
		"dropped as it was":      {[]any{join(wide, "a", 1, 1), join(wide, "p", 9, 1, 2), Drop{Groups: []string{"a"}}}, []string{"p"}},
		"plays elsewhere":        {[]any{join(wide, "p", 1, 1, 3), join(wide, "b", 1, 2), Withdraw{Users: []int64{3, 7}}}, []string{"b"}},
		"lost":                   {[]any{join(duel, "a", 1, 1), Leave{who(1, 1), 2 * time.Second}, QueueTick{}}, []string{"a"}},
		"lost for too long":      {[]any{join(duel, "a", 1, 1), Leave{who(1, 1), 2 * time.Second}, QueueTick{}, QueueTick{}}, nil},
		"back":                   {[]any{join(duel, "a", 1, 1), Leave{who(1, 1), time.Second}, Back{who(1, 2)}, QueueTick{}}, []string{"a"}},
		"an older one is no one": {[]any{join(duel, "a", 1, 1), Back{who(1, 3)}, Back{who(1, 2)}, Gone{Incarnation: 2}}, []string{"a"}},
		"its node is gone":       {[]any{join(duel, "a", 1, 1), Gone{Incarnation: 1, Grace: 2 * time.Second}, QueueTick{}, QueueTick{}}, nil},
		"without grace":          {[]any{join(duel, "a", 1, 1), Gone{Incarnation: 1}}, nil},
		"no such queue any more": {[]any{join(duel, "a", 1, 1), site{Site{}}}, nil},
		"smaller teams now":      {[]any{join(wide, "p", 1, 1, 2), join(wide, "a", 1, 3), site{Site{Queues: []Spec{duel}}}}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := NewQueue(1)
			for i, c := range tc.commands {
				apply(t, q, after(i), c)
			}
			wantOrder(t, q, tc.want...)
		})
	}
}

// TestWhoIsLostIsNotMatched: a place is kept, but nobody plays against an empty one.
func TestWhoIsLostIsNotMatched(t *testing.T) {
	t.Parallel()
	q := NewQueue(1)
	apply(t, q, after(0), join(duel, "a", 1, 1), Leave{who(1, 1), time.Minute})
	if out := apply(t, q, after(1), join(duel, "b", 1, 2)); len(begins(out)) != 0 {
		t.Error("matched with one who is lost")
	}
	if out := apply(t, q, after(2), Back{who(1, 2)}); len(begins(out)) != 1 {
		t.Error("not matched when it is back")
	}
}

// TestHeld: who may be about to play elsewhere waits.
func TestHeld(t *testing.T) {
	t.Parallel()
	q := NewQueue(1)
	apply(t, q, after(0), join(duel, "a", 1, 1), Hold{Users: []int64{1}, Until: after(60)})
	if out := apply(t, q, after(1), join(duel, "b", 1, 2)); len(begins(out)) != 0 {
		t.Error("matched while held")
	}
	if out := apply(t, q, after(2), Hold{Users: []int64{1}}); len(begins(out)) != 1 {
		t.Error("not matched when it is free")
	}
}

func TestQueueRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		command any
		want    refusal.Code
	}{
		"too many":       {join(duel, "p", 1, 8, 9), refusal.Invalid},
		"an old session": {Leave{Who: who(1, 0)}, refusal.Superseded},
		"no such match":  {Confirm{"1-1"}, refusal.NotFound},
		"something else": {struct{}{}, refusal.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, _ := four(t)
			before := q.Summary()
			if _, err := q.Apply(process.Command{Body: tc.command, At: after(4)}); !refusal.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if diff := cmp.Diff(before, q.Summary()); diff != "" {
				t.Errorf("a refusal changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestBegunAgain: a match that never asked for its queue is begun again, also by the next
// owner of the queue; one that did is looked for now and then.
func TestBegunAgain(t *testing.T) {
	t.Parallel()
	q, b := four(t)
	if out := apply(t, q, after(4), QueueTick{}); len(begins(out)) != 0 {
		t.Error("at once")
	}
	out := apply(t, q, after(6), QueueTick{})
	if diff := cmp.Diff([]Begin{b}, begins(out)); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
	apply(t, q, after(7), Confirm{b.ID})
	if out := apply(t, q, after(20), QueueTick{}); len(begins(out)) != 0 {
		t.Error("begun again while it is at it")
	}
	raw, err := q.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	next, err := RestoreQueue(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(order(q), order(next)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if out := apply(t, next, after(21), QueueTick{}); len(begins(out)) != 1 || begins(out)[0].ID != b.ID {
		t.Errorf("the next owner begins %+v", begins(out))
	}
}

// TestQueueHolds: whatever happens, nobody has two places, and the line is in the order in
// which they joined, over restarts too.
func TestQueueHolds(t *testing.T) {
	t.Parallel()
	spec := Spec{ID: 1, TeamSize: 2, TeamCount: 2}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // a schedule
		q := NewQueue(1)
		running := map[string]Begin{}
		for i := range 150 {
			at, u, v := after(i), 1+r.Int64N(12), 1+r.Int64N(12)
			var command any
			switch r.IntN(10) {
			case 0, 1, 2:
				command = join(spec, fmt.Sprint(i), 10*r.Float64(), u)
			case 3:
				if u == v {
					continue
				}
				command = join(spec, fmt.Sprint(i), 10*r.Float64(), u, v)
			case 4:
				command = Leave{Who: who(u, 1), Grace: time.Duration(r.IntN(3)) * time.Second}
			case 5:
				command = Withdraw{Users: []int64{u}}
			case 6:
				command = Hold{Users: []int64{u}, Until: at.Add(time.Duration(r.IntN(9)) * time.Second)}
			case 7:
				command = Back{who(u, 1)}
			case 8:
				command = QueueTick{}
			case 9:
				for id, b := range running {
					s := Settle{Match: id, Made: r.IntN(2) == 0, Fates: map[string]Fate{}}
					b.each(func(p *Party) { s.Fates[p.Group] = []Fate{FateBack, FateLater, FateOut}[r.IntN(3)] })
					command = s
					delete(running, id)
					break
				}
			}
			if command == nil {
				continue
			}
			out, err := q.Apply(process.Command{Body: command, At: at})
			if err != nil && !refusal.Is(err, refusal.Taken) {
				t.Fatalf("seed %d: %T: %v", seed, command, err)
			}
			for _, b := range begins(out) {
				running[b.ID] = b
			}
			if r.IntN(20) == 0 {
				raw, err := q.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				if q, err = RestoreQueue(raw); err != nil {
					t.Fatal(err)
				}
			}
			holds(t, seed, q)
		}
	}
}

func holds(t *testing.T, seed uint64, q *Queue) {
	t.Helper()
	seen := map[int64]bool{}
	for _, s := range q.Summary().(QueueView).Seats {
		for _, m := range s.Members {
			if seen[m.User] {
				t.Fatalf("seed %d: user %d has two places", seed, m.User)
			}
			seen[m.User] = true
		}
	}
	if !slices.IsSortedFunc(q.Waiting, func(a, b Group) int { return a.Joined.Compare(b.Joined) }) {
		t.Fatalf("seed %d: out of order", seed)
	}
}
