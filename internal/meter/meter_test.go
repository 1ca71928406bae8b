package meter

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	d := New([]time.Duration{time.Millisecond, time.Second})
	for _, n := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, time.Second, time.Hour} {
		d.Note(n)
	}
	want := Snapshot{
		Count: 5, Sum: time.Hour + time.Second + 2*time.Millisecond + 1,
		AtMost: map[time.Duration]uint64{time.Millisecond: 2, time.Second: 4},
	}
	if diff := cmp.Diff(want, d.Snapshot()); diff != "" {
		t.Error(diff)
	}
}

// TestNothingIsLost: many count at once.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	d := New(Fast)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 1000 {
				d.Note(time.Duration(i) * time.Millisecond)
			}
		})
	}
	all.Wait()
	if s := d.Snapshot(); s.Count != 8000 || s.Sum != 28*time.Second {
		t.Errorf("%d, %v", s.Count, s.Sum)
	}
}

// TestBoundsRise: a bound that is out of place would count nothing.
func TestBoundsRise(t *testing.T) {
	t.Parallel()
	for name, bounds := range map[string][]time.Duration{"fast": Fast, "slow": Slow} {
		for i := 1; i < len(bounds); i++ {
			if bounds[i] <= bounds[i-1] {
				t.Errorf("%s: %v after %v", name, bounds[i], bounds[i-1])
			}
		}
	}
}

func BenchmarkNote(b *testing.B) {
	d := New(Fast)
	b.ReportAllocs()
	for b.Loop() {
		d.Note(3 * time.Millisecond)
	}
}
