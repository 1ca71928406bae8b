package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

// clock is virtual time that a test may shift: suspension moves both readings, a wall
// clock that is set only one.
type clock struct {
	began      time.Time
	boot, wall atomic.Int64
}

func newClock() *clock { return &clock{began: time.Now()} }

func (c *clock) Boot() time.Duration { return time.Since(c.began) + time.Duration(c.boot.Load()) }
func (c *clock) Wall() int64         { return time.Now().UnixNano() + c.wall.Load() }

func join(t *testing.T, s lease.Store, name string, c lease.Clock) *lease.Lease {
	t.Helper()
	l, err := lease.Join(context.Background(), lease.Options{
		Candidate: lease.Candidate{Name: name, BootID: name}, Store: s, Clock: c,
	})
	if err != nil {
		t.Fatalf("join as %s: %v", name, err)
	}
	l.Start()
	t.Cleanup(l.Abandon)
	return l
}

func condemned(l *lease.Lease) bool {
	select {
	case <-l.Condemned():
		return true
	default:
		return false
	}
}

// until waits in virtual time.
func until(t *testing.T, limit time.Duration, what string, f func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !f() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		pass(10 * time.Millisecond)
	}
	return time.Since(began)
}

// pass lets virtual time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestRule01_TrustFromTheStartOfTheTry: a renewal that is answered late must not
// lengthen trust.
func TestRule01_TrustFromTheStartOfTheTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a := join(t, s, "a", newClock())
		pass(time.Second)
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" {
				return clustertest.Fault{Delay: 600 * time.Millisecond}
			}
			return clustertest.Fault{}
		})
		pass(3 * time.Second) // what was renewed before has run out
		for range 200 {
			pass(37 * time.Millisecond)
			if !a.Trusted() {
				t.Fatal("slow renewals have cost the trust")
			}
			if left, most := a.TrustLeft(), lease.TTL-lease.Margin-600*time.Millisecond; left > most {
				t.Fatalf("trusted for %v: a renewal that took 600 ms gives at most %v", left, most)
			}
		}
	})
}

// TestRule01_NoBackOff: during an outage the tries go on at their pace, each limited to
// one interval, so trust is back within one interval and a try.
func TestRule01_NoBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a := join(t, s, "a", newClock())
		var tries atomic.Int64
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" {
				tries.Add(1)
				return clustertest.Fault{Delay: time.Hour}
			}
			return clustertest.Fault{Fail: clustertest.ErrLost}
		})
		pass(30 * time.Second)
		if n := tries.Load(); n < 38 || n > 41 {
			t.Errorf("%d tries in 30 s, want one every 0.75 s", n)
		}
		if a.Trusted() {
			t.Error("trusted without a store")
		}
		s.OnAccess(nil)
		until(t, 2*lease.RenewEvery, "trusted again", a.Trusted)
	})
}

// TestRule02_TrustIsReadFromTheClock: no timer takes trust away, the look does; a host
// that slept, or a wall clock that ran ahead, ends it.
func TestRule02_TrustIsReadFromTheClock(t *testing.T) {
	for name, tc := range map[string]struct {
		boot, wall time.Duration
		trusted    bool
	}{
		"nothing happened":         {0, 0, true},
		"suspended":                {3 * time.Second, 3 * time.Second, false},
		"suspended, wall set back": {3 * time.Second, 0, false},
		"frozen, only wall knows":  {0, 3 * time.Second, false},
		"wall set back":            {0, -time.Hour, true},
		"within the window":        {time.Second, time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClock()
				a, err := lease.Join(context.Background(), lease.Options{Candidate: lease.Candidate{Name: "a"}, Store: clustertest.NewStore(), Clock: c})
				if err != nil {
					t.Fatal(err)
				}
				c.boot.Add(int64(tc.boot))
				c.wall.Add(int64(tc.wall))
				if got := a.Trusted(); got != tc.trusted {
					t.Errorf("trusted: %v, want %v", got, tc.trusted)
				}
			})
		})
	}
}

// TestRule03_DeadNodeIsCondemnedInTime: within TTL and two looks.
func TestRule03_DeadNodeIsCondemnedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := join(t, s, "a", newClock()), join(t, s, "b", newClock())
		inc := b.Membership().Incarnation
		var mu sync.Mutex
		var seen [][]lease.Node
		a.OnMembers(func(m []lease.Node) { mu.Lock(); seen = append(seen, m); mu.Unlock() })
		pass(10 * time.Second)
		if len(a.Members()) != 2 || a.Gone(inc) {
			t.Fatalf("members %+v", a.Members())
		}
		b.Abandon()
		took := until(t, time.Minute, "b gone", func() bool { return a.Gone(inc) })
		if most := lease.TTL + 2*lease.LookEvery; took > most+20*time.Millisecond {
			t.Errorf("took %v, want at most %v", took, most)
		}
		if b.Trusted() {
			t.Error("condemned while it trusted itself")
		}
		mu.Lock()
		defer mu.Unlock()
		if last := seen[len(seen)-1]; len(last) != 1 || last[0].Name != "a" {
			t.Errorf("told of members %+v", last)
		}
	})
}

