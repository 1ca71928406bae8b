package bus

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootUptime is the time since boot, suspension included. Go's own monotonic
// clock stands still while a machine is suspended: everything sent after it
// would look late to the others.
func bootUptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Since(processStart)
	}
	return time.Duration(ts.Nano())
}

var processStart = time.Now()
