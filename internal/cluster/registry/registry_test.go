package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

func nobodyGone(int64) bool { return false }

func joined(t *testing.T, s *clustertest.Store, names ...string) (incarnations []int64) {
	t.Helper()
	for _, n := range names {
		m, err := s.Join(t.Context(), lease.Candidate{Name: n, TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		incarnations = append(incarnations, m.Incarnation)
	}
	return incarnations
}

func TestNewKey(t *testing.T) {
	if got := registry.NewKey("lobby", 4711).String(); got != "lobby/4711" {
		t.Errorf("got %s", got)
	}
	if got := registry.NewKey("pairing", "duel", 7); got.ID != "duel/7" {
		t.Errorf("got %+v", got)
	}
	for name, bad := range map[string]func(){
		"no kind":        func() { registry.NewKey("", 1) },
		"no id":          func() { registry.NewKey("lobby") },
		"empty part":     func() { registry.NewKey("lobby", 1, "") },
		"slash in kind":  func() { registry.NewKey("a/b", 1) },
		"only id empty":  func() { registry.NewKey("lobby", "") },
		"no kind, no id": func() { registry.NewKey("") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			bad()
		}()
	}
}

// TestHomeMovesLittle: a node that comes takes its share and nothing moves between the
// others; a node that goes gives its share to all others.
func TestHomeMovesLittle(t *testing.T) {
	const keys = 9000
	for _, tc := range []struct{ before, after []string }{
		{[]string{"a"}, []string{"a", "b"}},
		{[]string{"a", "b"}, []string{"a", "b", "c"}},
		{[]string{"node-1", "node-2", "node-3"}, []string{"node-1", "node-3"}},
		{[]string{"eu-1", "eu-2", "eu-3", "eu-4"}, []string{"eu-1", "eu-2", "eu-3", "eu-4", "eu-5"}},
		{[]string{"c", "a", "b"}, []string{"b", "c", "a"}},
	} {
		t.Run(fmt.Sprint(tc.before, tc.after), func(t *testing.T) {
			share := map[string]int{}
			movedAmongOld := 0
			for i := range keys {
				key := registry.NewKey("lobby", i)
				was, is := registry.Home(key, tc.before), registry.Home(key, tc.after)
				share[is]++
				if was != is && slices.Contains(tc.before, is) && slices.Contains(tc.after, was) {
					movedAmongOld++
				}
			}
			if movedAmongOld != 0 {
				t.Errorf("%d keys moved between nodes that stayed", movedAmongOld)
			}
			fair := keys / len(tc.after)
			for _, n := range tc.after {
				if share[n] < fair*9/10 || share[n] > fair*11/10 {
					t.Errorf("%s is home of %d of %d keys, want about %d", n, share[n], keys, fair)
				}
			}
		})
	}
	if got := registry.Home(registry.NewKey("lobby", 1), nil); got != "" {
		t.Errorf("home without nodes: %q", got)
	}
}

// TestHomeStaysAcrossReleases pins the function: two releases in one cluster must agree.
func TestHomeStaysAcrossReleases(t *testing.T) {
	var got []string
	for i := range 8 {
		got = append(got, registry.Home(registry.NewKey("lobby", i), []string{"a", "b", "c"}))
	}
	if diff := cmp.Diff(pinned, got); diff != "" {
		t.Errorf("homes (-want +got):\n%s", diff)
	}
}

// TestLookupNeverConfuses: unknown is not none, and none is not an owner.
func TestLookupNeverConfuses(t *testing.T) {
	s := clustertest.NewStore()
	inc := joined(t, s, "a", "b")
	d := registry.NewDirectory(s, nobodyGone)
	ctx := t.Context()
	key := registry.NewKey("lobby", 1)
	look := func(what string, want registry.Found) registry.Owner {
		t.Helper()
		o, found := d.Lookup(ctx, key)
		if found != want {
			t.Errorf("%s: found %s, want %s", what, found, want)
		}
		return o
	}
	look("never owned", registry.None)
	s.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
	look("store away", registry.Unknown)
	s.OnAccess(nil)
	own, err := d.Claim(ctx, key, inc[0])
	if err != nil {
		t.Fatal(err)
	}
	if o := look("owned", registry.HasOwner); o.Incarnation != inc[0] || o.Node != "a" {
		t.Errorf("owner %+v", o)
	}
	s.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
	look("owned, store away, hint there", registry.HasOwner)
	d.Forget(key)
	look("owned, store away, no hint", registry.Unknown)
	s.OnAccess(nil)
	if err := s.Release(ctx, registry.Fence{Key: key, Incarnation: inc[0], Epoch: own.Epoch}, nil); err != nil {
		t.Fatal(err)
	}
	if o := look("released", registry.HasOwner); o.State != registry.Released {
		t.Errorf("released: %+v", o)
	}
	own, err = d.Claim(ctx, key, inc[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CloseKey(ctx, registry.Fence{Key: key, Incarnation: inc[1], Epoch: own.Epoch, Writes: own.Writes}); err != nil {
		t.Fatal(err)
	}
	look("closed", registry.None)
}

// TestHintsAreCorrected: by announcements, newer epochs and the end of an owner.
func TestHintsAreCorrected(t *testing.T) {
	s := clustertest.NewStore()
	gone := map[int64]bool{}
	d := registry.NewDirectory(s, func(i int64) bool { return gone[i] })
	key := registry.NewKey("lobby", 1)
	owner := func(inc, epoch int64, state registry.State) registry.Owner {
		return registry.Owner{Key: key, Node: fmt.Sprint("n", inc), Incarnation: inc, Epoch: epoch, State: state}
	}
	for _, tc := range []struct {
		what string
		do   func()
		want int64 // incarnation of the hint, 0 for none
	}{
		{"first", func() { d.Learn(owner(1, 3, registry.Owned)) }, 1},
		{"older epoch", func() { d.Learn(owner(2, 2, registry.Owned)) }, 1},
		{"newer epoch", func() { d.Learn(owner(2, 4, registry.Owned)) }, 2},
		{"old release", func() { d.Learn(owner(1, 3, registry.Released)) }, 2},
		{"its owner is gone", func() { gone[2] = true }, 0},
		{"taken over", func() { d.Learn(owner(3, 5, registry.Owned)) }, 3},
		{"closed", func() { d.Learn(owner(3, 5, registry.Closed)) }, 0},
	} {
		tc.do()
		if o, _ := d.Hint(key); o.Incarnation != tc.want {
			t.Errorf("%s: hint %+v, want incarnation %d", tc.what, o, tc.want)
		}
	}
	for i := range 1 << 17 {
		d.Learn(registry.Owner{Key: registry.NewKey("lobby", i), Incarnation: 1, Epoch: 1, State: registry.Owned})
	}
	if n := d.Hints(); n > 1<<16 {
		t.Errorf("%d hints are kept", n)
	}
}

// TestTakeOverCorrectsHints: who owns what could not be taken is known from then on.
func TestTakeOverCorrectsHints(t *testing.T) {
	s := clustertest.NewStore()
	inc := joined(t, s, "a", "b")
	d := registry.NewDirectory(s, nobodyGone)
	held, free := registry.NewKey("lobby", 1), registry.NewKey("lobby", 2)
	own, err := s.Claim(t.Context(), free, inc[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), registry.Fence{Key: free, Incarnation: inc[1], Epoch: own.Epoch}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(t.Context(), held, inc[1]); err != nil {
		t.Fatal(err)
	}
	taken, err := d.TakeOver(t.Context(), []registry.Key{held, free}, inc[0])
	if err != nil || len(taken.Owned) != 1 || taken.Owned[0].Key != free {
		t.Errorf("taken %+v, %v", taken, err)
	}
	if o, ok := d.Hint(held); !ok || o.Node != "b" {
		t.Errorf("hint %+v, %v", o, ok)
	}
}

// TestRule04_OneClaimAtATime: Lock serializes one key and nothing else.
func TestRule04_OneClaimAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := registry.NewDirectory(clustertest.NewStore(), nobodyGone)
		a, b := registry.NewKey("lobby", 1), registry.NewKey("lobby", 2)
		unlock, err := d.Lock(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Lock(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("second lock: %v", err)
		}
		other, err := d.Lock(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		other()
		if _, ok := d.TryLock(a); ok {
			t.Error("locked twice")
		}
		unlock()
		if unlock, ok := d.TryLock(a); ok {
			unlock()
		} else {
			t.Error("a free key was not locked")
		}
		var inside, most atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				unlock, err := d.Lock(context.Background(), a)
				if err != nil {
					t.Error(err)
					return
				}
				defer unlock()
				most.Store(max(most.Load(), inside.Add(1)))
				<-time.After(time.Millisecond)
				inside.Add(-1)
			})
		}
		all.Wait()
		if most.Load() != 1 {
			t.Errorf("%d at once", most.Load())
		}
	})
}

// ownerState is the sequential model of one key.
type ownerState struct {
	epoch, owner int64 // owner 0: none
}

type claimInput struct {
	claimant int64 // 0: a look-up
	release  int64 // epoch to release, 0: none
}

type claimOutput struct {
	epoch, owner int64
	held, failed bool
}

// registryModel: a claim takes what has no owner or is the claimant's own, with epoch+1;
// otherwise it names the owner. A failed access may or may not have happened.
var registryModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{ownerState{}} },
	Step: func(state, input, output any) []any {
		s, in, out := state.(ownerState), input.(claimInput), output.(claimOutput)
		next := s
		switch {
		case in.claimant != 0 && (s.owner == 0 || s.owner == in.claimant):
			next = ownerState{s.epoch + 1, in.claimant}
		case in.release != 0 && in.release == s.epoch && s.owner != 0:
			next = ownerState{s.epoch, 0}
		}
		if out.failed {
			return []any{s, next}
		}
		switch {
		case in.claimant != 0 && out.held:
			if s.owner != 0 && s.owner != in.claimant && s.owner == out.owner && s.epoch == out.epoch {
				return []any{s}
			}
		case in.claimant != 0:
			if next != s && out.epoch == next.epoch {
				return []any{next}
			}
		case in.release != 0:
			return []any{next}
		case out.owner == s.owner && out.epoch == s.epoch:
			return []any{s}
		}
		return nil
	},
}

