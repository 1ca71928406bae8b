// Package meter measures durations on hot paths: one atomic addition to a bucket and
// one to the sum, no lock, nothing allocated. What it has seen is read by a Snapshot,
// which /metrics shows as a histogram.
package meter

import (
	"sync/atomic"
	"time"
)

// Fast are the bounds for accesses to a store: from half a millisecond to five seconds.
var Fast = []time.Duration{
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
}

// Slow are the bounds for what takes seconds when a node dies.
var Slow = []time.Duration{
	500 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second, 3500 * time.Millisecond, 4 * time.Second,
	5 * time.Second, 7 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Durations counts durations by size. Make it with New; it is safe for concurrent use.
type Durations struct {
	bounds  []time.Duration
	buckets []atomic.Uint64 // the last is for what is longer than all bounds
	sum     atomic.Int64
}

// New makes one with rising bounds, which it keeps.
func New(bounds []time.Duration) *Durations {
	return &Durations{bounds: bounds, buckets: make([]atomic.Uint64, len(bounds)+1)}
}

// Note counts a duration.
func (d *Durations) Note(t time.Duration) {
	i := 0
	for i < len(d.bounds) && t > d.bounds[i] {
		i++
	}
	d.sum.Add(int64(t))
	d.buckets[i].Add(1)
}

// Since counts the time that has passed since began.
func (d *Durations) Since(began time.Time) { d.Note(time.Since(began)) }

// Snapshot is what was counted so far. What is counted meanwhile may be in the sum and
// not yet in the counts.
type Snapshot struct {
	Count  uint64
	Sum    time.Duration
	AtMost map[time.Duration]uint64 // by bound: how many were not longer
}

// Snapshot reads.
func (d *Durations) Snapshot() Snapshot {
	s := Snapshot{Sum: time.Duration(d.sum.Load()), AtMost: make(map[time.Duration]uint64, len(d.bounds))}
	for i := range d.buckets {
		s.Count += d.buckets[i].Load()
		if i < len(d.bounds) {
			s.AtMost[d.bounds[i]] = s.Count
		}
	}
	return s
}
