package statement

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{
		"ID": "id", "LastIP": "last_ip", "ClusterID": "cluster_id", "HTTPPort": "http_port",
		"NameKey": "name_key", "TTL": "ttl", "ServerUUID": "server_uuid", "Ids": "ids",
	} {
		if got := snake(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

type inner struct{ Name string }

type outer struct {
	inner
	ID int64
}

func TestDefine(t *testing.T) {
	s := Define[outer, outer]("test of define", `SELECT id, name FROM t
		WHERE id = @id AND name = @name AND at < @@now AND id > @id AND x = '@not @@these'`)
	q := s.With(outer{inner{"n"}, 7})
	for _, tc := range []struct {
		dialect Dialect
		sql     string
		args    []any
	}{
		{SQLite, "id = ?1 AND name = ?2 AND at < ?3 AND id > ?1 AND x = '@not @@these'", []any{int64(7), "n", int64(42)}},
		{Postgres, "id = $1 AND name = $2 AND at < store_now() AND id > $1 AND x = '@not @@these'", []any{int64(7), "n"}},
	} {
		if sql := s.def.SQL(tc.dialect); !strings.HasSuffix(sql, tc.sql) {
			t.Errorf("%s: %s", tc.dialect, sql)
		}
		if diff := cmp.Diff(tc.args, q.Args(tc.dialect, Instant{Now: 42})); diff != "" {
			t.Errorf("%s: %s", tc.dialect, diff)
		}
	}
}

// What does not fit stops the program at its start.
func TestDefineRefuses(t *testing.T) {
	for name, define := range map[string]func(){
		"parameter without field": func() { Define[None, None]("x", "DELETE FROM t WHERE id = @id") },
		"field without parameter": func() { Define[struct{ ID int64 }, None]("x", "DELETE FROM t") },
		"unknown value":           func() { Define[None, None]("x", "DELETE FROM t WHERE at < @@yesterday") },
		"open quote":              func() { Define[None, None]("x", "DELETE FROM t WHERE name = 'x") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: defined", name)
				}
			}()
			define()
		}()
	}
}

// rows is an answer for Read.
type rows struct {
	columns []string
	left    int
}

func (r *rows) Columns() ([]string, error) { return r.columns, nil }
func (r *rows) Next() bool                 { r.left--; return r.left >= 0 }
func (r *rows) Err() error                 { return nil }
func (r *rows) Scan(dest ...any) error {
	for i, c := range r.columns {
		switch d := dest[i].(type) {
		case *string:
			*d = c
		case *int64:
			*d = int64(i)
		}
	}
	return nil
}

func TestRead(t *testing.T) {
	text := `SELECT name, id FROM t`
	for name, tc := range map[string]struct {
		columns []string
		want    []outer
	}{
		"in another order": {[]string{"name", "id"}, []outer{{inner{"name"}, 1}, {inner{"name"}, 1}}},
		"one is missing":   {[]string{"name"}, nil},
		"one is unknown":   {[]string{"name", "age"}, nil},
		"one comes twice":  {[]string{"name", "name"}, nil},
	} {
		q := Define[None, outer](name, text).With(None{})
		for range 2 { // a second try begins anew
			err := q.Read(&rows{tc.columns, 2})
			if (err != nil) != (tc.want == nil) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(tc.want, q.Rows(), cmp.AllowUnexported(outer{}, inner{})); tc.want != nil && diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
