package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Names of the faults.
const (
	Kill          = "kill"           // the node ends without a word and is started again
	Pause         = "pause"          // the node does not run for a while
	Cut           = "cut"            // two nodes do not reach each other
	CutOneWay     = "cut one way"    // what the first sends does not reach the second
	CutDatabase   = "cut database"   // the node does not reach the database
	CutAll        = "cut all"        // nothing reaches the node, clients neither
	Lossy         = "lossy"          // the node's links to nodes and database lose 30 % and are slow
	LoseDatabase  = "database stop"  // the database ends in order and is started again
	CrashDatabase = "database crash" // it ends as in a crash
	PauseDatabase = "database pause" // its processes do not run
	Drain         = "drain"          // the operator takes the node out of service and back
	Leave         = "leave"          // the node stops in order and is started again
	Join          = "join"           // a further node comes, and leaves at the end of the fault
	Clock         = "clock"          // the node's wall clock is set, and set back

	Failover        = "database failover" // it dies, and a standby that has all takes over
	LagDatabase     = "database lag"      // its standby follows no more, and takes over at the end
	RestoreDatabase = "database restore"  // at the end a backup of the beginning is put back
	FullDisk        = "disk full"         // there is no room for the database and the nodes' folders
)

// Lost is an event beside the faults: what the store committed from its Start to its At
// may be lost.
const Lost = "lost"

// Slow is another: the machine stood still, and so did the links.
const Slow = "slow"

// Step is one fault of a schedule.
type Step struct {
	N     int
	What  string
	Node  string // on which, if on one
	Other string // between it and which
	At    time.Duration
	For   time.Duration
	Shift time.Duration // of a clock
}

func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%7.1fs  %-17s for %5.1fs", s.At.Seconds(), s.What, s.For.Seconds())
	if s.Node != "" {
		fmt.Fprintf(&b, "  %s", s.Node)
	}
	if s.Other != "" {
		fmt.Fprintf(&b, " and %s", s.Other)
	}
	if s.Shift != 0 {
		fmt.Fprintf(&b, " by %s", s.Shift)
	}
	return b.String()
}

// choice is a fault with its weight and how long it may last.
type choice struct {
	what     string
	weight   int
	min, max time.Duration
}

// ofPostgres and ofSQLite are faults that the other cannot have.
var (
	ofPostgres = []string{CutDatabase, LoseDatabase, CrashDatabase, PauseDatabase, Failover, LagDatabase, RestoreDatabase}
	ofSQLite   = []string{FullDisk}
)

// Possible names the faults that a cluster on a kind of database can have.
func Possible(kind string) (names []string) {
	never := ofSQLite
	if kind == "sqlite" {
		never = ofPostgres
	}
	for _, c := range choices {
		if !slices.Contains(never, c.what) {
			names = append(names, c.what)
		}
	}
	return names
}

// choices are in the order in which they came: a seed that names those of before draws
// the same from them.
var choices = []choice{
	{Kill, 14, time.Second, 12 * time.Second},
	{Pause, 14, time.Second, 30 * time.Second},
	{Cut, 8, 2 * time.Second, 25 * time.Second},
	{CutOneWay, 8, 2 * time.Second, 25 * time.Second},
	{CutDatabase, 10, time.Second, 20 * time.Second},
	{CutAll, 8, time.Second, 20 * time.Second},
	{Lossy, 8, 5 * time.Second, 25 * time.Second},
	{LoseDatabase, 4, time.Second, 15 * time.Second},
	{CrashDatabase, 4, time.Second, 10 * time.Second},
	{PauseDatabase, 5, time.Second, 15 * time.Second},
	{Drain, 6, 5 * time.Second, 20 * time.Second},
	{Leave, 8, time.Second, 15 * time.Second},
	{Join, 5, 15 * time.Second, 60 * time.Second},
	{Clock, 6, 5 * time.Second, 30 * time.Second},
	{Failover, 5, time.Second, 10 * time.Second},
	{LagDatabase, 5, 2 * time.Second, 20 * time.Second},
	{RestoreDatabase, 3, 5 * time.Second, 30 * time.Second},
	{FullDisk, 10, 2 * time.Second, 20 * time.Second},
}

