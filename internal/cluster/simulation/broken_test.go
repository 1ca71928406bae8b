package simulation

import (
	"strings"
	"testing"
	"time"

	"teiserver/internal/cluster/lease"
)

// variants are wrong variants of the protocols, each of which the simulation has to
// notice. Others are made by the tag failpoints.
var variants = []struct {
	name  string
	only  []string // of the faults, or it would take long
	wrong func(w *world)
}{
	{"the store compares nothing before a write", []string{"away", "pause", "rough store"}, func(w *world) { w.store.Weak("fence") }},
	{"a key is closed by deleting its row", []string{"leave", "drain", "kill"}, func(w *world) { w.store.Weak("close") }},
	{"a node is condemned without a look at its lease", []string{"away"}, func(w *world) { w.store.Weak("condemn") }},
	{"a claim takes from a living owner", []string{"rough store", "delay", "drain"}, func(w *world) { w.store.Weak("claim") }},
	{"trust lasts as long as others wait", []string{"away", "cut and away"}, func(w *world) { w.timing = lease.Timing{Margin: time.Nanosecond} }},
	{"trust is longer than others wait", []string{"away", "cut and away"}, func(w *world) { w.timing = lease.Timing{Margin: -2 * time.Second} }},
}

// TestBroken: every wrong variant is noticed within some schedules.
func TestBroken(t *testing.T) {
	const most = 300
	for _, v := range variants {
		t.Run(strings.ReplaceAll(v.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(most) {
				w := run(t, draw(1000+seed, v.only...), v.wrong)
				if w.broken() {
					t.Logf("noticed in schedule %d: %s", seed+1, strings.TrimSpace(w.problems[0]))
					return
				}
			}
			t.Errorf("%s: not noticed in %d schedules", v.name, most)
		})
	}
}
