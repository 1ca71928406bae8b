package process_test

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

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// TestRule06_DelayedWriteIsRefused: a durable write that hangs past the claim and load
// of another owner must not land.
func TestRule06_DelayedWriteIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := newRig(t, s, nil), newRig(t, s, nil)
		p := a.start()
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "write" && x.Incarnation == a.incarnation {
				return clustertest.Fault{Delay: time.Second}
			}
			return clustertest.Fault{}
		})
		answered := make(chan error, 1)
		go func() { _, err := a.call(p, add{V: 1, Durable: true}); answered <- err }()
		pass(500 * time.Millisecond)
		if err := s.Leave(context.Background(), a.incarnation); err != nil { // stands for: condemned
			t.Fatal(err)
		}
		q := b.start()
		b.must(q, add{V: 2, Durable: true}, 2)
		if err := <-answered; !errors.Is(err, process.ErrEnded) {
			t.Errorf("the old owner's caller heard %v, want ended", err)
		}
		<-p.Done()
		if diff := cmp.Diff([]clustertest.Fact{{Key: key, Epoch: 2, Value: "2"}}, s.Facts()); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
	})
}

// TestRule06_WriteGivenUpOnIsRefused: the write of a command given up on runs later
// still, after the process has been loaded again: it is refused, so that the command can
// be sent again. Without snapshots in the store nobody knows that, and it must not be.
func TestRule06_WriteGivenUpOnIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		volatile bool
		answer   error
		again    error
		want     []int
		facts    []clustertest.Fact
	}{
		"stored": {false, process.ErrUnavailable, nil, []int{1, 2, 3},
			[]clustertest.Fact{{Key: key, Epoch: 2, Value: "2"}, {Key: key, Epoch: 2, Value: "3"}}},
		"volatile": {true, process.ErrInDoubt, process.ErrInDoubt, []int{1, 3},
			[]clustertest.Fact{{Key: key, Epoch: 2, Value: "3"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, func(_ *process.Kind, o *process.Options) { o.Volatile = tc.volatile })
				p := r.start()
				r.must(p, add{V: 1}, 1)
				pass(time.Second) // a snapshot
				var hang atomic.Bool
				hang.Store(true)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "write" && hang.Load() {
						return clustertest.Fault{Delay: 10 * time.Second}
					}
					return clustertest.Fault{}
				})
				c := process.Call{Body: add{V: 2, Durable: true}, ID: r.id()}
				if _, err := p.Call(context.Background(), c); !errors.Is(err, tc.answer) {
					t.Errorf("no answer of the store: %v, want %v", err, tc.answer)
				}
				hang.Store(false)
				if _, err := p.Call(context.Background(), c); !errors.Is(err, tc.again) {
					t.Errorf("sent again: %v, want %v", err, tc.again)
				}
				r.must(p, add{V: 3, Durable: true}, tc.want...)
				pass(time.Minute) // the first one runs now
				if diff := cmp.Diff(tc.facts, s.Facts()); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				if v := r.version(); v.Epoch != 2 {
					t.Errorf("version %+v: the key was not claimed again", v)
				}
			})
		})
	}
}

// TestRule07_MemoryIsNotAheadOfTheStore: after a write that failed the state is the one
// before the command, after one whose answer was lost the one after it: what the store
// has. Both in a new epoch, and edges are asked to repeat. Without snapshots in the
// store only the state before is known to be true.
func TestRule07_MemoryIsNotAheadOfTheStore(t *testing.T) {
	failed, lost := clustertest.Fault{Fail: clustertest.ErrLost}, clustertest.Fault{Lose: clustertest.ErrLost}
	for name, tc := range map[string]struct {
		fault    clustertest.Fault
		volatile bool
		answer   error
		facts    int
		state    []int
	}{
		"failed":                {failed, false, process.ErrUnavailable, 0, []int{1}},
		"answer lost":           {lost, false, nil, 1, []int{1, 2}},
		"failed, volatile":      {failed, true, process.ErrInDoubt, 0, []int{1}},
		"answer lost, volatile": {lost, true, process.ErrInDoubt, 1, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, func(_ *process.Kind, o *process.Options) { o.Volatile = tc.volatile })
				p := r.start()
				r.must(p, add{V: 1}, 1)
				pass(time.Second)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "write" {
						return tc.fault
					}
					return clustertest.Fault{}
				})
				if _, err := r.call(p, add{V: 2, Durable: true}); !errors.Is(err, tc.answer) {
					t.Errorf("got %v, want %v", err, tc.answer)
				}
				s.OnAccess(nil)
				r.must(p, clustertest.Read{}, tc.state...)
				if len(s.Facts()) != tc.facts || r.rebuilt.Load() != 1 || r.version().Epoch != 2 {
					t.Errorf("facts %v, rebuilt %d, version %+v", s.Facts(), r.rebuilt.Load(), r.version())
				}
				if got := r.voice.of("tally/1"); slices.Contains(got, any(clustertest.Added{V: 2})) {
					t.Error("an event was published without its record")
				}
			})
		})
	}
}

