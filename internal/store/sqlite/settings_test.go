package sqlite

import (
	"log/slog"
	"path/filepath"
	"testing"

	"teiserver/internal/store/engine"
)

// What must survive a loss of power is synced at each commit; no connection runs the
// checkpoint by itself, as it might be the one that renews the lease.
func TestRule24_Pragmas(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{Use: engine.Clustered, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	const normal, full = "1", "2"
	for name, tc := range map[string]struct {
		pool        *pool
		synchronous string
	}{
		"lease": {db.lease, full}, "durable": {db.durable, full}, "relaxed": {db.relaxed, normal}, "read": {db.read, ""},
	} {
		want := map[string]string{"journal_mode": "wal", "wal_autocheckpoint": "0", "foreign_keys": "1"}
		if tc.synchronous != "" {
			want["synchronous"] = tc.synchronous
		}
		for pragma, value := range want {
			var got string
			if err := tc.pool.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
				t.Errorf("%s: %s is %q, %v; want %q", name, pragma, got, err, value)
			}
		}
	}
	if db.lease.DB == db.durable.DB {
		t.Error("renewals share the connection of other writes")
	}
}
