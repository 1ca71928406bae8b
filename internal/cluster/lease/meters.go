package lease

import (
	"sync/atomic"
	"time"

	"teiserver/internal/meter"
)

// meters are what a lease measures of itself and of the others.
type meters struct {
	renewals   *meter.Durations
	failed     atomic.Int64
	detections *meter.Durations
}

func newMeters() meters {
	return meters{renewals: meter.New(meter.Fast), detections: meter.New(meter.Slow)}
}

// Figures are what /metrics shows of a lease.
type Figures struct {
	// TrustLeft is how long trust would last without another renewal.
	TrustLeft time.Duration
	// RenewalAge is how long ago the last good renewal began.
	RenewalAge time.Duration
	// WorstDetection is how long after its last renewal a dead node is condemned at
	// the latest, while the store answers: its lease, and one look.
	WorstDetection time.Duration
	// HostAhead is what the clock of the host is ahead of the store's by.
	HostAhead time.Duration
	Renewals  meter.Snapshot // good ones, from the start of the try to its answer
	Failed    int64          // tries to renew without a good answer
	// Detections are the nodes that this one has condemned: the time from when their
	// last renewal was seen. Who has condemned nobody has measured nothing.
	Detections meter.Snapshot
}

// Figures reads what was measured so far. Without a cluster there are none.
func (l *Lease) Figures() (f Figures, ok bool) {
	if l.alone {
		return Figures{}, false
	}
	f = Figures{
		TrustLeft: l.TrustLeft(), WorstDetection: l.timing.TTL + l.timing.LookEvery,
		HostAhead: time.Duration(l.clock.Wall() - l.Now().UnixNano()),
		Renewals:  l.meters.renewals.Snapshot(), Failed: l.meters.failed.Load(),
		Detections: l.meters.detections.Snapshot(),
	}
	if w := l.window.Load(); w != nil {
		f.RenewalAge = l.clock.Boot() - (w.boot - (l.timing.TTL - l.timing.Margin))
	}
	return f, true
}
