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
		{"RenewalsTellTheTime", renewalsTellTheTime},
		{"AnExpiredLeaseIsNotLost", expiredIsNotLost},
		{"CondemnIsCompareAndSet", condemnIsCompareAndSet},
		{"CondemnNeedsAValidLease", condemnNeedsLease},
		{"CondemnRace", condemnRace},
		{"ALiveName", liveName},
		{"AProvenDeadNamesake", provenNamesake},
		{"AnExpiredNamesake", expiredNamesake},
		{"NamesakeRace", namesakeRace},
		{"Leave", leaving},
		{"HistoriesAreLinearizable", historiesAreLinearizable},
		{"DrainIsToldByTheRenewal", drainIsTold},
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
	if err := s.renew(a, r); err != nil {
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
	s.is(s.renew(a+1000, r), lease.ErrCondemned)
}

// renewalsTellTheTime: joining and renewing tell one time of day to all nodes, which a
// node that is refused is not told.
func renewalsTellTheTime(s suite) {
	m, err := s.Leases.Join(s.ctx, lease.Candidate{Name: "a", TTL: long})
	if err != nil {
		s.Fatal(err)
	}
	b := s.join("b", long)
	last := m.Now
	if last.Year() < 2000 {
		s.Errorf("joined at %v", last)
	}
	for i := range 10 {
		r, err := s.Leases.Renew(s.ctx, []int64{m.Incarnation, b}[i%2], lease.Report{})
		if err != nil {
			s.Fatal(err)
		}
		if off := r.Now.Sub(last); off < 0 || off > long {
			s.Errorf("renewal %d at %v, the one before it at %v", i, r.Now, last)
		}
		last = r.Now
	}
	if r, err := s.Leases.Renew(s.ctx, b+1000, lease.Report{}); err == nil || !r.Now.IsZero() {
		s.Errorf("a node that is not there: %+v, %v", r, err)
	}
}

func expiredIsNotLost(s suite) {
	a := s.join("a", short)
	s.Pass(2 * short)
	if n := s.node(a); n.Left >= 0 || n.State != lease.Serving {
		s.Errorf("after the lease: left %v, state %s", n.Left, n.State)
	}
	if err := s.renew(a, lease.Report{Serving: true}); err != nil {
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
	if err := s.renew(b, lease.Report{Serving: true}); err != nil {
		s.Fatal(err)
	}
	s.Pass(2 * short)
	s.is(s.Leases.Condemn(s.ctx, a, b, seen), lease.ErrNotExpired) // renewed since it was seen
	s.condemn(a, b)
	s.is(s.renew(b, lease.Report{Serving: true}), lease.ErrCondemned)
	if n := s.node(b); n.State != lease.Gone {
		s.Errorf("state %s, want gone", n.State)
	}
	s.is(s.Leases.Condemn(s.ctx, a, b, s.node(b).Renewal), lease.ErrNotExpired) // once
}

func condemnNeedsLease(s suite) {
	a, b := s.join("a", short), s.join("b", short)
	s.Pass(2 * short)
	s.is(s.Leases.Condemn(s.ctx, a, b, s.node(b).Renewal), lease.ErrNotExpired)
	if err := s.renew(b, lease.Report{Serving: true}); err != nil {
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
			renewed.Store(s.renew(b, lease.Report{Serving: true}) == nil)
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
	if err := s.renew(a, lease.Report{Serving: true}); err != nil {
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
	s.is(s.renew(a, lease.Report{Serving: true}), lease.ErrCondemned)
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
	s.is(s.renew(a, lease.Report{Serving: true}), lease.ErrCondemned)
	var held *registry.HeldError
	if _, err := s.Owners.Claim(s.ctx, key, b); !errors.As(err, &held) {
		s.Errorf("claim before it was condemned: %v, want HeldError", err)
	}
	s.condemn(b, a)
	s.claim(key, b)
}

// namesakeRace: exactly one wins, the late renewal or the newcomer with the same name.
func namesakeRace(s suite) {
	for range 10 {
		a := s.join("a", short)
		s.Pass(2 * short)
		var renewed, joined atomic.Bool
		together(2, func(i int) {
			if i == 0 {
				renewed.Store(s.renew(a, lease.Report{Serving: true}) == nil)
				return
			}
			m, err := s.Leases.Join(s.ctx, lease.Candidate{Name: "a", BootID: "another", TTL: long})
			if joined.Store(err == nil); err == nil {
				err = s.Leases.Leave(s.ctx, m.Incarnation)
			}
			if err != nil && !errors.Is(err, lease.ErrNameInUse) {
				s.Error(err)
			}
		})
		if renewed.Load() == joined.Load() {
			s.Fatalf("renewed %v and joined %v", renewed.Load(), joined.Load())
		}
		if err := s.Leases.Leave(s.ctx, a); err != nil {
			s.Fatal(err)
		}
	}
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
	s.is(s.renew(a, lease.Report{Serving: true}), lease.ErrCondemned)
	if o := s.claim(key, b); o.Epoch != 2 || o.Fresh {
		s.Errorf("claimed %+v", o)
	}
	if rows := s.nodes(); rows[0].Incarnation != b {
		s.Errorf("the living come first: %+v", rows)
	}
	s.join("a", long) // the name is free
}

func drainIsTold(s suite) {
	told := func(inc int64) bool {
		r, err := s.Leases.Renew(s.ctx, inc, lease.Report{Serving: true})
		if err != nil {
			s.Fatal(err)
		}
		return r.Drain
	}
	set := func(name string, drain bool) {
		if err := s.Leases.SetDrain(s.ctx, name, drain); err != nil {
			s.Fatal(err)
		}
	}
	s.is(s.Leases.SetDrain(s.ctx, "a", true), lease.ErrNoNode)
	a, b := s.join("a", long), s.join("b", long)
	if told(a) || told(b) {
		s.Error("drains from the beginning")
	}
	set("a", true)
	if !told(a) || told(b) {
		s.Error("a and nobody else is to drain")
	}
	set("a", false)
	if told(a) {
		s.Error("a is not to drain any more")
	}
	set("a", true)
	if err := s.Leases.Leave(s.ctx, a); err != nil {
		s.Fatal(err)
	}
	if told(s.join("a", long)) {
		s.Error("the next life of a begins to drain")
	}
}
