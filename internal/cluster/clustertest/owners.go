package clustertest

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/registry"
)

// RunOwners checks what registry.Store promises.
func RunOwners(t *testing.T, open func(t *testing.T) Env) {
	run(t, open, []test{
		{"ClaimRules", claimRules},
		{"EpochsNeverFall", epochsNeverFall},
		{"OneOfManyClaims", oneOfManyClaims},
		{"ClaimNeedsAValidLease", claimNeedsLease},
		{"Lookup", lookups},
		{"SaveIsFenced", saveIsFenced},
		{"EachSnapshotIsFencedByItself", batchIsFenced},
		{"DurableWritesAreFenced", writesAreFenced},
		{"DurableWritesCarryTheState", writesCarryState},
		{"TakeOver", takeOvers},
		{"TakeOverNeedsAValidLease", takeOverNeedsLease},
		{"TakersAtOnce", takersAtOnce},
		{"ReleaseAndCloseAreFenced", endsAreFenced},
		{"Orphans", orphans},
		{"KeysWithOddIDs", oddKeys},
	})
}

func claimRules(s suite) {
	a, b := s.join("a", long), s.join("b", long)
	key := registry.NewKey("lobby", 1)
	first := s.claim(key, a)
	if !first.Fresh || first.Epoch != 1 || first.Incarnation != a || first.Key != key || first.Snapshot != nil {
		s.Errorf("new: %+v", first)
	}
	var held *registry.HeldError
	if _, err := s.Owners.Claim(s.ctx, key, b); !errors.As(err, &held) {
		s.Fatalf("of a living owner: %v", err)
	}
	if o := held.Owner; o.Key != key || o.Node != "a" || o.Incarnation != a || o.Epoch != 1 || o.State != registry.Owned || o.Gone {
		s.Errorf("held by %+v", o)
	}
	own := s.claim(key, a)
	if own.Fresh || own.Epoch != 2 {
		s.Errorf("own: %+v", own)
	}
	if err := s.Owners.Release(s.ctx, fence(own), []byte("state")); err != nil {
		s.Fatal(err)
	}
	released := s.claim(key, b)
	if released.Fresh || released.Epoch != 3 || string(released.Snapshot) != "state" {
		s.Errorf("released: %+v", released)
	}
	if err := s.Owners.CloseKey(s.ctx, fence(released)); err != nil {
		s.Fatal(err)
	}
	closed := s.claim(key, a)
	if !closed.Fresh || closed.Epoch != 4 || closed.Snapshot != nil {
		s.Errorf("closed: %+v", closed)
	}
	if err := s.Leases.Leave(s.ctx, a); err != nil {
		s.Fatal(err)
	}
	if gone := s.claim(key, b); gone.Fresh || gone.Epoch != 5 {
		s.Errorf("of a gone owner: %+v", gone)
	}
}

func epochsNeverFall(s suite) {
	a := s.join("a", long)
	key := registry.NewKey("lobby", 1)
	for want := int64(1); want <= 5; want++ {
		o := s.claim(key, a)
		if o.Epoch != want {
			s.Fatalf("epoch %d, want %d", o.Epoch, want)
		}
		if err := s.Owners.CloseKey(s.ctx, fence(o)); err != nil {
			s.Fatal(err)
		}
	}
}

func oneOfManyClaims(s suite) {
	a, b, c := s.join("a", long), s.join("b", long), s.join("c", long)
	nodes := []int64{a, b, c}
	for i := range 10 {
		key := registry.NewKey("lobby", i)
		var won atomic.Int64
		together(12, func(i int) {
			_, err := s.Owners.Claim(s.ctx, key, nodes[i%3])
			var held *registry.HeldError
			switch {
			case err == nil:
				won.Or(1 << (i % 3))
			case !errors.As(err, &held):
				s.Errorf("claim: %v", err)
			}
		})
		if w := won.Load(); w != 1 && w != 2 && w != 4 {
			s.Fatalf("claimed by the set of nodes %b", w)
		}
	}
}

