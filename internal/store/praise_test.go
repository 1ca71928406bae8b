package store

import (
	"path/filepath"
	"strings"
	"testing"

	"teiserver/internal/store/storetest"
)

// TestPraise runs the suite of accolades and achievements on both engines.
func TestPraise(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		storetest.RunPraise(t, func(t *testing.T) storetest.PraiseStore {
			return openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{})
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dbs := &databases{t: t}
		storetest.RunPraise(t, func(t *testing.T) storetest.PraiseStore { return openStore(t, dbs.take(t), Options{}) })
	})
}

// TestSeeds: a new database knows some accolades, and the achievements of the scenarios.
func TestSeeds(t *testing.T) {
	t.Parallel()
	for dialect, s := range openBoth(t) {
		badges, err := s.BadgeTypes(t.Context())
		if err != nil || len(badges) != 5 || badges[0].Name != "Cool head" {
			t.Errorf("%s: badges %+v, %v", dialect, badges, err)
		}
		types, err := s.Types(t.Context())
		if err != nil || len(types) != 38 || types[0].Name != "001 - A helping hand (Brutal)" {
			t.Fatalf("%s: %d achievements, %v", dialect, len(types), err)
		}
		for _, a := range types {
			if a.Goal != 1 || a.Scenario == "" || !strings.HasSuffix(a.Name, "("+a.Difficulty+")") {
				t.Errorf("%s: achievement %+v", dialect, a)
			}
		}
	}
}
