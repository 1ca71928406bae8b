package lease

import (
	"testing"
	"time"
)

// TestRule26_Offset: what is believed after each answer of the store. The store is an
// hour ahead of the boot clock at first; times are of the boot clock.
func TestRule26_Offset(t *testing.T) {
	type answer struct {
		start, end time.Duration
		ahead      time.Duration // what the store's clock is ahead of the boot clock by
		read       time.Duration // when the store reads it, between start and end
	}
	ms := time.Millisecond
	for name, tc := range map[string]struct {
		answers []answer
		want    time.Duration // of the estimate, with the last answer
	}{
		"exact":      {[]answer{{0, 0, time.Hour, 0}}, time.Hour},
		"the middle": {[]answer{{0, 40 * ms, time.Hour, 20 * ms}}, time.Hour},
		"read early": {[]answer{{0, 40 * ms, time.Hour, 0}}, time.Hour - 20*ms},
		"read late":  {[]answer{{0, 40 * ms, time.Hour, 40 * ms}}, time.Hour + 20*ms},
		"the fastest of the last minute": {[]answer{
			{0, 2 * ms, time.Hour, ms}, {time.Second, time.Second + 600*ms, time.Hour, time.Second},
			{30 * time.Second, 30*time.Second + 40*ms, time.Hour, 30 * time.Second},
		}, time.Hour},
		"older than a minute": {[]answer{
			{0, 2 * ms, time.Hour, ms}, {50 * time.Second, 50*time.Second + 40*ms, time.Hour, 50*time.Second + 20*ms},
			{70 * time.Second, 70*time.Second + 100*ms, time.Hour + 5*ms, 70 * time.Second},
		}, time.Hour},
		"it drifts": {[]answer{
			{0, 2 * ms, time.Hour, ms}, {61 * time.Second, 61*time.Second + 10*ms, time.Hour + 6*ms, 61*time.Second + 5*ms},
		}, time.Hour + 6*ms},
		"it was set forward": {[]answer{
			{0, 2 * ms, time.Hour, ms}, {time.Second, time.Second + 40*ms, 2 * time.Hour, time.Second + 20*ms},
		}, 2 * time.Hour},
		"it was set back": {[]answer{
			{0, 2 * ms, time.Hour, ms}, {time.Second, time.Second + 40*ms, 0, time.Second + 20*ms},
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var c storeTime
			for _, a := range tc.answers {
				c.note(a.start, a.end, time.Unix(0, int64(a.ahead+a.read)))
			}
			if got := time.Duration(c.offset.Load()); got != tc.want {
				t.Errorf("ahead by %v, want %v", got, tc.want)
			}
		})
	}
}

// TestRule26_NeverBack: whatever the store tells, what was told does not go back, and
// time goes on from where it was when the store has caught up.
func TestRule26_NeverBack(t *testing.T) {
	var c storeTime
	at := func(d time.Duration) time.Time { return time.Unix(0, int64(d)) }
	c.note(0, 0, at(time.Hour))
	first := c.now(time.Second)
	c.note(time.Second, time.Second, at(0)) // set back by an hour
	for boot := time.Second; boot < 2*time.Hour; boot += time.Minute {
		now := c.now(boot)
		want := max(time.Hour+time.Second, boot-time.Second)
		if !now.Equal(at(want)) || now.Before(first) {
			t.Fatalf("at %v: %v, want %v", boot, now, at(want))
		}
	}
	c.note(0, 0, time.Time{}) // a store that tells nothing changes nothing
	if got := c.now(2 * time.Hour); !got.Equal(at(2*time.Hour - time.Second)) {
		t.Errorf("%v", got)
	}
}

// TestSamplesAreBounded: a minute of answers that get slower and slower is what is
// kept at most.
func TestSamplesAreBounded(t *testing.T) {
	var c storeTime
	for i := range time.Duration(10_000) {
		start := i * RenewEvery
		c.note(start, start+i*time.Microsecond, time.Unix(0, int64(start)))
	}
	if n := len(c.samples); n > int(offsetWindow/RenewEvery)+1 {
		t.Errorf("%d samples", n)
	}
}

func BenchmarkNow(b *testing.B) {
	l := newLease(Options{})
	b.ReportAllocs()
	for b.Loop() {
		l.Now()
	}
}
