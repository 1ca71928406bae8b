package spring

import (
	"testing"
	"time"
)

// TestGate: a hundred connections at once, then 500 in a second, and a hundred at once
// again after a pause.
func TestGate(t *testing.T) {
	t.Parallel()
	var g gate
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	atOnce := func() (n int) {
		for g.pass(now) <= 0 {
			n++
		}
		return n
	}
	if n := atOnce(); n != acceptAtOnce {
		t.Errorf("%d at once", n)
	}
	n := 0
	for end := now.Add(time.Second); now.Before(end); n++ {
		now = now.Add(max(0, g.pass(now)))
	}
	if n < 499 || n > 502 {
		t.Errorf("%d in a second", n)
	}
	now = now.Add(time.Minute)
	if n := atOnce(); n != acceptAtOnce {
		t.Errorf("%d at once after a minute", n)
	}
}