// again is how long nothing else is broken after a restore. Nodes that were stopped in
// order know of what is lost; one that could not write its last mark may not.
const again = 20 * time.Second

// Plan makes the schedule of a seed. It is the same for the same arguments: the nodes,
// the spare one that joins and leaves, and the faults that can be had, all if none are named.
func Plan(seed uint64, length time.Duration, nodes []string, spare string, only ...string) []Step {
	rnd := rand.New(rand.NewPCG(seed, 30)) //nolint:gosec // a schedule
	p := planner{rnd: rnd, nodes: nodes, spare: spare, busy: map[string]time.Duration{}}
	for _, c := range choices {
		if allowed(c.what, only) && (c.what != Join || spare != "") {
			p.choices = append(p.choices, c)
			p.total += c.weight
		}
	}
	for at := p.between(time.Second, 4*time.Second); p.total > 0 && at < length; {
		if s, ok := p.step(at, length); ok {
			p.steps = append(p.steps, s)
			at = s.At
			// Mostly one after another with some quiet, at times on top of each other.
			if rnd.IntN(100) < 60 || s.What == RestoreDatabase {
				at += s.For
			}
			if s.What == RestoreDatabase {
				at += again
			}
		}
		at += p.between(time.Second, 8*time.Second)
	}
	return p.steps
}

func allowed(what string, only []string) bool {
	for _, o := range only {
		if o == what {
			return true
		}
	}
	return len(only) == 0
}

type planner struct {
	rnd     *rand.Rand
	nodes   []string
	spare   string
	choices []choice
	total   int
	steps   []Step
	// busy says until when something whose process is broken cannot be broken so again.
	busy map[string]time.Duration
}

func (p *planner) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(p.rnd.Int64N(int64(most-least)))).Round(100 * time.Millisecond)
}

func (p *planner) step(at, length time.Duration) (Step, bool) {
	c := p.choose()
	// Short ones are as likely as long ones: what matters happens near the lease's length.
	most := c.max
	if p.rnd.IntN(2) == 0 {
		most = min(c.max, max(2*c.min, 6*time.Second))
	}
	s := Step{N: len(p.steps) + 1, What: c.what, At: at, For: min(p.between(c.min, most), max(length-at, time.Second))}
	i := p.rnd.IntN(len(p.nodes))
	j := (i + 1 + p.rnd.IntN(len(p.nodes)-1)) % len(p.nodes)
	sign := time.Duration(p.rnd.IntN(2)*2 - 1)
	shift := sign * p.between(3*time.Second, 10*time.Second)
	switch s.What {
	case RestoreDatabase:
		s.At = max(at, p.free())
		return s, s.At+s.For < length && p.take("the database", s)
	case LoseDatabase, CrashDatabase, PauseDatabase, Failover, LagDatabase:
		return s, p.take("the database", s)
	case FullDisk:
		return s, p.take("the disk", s)
	case Join:
		s.Node = p.spare
		return s, p.take(p.spare, s)
	case Kill, Pause, Drain, Leave:
		s.Node = p.nodes[i]
		return s, p.take(s.Node, s)
	case Cut, CutOneWay:
		s.Other = p.nodes[j]
	case Clock:
		s.Shift = shift
		s.Node = p.nodes[i]
		return s, p.take("the clock of "+s.Node, s)
	}
	s.Node = p.nodes[i]
	return s, true
}

// free is when all faults so far are over for a while.
func (p *planner) free() (at time.Duration) {
	for _, s := range p.steps {
		at = max(at, s.At+s.For+again/2)
	}
	return at
}

// take says whether a thing is free, and that it is not until the step is over.
func (p *planner) take(what string, s Step) bool {
	if s.At < p.busy[what] {
		return false
	}
	// Time to start again: a fault begins on what runs.
	p.busy[what] = s.At + s.For + 5*time.Second
	if s.What == Failover || s.What == LagDatabase || s.What == RestoreDatabase {
		p.busy[what] += 10 * time.Second // for the next standby
	}
	return true
}

func (p *planner) choose() choice {
	at := p.rnd.IntN(p.total)
	for _, c := range p.choices {
		if at -= c.weight; at < 0 {
			return c
		}
	}
	panic("faults: weights")
}
