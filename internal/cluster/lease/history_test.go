package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
)

// rough is the way of one node to the store: answers come late or are lost, and what its
// caller has given up may still happen.
type rough struct {
	lease.Store
	mu   *sync.Mutex // guards rand
	rand *rand.Rand
	late *sync.WaitGroup
	// condemned is told of each life that was condemned, at once.
	condemned func(incarnation int64)
	// cut has the lives whose renewals do not get through, and until when.
	cut sync.Map
}

func over[T any](ctx context.Context, r *rough, f func(ctx context.Context) (T, error)) (T, error) {
	var none T
	sent := context.WithoutCancel(ctx) // what was sent is executed
	r.mu.Lock()
	kind, wait := r.rand.IntN(12), time.Duration(r.rand.IntN(1500))*time.Millisecond
	r.mu.Unlock()
	switch kind {
	case 0:
		return none, clustertest.ErrLost
	case 1:
		_, _ = f(sent)
		return none, clustertest.ErrLost
	case 2, 3: // longer than its caller waits, perhaps
		type result struct {
			v   T
			err error
		}
		done := make(chan result, 1)
		r.late.Go(func() {
			<-time.After(wait)
			v, err := f(sent)
			done <- result{v, err}
		})
		select {
		case got := <-done:
			return got.v, got.err
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
	return f(sent)
}

func (r *rough) Nodes(ctx context.Context) ([]lease.Node, error) { return over(ctx, r, r.Store.Nodes) }

func (r *rough) Renew(ctx context.Context, incarnation int64, report lease.Report) (lease.Renewed, error) {
	if until, ok := r.cut.Load(incarnation); ok && time.Now().Before(until.(time.Time)) {
		return lease.Renewed{}, clustertest.ErrLost
	}
	return over(ctx, r, func(ctx context.Context) (lease.Renewed, error) { return r.Store.Renew(ctx, incarnation, report) })
}

func (r *rough) Condemn(ctx context.Context, self, victim, renewal int64) error {
	_, err := over(ctx, r, func(ctx context.Context) (struct{}, error) {
		err := r.Store.Condemn(ctx, self, victim, renewal)
		if err == nil {
			r.condemned(victim)
		}
		return struct{}{}, err
	})
	return err
}

// TestRule03_HistoriesOfLeases: nodes renew, watch and condemn over a rough way to the
// store for minutes, are cut off, killed, leave and come back. One order of all that the
// store was asked explains all answers, and nobody is condemned who trusts itself.
func TestRule03_HistoriesOfLeases(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playLeases(t, seed) })
		})
	}
}

func playLeases(t *testing.T, seed uint64) {
	h := &clustertest.History{Store: clustertest.NewStore()}
	dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // reproducible, not secret
	var late sync.WaitGroup
	var mu, dicing sync.Mutex
	lives := map[int64]*lease.Lease{}
	way := &rough{Store: h, mu: &dicing, rand: rand.New(rand.NewPCG(seed, 1)), late: &late} //nolint:gosec // as above
	way.condemned = func(incarnation int64) {
		mu.Lock()
		defer mu.Unlock()
		if l := lives[incarnation]; l != nil && l.Trusted() {
			t.Errorf("%d was condemned while it trusted itself for %v", incarnation, l.TrustLeft())
		}
	}
	begin := func(name string) *lease.Lease {
		o := lease.Options{
			Candidate: lease.Candidate{Name: name, BootID: name, Proof: dice.IntN(2) == 0}, Store: way, Clock: newClock(),
		}
		// A renewal of the life before came late, or an answer was lost: started again.
		l, err := lease.Join(t.Context(), o)
		for try := 0; err != nil && try < 100; try++ {
			l, err = lease.Join(t.Context(), o)
		}
		if err != nil {
			t.Fatalf("join as %s: %v", name, err)
		}
		t.Cleanup(l.Abandon)
		mu.Lock()
		lives[l.Membership().Incarnation] = l
		mu.Unlock()
		l.Start()
		return l
	}
	nodes := map[string]*lease.Lease{}
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		nodes[name] = begin(name)
	}
	for range 40 {
		pass(5 * time.Second)
		name := names[dice.IntN(len(names))]
		switch dice.IntN(6) {
		case 2, 3, 4: // long enough to be condemned, or just not
			until := time.Now().Add(lease.TTL + time.Duration(dice.IntN(2000)-500)*time.Millisecond)
			way.cut.Store(nodes[name].Membership().Incarnation, until)
		case 0:
			nodes[name].Abandon()
			nodes[name] = begin(name)
		case 1:
			if err := nodes[name].Stop(context.Background()); err != nil && !errors.Is(err, clustertest.ErrLost) {
				t.Error(err)
			}
			nodes[name] = begin(name)
		}
		for name, l := range nodes {
			if condemned(l) { // as an app does: a new life
				l.Abandon()
				nodes[name] = begin(name)
			}
		}
	}
	for _, l := range nodes {
		l.Abandon()
	}
	late.Wait()
	if err := h.Check(false); err != nil {
		t.Error(err)
	}
	t.Logf("%d renewals, %d condemned", h.Count("renew"), h.Count("condemn"))
}