// TestRule07_SnapshotOfUnknownOutcome: a snapshot whose answer was lost has counted. The
// next write finds that out, and nothing of the state is lost over it.
func TestRule07_SnapshotOfUnknownOutcome(t *testing.T) {
	for name, next := range map[string]any{"then a snapshot": add{V: 2}, "then a durable write": add{V: 2, Durable: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				p := r.start()
				lost := 0
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "save" && lost == 0 {
						lost++
						return clustertest.Fault{Lose: clustertest.ErrLost}
					}
					return clustertest.Fault{}
				})
				r.must(p, add{V: 1}, 1)
				pass(510 * time.Millisecond)
				r.must(p, add{V: 5}, 1, 5) // acknowledged since the snapshot: must not be lost
				_, err := r.call(p, next)
				for i := 0; errors.Is(err, process.ErrUnavailable) && i < 3; i++ {
					_, err = r.call(p, next)
				}
				if err != nil {
					t.Fatal(err)
				}
				pass(3 * time.Second)
				r.must(p, clustertest.Read{}, 1, 5, 2)
				if p.Epoch() != 2 {
					t.Errorf("epoch %d, want 2: claimed again once", p.Epoch())
				}
				pass(time.Second)
				own := r.claim()
				if !slices.Contains([]string{`[1,5,2]`}, values(own.Snapshot)) {
					t.Errorf("stored %s", own.Snapshot)
				}
			})
		})
	}
}

// values cuts the list out of a stored snapshot.
func values(snapshot []byte) string {
	s := string(snapshot)
	i, j := slices.Index(snapshot, '['), slices.Index(snapshot, ']')
	if i < 0 || j < i {
		return s
	}
	return s[i : j+1]
}

// TestSnapshotsAreAtMostASecondOld and written in batches, one write for all.
func TestSnapshotsAreAtMostASecondOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		const n = 50
		for i := range n {
			own, err := s.Claim(context.Background(), registry.NewKey("tally", i), r.incarnation)
			if err != nil {
				t.Fatal(err)
			}
			p, err := r.host.Start(context.Background(), own, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.must(p, add{V: i}, i)
		}
		saves := 0
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "save" {
				saves++
			}
			return clustertest.Fault{}
		})
		pass(time.Second)
		if saves != 1 || r.host.Counters().Saved.Load() != n {
			t.Errorf("%d snapshots in %d writes", r.host.Counters().Saved.Load(), saves)
		}
		for i := range n {
			own, err := s.Claim(context.Background(), registry.NewKey("tally", i), r.incarnation)
			if err != nil || values(own.Snapshot) != fmt.Sprintf("[%d]", i) {
				t.Fatalf("%d: stored %s, %v", i, own.Snapshot, err)
			}
		}
	})
}

