package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/chat"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
)

func testClaim(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	k := key(1)
	if _, ok, err := s.Lookup(t.Context(), k); ok || err != nil {
		t.Errorf("before the claim: %v, %v", ok, err)
	}
	first := claimed(t, s, k, a)
	if diff := cmp.Diff(registry.Ownership{Key: k, Incarnation: a, Epoch: 1, Fresh: true}, first); diff != "" {
		t.Error(diff)
	}
	o, ok, err := s.Lookup(t.Context(), k)
	must(t, err)
	if !ok || o.Since == 0 {
		t.Errorf("look-up: %v %+v", ok, o)
	}
	o.Since = 0
	want := registry.Owner{Key: k, Node: "a", Incarnation: a, Epoch: 1, State: registry.Owned}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
	_, err = s.Claim(t.Context(), k, b)
	var held *registry.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("claim of a held key: %v", err)
	}
	held.Owner.Since = 0
	if diff := cmp.Diff(want, held.Owner); diff != "" {
		t.Error(diff)
	}
	// The own key again, as when the answer was lost.
	if o := claimed(t, s, k, a); o.Epoch != 2 || o.Fresh {
		t.Errorf("own claim again: %+v", o)
	}
}

func testClaimWithoutLease(t *testing.T, s Store) {
	left := joined(t, s, "left")
	must(t, s.Leave(t.Context(), left))
	short := joinedFor(t, s, "short", time.Millisecond)
	expired(t, s, short)
	for name, incarnation := range map[string]int64{"left": left, "expired": short, "unknown": short + 100} {
		if _, err := s.Claim(t.Context(), key(1), incarnation); !errors.Is(err, registry.ErrLeaseLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok, err := s.Lookup(t.Context(), key(1)); ok || err != nil {
		t.Errorf("a refused claim left a row: %v, %v", ok, err)
	}
}

func testClaimFromGone(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	short := joinedFor(t, s, "short", time.Minute)
	k := key(1)
	o := claimed(t, s, k, a)
	passed, err := s.Save(t.Context(), []registry.Snapshot{{Fence: fence(o), Body: []byte("state")}})
	must(t, err)
	if passed[k] != 1 {
		t.Fatalf("passed: %v", passed)
	}
	must(t, s.Leave(t.Context(), a))
	got := claimed(t, s, k, b)
	if got.Epoch != 2 || got.Fresh || got.Writes != 1 || string(got.Snapshot) != "state" {
		t.Errorf("claim from the gone: %+v", got)
	}
	// A living owner keeps its key.
	if _, err := s.Claim(t.Context(), k, short); !errors.As(err, new(*registry.HeldError)) {
		t.Errorf("claim from the living: %v", err)
	}
}

// A lease that ran out is not lost before it is condemned.
func testFence(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	k := key(1)
	o := claimed(t, s, k, a)
	f := fence(o)
	m := match.Match{ID: 1, UUID: "u", Created: time.UnixMilli(1000).UTC()}
	must(t, s.CreateMatch(t.Context(), f, m))
	for name, wrong := range map[string]registry.Fence{
		"written meanwhile": f,
		"writes ahead":      {Key: k, Incarnation: a, Epoch: 1, Writes: 2},
		"other epoch":       {Key: k, Incarnation: a, Epoch: 2, Writes: 1},
		"other owner":       {Key: k, Incarnation: b, Epoch: 1, Writes: 1},
		"other key":         {Key: key(2), Incarnation: a, Epoch: 1, Writes: 1},
	} {
		m := match.Match{ID: 2}
		if err := s.CreateMatch(t.Context(), wrong, m); !errors.Is(err, registry.ErrFenced) {
			t.Errorf("%s: create match: %v", name, err)
		}
		if err := s.Release(t.Context(), wrong, []byte("x")); !errors.Is(err, registry.ErrFenced) {
			t.Errorf("%s: release: %v", name, err)
		}
		if err := s.CloseKey(t.Context(), wrong); !errors.Is(err, registry.ErrFenced) {
			t.Errorf("%s: close: %v", name, err)
		}
		passed, err := s.Save(t.Context(), []registry.Snapshot{{Fence: wrong, Body: []byte("x")}})
		if len(passed) != 0 || err != nil {
			t.Errorf("%s: save: %v, %v", name, passed, err)
		}
	}
	if got, err := s.MatchByID(t.Context(), 2); err == nil {
		t.Errorf("a fenced write left a match: %+v", got)
	}
	f.Writes = 1
	must(t, s.CreateMatch(t.Context(), f, match.Match{ID: 2}))
	if o := claimed(t, s, k, a); o.Writes != 2 || o.Snapshot != nil {
		t.Errorf("after all: %+v", o)
	}
}

// Whatever an owner writes durably takes the state after it along, or neither.
func testRecordWithState(t *testing.T, s Store) {
	a := joined(t, s, "a")
	writes := map[string]func(f registry.Fence, n int64) error{
		"match": func(f registry.Fence, n int64) error { return s.CreateMatch(t.Context(), f, match.Match{ID: n}) },
		"channel": func(f registry.Fence, n int64) error {
			return s.NewChannel(t.Context(), f, chat.Channel{Name: fmt.Sprint("channel ", n)})
		},
	}
	for name, write := range writes {
		o := claimed(t, s, key(name), a)
		f := fence(o)
		f.Snapshot = []byte("one")
		must(t, write(f, 1))
		late := f
		late.Snapshot = []byte("late")
		if err := write(late, 2); !errors.Is(err, registry.ErrFenced) {
			t.Errorf("%s: %v", name, err)
		}
		if o = claimed(t, s, key(name), a); string(o.Snapshot) != "one" || o.Writes != 1 {
			t.Errorf("%s: %+v", name, o)
		}
		must(t, write(fence(o), 3)) // without a state the stored one is kept
		o = claimed(t, s, key(name), a)
		f = fence(o)
		f.Snapshot = []byte{}
		must(t, write(f, 4))
		if got := claimed(t, s, key(name), a); string(o.Snapshot) != "one" || got.Snapshot == nil || len(got.Snapshot) != 0 {
			t.Errorf("%s: %+v, then %+v", name, o, got)
		}
	}
}

func testRelease(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	k := key(1)
	f := fence(claimed(t, s, k, a))
	must(t, s.Release(t.Context(), f, []byte("last")))
	o, _, err := s.Lookup(t.Context(), k)
	must(t, err)
	if o.State != registry.Released {
		t.Errorf("state %s", o.State)
	}
	// Who has released never writes again.
	f.Writes++
	if err := s.CreateMatch(t.Context(), f, match.Match{ID: 1}); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("write after the release: %v", err)
	}
	got := claimed(t, s, k, b)
	if got.Epoch != 2 || got.Fresh || string(got.Snapshot) != "last" {
		t.Errorf("claim after the release: %+v", got)
	}
	must(t, s.Release(t.Context(), fence(got), nil))
	if got := claimed(t, s, k, a); got.Epoch != 3 || string(got.Snapshot) != "last" {
		t.Errorf("claim after a release without a snapshot: %+v", got)
	}
}

func testClose(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	k := key(1)
	o := claimed(t, s, k, a)
	_, err := s.Save(t.Context(), []registry.Snapshot{{Fence: fence(o), Body: []byte("state")}})
	must(t, err)
	f := fence(o)
	f.Writes++
	must(t, s.CloseKey(t.Context(), f))
	all, err := s.Owners(t.Context())
	must(t, err)
	if len(all) != 0 {
		t.Errorf("owners: %+v", all)
	}
	row, ok, err := s.Lookup(t.Context(), k)
	must(t, err)
	if !ok || row.State != registry.Closed || row.Epoch != 1 {
		t.Errorf("closed row: %v %+v", ok, row)
	}
	if got := claimed(t, s, k, b); got.Epoch != 2 || !got.Fresh || got.Snapshot != nil {
		t.Errorf("claim of a closed key: %+v", got)
	}
}

func testSave(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	var batch []registry.Snapshot
	want := map[registry.Key]int64{}
	for i := range 150 {
		k := key(i)
		f := fence(claimed(t, s, k, a))
		if i%10 == 3 {
			f.Incarnation = b
		} else {
			want[k] = 1
		}
		batch = append(batch, registry.Snapshot{Fence: f, Body: fmt.Appendf(nil, "state %d", i)})
	}
	batch[0].Body = nil
	passed, err := s.Save(t.Context(), batch)
	must(t, err)
	if diff := cmp.Diff(want, passed); diff != "" {
		t.Error(diff)
	}
	if o := claimed(t, s, key(149), a); string(o.Snapshot) != "state 149" || o.Writes != 1 {
		t.Errorf("key 149: %+v", o)
	}
	if o := claimed(t, s, key(3), a); o.Snapshot != nil || o.Writes != 0 {
		t.Errorf("fenced key: %+v", o)
	}
	if o := claimed(t, s, key(0), a); o.Snapshot == nil || len(o.Snapshot) != 0 {
		t.Errorf("key with an empty snapshot: %+v", o)
	}
	if passed, err := s.Save(t.Context(), nil); len(passed) != 0 || err != nil {
		t.Errorf("empty batch: %v, %v", passed, err)
	}
}

func testOrphans(t *testing.T, s Store) {
	a, b, c := joined(t, s, "a"), joined(t, s, "b"), joined(t, s, "c")
	own, others, released, gone, closed := key("own"), key("others"), key("released"), key("gone"), key("closed")
	claimed(t, s, own, a)
	claimed(t, s, others, b)
	must(t, s.Release(t.Context(), fence(claimed(t, s, released, b)), nil))
	claimed(t, s, gone, c)
	must(t, s.CloseKey(t.Context(), fence(claimed(t, s, closed, c))))
	must(t, s.Leave(t.Context(), c))

	list := func(limit int) map[registry.Key]bool {
		t.Helper()
		found, err := s.Orphans(t.Context(), a, limit)
		must(t, err)
		keys := map[registry.Key]bool{}
		for _, o := range found {
			keys[o.Key] = o.Gone
		}
		return keys
	}
	if diff := cmp.Diff(map[registry.Key]bool{own: false, released: false, gone: true}, list(10)); diff != "" {
		t.Error(diff)
	}
	// What nobody runs for sure comes first.
	if diff := cmp.Diff(map[registry.Key]bool{released: false, gone: true}, list(2)); diff != "" {
		t.Error(diff)
	}
	all, err := s.Owners(t.Context())
	must(t, err)
	if len(all) != 4 {
		t.Errorf("owners: %+v", all)
	}
}

// Of many who claim the same keys each has one owner, and no epoch is given twice.
func testManyClaimants(t *testing.T, s Store) {
	const claimants, keys = 32, 8
	nodes := make([]int64, claimants)
	for i := range nodes {
		nodes[i] = joined(t, s, fmt.Sprint("node", i))
	}
	won := make([][]registry.Key, claimants)
	together(claimants, func(i int) {
		for k := range keys {
			o, err := s.Claim(background(), key(k), nodes[i])
			var held *registry.HeldError
			switch {
			case err == nil && o.Epoch != 1:
				t.Errorf("epoch %d of a key that is held", o.Epoch)
			case err == nil:
				won[i] = append(won[i], key(k))
			case !errors.As(err, &held):
				t.Errorf("claim: %v", err)
			}
		}
	})
	owners := map[registry.Key]int64{}
	for i, list := range won {
		for _, k := range list {
			if owners[k] != 0 {
				t.Errorf("%s has two owners", k)
			}
			owners[k] = nodes[i]
		}
	}
	for k := range keys {
		o, _, err := s.Lookup(t.Context(), key(k))
		must(t, err)
		if o.Incarnation != owners[key(k)] {
			t.Errorf("%s: the row says %d, the claims say %d", key(k), o.Incarnation, owners[key(k)])
		}
	}
}

// Two nodes hand a key to and fro while its last owner still writes: whatever was
// acknowledged is in what the next owner loads, by whichever claim.
func testWritesBesideClaims(t *testing.T, s Store) {
	testWritesBeside(t, s, key(1), s.Claim)
	testWritesBeside(t, s, key(2), func(ctx context.Context, k registry.Key, node int64) (registry.Ownership, error) {
		for {
			taken, err := s.TakeOver(ctx, []registry.Key{k}, node)
			if err != nil || len(taken.Owned) == 1 {
				return append(taken.Owned, registry.Ownership{})[0], err
			}
			if len(taken.Skipped) != 1 {
				return registry.Ownership{}, fmt.Errorf("neither taken nor skipped: %+v", taken)
			}
		}
	})
}

func testWritesBeside(t *testing.T, s Store, k registry.Key, claim func(context.Context, registry.Key, int64) (registry.Ownership, error)) {
	t.Helper()
	node := joined(t, s, fmt.Sprint("first of ", k))
	o := claimed(t, s, k, node)
	for round := range 30 {
		next := joined(t, s, fmt.Sprint("node ", round, " of ", k))
		must(t, s.Leave(t.Context(), node))
		type outcome struct {
			passed bool
			writes int64
		}
		wrote, taken := make(chan outcome, 1), make(chan registry.Ownership, 1)
		body := fmt.Sprint("round ", round)
		go func() {
			passed, err := s.Save(background(), []registry.Snapshot{{Fence: fence(o), Body: []byte(body)}})
			if err != nil {
				t.Errorf("save: %v", err)
			}
			writes, ok := passed[k]
			wrote <- outcome{ok, writes}
		}()
		go func() {
			got, err := claim(background(), k, next)
			if err != nil {
				t.Errorf("claim: %v", err)
			}
			taken <- got
		}()
		w, got := <-wrote, <-taken
		if w.passed && string(got.Snapshot) != body {
			t.Fatalf("round %d: acknowledged, but the next owner loaded %q", round, got.Snapshot)
		}
		if w.passed && got.Writes != w.writes || !w.passed && got.Writes != o.Writes {
			t.Fatalf("round %d: wrote %+v, the next owner has %d writes", round, w, got.Writes)
		}
		node, o = next, got
	}
}
