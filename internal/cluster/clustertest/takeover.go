package clustertest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	difference "github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/registry"
)

// writesCarryState: the snapshot of a fence and the effect of its write are one.
func writesCarryState(s suite) {
	if s.Write == nil {
		return
	}
	a := s.join("a", long)
	o := s.claim(registry.NewKey("lobby", 1), a)
	f := fence(o)
	write := func(value string, snapshot []byte) error {
		f.Snapshot = snapshot
		return s.Write(s.ctx, f, value)
	}
	stored := func(want string) {
		s.Helper()
		again := s.claim(o.Key, a)
		if string(again.Snapshot) != want || (again.Snapshot == nil) != (want == "none") && want != "" {
			s.Errorf("stored %q, want %q", again.Snapshot, want)
		}
		f = fence(again)
	}
	if err := write("first", []byte("state 1")); err != nil {
		s.Fatal(err)
	}
	s.is(write("old count", []byte("state 2")), registry.ErrFenced)
	stored("state 1")
	if err := write("second", nil); err != nil {
		s.Fatal(err)
	}
	stored("state 1")
	if err := write("third", []byte("state 3")); err != nil {
		s.Fatal(err)
	}
	stored("state 3")
	for value, want := range map[string]int{"first": 1, "second": 1, "third": 1, "old count": 0} {
		if n, err := s.Facts(s.ctx, value); err != nil || n != want {
			s.Errorf("%q was written %d times, %v, want %d", value, n, err, want)
		}
	}
}

// byKey sorts what a take-over came to, and leaves out what differs between stores.
func byKey(t registry.Taken) registry.Taken {
	slices.SortFunc(t.Owned, func(a, b registry.Ownership) int { return cmp.Compare(a.Key.String(), b.Key.String()) })
	slices.SortFunc(t.Held, func(a, b registry.Owner) int { return cmp.Compare(a.Key.String(), b.Key.String()) })
	for i := range t.Held {
		t.Held[i].Since = 0
	}
	return t
}

func (s suite) takeOver(keys []registry.Key, incarnation int64) registry.Taken {
	s.Helper()
	taken, err := s.Owners.TakeOver(s.ctx, keys, incarnation)
	if err != nil {
		s.Fatalf("take over %d keys for %d: %v", len(keys), incarnation, err)
	}
	return byKey(taken)
}

func takeOvers(s suite) {
	a, b, c := s.join("a", long), s.join("b", long), s.join("c", long)
	key := func(id string) registry.Key { return registry.NewKey("lobby", id) }
	closed := s.claim(key("closed"), c)
	empty, gone := s.claim(key("empty"), c), s.claim(key("gone"), c)
	held, own := s.claim(key("held"), b), s.claim(key("own"), a)
	released := s.claim(key("released"), b)
	s.claim(key("not asked for"), c)
	_ = s.claim(registry.NewKey("channel", "gone"), c) // the same id, another kind
	for _, err := range []error{
		s.Owners.CloseKey(s.ctx, fence(closed)),
		s.Owners.Release(s.ctx, fence(released), []byte("of released")),
	} {
		if err != nil {
			s.Fatal(err)
		}
	}
	s.save(gone, "of gone")
	s.save(empty, "")
	if err := s.Leases.Leave(s.ctx, c); err != nil {
		s.Fatal(err)
	}
	var keys []registry.Key
	for _, id := range []string{"released", "own", "none", "held", "gone", "closed", "empty"} {
		keys = append(keys, key(id))
	}
	want := registry.Taken{
		Owned: []registry.Ownership{
			{Key: empty.Key, Incarnation: a, Epoch: 2, Writes: 1, Snapshot: []byte{}},
			{Key: gone.Key, Incarnation: a, Epoch: 2, Writes: 1, Snapshot: []byte("of gone")},
			{Key: own.Key, Incarnation: a, Epoch: 2},
			{Key: released.Key, Incarnation: a, Epoch: 2, Writes: 1, Snapshot: []byte("of released")},
		},
		Held: []registry.Owner{{Key: held.Key, Node: "b", Incarnation: b, Epoch: 1, State: registry.Owned}},
	}
	taken := s.takeOver(keys, a)
	if diff := difference.Diff(want, taken); diff != "" {
		s.Errorf("taken (-want +got):\n%s", diff)
	}
	for _, o := range []registry.Ownership{gone, own} {
		if _, ok := s.save(o, "late"); ok {
			s.Errorf("%s: an old epoch has passed", o.Key)
		}
	}
	for _, o := range taken.Owned {
		if _, ok := s.save(o, "new"); !ok {
			s.Errorf("%s: the new owner did not pass", o.Key)
		}
	}
	for id, state := range map[string]registry.State{"closed": registry.Closed, "not asked for": registry.Owned} {
		if o, ok, err := s.Owners.Lookup(s.ctx, key(id)); !ok || err != nil || o.Epoch != 1 || o.State != state {
			s.Errorf("%s: %+v, %v, %v", id, o, ok, err)
		}
	}
	if _, ok, err := s.Owners.Lookup(s.ctx, key("none")); ok || err != nil {
		s.Errorf("a row was made of nothing: %v, %v", ok, err)
	}
	if taken, err := s.Owners.TakeOver(s.ctx, nil, a); err != nil || len(taken.Owned) != 0 {
		s.Errorf("no keys: %+v, %v", taken, err)
	}
}

