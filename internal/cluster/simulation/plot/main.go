// Command plot draws the figures of a scale run as docs/scale.svg.
//
//	go run ./internal/cluster/simulation/plot docs/scale.tsv docs/scale.svg
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("which figures, and which picture?")
	}
	in, err := os.Open(args[0]) //nolint:gosec // whoever runs it names the file
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	rows, err := read(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	return os.WriteFile(args[1], []byte(draw(rows)), 0o644) //nolint:gosec // a picture for everybody
}

// row is a line of figures, by the names of its columns.
type row map[string]float64

func read(r io.Reader) (rows []row, err error) {
	var names []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		if names == nil {
			names = fields
			continue
		}
		one := row{}
		for i, f := range fields {
			if one[names[i]], err = strconv.ParseFloat(f, 64); err != nil {
				return nil, err
			}
		}
		rows = append(rows, one)
	}
	return rows, nil
}

// panel is one diagram: a column over the nodes, a line for each number of keys.
type panel struct {
	title, column string
	scale         float64 // divides the figures
	linear        bool    // from 0; else both axes are logarithmic
}

var panels = []panel{
	{"messages a second at rest", "messages", 1, false},
	{"MB a second at rest", "bytes", 1e6, false},
	{"statements a second at rest", "statements", 1, false},
	{"rows a second at rest", "rows", 1, false},
	{"processor ms a second at rest", "cpu_ms", 1, false},
	{"seconds until all keys of a dead node are served", "all_s", 1, true},
}

const (
	wide, high         = 360, 240 // of a panel
	left, right        = 62, 14
	top, bottom        = 34, 40
	perLine            = 2
	style              = `font-family="sans-serif" font-size="11"`
	ink, grid          = "#333", "#ddd"
	plotWide, plotTall = wide - left - right, high - top - bottom
)

var colors = []string{"#1b7f5c", "#c4621b", "#4a52b8"}

func draw(rows []row) string {
	var nodes, keys []float64
	for _, r := range rows {
		nodes, keys = append(nodes, r["nodes"]), append(keys, r["keys"])
	}
	slices.Sort(nodes)
	slices.Sort(keys)
	nodes, keys = slices.Compact(nodes), slices.Compact(keys)
	lines := (len(panels) + perLine - 1) / perLine
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" %s fill="%s">`+"\n", perLine*wide, lines*high+24, style, ink)
	fmt.Fprintln(&b, `<rect width="100%" height="100%" fill="#fff"/>`)
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%perLine*wide, i/perLine*high)
		p.draw(&b, rows, nodes, keys)
		fmt.Fprintln(&b, "</g>")
	}
	for i, k := range keys {
		x, y := left+i*140, lines*high+10
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="14" height="3" fill="%s"/><text x="%d" y="%d">%.0f keys</text>`+"\n",
			x, y-4, colors[i%len(colors)], x+20, y, k)
	}
	fmt.Fprintln(&b, "</svg>")
	return b.String()
}

func (p panel) draw(b *strings.Builder, rows []row, nodes, keys []float64) {
	low, most := math.Inf(1), 0.0
	for _, r := range rows {
		low, most = min(low, r[p.column]/p.scale), max(most, r[p.column]/p.scale)
	}
	x := func(n float64) float64 {
		return left + plotWide*(math.Log(n)-math.Log(nodes[0]))/(math.Log(nodes[len(nodes)-1])-math.Log(nodes[0]))
	}
	floor, ceiling := math.Floor(math.Log10(low)), math.Ceil(math.Log10(most))
	y := func(v float64) float64 { return top + plotTall*(ceiling-math.Log10(v))/(ceiling-floor) }
	var marks []float64
	for e := floor; e <= ceiling; e++ {
		marks = append(marks, math.Pow(10, e))
	}
	if p.linear {
		most = math.Ceil(most)
		y = func(v float64) float64 { return top + plotTall*(most-v)/most }
		marks = nil
		for v := 0.0; v <= most; v++ {
			marks = append(marks, v)
		}
	}
	fmt.Fprintf(b, `<text x="%d" y="18" font-weight="bold">%s</text>`+"\n", left, p.title)
	for _, v := range marks {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="%s"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(v), wide-right, grid, left-6, y(v)+4, strconv.FormatFloat(v, 'f', -1, 64))
	}
	for _, n := range nodes {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(n), high-bottom+16, n)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">nodes</text>`+"\n", wide-right, high-bottom+30)
	for i, k := range keys {
		var points []string
		for _, r := range rows {
			if r["keys"] == k {
				points = append(points, fmt.Sprintf("%.1f %.1f", x(r["nodes"]), y(r[p.column]/p.scale)))
			}
		}
		color := colors[i%len(colors)]
		fmt.Fprintf(b, `<path d="M%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, "L"), color)
		for _, at := range points {
			cx, cy, _ := strings.Cut(at, " ")
			fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`+"\n", cx, cy, color)
		}
	}
}
