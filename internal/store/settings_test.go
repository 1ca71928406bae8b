package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/pgtest"
	"teiserver/internal/store/statement"
)

type effectiveRow struct{ Sync, Isolation, Lock, Statement, Idle string }

var sessionSettings = statement.Define[statement.None, effectiveRow]("session settings", `
	SELECT current_setting('synchronous_commit') AS sync, current_setting('transaction_isolation') AS isolation,
		current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement,
		current_setting('idle_in_transaction_session_timeout') AS idle`, statement.Postgres)

// Whatever the operator has set for the database, our sessions have what they rely
// on. None keeps its locks for longer than the margin of a lease.
func TestRule24_SessionSettings(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	for _, setting := range []string{
		"synchronous_commit = off", "default_transaction_isolation = serializable", "lock_timeout = 0",
		"statement_timeout = 0", "idle_in_transaction_session_timeout = 0",
	} {
		change(t, url, "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' SET "+setting+"'; END $$")
	}
	s := openStore(t, url, Options{Use: Clustered})
	for name, lane := range map[string]engine.Lane{
		"lease": engine.Lease, "watch": engine.Watch, "durable": engine.Durable, "relaxed": engine.Relaxed, "read": engine.Read,
	} {
		asked := sessionSettings.With(statement.None{})
		if err := s.db.Run(t.Context(), lane, asked); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, _ := asked.One()
		want := effectiveRow{Sync: "on", Isolation: "read committed", Lock: "2s", Statement: "5s", Idle: "750ms"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if idle, err := time.ParseDuration(got.Idle); err != nil || idle > lease.Margin {
			t.Errorf("%s: a transaction may stand still for %s, the margin of a lease is %v", name, got.Idle, lease.Margin)
		}
	}
}
