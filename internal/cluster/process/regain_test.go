package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// failOver makes a copy the store, and has the host go on there, not trusted yet.
func (r *rig) failOver(to clustertest.Copy) {
	r.Helper()
	r.distrust.Store(true)
	r.store.TakeOverBy(to)
	m, err := r.store.Join(context.Background(), lease.Candidate{Name: fmt.Sprintf("n%p", r), TTL: 24 * time.Hour, Life: r.incarnation})
	if err != nil {
		r.Fatal(err)
	}
	r.incarnation = m.Incarnation
	r.host.Under(m.Incarnation)
	pass(time.Second)
}

// trust ends the time in which nobody claims.
func (r *rig) trust() {
	r.distrust.Store(false)
	r.host.Regain()
	pass(time.Second)
}

func (r *rig) row() registry.Owner {
	r.Helper()
	o, _, err := r.store.Lookup(context.Background(), key)
	if err != nil {
		r.Fatal(err)
	}
	return o
}

// TestRule10_HeldEffects: the store moves on between a command's record and its effects.
// If the record is there they come under the new epoch, once; if not, the command was not
// executed.
func TestRule10_HeldEffects(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint("lost=", lost), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				var r *rig
				r = newRig(t, s, func(k *process.Kind, _ *process.Options) {
					write := k.Write
					k.Write = func(ctx context.Context, f registry.Fence, record any) error {
						err := write(ctx, f, record)
						r.distrust.Store(true) // before anything is out
						return err
					}
				})
				p := r.start()
				r.must(p, add{V: 1}, 1)
				pass(time.Second)
				before := s.Copy()
				said := len(r.voice.of(key.String()))
				type result struct {
					got []int
					err error
				}
				answer := make(chan result, 1)
				go func() {
					got, err := r.call(p, add{V: 2, Durable: true})
					answer <- result{got, err}
				}()
				pass(time.Second)
				if n := len(r.voice.of(key.String())); n != said {
					t.Fatal("told while it was not trusted")
				}
				if !lost {
					before = s.Copy()
				}
				r.failOver(before)
				if got := r.row(); got.Epoch != 1 {
					t.Errorf("claimed while nobody may: %+v", got)
				}
				r.trust()
				a := <-answer
				news := r.voice.of(key.String())[said:]
				added := slices.Contains(news, any(clustertest.Added{V: 2}))
				want := []int{1, 2}
				if lost {
					want = []int{1}
				}
				if added == lost || lost != (a.err != nil) || lost && !errors.Is(a.err, process.ErrEnded) || !lost && !slices.Equal(a.got, want) {
					t.Errorf("answered %v, %v; told %v", a.got, a.err, news)
				}
				r.must(p, clustertest.Read{}, want...)
				if got := r.row(); got.Epoch < 500_000 || got.Incarnation != r.incarnation || r.version().Epoch != got.Epoch {
					t.Errorf("%+v, the feed has %+v", got, r.version())
				}
				if got := r.rebuilt.Load(); (got > 0) != lost {
					t.Errorf("edges are asked to repeat: %d", got)
				}
			})
		})
	}
}

// TestRule10_UnclearRecord: the primary dies while a record is on its way to it.
func TestRule10_UnclearRecord(t *testing.T) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprint("stored=", stored), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				p := r.start()
				r.must(p, add{V: 1}, 1)
				pass(time.Second)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					switch {
					case x.Op == "write" && stored:
						return clustertest.Fault{Lose: clustertest.ErrLost}
					case x.Op != "join":
						return clustertest.Fault{Fail: clustertest.ErrLost}
					}
					return clustertest.Fault{}
				})
				errs := make(chan error, 1)
				go func() {
					_, err := r.call(p, add{V: 2, Durable: true})
					errs <- err
				}()
				pass(500 * time.Millisecond)
				r.failOver(s.Copy())
				s.OnAccess(nil)
				pass(time.Second)
				if got := r.row(); got.Epoch != 1 {
					t.Errorf("claimed while nobody may: %+v", got)
				}
				r.trust()
				want := []int{1}
				if stored {
					want = []int{1, 2}
				}
				if err := <-errs; (err == nil) != stored {
					t.Errorf("answered %v", err)
				}
				r.must(p, clustertest.Read{}, want...)
			})
		})
	}
}

// TestRule10_ClosedMeanwhile: a process was closed while the store was away, and everybody
// was told. Its row follows on the new timeline.
func TestRule10_ClosedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		p := r.start()
		r.must(p, add{V: 1}, 1)
		pass(time.Second)
		s.OnAccess(func(x clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
		r.must(p, clustertest.Close{}, 1)
		pass(time.Second)
		s.OnAccess(nil)
		r.failOver(s.Copy())
		if got := r.row(); got.State != registry.Owned || got.Epoch != 1 {
			t.Errorf("before anybody may claim: %+v", got)
		}
		r.trust()
		<-p.Done()
		if got := r.row(); got.State != registry.Closed || got.Epoch < 500_000 {
			t.Errorf("%+v", got)
		}
	})
}

// TestRule10_ReleasedMeanwhile: who is asked to hand over while nobody may claim does so
// when it may, with what the store has or with more.
func TestRule10_ReleasedMeanwhile(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint("lost=", lost), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				p := r.start()
				r.must(p, add{V: 1}, 1)
				pass(time.Second)
				standby := s.Copy()
				r.must(p, add{V: 2, Durable: lost}, 1, 2)
				r.failOver(standby)
				go p.Release(context.Background())
				pass(time.Second)
				if got := r.row(); got.State != registry.Owned || got.Epoch != 1 {
					t.Errorf("before anybody may claim: %+v", got)
				}
				r.trust()
				<-p.Done()
				if got := r.row(); got.State != registry.Released {
					t.Errorf("%+v", got)
				}
				want := []int{1, 2}
				if lost {
					want = []int{1}
				}
				r.must(r.start(), clustertest.Read{}, want...)
			})
		})
	}
}

// TestRule10_TakenMeanwhile: who finds its key with somebody else is dropped.
func TestRule10_TakenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		p := r.start()
		r.must(p, add{V: 1}, 1)
		pass(time.Second)
		r.failOver(s.Copy())
		other := newRig(t, s, nil)
		other.must(other.start(), clustertest.Read{}, 1)
		r.trust()
		<-p.Done()
		if got := r.row(); got.Incarnation != other.incarnation {
			t.Errorf("%+v", got)
		}
	})
}