func claimNeedsLease(s suite) {
	a, b := s.join("a", short), s.join("b", long)
	key := registry.NewKey("lobby", 1)
	s.Pass(2 * short)
	_, err := s.Owners.Claim(s.ctx, key, a)
	s.is(err, registry.ErrLeaseLost)
	_, err = s.Owners.Claim(s.ctx, key, 4711)
	s.is(err, registry.ErrLeaseLost)
	if _, ok, err := s.Owners.Lookup(s.ctx, key); ok || err != nil {
		s.Errorf("a refused claim has left a row: %v, %v", ok, err)
	}
	s.condemn(b, a)
	_, err = s.Owners.Claim(s.ctx, key, a)
	s.is(err, registry.ErrLeaseLost)
}

func lookups(s suite) {
	a := s.join("a", long)
	key := registry.NewKey("lobby", 1)
	if _, ok, err := s.Owners.Lookup(s.ctx, key); ok || err != nil {
		s.Errorf("never owned: %v, %v", ok, err)
	}
	check := func(what string, state registry.State, epoch int64, gone bool) {
		s.Helper()
		o, ok, err := s.Owners.Lookup(s.ctx, key)
		if !ok || err != nil || o.Key != key || o.Node != "a" || o.State != state || o.Epoch != epoch || o.Gone != gone {
			s.Errorf("%s: %+v, %v, %v", what, o, ok, err)
		}
	}
	o := s.claim(key, a)
	check("owned", registry.Owned, 1, false)
	if err := s.Owners.CloseKey(s.ctx, fence(o)); err != nil {
		s.Fatal(err)
	}
	check("closed", registry.Closed, 1, false)
	s.claim(key, a)
	if err := s.Leases.Leave(s.ctx, a); err != nil {
		s.Fatal(err)
	}
	check("gone", registry.Owned, 2, true)
}

func (s suite) save(o registry.Ownership, body string) (writes int64, ok bool) {
	s.Helper()
	passed, err := s.Owners.Save(s.ctx, []registry.Snapshot{{Fence: fence(o), Body: []byte(body)}})
	if err != nil {
		s.Fatalf("save %s: %v", o.Key, err)
	}
	writes, ok = passed[o.Key]
	return writes, ok
}

func saveIsFenced(s suite) {
	a, b := s.join("a", long), s.join("b", long)
	o := s.claim(registry.NewKey("lobby", 1), a)
	n, ok := s.save(o, "one")
	if !ok || n != o.Writes+1 {
		s.Fatalf("saved: writes %d, %v", n, ok)
	}
	if _, ok := s.save(o, "given up on, and late"); ok {
		s.Error("an old count of writes has passed")
	}
	o.Writes = n
	if n, ok = s.save(o, "two"); !ok {
		s.Error("the second save did not pass")
	}
	o.Writes = n
	foreign := o
	foreign.Incarnation = b
	if _, ok := s.save(foreign, "foreign"); ok {
		s.Error("another incarnation has passed")
	}
	again := s.claim(o.Key, a)
	if string(again.Snapshot) != "two" || again.Writes != o.Writes {
		s.Errorf("claimed %q with %d writes, want two with %d", again.Snapshot, again.Writes, o.Writes)
	}
	if _, ok := s.save(o, "old epoch"); ok {
		s.Error("an old epoch has passed")
	}
	if _, ok := s.save(again, "three"); !ok {
		s.Error("the new epoch did not pass")
	}
}

func batchIsFenced(s suite) {
	a := s.join("a", long)
	var batch []registry.Snapshot
	want := map[registry.Key]int64{}
	for i := range 50 {
		o := s.claim(registry.NewKey("lobby", i), a)
		f := fence(o)
		if i%5 == 0 {
			f.Epoch--
		} else {
			want[o.Key] = o.Writes + 1
		}
		batch = append(batch, registry.Snapshot{Fence: f, Body: []byte{byte(i)}})
	}
	got, err := s.Owners.Save(s.ctx, batch)
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("passed (-want +got):\n%s", diff)
	}
	if got, err := s.Owners.Save(s.ctx, nil); err != nil || len(got) != 0 {
		s.Errorf("empty batch: %v, %v", got, err)
	}
}

