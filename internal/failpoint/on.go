//go:build failpoints

package failpoint

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Enabled reports whether this is a build that can be broken.
const Enabled = true

var broken = strings.Split(os.Getenv("TEISERVER_FAULT_BREAK"), ",")

// Broken reports whether a step is left out.
func Broken(step string) bool { return slices.Contains(broken, step) }

// clockEvery is how often the file with the offset is read.
const clockEvery = 100 * time.Millisecond

var offset = sync.OnceValue(func() *atomic.Int64 {
	ns := new(atomic.Int64)
	if path := os.Getenv("TEISERVER_FAULT_CLOCK"); path != "" {
		readOffset(path, ns)
		go func() { // ends with the process
			for range time.Tick(clockEvery) {
				readOffset(path, ns)
			}
		}()
	}
	return ns
})

func readOffset(path string, ns *atomic.Int64) {
	if b, err := os.ReadFile(path); err == nil { //nolint:gosec // the suite names it
		if d, err := time.ParseDuration(strings.TrimSpace(string(b))); err == nil {
			ns.Store(int64(d))
		}
	}
}

// began is the wall clock's reading from which its rate counts.
var began = time.Now().UnixNano()

// Wall is the wall clock.
func Wall(ns int64) int64 {
	if r := rate(); r != 1 {
		ns = began + int64(float64(ns-began)*r)
	}
	return ns + offset().Load()
}

var rate = sync.OnceValue(func() float64 {
	if r, err := strconv.ParseFloat(os.Getenv("TEISERVER_FAULT_RATE"), 64); err == nil {
		return r
	}
	return 1
})

// Boot is the boot clock.
func Boot(d time.Duration) time.Duration {
	if r := rate(); r != 1 {
		return time.Duration(float64(d) * r)
	}
	return d
}

// Margin is what trust is shorter than the lease.
func Margin(d time.Duration) time.Duration {
	if Broken("margin") {
		return 0
	}
	return d
}

// Wait stands still at a point. Who has waited has all its time before it again.
func Wait(ctx context.Context, point string) context.Context {
	where, long, _ := strings.Cut(os.Getenv("TEISERVER_FAULT_WAIT"), "=")
	if d, err := time.ParseDuration(long); err == nil && where == point {
		<-time.After(d)
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// weak makes a statement pass where it should not. What it compares stays in the text,
// as its arguments have to be used.
type weak struct {
	step, statement string
	pattern         *regexp.Regexp
	instead         string
}

// lastWriter is the owner's own value of a column if nobody has written since the count
// that the writer knows, else what the writer says.
func lastWriter(column, given string) string {
	return fmt.Sprintf(`COALESCE((SELECT %s FROM owner WHERE kind = $1 AND id = $2 AND (epoch = $4 OR writes = $5)), %s)`, column, given)
}

var (
	fence = regexp.MustCompile(`(?s)SELECT fence\((\$\d+), (\$\d+), (\$\d+), (\$\d+), (\$\d+)\).*`)
	save  = regexp.MustCompile(`(WHERE) (o\.incarnation = g\.incarnation AND o\.epoch = g\.epoch AND o\.writes = g\.writes) (AND [^\n]*)`)
)

var weaker = []weak{
	{"fence", "fence", fence, `UPDATE owner SET writes = writes + 1 WHERE kind = $1 AND id = $2 AND (($3::bigint, $4::bigint, $5::bigint) IS NOT NULL) RETURNING writes`},
	{"fence", "save snapshots", save, "$1 ($2 OR TRUE)"},
	{"row", "fence", fence, "SELECT fence($1, $2, " + lastWriter("incarnation", "$3") + ", " + lastWriter("epoch", "$4") + ", " + lastWriter("writes", "$5") + ") AS writes"},
	{"row", "save snapshots", save, "$1 (o.epoch = g.epoch OR o.writes = g.writes) $3"},
	{"close", "close", regexp.MustCompile(`(?s)^.*(WHERE .*)$`), "DELETE FROM owner $1"},
	{"condemn", "condemn", regexp.MustCompile(`(?s)(WHERE incarnation = \$\d+) AND (.*)(RETURNING)`), "$1 AND ($2 OR TRUE) $3"},
	{"claim", "claim", regexp.MustCompile(`(?s)(WHERE) (owner\.state IN .*)(RETURNING)`), "$1 ($2 OR TRUE) $3"},
}

// SQL is the text of a statement as PostgreSQL gets it.
func SQL(name, text string) string {
	for _, w := range weaker {
		if w.statement != name || !Broken(w.step) {
			continue
		}
		if !w.pattern.MatchString(text) {
			panic("failpoint: statement " + name + " is not what it was: " + text)
		}
		if name == "fence" { // its parameters keep their numbers
			p := w.pattern.FindStringSubmatch(text)
			return strings.NewReplacer("$1", p[1], "$2", p[2], "$3", p[3], "$4", p[4], "$5", p[5]).Replace(w.instead)
		}
		return w.pattern.ReplaceAllString(text, w.instead)
	}
	return text
}

// acts is where effects are noted.
var acts = sync.OnceValue(func() *os.File {
	path := os.Getenv("TEISERVER_FAULT_ACTS")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the suite names it
	if err != nil {
		panic(err)
	}
	return f
})

// Act notes a visible effect of a process.
func Act(key string, epoch, incarnation int64, what any) {
	f := acts()
	if f == nil {
		return
	}
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	_, _ = fmt.Fprintf(f, "%d %s %d %d %T\n", ts.Nano(), key, epoch, incarnation, what)
}
