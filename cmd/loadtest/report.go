package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// Report is what a run found out, in the order in which it did.
type Report struct {
	Sections []Section `json:"sections"`
}

// Section is one measurement of one server.
type Section struct {
	Server  string   `json:"server"` // "floor", "teiserver", an address, or "ratio"
	Measure string   `json:"measure"`
	Values  []Value  `json:"values"`
	Notes   []string `json:"notes,omitempty"`
}

// Value is one number with its unit.
type Value struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

func (r *Report) add(s Section) { r.Sections = append(r.Sections, s) }

func (s *Section) put(name string, value float64, unit string) {
	s.Values = append(s.Values, Value{Name: name, Value: value, Unit: unit})
}

func (s *Section) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// latencies puts the usual percentiles.
func (s *Section) latencies(name string, all []time.Duration) {
	if len(all) == 0 {
		s.note("%s: nothing measured", name)
		return
	}
	slices.Sort(all)
	for _, p := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"max", 1}} {
		s.put(name+" "+p.name, percentile(all, p.at).Seconds()*1000, "ms")
	}
}

// percentile is the smallest value that a share of the sorted values does not exceed.
func percentile(sorted []time.Duration, share float64) time.Duration {
	at := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[max(0, min(at, len(sorted)-1))]
}

// ratio divides what both sections have.
func ratio(server, floor Section) Section {
	out := Section{Server: "ratio", Measure: server.Measure}
	for _, v := range server.Values {
		i := slices.IndexFunc(floor.Values, func(f Value) bool { return f.Name == v.Name })
		if i >= 0 && floor.Values[i].Value != 0 && v.Unit != "" {
			out.put(v.Name, v.Value/floor.Values[i].Value, "×")
		}
	}
	return out
}

func (r *Report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r *Report) writeText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	for _, s := range r.Sections {
		fmt.Fprintf(t, "%s, %s\t\t\t\n", s.Measure, s.Server)
		for _, v := range s.Values {
			fmt.Fprintf(t, "%s\t%s\t %s\t\n", v.Name, number(v.Value), v.Unit)
		}
		for _, n := range s.Notes {
			fmt.Fprintf(t, "note: %s\t\t\t\n", n)
		}
		fmt.Fprintln(t, "\t\t\t")
	}
	return t.Flush()
}

// number shows three digits that matter, and all of a whole number.
func number(v float64) string {
	if v == math.Trunc(v) || math.Abs(v) >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
