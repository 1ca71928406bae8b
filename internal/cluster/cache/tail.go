package cache

import (
	"sync"
	"time"
)

// tail is how far the change log was read, and when.
type tail struct {
	mu      sync.Mutex
	started bool
	last    time.Time // start of the last good read
	marks   []mark    // of the overlap, oldest first
}

// mark says that at this time everything up to version was read, but for what had
// not been committed yet.
type mark struct {
	at      time.Time
	version int64
}

// from is the version behind which to read now: where we were an overlap ago.
func (t *tail) from(now time.Time) (version int64, started bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started {
		return 0, false
	}
	for len(t.marks) > 1 && now.Sub(t.marks[1].at) >= overlap {
		t.marks = t.marks[1:]
	}
	return t.marks[0].version, true
}

// tooLate reports whether the log may have lost rows since the last read.
func (t *tail) tooLate(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started && now.Sub(t.last) > keep/2
}

// read notes a read that began at now behind the version from and came to version to.
func (t *tail) read(now time.Time, from, to int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started {
		t.marks = append(t.marks, mark{now, from})
	}
	t.started, t.last = true, now
	t.marks = append(t.marks, mark{now, to})
}

// fresh reports whether the last read is not overdue.
func (t *tail) fresh(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.started && now.Sub(t.last) < tailEvery+overdue
}
