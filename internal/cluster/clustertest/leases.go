package clustertest

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
)

// RunLeases checks what lease.Store promises.
func RunLeases(t *testing.T, open func(t *testing.T) Env) {
	run(t, open, []test{
		{"IncarnationsRise", incarnationsRise},
		{"ClusterID", clusterID},
		{"RenewalIsCounted", renewalIsCounted},
		{"AnExpiredLeaseIsNotLost", expiredIsNotLost},
		{"CondemnIsCompareAndSet", condemnIsCompareAndSet},
		{"CondemnNeedsAValidLease", condemnNeedsLease},
		{"CondemnRace", condemnRace},
		{"ALiveName", liveName},
		{"AProvenDeadNamesake", provenNamesake},
		{"AnExpiredNamesake", expiredNamesake},
		{"Leave", leaving},
	})
}

func incarnationsRise(s suite) {
	last := int64(0)
	for _, name := range []string{"a", "b", "c"} {
		inc := s.join(name, long)
		if inc <= last {
			s.Errorf("incarnation %d after %d", inc, last)
		}
		last = inc
	}
	if err := s.Leases.Leave(s.ctx, last); err != nil {
		s.Fatal(err)
	}
	if again := s.join("c", long); again <= last {
		s.Errorf("incarnation %d after %d", again, last)
	}
}

func clusterID(s suite) {
	a, err := s.Leases.Join(s.ctx, lease.Candidate{Name: "a", TTL: long})
	if err != nil || a.ClusterID == "" {
		s.Fatalf("joined with cluster id %q, %v", a.ClusterID, err)
	}
	b, err := s.Leases.Join(s.ctx, lease.Candidate{Name: "b", TTL: long, ClusterID: a.ClusterID})
	if err != nil || b.ClusterID != a.ClusterID {
		s.Errorf("second node: cluster id %q, %v, want %q", b.ClusterID, err, a.ClusterID)
	}
	if _, err := s.Leases.Join(s.ctx, lease.Candidate{Name: "c", TTL: long, ClusterID: "of another store"}); err == nil {
		s.Error("a node of another cluster has joined")
	}
}

func renewalIsCounted(s suite) {
	a := s.join("a", long)
	before := s.node(a).Renewal
	r := lease.Report{Hears: []string{"b", "c"}, Clients: 3, Processes: 4, Serving: false}
	if err := s.Leases.Renew(s.ctx, a, r); err != nil {
		s.Fatal(err)
	}
	n := s.node(a)
	if n.Renewal <= before {
		s.Errorf("renewal %d after %d", n.Renewal, before)
	}
	if n.State != lease.Draining || n.Clients != 3 || n.Processes != 4 || cmp.Diff(r.Hears, n.Hears) != "" {
		s.Errorf("reported %+v, listed %+v", r, n)
	}
	if n.Left <= long/2 || n.Left > long || n.TTL != long {
		s.Errorf("left %v of %v, want about %v", n.Left, n.TTL, long)
	}
	s.is(s.Leases.Renew(s.ctx, a+1000, r), lease.ErrCondemned)
}

func expiredIsNotLost(s suite) {
	a := s.join("a", short)
	s.Pass(2 * short)
	if n := s.node(a); n.Left >= 0 || n.State != lease.Serving {
		s.Errorf("after the lease: left %v, state %s", n.Left, n.State)
	}
	if err := s.Leases.Renew(s.ctx, a, lease.Report{Serving: true}); err != nil {
		s.Errorf("late renewal: %v", err)
	}
	if n := s.node(a); n.Left <= 0 {
		s.Errorf("after a late renewal: left %v", n.Left)
	}
}

func condemnIsCompareAndSet(s suite) {
	a, b := s.join("a", long), s.join("b", short)
	seen := s.node(b).Renewal
	s.is(s.Leases.Condemn(s.ctx, a, b, seen), lease.ErrNotExpired) // it may still run
	if err := s.Leases.Renew(s.ctx, b, lease.Report{Serving: true}); err != nil {
		s.Fatal(err)
	}
	s.Pass(2 * short)
	s.is(s.Leases.Condemn(s.ctx, a, b, seen), lease.ErrNotExpired) // renewed since it was seen
	s.condemn(a, b)
	s.is(s.Leases.Renew(s.ctx, b, lease.Report{Serving: true}), lease.ErrCondemned)
	if n := s.node(b); n.State != lease.Gone {
		s.Errorf("state %s, want gone", n.State)
	}
	s.is(s.Leases.Condemn(s.ctx, a, b, s.node(b).Renewal), lease.ErrNotExpired) // once
}