// TestRule05_ClaimHistoriesAreLinearizable records claims, releases and look-ups of
// three nodes on one key, with lost answers, and asks whether one order explains them:
// epochs strictly rise and there is one owner at a time.
func TestRule05_ClaimHistoriesAreLinearizable(t *testing.T) {
	for seed := range 30 {
		s := clustertest.NewStore()
		nodes := joined(t, s, "a", "b", "c")
		var n atomic.Int64
		s.OnAccess(func(clustertest.Access) clustertest.Fault {
			switch (n.Add(1)*7 + int64(seed)) % 11 {
			case 0:
				return clustertest.Fault{Lose: clustertest.ErrLost}
			case 1:
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		ops := record(s, nodes, seed)
		if !porcupine.CheckOperations(registryModel.ToModel(), ops) {
			t.Fatalf("seed %d: history of %d operations is not linearizable", seed, len(ops))
		}
	}
}

func record(s *clustertest.Store, nodes []int64, seed int) (ops []porcupine.Operation) {
	key := registry.NewKey("lobby", 1)
	ctx := context.Background()
	began := time.Now()
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, inc := range nodes {
		all.Go(func() {
			d := registry.NewDirectory(s, nobodyGone)
			var own registry.Ownership
			for j := range 8 {
				var in claimInput
				var out claimOutput
				call := time.Since(began).Nanoseconds()
				switch (seed + i*3 + j) % 3 {
				case 0, 1:
					in.claimant = inc
					o, err := d.Claim(ctx, key, inc)
					var held *registry.HeldError
					switch {
					case errors.As(err, &held):
						out = claimOutput{epoch: held.Owner.Epoch, owner: held.Owner.Incarnation, held: true}
					case err != nil:
						out.failed = true
					default:
						own, out.epoch = o, o.Epoch
					}
				case 2:
					if own.Epoch == 0 {
						o, found := d.Read(ctx, key)
						out = claimOutput{epoch: o.Epoch, owner: o.Incarnation, failed: found == registry.Unknown}
						if o.State == registry.Released {
							out.owner = 0
						}
						break
					}
					in.release = own.Epoch
					err := s.Release(ctx, registry.Fence{Key: key, Incarnation: inc, Epoch: own.Epoch, Writes: own.Writes}, nil)
					out.failed = err != nil
					own = registry.Ownership{}
				}
				mu.Lock()
				ops = append(ops, porcupine.Operation{ClientId: i, Input: in, Output: out, Call: call, Return: time.Since(began).Nanoseconds()})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return ops
}

func BenchmarkHint(b *testing.B) {
	d := registry.NewDirectory(clustertest.NewStore(), nobodyGone)
	key := registry.NewKey("lobby", 4711)
	d.Learn(registry.Owner{Key: key, Incarnation: 1, Epoch: 1, State: registry.Owned})
	b.ReportAllocs()
	for b.Loop() {
		d.Hint(key)
	}
}

func BenchmarkHome(b *testing.B) {
	key := registry.NewKey("lobby", 4711)
	nodes := []string{"node-1", "node-2", "node-3", "node-4", "node-5"}
	b.ReportAllocs()
	for b.Loop() {
		registry.Home(key, nodes)
	}
}

var pinned = []string{"a", "c", "a", "a", "a", "c", "c", "b"}
