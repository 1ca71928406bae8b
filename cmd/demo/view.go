package main

import (
	"fmt"
	"strings"
	"time"
)

// Colors of the terminal.
const (
	plain  = "\x1b[0m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	chosen = "\x1b[7m"
)

// frame is all that one picture shows; drawing it needs nothing else.
type frame struct {
	up       time.Duration
	dir      string
	selected int
	bodies   []body
	world    *world
	stand    []standing
	out      int // bots that are not connected
	tallies  []tally
	journal  func(n int) []event
}

// body is a node from our side: its process and links.
type body struct{ name, state string }

func (d *demo) frame(now time.Time) frame {
	f := frame{
		up: now.Sub(d.began), dir: d.dir, selected: d.selected, world: d.watch.world(),
		tallies: d.crowd.ledger.tallied(), journal: d.journal.last,
	}
	f.stand, f.out = d.crowd.stand(now)
	for _, n := range d.nodes {
		f.bodies = append(f.bodies, body{n.name, n.body()})
	}
	return f
}

// lines draws the frame; the events get the rows that are left.
func (f frame) lines(columns, rows int) []string {
	list := []string{
		fmt.Sprintf("%steiserver demo%s  %d nodes on one SQLite file in %s, up %s", bold, plain, len(f.bodies), f.dir, f.up.Round(time.Second)),
		"",
	}
	list = append(list, f.nodeLines()...)
	list = append(list, "")
	list = append(list, f.ownerLines(columns)...)
	list = append(list, "")
	list = append(list, f.botLines()...)
	list = append(list, "")
	keys := keyLine()
	for _, e := range f.journal(rows - len(list) - 2) {
		color := ""
		switch {
		case e.bad:
			color = red
		case strings.HasPrefix(e.text, "KEY "):
			color = bold
		}
		list = append(list, color+e.String()+plain)
	}
	for len(list) < rows-1 {
		list = append(list, "")
	}
	return append(list, keys)
}

func keyLine() string {
	parts := []string{fmt.Sprintf("1-%d select", nodeCount)}
	for _, v := range verbs {
		parts = append(parts, fmt.Sprintf("%s%c%s %s", bold, v.key, plain, v.text))
	}
	return strings.Join(parts, "  ")
}

// cell pads to a width; what is longer is cut.
func cell(width int, format string, args ...any) string {
	text := []rune(fmt.Sprintf(format, args...))
	if len(text) > width-1 {
		text = append(text[:width-2], '…')
	}
	return string(text) + strings.Repeat(" ", width-len(text))
}

func (f frame) nodeLines() []string {
	list := []string{faint + cell(7, "node") + cell(15, "process") + cell(5, "inc") + cell(10, "state") + cell(9, "lease") +
		cell(9, "clients") + cell(11, "processes") + cell(10, "hears") + "readyz" + plain}
	for i, b := range f.bodies {
		r, known := f.world.rows[b.name]
		if !known {
			list = append(list, cell(7, "  %s", b.name)+cell(15, "%s", b.state)+"unknown to the database")
			continue
		}
		name := cell(7, "  %s", b.name)
		if i == f.selected {
			name = chosen + cell(6, "▸ %s", b.name) + plain + " "
		}
		list = append(list, name+
			colored(cell(15, "%s", b.state), b.state == "runs", b.state == "dead")+
			cell(5, "%d", r.Incarnation)+
			colored(cell(10, "%s", r.shown()), r.shown() == "serving", r.shown() == "gone" || r.shown() == "expired")+
			cell(9, "%s", lease(r, time.Since(f.world.at)))+
			cell(9, "%d", r.Clients)+cell(11, "%d", r.Processes)+cell(10, "%s", dash(strings.Join(r.Hears, " ")))+
			colored(f.world.ready[b.name], f.world.ready[b.name] == ready, false))
	}
	if f.world.trouble != "" {
		list = append(list, red+f.world.trouble+plain)
	}
	return list
}

// colored makes what is good green, what is bad red and what is between yellow.
func colored(text string, good, bad bool) string {
	switch {
	case good:
		return green + text + plain
	case bad:
		return red + text + plain
	default:
		return yellow + text + plain
	}
}

// lease is what is left of a lease that was read a while ago.
func lease(r row, ago time.Duration) string {
	if r.State != "serving" && r.State != "draining" {
		return "-"
	}
	return fmt.Sprintf("%.1f s", (r.Left - ago).Seconds())
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (f frame) ownerLines(columns int) []string {
	list := []string{faint + cell(7, "owns") + "process·epoch" + plain}
	for _, b := range f.bodies {
		list = append(list, wrap("  "+b.name, f.world.owned(b.name), columns)...)
	}
	if none := f.world.owned(""); len(none) > 0 {
		for _, line := range wrap("  none", none, columns) {
			list = append(list, yellow+line+plain)
		}
	}
	if len(f.world.missing) > 0 {
		list = append(list, red+"should run and does not: "+strings.Join(f.world.missing, " ")+plain)
	}
	return list
}

// wrap writes words into lines below a title.
func wrap(title string, words []string, columns int) []string {
	line := cell(7, "%s", title)
	empty := true
	var list []string
	for _, w := range words {
		if !empty && len([]rune(line))+len([]rune(w)) > columns {
			list = append(list, line)
			line = cell(7, "")
		}
		line, empty = line+w+"  ", false
	}
	return append(list, line)
}

func (f frame) botLines() []string {
	list := []string{faint + cell(7, "bots") + cell(16, "online") + cell(8, "said") + cell(8, "heard") + cell(9, "refused") +
		cell(6, "lost") + cell(8, "double") + cell(9, "disorder") + cell(10, "dropped") + cell(11, "last line") + cell(11, "slowest") + "reconnects here (last, longest)" + plain}
	for i, b := range f.bodies {
		t, s := f.tallies[i], f.stand[i]
		last := "-"
		if s.players > 0 {
			last = seconds(s.quiet)
		}
		back := "-"
		if t.arrivals > 0 {
			back = fmt.Sprintf("%d (%s, %s)", t.arrivals, seconds(t.tookLast), seconds(t.tookMost))
		}
		list = append(list, cell(7, "  %s", b.name)+cell(16, "%d, %d hosts", s.players+s.hosts, s.hosts)+
			cell(8, "%d", t.said)+cell(8, "%d", t.heard)+cell(9, "%d", t.refused)+
			sum(6, t.clean.lost, t.touched.lost)+sum(8, t.clean.doubled, t.touched.doubled)+sum(9, t.clean.disordered, t.touched.disordered)+
			sum(10, t.cleanDrops, t.drops-t.cleanDrops)+cell(11, "%s", last)+cell(11, "%s", seconds(t.slowest))+back)
	}
	line := faint + "       lost, double, disorder and dropped: while nobody touched the node, + while somebody did" + plain
	if f.out > 0 {
		line += fmt.Sprintf("   %s%d bots are out%s", yellow, f.out, plain)
	}
	return append(list, line)
}

// sum shows what must be 0 and what came of touching: "0", "0+12".
func sum(width, clean, touched int) string {
	text := fmt.Sprint(clean)
	if touched > 0 {
		text += fmt.Sprintf("+%d", touched)
	}
	if clean > 0 {
		return red + cell(width, "%s", text) + plain
	}
	return green + cell(width, "%s", text) + plain
}
