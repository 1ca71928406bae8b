package lease_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

// TestRule02_AwakeAfterStandingStill: a node that was stopped says nothing of what it
// has ready before a renewal was good; one whose store is away goes on.
func TestRule02_AwakeAfterStandingStill(t *testing.T) {
	for name, tc := range map[string]struct {
		wallOnly bool // a machine that its host had frozen: only the wall clock tells
		slow     bool // the store answers late
	}{
		"stopped":           {},
		"frozen":            {wallOnly: true},
		"stopped, slow now": {slow: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				c := newClock()
				a := join(t, s, "a", c)
				pass(time.Second)
				away := clustertest.Fault{Fail: clustertest.ErrLost}
				s.OnAccess(func(clustertest.Access) clustertest.Fault { return away })
				for range 500 {
					pass(37 * time.Millisecond)
					if !a.Awake() {
						t.Fatal("not awake in an outage")
					}
				}
				if a.Trusted() {
					t.Fatal("trusted after an outage")
				}
				sleep := func(d time.Duration) {
					c.wall.Add(int64(d))
					if !tc.wallOnly {
						c.boot.Add(int64(d))
					}
				}
				sleep(time.Minute)
				pass(10 * time.Millisecond)
				if a.Awake() {
					t.Error("awake before it has looked at anything")
				}
				pass(10 * time.Second) // tries do not count, answers do
				if a.Awake() {
					t.Error("awake without a renewal")
				}
				s.OnAccess(nil)
				if tc.slow {
					s.OnAccess(func(clustertest.Access) clustertest.Fault {
						return clustertest.Fault{Delay: 500 * time.Millisecond}
					})
				}
				until(t, 2*time.Second, "awake", a.Awake)
				if !a.Trusted() {
					t.Error("awake, but not trusted")
				}
				s.OnAccess(func(clustertest.Access) clustertest.Fault { return away })
				pass(10 * time.Second)
				if a.Trusted() || !a.Awake() {
					t.Errorf("in the next outage: trusted %v, awake %v", a.Trusted(), a.Awake())
				}
			})
		})
	}
}

// TestRule02_CondemnedIsNotAwake: not even if it never stood still.
func TestRule02_CondemnedIsNotAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a := join(t, s, "a", newClock())
		join(t, s, "b", newClock())
		pass(lease.TTL + time.Second)
		me := a.Membership().Incarnation
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" && x.Incarnation == me {
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		for !condemned(a) {
			if !a.Awake() {
				t.Fatal("not awake in doubt")
			}
			pass(10 * time.Millisecond)
		}
		pass(10 * time.Millisecond)
		if a.Awake() {
			t.Error("awake after it was condemned")
		}
	})
}

func BenchmarkAwake(b *testing.B) {
	l, err := lease.Join(context.Background(), lease.Options{Candidate: lease.Candidate{Name: "a"}, Store: clustertest.NewStore()})
	if err != nil {
		b.Fatal(err)
	}
	l.Start()
	defer l.Abandon()
	b.ReportAllocs()
	for b.Loop() {
		if !l.Awake() {
			b.Fatal("not awake")
		}
	}
}
