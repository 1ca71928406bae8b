//go:build failpoints

package sqlite

import (
	sqldriver "database/sql/driver"
	"os"

	"golang.org/x/sys/unix"
	driver "modernc.org/sqlite"
)

// The fault suite has the file write down, by triggers, who changes what and when. These
// functions are what the triggers ask: SQLite itself does not know who writes.
func init() {
	driver.MustRegisterScalarFunction("fault_by", 0, func(*driver.FunctionContext, []sqldriver.Value) (sqldriver.Value, error) {
		return os.Getenv("TEISERVER_FAULT_BY"), nil
	})
	driver.MustRegisterScalarFunction("fault_at", 0, func(*driver.FunctionContext, []sqldriver.Value) (sqldriver.Value, error) {
		var ts unix.Timespec
		err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
		return ts.Nano(), err
	})
}
