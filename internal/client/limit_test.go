package client

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	take := func(b *Bucket, at time.Duration, n int) (granted int) {
		for range n {
			if b.Take(start.Add(at)) {
				granted++
			}
		}
		return granted
	}
	type step struct {
		at         time.Duration
		want, take int
	}
	for name, steps := range map[string][]step{
		"full at connect":        {{0, 200, 230}},
		"one per 300 ms":         {{0, 200, 200}, {299 * time.Millisecond, 0, 1}, {300 * time.Millisecond, 1, 2}, {900 * time.Millisecond, 2, 5}},
		"never above capacity":   {{0, 200, 200}, {time.Hour, 200, 500}},
		"a minute refills":       {{0, 200, 201}, {time.Minute, 200, 201}},
		"refused costs nothing":  {{0, 200, 1000}, {600 * time.Millisecond, 2, 3}},
		"steady pace is granted": {{0, 1, 1}, {300 * time.Millisecond, 1, 1}, {600 * time.Millisecond, 1, 1}},
		"clock steps back":       {{time.Minute, 200, 201}, {0, 0, 1}, {300 * time.Millisecond, 1, 2}},
	} {
		b := NewBucket(200, start)
		for i, s := range steps {
			if got := take(&b, s.at, s.take); got != s.want {
				t.Errorf("%s, step %d: %d of %d granted, want %d", name, i, got, s.take, s.want)
			}
		}
	}
}

func TestBucketResize(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := NewBucket(200, start)
	b.Resize(2, start)
	for i, want := range []bool{true, true, false} {
		if got := b.Take(start); got != want {
			t.Errorf("line %d after the limit fell: %v", i, got)
		}
	}
	b.Resize(600, start)
	if b.Take(start) {
		t.Error("a raised limit gave tokens at once")
	}
	if !b.Take(start.Add(100 * time.Millisecond)) {
		t.Error("the raised limit does not refill faster")
	}
}

func BenchmarkBucket(b *testing.B) {
	b.ReportAllocs()
	now := time.Now()
	bucket := NewBucket(200, now)
	for b.Loop() {
		now = now.Add(time.Millisecond)
		bucket.Take(now)
	}
}
