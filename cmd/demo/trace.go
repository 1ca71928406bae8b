package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// traced is how many of its last lines a bot remembers.
const traced = 40

// trace is the file that has each wrong in full, for whoever looks for its cause: what
// was wrong, and the lines that led to it.
type trace struct {
	mu  sync.Mutex
	out io.Writer
}

func (t *trace) write(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...)) // only for reading
}

// memory is the last lines of a connection.
type memory []string

func (m *memory) keep(now time.Time, line string) {
	if len(*m) == traced {
		*m = slices.Delete(*m, 0, 1)
	}
	*m = append(*m, now.UTC().Format("15:04:05.000 ")+line)
}

func (m memory) String() string { return "\n\t" + strings.Join(m, "\n\t") }
