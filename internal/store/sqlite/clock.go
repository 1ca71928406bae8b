package sqlite

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"teiserver/internal/store/statement"
)

// Clock is where leases get their time from.
type Clock interface {
	// Instant is read inside the transaction that uses it.
	Instant() statement.Instant
}

// hostClock is the time since boot. It must count suspended time: a lease has to
// run out while the machine sleeps.
type hostClock struct{ boot string }

func newHostClock() (hostClock, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return hostClock{}, fmt.Errorf("read the boot id: %w", err)
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return hostClock{}, fmt.Errorf("read the time since boot: %w", err)
	}
	return hostClock{strings.TrimSpace(string(id))}, nil
}

func (c hostClock) Instant() statement.Instant {
	var ts unix.Timespec
	// It worked in newHostClock and has no other way to fail.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return statement.Instant{Now: ts.Nano() / int64(time.Millisecond), Boot: c.boot, Wall: time.Now().UnixMilli()}
}
