package lease

import "time"

// pulse is when this node last began a renewal, on both clocks.
type pulse struct {
	boot time.Duration
	wall int64
}

// beat notes that a renewal begins. If the one before it is too long ago, this node has
// stood still, and what it knew then is worth nothing until a renewal is good again.
func (l *Lease) beat(boot time.Duration, wall int64) {
	if p := l.pulse.Load(); p != nil && l.stoodStill(p, boot, wall) {
		l.slept.Store(true) // before the pulse, see Awake
	}
	l.pulse.Store(&pulse{boot, wall})
}

func (l *Lease) stoodStill(p *pulse, boot time.Duration, wall int64) bool {
	hole := hole(l.timing.RenewEvery)
	return boot-p.boot > hole || wall-p.wall > int64(hole)
}

// hole is the time without a renewal begun after which a node has not been running:
// renewals are tried at their pace also while the store is away.
func hole(every time.Duration) time.Duration { return 3 * every }

// Awake reports whether what this node has ready may still be said. It is false when the
// node was given up, and after it stood still for long, as a stopped process does, until
// it knows that it was not: its users may be logged in elsewhere by now. While only the
// store is away it is true, trusted or not.
//
// It is asked for each write to each client, so a look that was good is believed for a
// moment. Whatever makes the node stand still moves one of the clocks by which that
// moment is measured.
func (l *Lease) Awake() bool {
	if l.alone {
		return true
	}
	now := time.Now()
	if seen := l.seen.Load(); seen != nil && now.Sub(*seen) < seenFor && now.UnixNano()-seen.UnixNano() < int64(seenFor) {
		return true
	}
	if l.awake() {
		at := now
		l.seen.Store(&at)
		return true
	}
	l.seen.Store(nil)
	return false
}

// seenFor is far below the margin of trust.
const seenFor = 5 * time.Millisecond

func (l *Lease) awake() bool {
	if l.Trusted() {
		return true
	}
	select {
	case <-l.condemned:
		return false
	default:
	}
	if l.doubted.Load() {
		return false
	}
	p := l.pulse.Load()
	if p != nil && l.stoodStill(p, l.clock.Boot(), l.clock.Wall()) {
		return false
	}
	return !l.slept.Load()
}
