package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/lease"
)

func testJoin(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	if b <= a || a < 1 {
		t.Errorf("incarnations %d, %d: they should rise", a, b)
	}
	must(t, s.Leave(t.Context(), a))
	c := joined(t, s, "a")
	if c <= b {
		t.Errorf("incarnation %d after %d", c, b)
	}
	nodes, err := s.Nodes(t.Context())
	must(t, err)
	type row struct {
		Incarnation int64
		State       string
	}
	var got []row
	for _, n := range nodes {
		got = append(got, row{n.Incarnation, n.State})
	}
	if diff := cmp.Diff([]row{{b, "serving"}, {c, "serving"}, {a, "left"}}, got); diff != "" {
		t.Error(diff)
	}
	n := nodeOf(t, s, b)
	if n.Name != "b" || n.Address != "b:1" || n.Version != "v1" || n.TTL != long || n.Left <= long-time.Minute || n.Left > long {
		t.Errorf("node b: %+v", n)
	}
}

func testClusterID(t *testing.T, s Store) {
	first, err := s.Join(t.Context(), lease.Candidate{Name: "a", TTL: long})
	must(t, err)
	if first.ClusterID == "" {
		t.Fatal("no cluster id")
	}
	again, err := s.Join(t.Context(), lease.Candidate{Name: "b", TTL: long, ClusterID: first.ClusterID})
	must(t, err)
	if again.ClusterID != first.ClusterID {
		t.Errorf("cluster id %q, then %q", first.ClusterID, again.ClusterID)
	}
	if m, err := s.Join(t.Context(), lease.Candidate{Name: "c", TTL: long, ClusterID: "another"}); err == nil {
		t.Errorf("a node of another cluster joined: %+v", m)
	}
	stored, err := s.Secret(t.Context(), "cluster_id", nil)
	must(t, err)
	if string(stored) != first.ClusterID {
		t.Errorf("cluster id in the secrets: %q", stored)
	}
}

