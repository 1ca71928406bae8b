package lease

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bootTime reads CLOCK_BOOTTIME: the monotonic clock of the runtime stands still
// while the host is suspended, and a node that sleeps would wake up trusting itself.
//
// The call is raw because it never blocks: telling the scheduler about it costs more
// than the call, and trust is read several times for each command.
func bootTime() time.Duration {
	var ts unix.Timespec
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&ts)), 0) //nolint:gosec // as above
	if errno != 0 {
		panic("lease: the host has no boot clock: " + errno.Error())
	}
	return time.Duration(ts.Nano())
}
