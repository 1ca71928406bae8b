package pgtest

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // a driver
	_ "modernc.org/sqlite"             // a driver
)

// Raw is a database without the store, to look at what nodes have written.
type Raw struct {
	t  *testing.T
	db *sql.DB
}

// OpenRaw opens the database at url, of either engine, until the test ends. A file must
// not be open in this process otherwise.
func OpenRaw(t *testing.T, url string) *Raw {
	t.Helper()
	driver, source := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &Raw{t, db}
}

// Exec runs a statement.
func (r *Raw) Exec(query string) {
	r.t.Helper()
	if _, err := r.db.ExecContext(context.Background(), query); err != nil {
		r.t.Fatal(err)
	}
}

// Number is what a query gives that has one number.
func (r *Raw) Number(query string) (n int) {
	r.t.Helper()
	if err := r.db.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// Text is the text that a query gives, empty if it gives no row.
func (r *Raw) Text(query string) (text string) {
	r.t.Helper()
	err := r.db.QueryRowContext(context.Background(), query).Scan(&text)
	if err != nil && err != sql.ErrNoRows { //nolint:errorlint // Scan returns it as it is
		r.t.Fatal(err)
	}
	return text
}