func testNamesake(t *testing.T, s Store) {
	first := joined(t, s, "a")
	for name, c := range map[string]lease.Candidate{
		"without proof":       {Name: "a", BootID: "boot", TTL: long},
		"proof of other boot": {Name: "a", BootID: "other", Proof: true, TTL: long},
	} {
		if _, err := s.Join(t.Context(), c); !errors.Is(err, lease.ErrNameInUse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, renew(t, s, first, lease.Report{Serving: true}))

	second, err := s.Join(t.Context(), lease.Candidate{Name: "a", BootID: "boot", Proof: true, TTL: time.Millisecond})
	must(t, err)
	if err := renew(t, s, first, lease.Report{}); !errors.Is(err, lease.ErrCondemned) {
		t.Errorf("renewal of a node proven dead: %v", err)
	}
	if n := nodeOf(t, s, first); n.State != "gone" {
		t.Errorf("node proven dead is %s", n.State)
	}

	// Without proof, after the lease has run out: the namesake may not come back, but
	// its keys are its own until it is condemned.
	old := expired(t, s, second.Incarnation)
	third := joined(t, s, "a")
	if err := renew(t, s, second.Incarnation, lease.Report{}); !errors.Is(err, lease.ErrCondemned) {
		t.Errorf("renewal of a superseded node: %v", err)
	}
	must(t, s.Condemn(t.Context(), third, second.Incarnation, old.Renewal))
}

func testSingleNode(t *testing.T, s Store) {
	before := joined(t, s, "before")
	k := key(1)
	claimed(t, s, k, before)

	m, err := s.Join(t.Context(), lease.Candidate{Name: "only"})
	must(t, err)
	if n := nodeOf(t, s, before); n.State != "gone" {
		t.Errorf("the node before is %s", n.State)
	}
	if n := nodeOf(t, s, m.Incarnation); n.TTL != 0 || n.Left < 0 || n.State != "serving" {
		t.Errorf("the single node: %+v", n)
	}
	must(t, renew(t, s, m.Incarnation, lease.Report{Serving: true}))
	if o := claimed(t, s, k, m.Incarnation); o.Epoch != 2 {
		t.Errorf("epoch %d", o.Epoch)
	}
	if err := s.Condemn(t.Context(), m.Incarnation, m.Incarnation, 1); !errors.Is(err, lease.ErrNotExpired) {
		t.Errorf("condemn a lease without end: %v", err)
	}
	next, err := s.Join(t.Context(), lease.Candidate{Name: "only"})
	must(t, err)
	if err := renew(t, s, m.Incarnation, lease.Report{}); !errors.Is(err, lease.ErrCondemned) {
		t.Errorf("the single node before: %v", err)
	}
	if next.Incarnation <= m.Incarnation {
		t.Errorf("incarnation %d after %d", next.Incarnation, m.Incarnation)
	}
}

func testRenew(t *testing.T, s Store) {
	a := joined(t, s, "a")
	must(t, renew(t, s, a, lease.Report{Hears: []string{"b", "c"}, Clients: 7, Processes: 3, Serving: true}))
	n := nodeOf(t, s, a)
	if n.Renewal != 1 || n.Clients != 7 || n.Processes != 3 || n.State != "serving" {
		t.Errorf("after a renewal: %+v", n)
	}
	if diff := cmp.Diff([]string{"b", "c"}, n.Hears); diff != "" {
		t.Error(diff)
	}
	must(t, renew(t, s, a, lease.Report{}))
	if n := nodeOf(t, s, a); n.Renewal != 2 || n.State != "draining" || len(n.Hears) != 0 {
		t.Errorf("after the second renewal: %+v", n)
	}
	for name, incarnation := range map[string]int64{"absent": a + 100, "left": joined(t, s, "b")} {
		must(t, s.Leave(t.Context(), incarnation))
		if err := renew(t, s, incarnation, lease.Report{}); !errors.Is(err, lease.ErrCondemned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A lease that ran out is renewed as long as nobody has condemned it.
	short := joinedFor(t, s, "short", time.Millisecond)
	expired(t, s, short)
	must(t, renew(t, s, short, lease.Report{}))
}

// testRenewalTime: joining and renewing tell the time of the store, read while they run.
// The stores of these tests are on hosts whose clocks are right by a minute.
func testRenewalTime(t *testing.T, s Store) {
	tells := func(what string, told time.Time, before time.Time) {
		t.Helper()
		if told.Before(before.Add(-time.Minute)) || told.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s: told %v between %v and %v", what, told, before, time.Now())
		}
	}
	began := time.Now()
	m, err := s.Join(t.Context(), lease.Candidate{Name: "a", TTL: long})
	must(t, err)
	tells("join", m.Now, began)
	first, err := s.Renew(t.Context(), m.Incarnation, lease.Report{})
	must(t, err)
	tells("renew", first.Now, began)
	// It goes on, in steps of a second at most: a time of day without its milliseconds
	// would be of no use.
	for t.Context().Err() == nil {
		next, err := s.Renew(t.Context(), m.Incarnation, lease.Report{})
		must(t, err)
		if step := next.Now.Sub(first.Now); step > 0 {
			if step >= time.Second {
				t.Errorf("a step of %v", step)
			}
			return
		}
	}
	t.Error("the time stands still")
}

func testCondemn(t *testing.T, s Store) {
	self, other := joined(t, s, "self"), joined(t, s, "other")
	victim := joinedFor(t, s, "victim", time.Millisecond)
	must(t, renew(t, s, victim, lease.Report{}))
	n := expired(t, s, victim)
	for name, c := range map[string][3]int64{
		"other renewal":    {self, victim, n.Renewal - 1},
		"live":             {self, other, 0},
		"self unknown":     {victim + 100, victim, n.Renewal},
		"self expired":     {victim, victim, n.Renewal},
		"victim is absent": {self, victim + 100, 0},
	} {
		if err := s.Condemn(t.Context(), c[0], c[1], c[2]); !errors.Is(err, lease.ErrNotExpired) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, s.Condemn(t.Context(), self, victim, n.Renewal))
	if n := nodeOf(t, s, victim); n.State != "gone" {
		t.Errorf("the condemned is %s", n.State)
	}
	if err := renew(t, s, victim, lease.Report{}); !errors.Is(err, lease.ErrCondemned) {
		t.Errorf("renewal of the condemned: %v", err)
	}
	if err := s.Condemn(t.Context(), self, victim, n.Renewal); !errors.Is(err, lease.ErrNotExpired) {
		t.Errorf("condemned twice: %v", err)
	}
	must(t, s.Leave(t.Context(), victim))
	if n := nodeOf(t, s, victim); n.State != "gone" {
		t.Errorf("the condemned is %s after leaving", n.State)
	}
}
