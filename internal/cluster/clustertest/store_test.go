package clustertest

import (
	"context"
	"testing"
	"time"
)

func openMemory(t *testing.T) Env {
	s := NewStore()
	return Env{
		Leases: s, Owners: s, Sequences: s,
		Pass:  s.Step,
		Write: s.Write,
		Fork:  func() { s.TakeOverBy(s.Copy()) },
		Age:   s.Age,
		Mark:  s.Mark,
		Facts: func(_ context.Context, value string) (n int, err error) {
			for _, f := range s.Facts() {
				if f.Value == value {
					n++
				}
			}
			return n, nil
		},
	}
}

func TestMemoryLeases(t *testing.T)    { RunLeases(t, openMemory) }
func TestMemoryOwners(t *testing.T)    { RunOwners(t, openMemory) }
func TestMemorySequences(t *testing.T) { RunSequences(t, openMemory) }
func TestMemoryTimelines(t *testing.T) { RunTimelines(t, openMemory) }

// TestRule03_LeaseHistoriesAreLinearizable plays many histories of virtual nodes on the
// store in memory; the suites play one on each of the others.
func TestRule03_LeaseHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		s := suite{T: t, Env: openMemory(t), ctx: t.Context()}
		if err := s.history(seed).Check(true); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestDelayedAccessHappens: who has given up on a write has not undone it.
func TestDelayedAccessHappens(t *testing.T) {
	s := NewStore()
	s.OnAccess(func(a Access) Fault { return Fault{Delay: time.Millisecond} })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Reserve(ctx, "lobby", 50); err == nil {
		t.Error("answered in spite of the delay")
	}
	s.OnAccess(nil)
	for range 1000 {
		if first, err := s.Reserve(context.Background(), "lobby", 0); err == nil && first == 51 {
			return
		}
		wait := time.NewTimer(time.Millisecond)
		<-wait.C
	}
	t.Error("the access given up on did not happen")
}
