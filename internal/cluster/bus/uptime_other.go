//go:build !linux

package bus

import "time"

// bootUptime is the time since this process began.
func bootUptime() time.Duration { return time.Since(processStart) }

var processStart = time.Now()
