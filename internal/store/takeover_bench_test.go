package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
)

// snapshotBytes is about what the snapshot of a full room takes.
const snapshotBytes = 4000

// BenchmarkTakeOver1000 is what a node does in the store that takes over all rooms of
// a dead one, with their snapshots: key by key, eight at once, and many at once.
func BenchmarkTakeOver1000(b *testing.B) {
	for name, take := range map[string]func(s *Store, keys []registry.Key, node int64) (bytes int, err error){
		"one by one": takeOneByOne, "mass": takeAll,
	} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, func(b *testing.B, s *Store, node int64) { benchmarkTakeOver(b, s, node, take) })
		})
	}
}

func benchmarkTakeOver(b *testing.B, s *Store, node int64, take func(*Store, []registry.Key, int64) (int, error)) {
	var batch []registry.Snapshot
	keys := make([]registry.Key, 1000)
	for i := range keys {
		keys[i] = registry.NewKey("lobby", i)
		o, err := s.Claim(b.Context(), keys[i], node)
		if err != nil {
			b.Fatal(err)
		}
		batch = append(batch, registry.Snapshot{Fence: fenceOf(o), Body: make([]byte, snapshotBytes)})
	}
	for part := range slices.Chunk(batch, 100) {
		if _, err := s.Save(b.Context(), part); err != nil {
			b.Fatal(err)
		}
	}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		if err := s.Leave(b.Context(), node); err != nil {
			b.Fatal(err)
		}
		m, err := s.Join(b.Context(), lease.Candidate{Name: fmt.Sprint("n", i), TTL: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		node = m.Incarnation
		b.StartTimer()
		if bytes, err := take(s, keys, node); err != nil || bytes != len(keys)*snapshotBytes {
			b.Fatal(bytes, err)
		}
	}
}

func takeOneByOne(s *Store, keys []registry.Key, node int64) (bytes int, err error) {
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, 8)
	)
	for _, k := range keys {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			o, e := s.Claim(context.Background(), k, node)
			mu.Lock()
			defer mu.Unlock()
			bytes += len(o.Snapshot)
			if e != nil {
				err = e
			}
		})
	}
	all.Wait()
	return bytes, err
}

func takeAll(s *Store, keys []registry.Key, node int64) (bytes int, err error) {
	for batch := range slices.Chunk(keys, registry.MassClaim) {
		taken, err := s.TakeOver(context.Background(), batch, node)
		if err != nil {
			return bytes, err
		}
		for _, o := range taken.Owned {
			bytes += len(o.Snapshot)
		}
	}
	return bytes, nil
}

// BenchmarkDurable is a durable command's write: the record alone, and with the state.
func BenchmarkDurable(b *testing.B) {
	for name, snapshot := range map[string][]byte{"record": nil, "record and snapshot": make([]byte, snapshotBytes)} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, func(b *testing.B, s *Store, node int64) {
				o, err := s.Claim(b.Context(), registry.NewKey("lobby", 1), node)
				if err != nil {
					b.Fatal(err)
				}
				f := fenceOf(o)
				f.Snapshot = snapshot
				for i := int64(1); b.Loop(); i++ {
					if err := s.CreateMatch(b.Context(), f, match.Match{ID: i}); err != nil {
						b.Fatal(err)
					}
					f.Writes++
				}
			})
		})
	}
}
