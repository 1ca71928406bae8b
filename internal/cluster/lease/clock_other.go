//go:build !linux

package lease

import "time"

var started = time.Now()

// bootTime is the monotonic clock. On most hosts it stands still while they are
// suspended; the wall clock, which does not, shortens trust then.
func bootTime() time.Duration { return time.Since(started) }
