package sequence_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/sequence"
)

// TestBlocks: one write of the store for each block, sequences apart from each other.
func TestBlocks(t *testing.T) {
	s := clustertest.NewStore()
	writes := 0
	s.OnAccess(func(clustertest.Access) clustertest.Fault { writes++; return clustertest.Fault{} })
	a, b := sequence.New(s), sequence.New(s)
	var got []int64
	next := func(q *sequence.Sequences, name string) {
		t.Helper()
		n, err := q.Next(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	for range sequence.BlockSize {
		next(a, "lobby")
	}
	next(b, "lobby")
	next(a, "lobby")
	next(a, "match")
	want := append(slices.Collect(func(yield func(int64) bool) {
		for i := int64(1); i <= sequence.BlockSize; i++ {
			yield(i)
		}
	}), 51, 101, 1)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if writes != 4 {
		t.Errorf("%d writes, want 4", writes)
	}
}

// TestRule29_UnknownBlocksAreLost: a block that was reserved without an answer is
// skipped, not asked for again and not guessed.
func TestRule29_UnknownBlocksAreLost(t *testing.T) {
	s := clustertest.NewStore()
	s.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Lose: clustertest.ErrLost} })
	q := sequence.New(s)
	if n, err := q.Next(t.Context(), "lobby"); err == nil {
		t.Errorf("got %d without an answer of the store", n)
	}
	s.OnAccess(nil)
	if n, err := q.Next(t.Context(), "lobby"); err != nil || n != sequence.BlockSize+1 {
		t.Errorf("got %d, %v, want the first of the second block", n, err)
	}
}

func TestNextGivesUpWithItsContext(t *testing.T) {
	s := clustertest.NewStore()
	hold := make(chan struct{})
	asked := make(chan struct{})
	s.OnAccess(func(clustertest.Access) clustertest.Fault { close(asked); <-hold; return clustertest.Fault{} })
	q := sequence.New(s)
	first := make(chan error, 1)
	go func() { _, err := q.Next(context.Background(), "lobby"); first <- err }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Next(ctx, "lobby"); err == nil {
		t.Error("waited behind a slow store without looking at its context")
	}
	close(hold)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// uniqueModel: a number once given is never given again. The state is what was given,
// in order, as a string, so that states compare.
var uniqueModel = porcupine.Model{
	Init: func() any { return "," },
	Step: func(state, _, output any) (bool, any) {
		given, n := state.(string), output.(int64)
		if n == 0 {
			return true, given // failed: nothing was given
		}
		mark := fmt.Sprintf(",%d,", n)
		if contains(given, mark) {
			return false, given
		}
		return true, given + mark[1:]
	},
	Equal: func(a, b any) bool { return len(a.(string)) == len(b.(string)) }, // same set in any order
}

func contains(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

// TestRule29_NoNumberTwice records histories of four nodes with several clients each
// while the store fails before and after it acts.
func TestRule29_NoNumberTwice(t *testing.T) {
	for seed := range 20 {
		s := clustertest.NewStore()
		var n atomic.Int64
		s.OnAccess(func(clustertest.Access) clustertest.Fault {
			switch (n.Add(1) + int64(seed)) % 3 {
			case 0:
				return clustertest.Fault{Lose: clustertest.ErrLost}
			case 1:
				return clustertest.Fault{Fail: clustertest.ErrLost}
			}
			return clustertest.Fault{}
		})
		var mu sync.Mutex
		var ops []porcupine.Operation
		began := time.Now()
		var all sync.WaitGroup
		for node := range 4 {
			q := sequence.New(s)
			for client := range 3 {
				all.Go(func() {
					for range 60 {
						call := time.Since(began).Nanoseconds()
						v, err := q.Next(context.Background(), "lobby")
						if err != nil {
							v = 0
						}
						mu.Lock()
						ops = append(ops, porcupine.Operation{ClientId: node*3 + client, Call: call, Output: v, Return: time.Since(began).Nanoseconds()})
						mu.Unlock()
					}
				})
			}
		}
		all.Wait()
		if !porcupine.CheckOperations(uniqueModel, ops) {
			t.Fatalf("seed %d: a number was given twice", seed)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	q := sequence.New(clustertest.NewStore())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Next(b.Context(), "lobby"); err != nil {
			b.Fatal(err)
		}
	}
}
