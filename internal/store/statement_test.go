package store

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/store/migrations"
	"teiserver/internal/store/pgtest"
	"teiserver/internal/store/statement"
)

// preparer is what both engines offer to this test.
type preparer interface {
	Columns(ctx context.Context, def *statement.Definition) ([]string, error)
}

func openBoth(t *testing.T) map[statement.Dialect]*Store {
	t.Helper()
	return map[statement.Dialect]*Store{
		statement.SQLite:   openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{}),
		statement.Postgres: openStore(t, pgtest.URL(t), Options{}),
	}
}

func openStore(t *testing.T, url string, opts Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Every statement is understood by the engines it is for, and gives the columns
// that its row has fields for.
func TestStatements(t *testing.T) {
	t.Parallel()
	for dialect, s := range openBoth(t) {
		for _, def := range statement.All() {
			if !slices.Contains(def.Dialects, dialect) {
				continue
			}
			columns, err := s.db.DB.(preparer).Columns(context.Background(), def)
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", dialect, def.Name, err, def.SQL(dialect))
				continue
			}
			if _, err := def.Match(columns); err != nil {
				t.Errorf("%s: %v", dialect, err)
			}
		}
	}
}

type columnOf struct{ Tbl, Col string }

var sqliteColumns = statement.Define[statement.None, columnOf]("columns of sqlite", `
	SELECT m.name AS tbl, p.name AS col FROM sqlite_schema m JOIN pragma_table_info(m.name) p
	WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`, statement.SQLite)

var postgresColumns = statement.Define[statement.None, columnOf]("columns of postgres", `
	SELECT table_name::text AS tbl, column_name::text AS col FROM information_schema.columns
	WHERE table_schema = current_schema()`, statement.Postgres)

// Both engines have the same tables and columns. Those of the queue of jobs are River's.
func TestSameSchema(t *testing.T) {
	t.Parallel()
	tables := map[statement.Dialect][]columnOf{}
	for dialect, s := range openBoth(t) {
		query := sqliteColumns.With(statement.None{})
		if dialect == statement.Postgres {
			query = postgresColumns.With(statement.None{})
		}
		if err := s.db.Run(context.Background(), 0, query); err != nil {
			t.Fatal(err)
		}
		list := slices.DeleteFunc(slices.Clone(query.Rows()), func(c columnOf) bool { return strings.HasPrefix(c.Tbl, "river_") })
		slices.SortFunc(list, func(a, b columnOf) int {
			return strings.Compare(a.Tbl+"."+a.Col, b.Tbl+"."+b.Col)
		})
		tables[dialect] = list
	}
	if diff := cmp.Diff(tables[statement.SQLite], tables[statement.Postgres]); diff != "" {
		t.Errorf("sqlite and postgres differ:\n%s", diff)
	}
}

// Both engines have the same steps.
func TestSameMigrations(t *testing.T) {
	t.Parallel()
	names := map[string][]string{}
	for _, engine := range []string{"sqlite", "postgres"} {
		steps, err := migrations.For(engine)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			names[engine] = append(names[engine], step.Name)
		}
	}
	if diff := cmp.Diff(names["sqlite"], names["postgres"]); diff != "" {
		t.Error(diff)
	}
}
