package clustertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/cluster/sequence"
)

// Env is an empty store under test.
type Env struct {
	Leases    lease.Store
	Owners    registry.Store
	Sequences sequence.Store
	// Pass lets at least d go by on the store's clock.
	Pass func(d time.Duration)
	// Write does a durable write of a test under a fence, and Facts lists how often a
	// value was written. nil: the write is tested through Save alone.
	Write func(ctx context.Context, f registry.Fence, value string) error
	Facts func(ctx context.Context, value string) (int, error)
	// Fork makes the store one that is not of its newest timeline, and Mark is what a
	// node remembers.
	Fork func()
	// Age has the newest timeline have begun d earlier.
	Age  func(d time.Duration)
	Mark func(ctx context.Context, incarnation int64) (int64, error)
}

// long is a lease that does not run out during a test, short one that is waited for.
const (
	long  = time.Minute
	short = 150 * time.Millisecond
)

type suite struct {
	*testing.T
	Env
	ctx context.Context
}

func (s suite) join(name string, ttl time.Duration) int64 {
	s.Helper()
	m, err := s.Leases.Join(s.ctx, lease.Candidate{Name: name, BootID: "boot-" + name, TTL: ttl})
	if err != nil {
		s.Fatalf("join as %s: %v", name, err)
	}
	return m.Incarnation
}

func (s suite) renew(incarnation int64, r lease.Report) error {
	_, err := s.Leases.Renew(s.ctx, incarnation, r)
	return err
}

// dead joins a node and lets another condemn it.
func (s suite) condemn(watcher, victim int64) {
	s.Helper()
	for _, n := range s.nodes() {
		if n.Incarnation == victim {
			if err := s.Leases.Condemn(s.ctx, watcher, victim, n.Renewal); err != nil {
				s.Fatalf("condemn %d: %v", victim, err)
			}
			return
		}
	}
	s.Fatalf("node %d is not listed", victim)
}

func (s suite) nodes() []lease.Node {
	s.Helper()
	rows, err := s.Leases.Nodes(s.ctx)
	if err != nil {
		s.Fatalf("nodes: %v", err)
	}
	return rows
}

func (s suite) node(incarnation int64) lease.Node {
	s.Helper()
	for _, n := range s.nodes() {
		if n.Incarnation == incarnation {
			return n
		}
	}
	s.Fatalf("node %d is not listed", incarnation)
	return lease.Node{}
}

func (s suite) claim(key registry.Key, incarnation int64) registry.Ownership {
	s.Helper()
	o, err := s.Owners.Claim(s.ctx, key, incarnation)
	if err != nil {
		s.Fatalf("claim %s for %d: %v", key, incarnation, err)
	}
	return o
}

func (s suite) is(got, want error) {
	s.Helper()
	if !errors.Is(got, want) {
		s.Errorf("got error %v, want %v", got, want)
	}
}

func fence(o registry.Ownership) registry.Fence {
	return registry.Fence{Key: o.Key, Incarnation: o.Incarnation, Epoch: o.Epoch, Writes: o.Writes}
}

func run(t *testing.T, open func(t *testing.T) Env, tests []test) {
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c.f(suite{T: t, Env: open(t), ctx: ctx})
		})
	}
}

type test struct {
	name string
	f    func(s suite)
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}
