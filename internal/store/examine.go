package store

import (
	"context"
	"fmt"
	"strings"

	"teiserver/internal/store/engine"
	"teiserver/internal/store/migrations"
	"teiserver/internal/store/postgres"
	"teiserver/internal/store/sqlite"
)

// Examination is what a look at a database says, see Examine.
type Examination struct {
	engine.Examination
	Known int64 // the newest step of the schema that this program knows
}

// Examine looks at the database at url and changes nothing: it makes no file, applies no
// migration and takes no lock. Its error is one line for the operator.
func Examine(ctx context.Context, url string) (Examination, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	var (
		e   Examination
		err error
	)
	kind := "postgres"
	switch scheme {
	case "sqlite":
		kind = "sqlite"
		e.Examination, err = sqlite.Examine(ctx, rest)
	case "postgres", "postgresql":
		e.Examination, err = postgres.Examine(ctx, url)
	default:
		return e, fmt.Errorf("database %q: it should be sqlite:PATH or postgres://USER@HOST/NAME", scheme+":…")
	}
	if err != nil {
		return e, oneLine(err)
	}
	steps, err := migrations.For(kind)
	e.Known = int64(len(steps))
	return e, err
}
