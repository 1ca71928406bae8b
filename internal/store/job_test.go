package store

import (
	"path/filepath"
	"testing"

	"teiserver/internal/store/storetest"
)

// TestRule28_EffectAndMark runs the suite of jobs on both engines: an effect and its mark
// are there together, once, whoever is paused in the middle.
func TestRule28_EffectAndMark(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		storetest.RunJobs(t, func(t *testing.T) storetest.JobStore {
			return openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{})
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dbs := &databases{t: t}
		storetest.RunJobs(t, func(t *testing.T) storetest.JobStore { return openStore(t, dbs.take(t), Options{}) })
	})
}
