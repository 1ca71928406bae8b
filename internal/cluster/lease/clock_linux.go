package lease

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime reads CLOCK_BOOTTIME: the monotonic clock of the runtime stands still
// while the host is suspended, and a node that sleeps would wake up trusting itself.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("lease: the host has no boot clock: " + err.Error())
	}
	return time.Duration(ts.Nano())
}