// TestRule03_NeverCondemnedWhileTrusted: whatever the store does to renewals, trust has
// ended before the condemnation.
func TestRule03_NeverCondemnedWhileTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := join(t, s, "a", newClock()), join(t, s, "b", newClock())
		pass(5 * time.Second)
		me := b.Membership().Incarnation
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" && x.Incarnation == me {
				return clustertest.Fault{Lose: clustertest.ErrLost, Delay: 700 * time.Millisecond}
			}
			return clustertest.Fault{}
		})
		pass(20 * time.Second) // renewed, but it never hears so
		if b.Trusted() || a.Gone(me) {
			t.Errorf("b trusted %v, gone %v; want neither", b.Trusted(), a.Gone(me))
		}
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" && x.Incarnation == me {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		until(t, 10*time.Second, "b gone", func() bool {
			if a.Gone(me) && b.Trusted() {
				t.Fatal("gone and trusted")
			}
			return a.Gone(me)
		})
		s.OnAccess(nil)
		until(t, 2*time.Second, "b knows", func() bool { return condemned(b) })
		if b.Trusted() {
			t.Error("trusted after it was condemned")
		}
	})
}

// TestRule03_ClockStepsCondemnNobody: the clock of the store is set by ten seconds,
// forth and back, with three nodes alive.
func TestRule03_ClockStepsCondemnNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		nodes := []*lease.Lease{join(t, s, "a", newClock()), join(t, s, "b", newClock()), join(t, s, "c", newClock())}
		pass(10 * time.Second)
		for i := range 40 {
			step := 10 * time.Second
			if i%2 == 1 {
				step = -step
			}
			s.Step(step)
			pass(time.Duration(i) * 173 * time.Millisecond)
			for _, n := range nodes {
				if condemned(n) || len(n.Members()) != 3 {
					t.Fatalf("step %d: %+v", i, n.Members())
				}
			}
		}
	})
}

// TestRule03_OutageCondemnsNobody: the store is away for less and for more than a TTL;
// who comes back first must not condemn who comes back a little later.
func TestRule03_OutageCondemnsNobody(t *testing.T) {
	for _, outage := range []time.Duration{time.Second, 4 * time.Second, time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				a, b := join(t, s, "a", newClock()), join(t, s, "b", newClock())
				pass(5 * time.Second)
				late := b.Membership().Incarnation
				s.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
				pass(outage)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "renew" && x.Incarnation == late {
						return clustertest.Fault{Fail: clustertest.ErrLost}
					}
					return clustertest.Fault{}
				})
				pass(2500 * time.Millisecond)
				s.OnAccess(nil)
				pass(10 * time.Second)
				if condemned(a) || condemned(b) {
					t.Errorf("condemned: a %v, b %v", condemned(a), condemned(b))
				}
			})
		})
	}
}

// TestRule03_OwnRenewalsFirst: the rows can be read all the time, renewals cannot be
// written. Who writes first again must give the others a TTL.
func TestRule03_OwnRenewalsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := join(t, s, "a", newClock()), join(t, s, "b", newClock())
		pass(5 * time.Second)
		late := b.Membership().Incarnation
		for _, who := range []int64{0, late} { // everybody, then only b
			s.OnAccess(func(x clustertest.Access) clustertest.Fault {
				if x.Op == "renew" && (who == 0 || x.Incarnation == who) {
					return clustertest.Fault{Fail: clustertest.ErrLost}
				}
				return clustertest.Fault{}
			})
			pass(map[int64]time.Duration{0: 10 * time.Second, late: 2500 * time.Millisecond}[who])
		}
		s.OnAccess(nil)
		pass(5 * time.Second)
		if condemned(a) || condemned(b) {
			t.Errorf("condemned: a %v, b %v", condemned(a), condemned(b))
		}
	})
}

// TestRule03_APausedWatcherCondemnsNobody: a watcher that was stopped sees rows that
// have not changed for it, and must watch anew.
func TestRule03_APausedWatcherCondemnsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		c := newClock()
		a, b := join(t, s, "a", c), join(t, s, "b", newClock())
		pass(5 * time.Second)
		me := b.Membership().Incarnation
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" && x.Incarnation == me {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		pass(900 * time.Millisecond)
		// The watcher was away for an hour of its clock, and b's lease looks expired.
		c.boot.Add(int64(time.Hour))
		c.wall.Add(int64(time.Hour))
		s.Step(10 * time.Second)
		pass(1500 * time.Millisecond)
		if a.Gone(me) {
			t.Error("condemned by a watcher that was away")
		}
	})
}

