package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"teiserver/internal/account"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/pgtest"
)

func benchmark(b *testing.B, run func(b *testing.B, s *Store, node int64)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			url := "sqlite:" + filepath.Join(b.TempDir(), "test.db")
			if kind == "postgres" {
				url = pgtest.URL(b)
			}
			s, err := Open(b.Context(), url, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			m, err := s.Join(b.Context(), lease.Candidate{Name: "a"})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			run(b, s, m.Incarnation)
		})
	}
}

func BenchmarkClaim(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, node int64) {
		for i := 0; b.Loop(); i++ {
			if _, err := s.Claim(b.Context(), registry.NewKey("lobby", i), node); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRenew(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, node int64) {
		for b.Loop() {
			if _, err := s.Renew(b.Context(), node, lease.Report{Serving: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSave100(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, node int64) {
		batch := make([]registry.Snapshot, 100)
		for i := range batch {
			o, err := s.Claim(b.Context(), registry.NewKey("lobby", i), node)
			if err != nil {
				b.Fatal(err)
			}
			batch[i] = registry.Snapshot{Fence: fenceOf(o), Body: make([]byte, 2000)}
		}
		for b.Loop() {
			passed, err := s.Save(b.Context(), batch)
			if err != nil || len(passed) != len(batch) {
				b.Fatal(len(passed), err)
			}
			for i := range batch {
				batch[i].Fence.Writes = passed[batch[i].Fence.Key]
			}
		}
	})
}

func BenchmarkClaimSession(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, node int64) {
		for i := int64(0); b.Loop(); i++ {
			if _, _, err := s.ClaimSession(b.Context(), i%1000, "a", node); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUserByID(b *testing.B) {
	benchmark(b, func(b *testing.B, s *Store, _ int64) {
		for i := range int64(1000) {
			if _, err := s.InsertUser(b.Context(), &account.User{ID: i + 1, Name: fmt.Sprint("user", i)}); err != nil {
				b.Fatal(err)
			}
		}
		for i := int64(0); b.Loop(); i++ {
			if _, err := s.UserByID(b.Context(), i%1000+1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
