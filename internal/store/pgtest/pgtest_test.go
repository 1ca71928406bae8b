package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"teiserver/internal/store/pgtest"
)

// Each address is an empty database of its own.
func TestURL(t *testing.T) {
	ctx := context.Background()
	seen := map[string]bool{}
	for range 2 {
		conn, err := pgx.Connect(ctx, pgtest.URL(t))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		var name string
		if err := conn.QueryRow(ctx, "SELECT current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
		if seen[name] {
			t.Errorf("database %s was given twice", name)
		}
		seen[name] = true
		if _, err := conn.Exec(ctx, "CREATE TABLE t (n bigint)"); err != nil {
			t.Error(err)
		}
	}
}
