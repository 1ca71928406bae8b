package lease_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

func figures(t *testing.T, l *lease.Lease) lease.Figures {
	t.Helper()
	f, ok := l.Figures()
	if !ok {
		t.Fatal("no figures")
	}
	return f
}

// TestRule01_Figures: what renewals took and how old the last one is, which tries failed,
// and how long the detection of a dead node took, which is what was promised.
func TestRule01_Figures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const trip = 30 * time.Millisecond
		s := clustertest.NewStore()
		a, b := join(t, s, "a", newClock()), join(t, s, "b", newClock())
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "renew" {
				return clustertest.Fault{Late: trip}
			}
			return clustertest.Fault{}
		})
		before := figures(t, a)
		pass(10 * time.Second)
		f := figures(t, a)
		if n := f.Renewals.Count - before.Renewals.Count; n < 12 || n > 14 || f.Renewals.Sum-before.Renewals.Sum != time.Duration(n)*trip {
			t.Errorf("%d renewals took %v", n, f.Renewals.Sum-before.Renewals.Sum)
		}
		if f.RenewalAge > lease.RenewEvery+trip || f.TrustLeft != lease.TTL-lease.Margin-f.RenewalAge {
			t.Errorf("last renewal %v ago, trusted for %v", f.RenewalAge, f.TrustLeft)
		}
		if f.Failed != 0 || f.Detections.Count != 0 || f.WorstDetection != lease.TTL+lease.LookEvery {
			t.Errorf("%+v", f)
		}

		// The last renewal of b is the one that is the oldest when it dies.
		until(t, 2*lease.RenewEvery, "b renews", func() bool { return figures(t, b).RenewalAge < 20*time.Millisecond+trip })
		last := time.Now().Add(-figures(t, b).RenewalAge)
		b.Abandon()
		until(t, time.Minute, "b gone", func() bool { return a.Gone(b.Membership().Incarnation) })
		f = figures(t, a)
		if took := time.Since(last); took > f.WorstDetection+trip+20*time.Millisecond {
			t.Errorf("given up %v after its last renewal, promised within %v", took, f.WorstDetection)
		}
		if f.Detections.Count != 1 || f.Detections.Sum < lease.TTL || f.Detections.Sum > f.WorstDetection {
			t.Errorf("%d detections took %v", f.Detections.Count, f.Detections.Sum)
		}

		s.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
		before = figures(t, a)
		pass(9 * time.Second)
		f = figures(t, a)
		if n := f.Failed - before.Failed; n < 11 || n > 13 || f.RenewalAge < 9*time.Second || f.Renewals.Count != before.Renewals.Count {
			t.Errorf("in an outage of 9 s: %+v", f)
		}
	})
}

// TestHostAhead: what the host's clock is ahead by.
func TestHostAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		c.wall.Add(int64(7 * time.Second))
		l := join(t, clustertest.NewStore(), "a", c)
		pass(time.Second)
		if f := figures(t, l); f.HostAhead != 7*time.Second {
			t.Errorf("ahead by %v", f.HostAhead)
		}
	})
}

func TestNoFiguresAlone(t *testing.T) {
	l, err := lease.Alone(context.Background(), lease.Options{Candidate: lease.Candidate{Name: "a"}, Store: clustertest.NewStore()})
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := l.Figures(); ok {
		t.Errorf("%+v", f)
	}
}