func condemnNeedsLease(s suite) {
	a, b := s.join("a", short), s.join("b", short)
	s.Pass(2 * short)
	s.is(s.Leases.Condemn(s.ctx, a, b, s.node(b).Renewal), lease.ErrNotExpired)
	if err := s.Leases.Renew(s.ctx, b, lease.Report{Serving: true}); err != nil {
		s.Errorf("renewal: %v", err)
	}
}

// condemnRace: exactly one wins, the late renewal or the condemnation.
func condemnRace(s suite) {
	a := s.join("a", long)
	for range 10 {
		b := s.join("b", short)
		s.Pass(2 * short)
		seen := s.node(b).Renewal
		var condemned, renewed atomic.Bool
		together(2, func(i int) {
			if i == 0 {
				condemned.Store(s.Leases.Condemn(s.ctx, a, b, seen) == nil)
				return
			}
			renewed.Store(s.Leases.Renew(s.ctx, b, lease.Report{Serving: true}) == nil)
		})
		if condemned.Load() == renewed.Load() {
			s.Fatalf("condemned %v and renewed %v", condemned.Load(), renewed.Load())
		}
		if err := s.Leases.Leave(s.ctx, b); err != nil {
			s.Fatal(err)
		}
	}
}

func liveName(s suite) {
	a := s.join("a", long)
	for name, c := range map[string]lease.Candidate{
		"without proof":         {Name: "a", BootID: "boot-a", TTL: long},
		"proof on another boot": {Name: "a", BootID: "boot-other", Proof: true, TTL: long},
	} {
		if _, err := s.Leases.Join(s.ctx, c); !errors.Is(err, lease.ErrNameInUse) {
			s.Errorf("%s: %v, want ErrNameInUse", name, err)
		}
	}
	if err := s.Leases.Renew(s.ctx, a, lease.Report{Serving: true}); err != nil {
		s.Errorf("the living one was disturbed: %v", err)
	}
}

func provenNamesake(s suite) {
	a := s.join("a", long)
	key := registry.NewKey("lobby", 1)
	s.claim(key, a)
	m, err := s.Leases.Join(s.ctx, lease.Candidate{Name: "a", BootID: "boot-a", Proof: true, TTL: long})
	if err != nil {
		s.Fatalf("with proof: %v", err)
	}
	s.is(s.Leases.Renew(s.ctx, a, lease.Report{Serving: true}), lease.ErrCondemned)
	if o := s.claim(key, m.Incarnation); o.Epoch != 2 {
		s.Errorf("epoch %d, want 2", o.Epoch)
	}
}

// expiredNamesake: the newcomer gets the name and the old one may not come back, but
// its keys stay its own until it is condemned.
func expiredNamesake(s suite) {
	a := s.join("a", short)
	key := registry.NewKey("lobby", 1)
	s.claim(key, a)
	s.Pass(2 * short)
	b := s.join("a", long)
	s.is(s.Leases.Renew(s.ctx, a, lease.Report{Serving: true}), lease.ErrCondemned)
	var held *registry.HeldError
	if _, err := s.Owners.Claim(s.ctx, key, b); !errors.As(err, &held) {
		s.Errorf("claim before it was condemned: %v, want HeldError", err)
	}
	s.condemn(b, a)
	s.claim(key, b)
}

func leaving(s suite) {
	a, b := s.join("a", long), s.join("b", long)
	key := registry.NewKey("lobby", 1)
	s.claim(key, a)
	if err := s.Leases.Leave(s.ctx, a); err != nil {
		s.Fatal(err)
	}
	if n := s.node(a); n.State != lease.Left {
		s.Errorf("state %s, want left", n.State)
	}
	s.is(s.Leases.Renew(s.ctx, a, lease.Report{Serving: true}), lease.ErrCondemned)
	if o := s.claim(key, b); o.Epoch != 2 || o.Fresh {
		s.Errorf("claimed %+v", o)
	}
	if rows := s.nodes(); rows[0].Incarnation != b {
		s.Errorf("the living come first: %+v", rows)
	}
	s.join("a", long) // the name is free
}
