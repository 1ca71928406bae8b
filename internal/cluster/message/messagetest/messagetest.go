// Package messagetest checks the types that are registered with package message.
// A test that imports all packages of the program calls RoundTrips once.
package messagetest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/message"
)

// RoundTrips encodes and decodes every registered type, empty and with all its
// exported fields filled, and fails where a value does not come back as it was: a
// field without a JSON form, one left out, or two of one name. Fields tagged
// json:"-" are expected to stay behind.
func RoundTrips(t *testing.T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range message.Names() {
		t.Run(name, func(t *testing.T) {
			p, _ := message.New(name)
			kind := reflect.TypeOf(p).Elem()
			check(t, name, reflect.Zero(kind))
			check(t, name, Filled(r, kind))
		})
	}
}

func check(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	raw, err := message.Encode(v.Interface())
	if err != nil {
		t.Fatalf("encode %+v: %v", v.Interface(), err)
	}
	if raw.Type != name {
		t.Fatalf("encoded as %s", raw.Type)
	}
	got, err := message.Decode(raw)
	if err != nil {
		t.Fatalf("decode %s: %v", raw.Body, err)
	}
	exported := cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && !isExported(p.Index(-2).Type(), f.Index())
	}, cmp.Ignore())
	if diff := cmp.Diff(v.Interface(), got, exported); diff != "" {
		t.Errorf("came back differently (-sent +got):\n%s", diff)
	}
}

func isExported(t reflect.Type, field int) bool {
	return t.Kind() == reflect.Struct && t.Field(field).IsExported()
}

// Filled makes a value of a type in which no exported field is zero.
func Filled(r *rand.Rand, t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	fill(r, v, 4)
	return v
}

func fill(r *rand.Rand, v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1+r.Int64N(1<<32), 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1 + r.Int64N(100))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(1 + r.Uint64N(100))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(0.5 + float64(r.IntN(100)))
	case reflect.String:
		v.SetString(fmt.Sprint("text <", r.IntN(1000), "> \"ü\""))
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				fill(r, v.Field(i), depth)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth)
		}
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		if depth > 0 {
			refer(r, v, depth-1)
		}
	}
}

// refer fills what holds other values. Types may contain themselves: depth ends it.
func refer(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), depth)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(r, v.Index(i), depth)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(r, key, depth)
		fill(r, value, depth)
		v.SetMapIndex(key, value)
	}
}
