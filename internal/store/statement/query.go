package statement

import (
	"fmt"
	"reflect"
)

// Rows is what an engine answers.
type Rows interface {
	Columns() ([]string, error)
	Next() bool
	Scan(dest ...any) error
	Err() error
}

// Call is a statement with arguments, as an engine sees it.
type Call interface {
	Definition() *Definition
	// Args returns the numbered arguments.
	Args(d Dialect, now Instant) []any
	// Read takes the rows; those of an earlier try are forgotten.
	Read(rows Rows) error
}

// Query is a bound statement. After it ran it holds the rows.
type Query[R any] struct {
	def  *Definition
	args reflect.Value
	rows []R
}

// Rows returns all rows.
func (q *Query[R]) Rows() []R { return q.rows }

// One returns the first row; ok is false if there was none.
func (q *Query[R]) One() (row R, ok bool) {
	if len(q.rows) == 0 {
		return row, false
	}
	return q.rows[0], true
}

// Definition implements Call.
func (q *Query[R]) Definition() *Definition { return q.def }

// Args implements Call.
func (q *Query[R]) Args(d Dialect, now Instant) []any {
	params := q.def.forms[d].params
	args := make([]any, len(params))
	for i, p := range params {
		switch {
		case p.field != nil:
			args[i] = q.args.FieldByIndex(p.field).Interface()
		case p.clock == "now":
			args[i] = now.Now
		case p.clock == "boot":
			args[i] = now.Boot
		case p.clock == "timeline":
			args[i] = now.Timeline
		default:
			args[i] = now.Wall
		}
	}
	return args
}

// Read implements Call.
func (q *Query[R]) Read(rows Rows) error {
	q.rows = q.rows[:0]
	var (
		order *[][]int
		dest  []any
	)
	for rows.Next() {
		if order == nil {
			var err error
			if order, err = q.def.orderOf(rows); err != nil {
				return err
			}
			dest = make([]any, len(*order))
		}
		var row R
		v := reflect.ValueOf(&row).Elem()
		for i, field := range *order {
			dest[i] = v.FieldByIndex(field).Addr().Interface()
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		q.rows = append(q.rows, row)
	}
	return rows.Err()
}

// orderOf says which field takes which column. Both engines give the columns of
// one text in one order, so that it is found once.
func (d *Definition) orderOf(rows Rows) (*[][]int, error) {
	if o := d.order.Load(); o != nil {
		return o, nil
	}
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	order, err := d.Match(columns)
	if err != nil {
		return nil, err
	}
	d.order.Store(&order)
	return &order, nil
}

// Match returns the field of each column, or an error if the columns are not
// exactly the fields of the row.
func (d *Definition) Match(columns []string) ([][]int, error) {
	if len(columns) != len(d.fields) {
		return nil, fmt.Errorf("statement %q: columns %v, fields %v", d.Name, columns, d.Columns)
	}
	order := make([][]int, len(columns))
	seen := map[string]bool{}
	for i, c := range columns {
		field, ok := d.fields[c]
		if !ok || seen[c] {
			return nil, fmt.Errorf("statement %q: column %s has no field of its own", d.Name, c)
		}
		seen[c] = true
		order[i] = field
	}
	return order, nil
}
