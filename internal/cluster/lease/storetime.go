package lease

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The numbers of the store's time.
const (
	// offsetWindow is for how long a good estimate is believed: two clocks that drift
	// by 100 ppm part by 6 ms in it.
	offsetWindow = time.Minute
	// offsetDoubt is what two estimates may differ by beyond their round trips: drift
	// within the window, and the millisecond in which a store tells its time. More
	// means that the store's clock was set.
	offsetDoubt = 10 * time.Millisecond
)

// storeTime is the store's time as this node knows it, learned from the answers to
// its own statements. It counts on the boot clock: setting the host's clock changes
// nothing, and while the host sleeps it goes on.
type storeTime struct {
	offset atomic.Int64 // unix nanoseconds of the store minus those of the boot clock
	last   atomic.Int64 // what was told last: it never goes back

	mu      sync.Mutex // guards samples
	samples []sample   // of the window; each has a longer round trip than those before it
}

// sample is one answer of the store with its time in it.
type sample struct {
	at     time.Duration // boot clock, when the answer came
	offset int64
	slack  time.Duration // half of the round trip: how wrong offset may be
}

// note takes the time that the store told in a try from start to end. It may have
// read its clock at any moment between; the middle is wrong by half of that at most.
func (c *storeTime) note(start, end time.Duration, told time.Time) {
	if told.IsZero() {
		return
	}
	slack := (end - start) / 2
	s := sample{at: end, offset: told.UnixNano() - int64(start+slack), slack: slack}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples = slices.DeleteFunc(c.samples, func(k sample) bool {
		apart := time.Duration(s.offset - k.offset).Abs()
		set := apart > s.slack+k.slack+offsetDoubt
		return set || end-k.at > offsetWindow || k.slack >= s.slack
	})
	c.samples = append(c.samples, s)
	c.offset.Store(c.samples[0].offset)
}

// now is the store's time at a reading of the boot clock.
func (c *storeTime) now(boot time.Duration) time.Time {
	t := int64(boot) + c.offset.Load()
	for {
		last := c.last.Load()
		if t <= last {
			return time.Unix(0, last).UTC()
		}
		if c.last.CompareAndSwap(last, t) {
			return time.Unix(0, t).UTC()
		}
	}
}

// Now is the store's time as far as this node knows it: all nodes agree within the
// round trip of a renewal, whatever the clocks of their hosts say. It never goes back;
// when the store's clock is set back it stands still until it is caught up with. A
// node without a cluster has its own clock.
func (l *Lease) Now() time.Time {
	if l.alone {
		return time.Unix(0, l.clock.Wall()).UTC()
	}
	return l.time.now(l.clock.Boot())
}