// TestRule08_ReleaseIsOneWrite: the final snapshot is in the release, and the process
// does not go on afterwards, whatever became of it.
func TestRule08_ReleaseIsOneWrite(t *testing.T) {
	for name, fault := range map[string]clustertest.Fault{"fine": {}, "answer lost": {Lose: clustertest.ErrLost}, "failed": {Fail: clustertest.ErrLost}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				p := r.start()
				r.must(p, add{V: 1}, 1)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "release" {
						return fault
					}
					return clustertest.Fault{}
				})
				p.Release(context.Background())
				<-p.Done()
				if _, err := r.call(p, add{V: 2}); !errors.Is(err, process.ErrEnded) {
					t.Errorf("after the release: %v", err)
				}
				s.OnAccess(nil)
				own := r.claim()
				if fault.Fail == nil && values(own.Snapshot) != "[1]" {
					t.Errorf("stored %s", own.Snapshot)
				}
				if r.host.Get(key) != nil {
					t.Error("still in the table")
				}
			})
		})
	}
}

// TestRule12_PanicBeginsANewRun: the state goes back to the snapshot, and its versions
// do not repeat.
func TestRule12_PanicBeginsANewRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		want := []int{}
		for i := range 5 {
			want = append(want, i)
			r.must(p, add{V: i}, want...)
		}
		pass(time.Second) // snapshot at 5
		for i := 5; i < 12; i++ {
			want = append(want, i)
			r.must(p, add{V: i}, want...)
		}
		before := r.version()
		if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
			t.Errorf("got %v", err)
		}
		r.must(p, clustertest.Read{}, 0, 1, 2, 3, 4)
		after := r.version()
		if !before.Less(after) || after.Run != before.Run+1 || after.Epoch != before.Epoch || after.Seq != 0 {
			t.Errorf("version %+v after %+v", after, before)
		}
		if r.rebuilt.Load() != 1 {
			t.Error("edges were not asked to repeat")
		}
	})
}

func TestThreePanicsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		r.must(p, add{V: 1}, 1)
		pass(time.Second)
		for range 2 { // a minute apart they are forgiven
			if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
				t.Fatal(err)
			}
			pass(2 * time.Minute)
		}
		for range 3 {
			if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
				t.Fatal(err)
			}
		}
		<-p.Done()
		if o, _, _ := r.store.Lookup(context.Background(), key); o.State != registry.Closed {
			t.Errorf("the key is %s", o.State)
		}
		if got := r.voice.of("tally.index"); got[len(got)-1].(process.Indexed).Closed != true {
			t.Errorf("last of the index: %+v", got[len(got)-1])
		}
	})
}

// TestPanicsBetweenCommands: a process that does its work between panics goes on, until they
// are very many.
func TestPanicsBetweenCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		for i := range 9 {
			if _, err := r.call(p, add{V: i}); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		r.must(p, add{V: 9}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
			t.Fatal(err)
		}
		<-p.Done()
	})
}

// TestEnsuredRestsAfterPanics: a process that every cluster has goes on from its snapshot,
// after rests that grow, and what was put off during a rest is done after it. Only one that
// gets nothing done any more begins anew.
func TestEnsuredRestsAfterPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), func(k *process.Kind, _ *process.Options) { k.Start = process.Ensured })
		p := r.start()
		r.must(p, add{V: 1}, 1)
		pass(time.Second)
		served := func() time.Duration {
			began := time.Now()
			for {
				_, err := r.call(p, clustertest.Panic{})
				switch {
				case errors.Is(err, process.ErrPanicked):
					return time.Since(began)
				case !errors.Is(err, process.ErrUnavailable):
					t.Fatal(err)
				}
				pass(100 * time.Millisecond)
			}
		}
		var rests []time.Duration
		for range 6 {
			rests = append(rests, served().Round(time.Second))
		}
		if want := []time.Duration{0, 0, 0, time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(rests, want) {
			t.Errorf("rested %v, want %v", rests, want)
		}
		pass(10 * time.Second)
		r.must(p, add{V: 2}, 1, 2)
		pass(2 * time.Minute)
		for i := range 10 { // one now and then is forgiven
			if got := served(); got > 0 {
				t.Errorf("panic %d: rested %v", i, got)
			}
			pass(3 * time.Minute)
		}
		for range 10 {
			served()
		}
		<-p.Done()
		if o, _, _ := r.store.Lookup(context.Background(), key); o.State != registry.Closed {
			t.Errorf("the key is %s", o.State)
		}
	})
}

