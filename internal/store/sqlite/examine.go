package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"teiserver/internal/store/engine"
)

// Examine looks at a file and changes nothing; it need not be there.
func Examine(ctx context.Context, path string) (e engine.Examination, err error) {
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	e.Name = "sqlite " + path
	defer func() {
		if err != nil {
			err = fmt.Errorf("database %s: %w", path, explain(err))
		}
	}()
	file, err := place(path)
	if err != nil {
		return e, err
	}
	e.Name = "sqlite " + file
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return e, nil // the first start makes it
	}
	conn, err := connect(file, 1, "query_only(1)")
	if err != nil {
		return e, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&e.Version); err != nil {
		return e, err
	}
	if err := refuseForeign(ctx, conn); err != nil {
		return e, err
	}
	began := time.Now()
	e.Schema, err = schemaOf(ctx, conn)
	e.RoundTrip = time.Since(began)
	return e, err
}
