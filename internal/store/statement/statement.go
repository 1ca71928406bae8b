package statement

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

// Dialect is an engine's way to write SQL.
type Dialect int

// The dialects.
const (
	SQLite Dialect = iota
	Postgres
)

func (d Dialect) String() string { return [...]string{"sqlite", "postgres"}[d] }

// None is the struct of a statement without parameters or without columns.
type None struct{}

// Instant is what the store's clocks say. PostgreSQL reads its own instead.
type Instant struct {
	Now  int64  // lease clock, milliseconds
	Boot string // run of the lease clock
	Wall int64  // unix milliseconds

	Timeline string // which database it is, see @@timeline
}

// Definition is what is known of a statement without its types.
type Definition struct {
	Name     string
	Text     string
	Dialects []Dialect // those it is written for
	Columns  []string  // expected, in order of the fields

	forms  [2]form
	fields map[string][]int // of the row, by column name: the path to the field
	order  atomic.Pointer[[][]int]
}

// form is a text as one engine reads it.
type form struct {
	sql    string
	params []param
}

// param is one numbered parameter: a field of the arguments, or a value of the clock.
type param struct {
	field []int  // the path to a field
	clock string // or a value of the clock
}

// Statement is a statement with its arguments A and row R.
type Statement[A, R any] struct{ def *Definition }

var (
	definedMu sync.Mutex
	defined   []*Definition
)

// All lists every statement of the program.
func All() []*Definition {
	definedMu.Lock()
	defer definedMu.Unlock()
	return slices.Clone(defined)
}

// Define registers a statement for both engines, or for those named. It panics if
// the parameters in the text are not exactly the fields of A.
func Define[A, R any](name, text string, dialects ...Dialect) Statement[A, R] {
	if len(dialects) == 0 {
		dialects = []Dialect{SQLite, Postgres}
	}
	def := &Definition{Name: name, Text: text, Dialects: dialects, fields: map[string][]int{}}
	arguments := fieldsOf(reflect.TypeFor[A]())
	for _, d := range dialects {
		f, err := render(d, text, arguments)
		if err != nil {
			panic(fmt.Sprintf("statement %q: %v", name, err))
		}
		def.forms[d] = f
	}
	for _, f := range fieldsOf(reflect.TypeFor[R]()) {
		def.Columns = append(def.Columns, f.name)
		def.fields[f.name] = f.path
	}
	definedMu.Lock()
	defer definedMu.Unlock()
	defined = append(defined, def)
	return Statement[A, R]{def}
}

// SQL returns the text for an engine.
func (d *Definition) SQL(dialect Dialect) string { return d.forms[dialect].sql }

// With binds arguments: the result is run by an engine and then holds the rows.
func (s Statement[A, R]) With(a A) *Query[R] {
	return &Query[R]{def: s.def, args: reflect.ValueOf(a)}
}

// field is a field of a struct with its name in SQL.
type field struct {
	name string
	path []int
}

// fieldsOf lists the fields of a struct, those of embedded structs included.
func fieldsOf(t reflect.Type) []field {
	var list []field
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			list = append(list, field{snake(f.Name), f.Index})
		}
	}
	return list
}

// snake turns LastIP into last_ip and ClusterID into cluster_id.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		startsWord := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if startsWord {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