// TestRule14_SameCommandTwice: answered from memory, also by the next owner.
func TestRule14_SameCommandTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := newRig(t, s, nil), newRig(t, s, nil)
		p := a.start()
		c := process.Call{Body: add{V: 1}, ID: a.id()}
		for range 3 {
			reply, err := p.Call(context.Background(), c)
			if err != nil || !slices.Equal(reply.(list).Values, []int{1}) {
				t.Fatalf("got %v, %v", reply, err)
			}
		}
		for i := range 100 {
			if _, err := a.call(p, add{V: i}); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		p.Drop()
		<-p.Done()
		if err := s.Leave(context.Background(), a.incarnation); err != nil {
			t.Fatal(err)
		}
		q := b.start()
		reply, err := q.Call(context.Background(), c)
		if err != nil || !slices.Equal(reply.(list).Values, []int{1}) {
			t.Fatalf("after the takeover: %v, %v", reply, err)
		}
		if got, _ := b.call(q, clustertest.Read{}); len(got) != 101 {
			t.Errorf("%d values, want 101", len(got))
		}
	})
}

// TestRule13_NewerEpochIsNotServed: a sender that knows a newer owner makes this one
// doubt itself.
func TestRule13_NewerEpochIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		if _, err := p.Call(context.Background(), process.Call{Body: add{V: 1}, ID: r.id(), Epoch: 2}); !errors.Is(err, process.ErrNewer) {
			t.Errorf("got %v", err)
		}
		r.must(p, clustertest.Read{})
	})
}

// TestRule15_EdgesRepeatFirst: after a takeover others wait, in their order.
func TestRule15_EdgesRepeatFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		settle := func(k *process.Kind, _ *process.Options) { k.Settle = 300 * time.Millisecond }
		a, b := newRig(t, s, settle), newRig(t, s, settle)
		p := a.start()
		a.must(p, add{V: 1}, 1) // a fresh key has nobody to wait for
		pass(time.Second)
		p.Drop()
		<-p.Done()
		if err := s.Leave(context.Background(), a.incarnation); err != nil {
			t.Fatal(err)
		}
		q := b.start()
		began := time.Now()
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				if _, err := b.call(q, add{V: 10 + i}); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != 300*time.Millisecond {
					t.Errorf("served after %v", took)
				}
			})
			synctest.Wait()
		}
		b.must(q, repeat{V: 2}, 1, 2)
		if time.Since(began) != 0 {
			t.Error("an edge had to wait")
		}
		if shown := b.voice.of("tally.index"); len(shown) != 0 {
			t.Errorf("shown to all before the edges have repeated: %+v", shown)
		}
		all.Wait()
		if shown := b.voice.of("tally.index"); len(shown) == 0 || shown[0].(process.Indexed).Seq != 1 {
			t.Errorf("shown to all after that: %+v", shown)
		}
		b.must(q, clustertest.Read{}, 1, 2, 10, 11, 12)
	})
}

// TestRule08_HandedOverWhole: what an owner hands over lacks nothing, so the next one waits
// for nobody; also a kind that is not stored otherwise. What was handed over to an owner
// that died is old for the one after it.
func TestRule08_HandedOverWhole(t *testing.T) {
	for _, persist := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := clustertest.NewStore()
			settle := func(k *process.Kind, _ *process.Options) {
				k.Settle, k.Persist, k.Start = 300*time.Millisecond, persist, process.OnDemand
			}
			a, b, c := newRig(t, s, settle), newRig(t, s, settle), newRig(t, s, settle)
			p := a.start()
			a.must(p, add{V: 1}, 1)
			a.must(p, add{V: 2}, 1, 2)
			p.Release(context.Background())

			q := b.start()
			began := time.Now()
			b.must(q, add{V: 3}, 1, 2, 3)
			if took := time.Since(began); took != 0 {
				t.Errorf("persist %v: served after %v", persist, took)
			}
			pass(2 * time.Second)
			q.Drop()
			<-q.Done()
			if err := s.Leave(context.Background(), b.incarnation); err != nil {
				t.Fatal(err)
			}
			want := []int{1, 2, 3}
			if !persist {
				want = nil
			}
			c.must(c.start(), clustertest.Read{}, want...)
		})
	}
}
