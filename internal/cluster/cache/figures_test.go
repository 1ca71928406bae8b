package cache

import (
	"testing"
	"testing/synctest"
)

// TestFigures: hits, misses and entries of a table.
func TestFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, nodes := cluster(t, "a", "b")
		a := nodes[0]
		figures := func() Figures { return a.Figures()["texts"] }
		before := figures()
		check := func(what string, hits, misses int64, entries int) {
			t.Helper()
			want := Figures{Hits: before.Hits + hits, Misses: before.Misses + misses, Entries: entries}
			if got := figures(); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		if err := nodes[1].texts.Put(t.Context(), 1, "one"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.texts.Get(1)
		check("not cached", 0, 1, 0)
		a.read(t, 1)
		check("loaded", 0, 2, 1)
		a.read(t, 1)
		a.texts.Get(1)
		check("cached", 2, 2, 1)
		a.read(t, 2)
		check("there is none", 2, 3, 2)
		a.read(t, 2)
		check("that there is none is cached", 3, 3, 2)
		if err := nodes[1].texts.Put(t.Context(), 1, "two"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		check("changed elsewhere", 3, 3, 1)
	})
}