// TestRule09_LiveNamesake: the newcomer waits, sees a renewal, and gives up with a clear
// error; the living node is not disturbed.
func TestRule09_LiveNamesake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		first := join(t, s, "a", newClock())
		for name, c := range map[string]lease.Candidate{
			"without proof":      {Name: "a", BootID: "a"},
			"proof, other host":  {Name: "a", BootID: "b", Proof: true},
			"copied, other boot": {Name: "a", BootID: "b"},
		} {
			_, err := lease.Join(context.Background(), lease.Options{Candidate: c, Store: s, Clock: newClock()})
			var named *lease.NameError
			if !errors.As(err, &named) || !errors.Is(err, lease.ErrNameInUse) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// The store's clock makes the living one look dead: still nobody is disturbed.
		s.Step(10 * time.Second)
		if _, err := lease.Join(context.Background(), lease.Options{Candidate: lease.Candidate{Name: "a", BootID: "b"}, Store: s, Clock: newClock()}); err == nil {
			t.Error("joined beside a living namesake")
		}
		pass(10 * time.Second)
		if condemned(first) || !first.Trusted() {
			t.Error("the first node was disturbed")
		}
	})
}

// TestRule09_DeadNamesake: with proof at once, without it after its lease.
func TestRule09_DeadNamesake(t *testing.T) {
	for name, tc := range map[string]struct {
		proof bool
		most  time.Duration
	}{"with proof": {true, 0}, "without": {false, lease.TTL + 2*lease.LookEvery}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				join(t, s, "a", newClock()).Abandon()
				began := time.Now()
				l, err := lease.Join(context.Background(), lease.Options{
					Candidate: lease.Candidate{Name: "a", BootID: "a", Proof: tc.proof}, Store: s, Clock: newClock(),
				})
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > tc.most || !tc.proof && took < lease.TTL-lease.LookEvery {
					t.Errorf("waited %v", took)
				}
				if l.Membership().Incarnation != 2 {
					t.Errorf("incarnation %d", l.Membership().Incarnation)
				}
			})
		})
	}
}

// TestLeaveIsSeenAtOnce: a node that leaves is gone with the next look.
func TestLeaveIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := join(t, s, "a", newClock()), join(t, s, "b", newClock())
		pass(2 * time.Second)
		if err := b.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		a.Look()
		pass(time.Millisecond)
		if !a.Gone(b.Membership().Incarnation) || b.Trusted() || a.Gone(a.Membership().Incarnation) {
			t.Errorf("gone %v, trusted %v", a.Gone(b.Membership().Incarnation), b.Trusted())
		}
	})
}

// TestGoneKnowsRowsThatWereRemoved: an incarnation without a row is gone if it is older
// than what was heard a TTL ago, and not if it may just be joining.
func TestGoneKnowsRowsThatWereRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		for i := range 3 {
			l := join(t, s, fmt.Sprint("x", i), newClock())
			if err := l.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		a := join(t, hiding{s}, "a", newClock()) // its rows are those of the living only
		me := a.Membership().Incarnation
		if a.Gone(me - 1) {
			t.Error("judged before a TTL: it may just be joining")
		}
		pass(2 * lease.TTL)
		if !a.Gone(me-1) || a.Gone(me) || a.Gone(me+1) {
			t.Errorf("gone: %v %v %v, want true false false", a.Gone(me-1), a.Gone(me), a.Gone(me+1))
		}
	})
}

// hiding lists the living only.
type hiding struct{ *clustertest.Store }

func (h hiding) Nodes(ctx context.Context) (living []lease.Node, err error) {
	rows, err := h.Store.Nodes(ctx)
	for _, r := range rows {
		if r.State == lease.Serving {
			living = append(living, r)
		}
	}
	return living, err
}

// TestAlone: always trusted, and nothing asks the store.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		c := newClock()
		l, err := lease.Alone(context.Background(), lease.Options{Candidate: lease.Candidate{Name: "a"}, Store: s, Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		l.Start()
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			t.Errorf("%s after the start", x.Op)
			return clustertest.Fault{}
		})
		c.boot.Add(int64(time.Hour))
		pass(time.Hour)
		if !l.Trusted() || len(l.Members()) != 1 {
			t.Errorf("trusted %v, members %+v", l.Trusted(), l.Members())
		}
		s.OnAccess(nil)
		if err := l.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkTrusted(b *testing.B) {
	s := clustertest.NewStore()
	cluster, err := lease.Join(context.Background(), lease.Options{Candidate: lease.Candidate{Name: "a"}, Store: s})
	if err != nil {
		b.Fatal(err)
	}
	cluster.Start()
	defer cluster.Abandon()
	b.Run("cluster", func(b *testing.B) { trusted(b, cluster) })
	alone, err := lease.Alone(context.Background(), lease.Options{Candidate: lease.Candidate{Name: "b"}, Store: clustertest.NewStore()})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("alone", func(b *testing.B) { trusted(b, alone) })
}

func trusted(b *testing.B, l *lease.Lease) {
	b.ReportAllocs()
	for b.Loop() {
		if !l.Trusted() {
			b.Fatal("not trusted")
		}
	}
}
