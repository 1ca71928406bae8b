package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// kept is how many events can be shown; no terminal has more lines.
const kept = 200

// event is something that happened.
type event struct {
	at   time.Duration // since the start
	text string
	bad  bool
}

func (e event) String() string {
	mark := " "
	if e.bad {
		mark = "!"
	}
	return fmt.Sprintf("%7.1fs %s %s", e.at.Seconds(), mark, e.text)
}

// journal is what happened, the newest last.
type journal struct {
	began time.Time

	mu     sync.Mutex
	events []event
	out    io.Writer
}

func newJournal() *journal { return &journal{began: time.Now()} }

// print has every event written as it happens.
func (j *journal) print(w io.Writer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out = w
}

func (j *journal) note(format string, args ...any) { j.add(false, format, args...) }
func (j *journal) warn(format string, args ...any) { j.add(true, format, args...) }

func (j *journal) add(bad bool, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := event{time.Since(j.began), fmt.Sprintf(format, args...), bad}
	if j.events = append(j.events, e); len(j.events) > kept {
		j.events = append(j.events[:0], j.events[1:]...)
	}
	if j.out != nil {
		_, _ = fmt.Fprintln(j.out, e) // what is lost here is in the summary
	}
}

// last returns the newest events.
func (j *journal) last(n int) []event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]event(nil), j.events[max(0, len(j.events)-max(0, n)):]...)
}

// seconds is a duration as people read it.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}
