package lease

import (
	"time"

	"teiserver/internal/failpoint"
)

// Clock is what trust is measured with.
type Clock interface {
	// Boot is the time since the host started. It goes on while the host is suspended.
	Boot() time.Duration
	// Wall is the time of day in nanoseconds. It may jump; only a jump ahead counts.
	Wall() int64
}

// SystemClock is the clock of the host.
type SystemClock struct{}

// Boot implements Clock.
func (SystemClock) Boot() time.Duration { return failpoint.Boot(bootTime()) }

// Wall implements Clock.
func (SystemClock) Wall() int64 { return failpoint.Wall(time.Now().UnixNano()) }