func takeOverNeedsLease(s suite) {
	a, b := s.join("a", short), s.join("b", long)
	c := s.join("c", long)
	keys := []registry.Key{s.claim(registry.NewKey("lobby", 1), c).Key, s.claim(registry.NewKey("lobby", 2), a).Key}
	if err := s.Leases.Leave(s.ctx, c); err != nil {
		s.Fatal(err)
	}
	s.Pass(2 * short)
	for _, node := range []int64{a, c, 4711} {
		_, err := s.Owners.TakeOver(s.ctx, keys, node)
		s.is(err, registry.ErrLeaseLost)
	}
	s.condemn(b, a)
	_, err := s.Owners.TakeOver(s.ctx, keys, a)
	s.is(err, registry.ErrLeaseLost)
	for _, key := range keys {
		if o, _, err := s.Owners.Lookup(s.ctx, key); err != nil || o.Epoch != 1 {
			s.Errorf("%+v, %v", o, err)
		}
	}
	if taken := s.takeOver(keys, b); len(taken.Owned) != 2 {
		s.Errorf("with a lease: %+v", taken)
	}
}

// takersAtOnce: of many who take the same keys, some of them key by key, each key goes to
// one; in the end all are taken, and their epochs have risen by one.
func takersAtOnce(s suite) {
	const n = 150 // more than SQLite takes in one piece
	a := s.join("a", long)
	takers := []int64{s.join("b", long), s.join("c", long), s.join("d", long), s.join("e", long)}
	keys := make([]registry.Key, n)
	var batch []registry.Snapshot
	for i := range keys {
		o := s.claim(registry.NewKey("lobby", i), a)
		keys[i] = o.Key
		batch = append(batch, registry.Snapshot{Fence: fence(o), Body: fmt.Append(nil, i)})
	}
	if passed, err := s.Owners.Save(s.ctx, batch); err != nil || len(passed) != n {
		s.Fatalf("saved %d, %v", len(passed), err)
	}
	if err := s.Leases.Leave(s.ctx, a); err != nil {
		s.Fatal(err)
	}
	taken := make([][]registry.Ownership, len(takers))
	together(len(takers), func(i int) {
		if i < 2 {
			taken[i] = s.takeAll(keys, takers[i])
		} else {
			taken[i] = s.claimAll(keys, takers[i])
		}
	})
	owner := map[registry.Key]int64{}
	for i, list := range taken {
		for _, own := range list {
			if owner[own.Key] != 0 || own.Epoch != 2 || own.Writes != 1 || own.Incarnation != takers[i] || own.Fresh ||
				own.Key != registry.NewKey("lobby", string(own.Snapshot)) {
				s.Errorf("%d has taken %+v, before it %d", takers[i], own, owner[own.Key])
			}
			owner[own.Key] = takers[i]
		}
	}
	if len(owner) != n {
		s.Errorf("%d keys were taken, want %d", len(owner), n)
	}
	for key, node := range owner {
		if o, _, err := s.Owners.Lookup(s.ctx, key); err != nil || o.Incarnation != node || o.Epoch != 2 {
			s.Fatalf("%+v, %v: taken by %d", o, err, node)
		}
	}
}

// takeAll takes what it can, and again what it had to skip.
func (s suite) takeAll(keys []registry.Key, node int64) (owned []registry.Ownership) {
	for len(keys) > 0 && s.ctx.Err() == nil {
		taken, err := s.Owners.TakeOver(s.ctx, keys, node)
		if err != nil {
			s.Errorf("take over: %v", err)
			return owned
		}
		owned, keys = append(owned, taken.Owned...), taken.Skipped
	}
	return owned
}

func (s suite) claimAll(keys []registry.Key, node int64) (owned []registry.Ownership) {
	for _, key := range keys {
		own, err := s.Owners.Claim(s.ctx, key, node)
		switch {
		case err == nil:
			owned = append(owned, own)
		case !errors.As(err, new(*registry.HeldError)):
			s.Errorf("claim: %v", err)
		}
	}
	return owned
}