func writesAreFenced(s suite) {
	if s.Write == nil {
		return
	}
	a, b := s.join("a", long), s.join("b", long)
	o := s.claim(registry.NewKey("lobby", 1), a)
	if err := s.Write(s.ctx, fence(o), "first"); err != nil {
		s.Fatalf("write: %v", err)
	}
	s.is(s.Write(s.ctx, fence(o), "old count"), registry.ErrFenced)
	o.Writes++
	if err := s.Leases.Leave(s.ctx, a); err != nil {
		s.Fatal(err)
	}
	// It is the claim that ends the right to write, not the end of the node.
	taken := s.claim(o.Key, b)
	s.is(s.Write(s.ctx, fence(o), "old owner"), registry.ErrFenced)
	if err := s.Write(s.ctx, fence(taken), "second"); err != nil {
		s.Errorf("new owner: %v", err)
	}
	for value, want := range map[string]int{"first": 1, "second": 1, "old count": 0, "old owner": 0} {
		if n, err := s.Facts(s.ctx, value); err != nil || n != want {
			s.Errorf("%q was written %d times, %v, want %d", value, n, err, want)
		}
	}
}

func endsAreFenced(s suite) {
	a := s.join("a", long)
	old := s.claim(registry.NewKey("lobby", 1), a)
	o := s.claim(old.Key, a)
	s.is(s.Owners.Release(s.ctx, fence(old), nil), registry.ErrFenced)
	s.is(s.Owners.CloseKey(s.ctx, fence(old)), registry.ErrFenced)
	n, _ := s.save(o, "kept")
	o.Writes = n
	if err := s.Owners.Release(s.ctx, fence(o), nil); err != nil {
		s.Fatal(err)
	}
	s.is(s.Owners.Release(s.ctx, fence(o), []byte("late")), registry.ErrFenced)
	if again := s.claim(o.Key, a); string(again.Snapshot) != "kept" {
		s.Errorf("nil has replaced the snapshot: %q", again.Snapshot)
	}
}

func orphans(s suite) {
	a, b := s.join("a", long), s.join("b", long)
	states := map[registry.Key]registry.State{}
	for id, f := range map[string]func(key registry.Key){
		"mine":     func(k registry.Key) { s.claim(k, a) },
		"others":   func(k registry.Key) { s.claim(k, b) },
		"released": func(k registry.Key) { _ = s.Owners.Release(s.ctx, fence(s.claim(k, b)), nil) },
		"closed":   func(k registry.Key) { _ = s.Owners.CloseKey(s.ctx, fence(s.claim(k, b))) },
	} {
		f(registry.NewKey("lobby", id))
	}
	list := func() map[registry.Key]registry.State {
		s.Helper()
		rows, err := s.Owners.Orphans(s.ctx, a, 100)
		if err != nil {
			s.Fatal(err)
		}
		clear(states)
		for _, r := range rows {
			states[r.Key] = r.State
		}
		return states
	}
	want := map[registry.Key]registry.State{
		registry.NewKey("lobby", "mine"):     registry.Owned,
		registry.NewKey("lobby", "released"): registry.Released,
	}
	if diff := cmp.Diff(want, list()); diff != "" {
		s.Errorf("orphans (-want +got):\n%s", diff)
	}
	if err := s.Leases.Leave(s.ctx, b); err != nil {
		s.Fatal(err)
	}
	want[registry.NewKey("lobby", "others")] = registry.Owned
	if diff := cmp.Diff(want, list()); diff != "" {
		s.Errorf("after the end of a node (-want +got):\n%s", diff)
	}
	if rows, err := s.Owners.Orphans(s.ctx, a, 2); err != nil || len(rows) != 2 {
		s.Errorf("limit of 2: %d rows, %v", len(rows), err)
	}
	rows, err := s.Owners.Owners(s.ctx)
	if err != nil || len(rows) != 3 {
		s.Errorf("owners: %d rows, %v, want 3", len(rows), err)
	}
}

func oddKeys(s suite) {
	a := s.join("a", long)
	for _, id := range []string{"a/b", "ä ö", "'; --", "%", "A", "a"} {
		key := registry.Key{Kind: "channel", ID: id}
		if o := s.claim(key, a); !o.Fresh || o.Key != key {
			s.Errorf("claimed %+v for %q", o, id)
		}
		if o, ok, err := s.Owners.Lookup(s.ctx, key); !ok || err != nil || o.Key != key {
			s.Errorf("found %+v, %v, %v for %q", o, ok, err, id)
		}
	}
}
