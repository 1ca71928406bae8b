package process

import (
	"errors"
	"time"
)

// ID names one command for good: the incarnation of the node it came in at and a
// number that node gives once. It is never chosen by a client. A command that is sent
// again carries the same ID and is applied once, by a new owner too.
type ID struct {
	Incarnation int64 `json:"i"`
	N           int64 `json:"n"`
}

// What a process answers besides replies, refusals and its machine's errors.
var (
	// ErrUnavailable: not executed; the same command may be sent again.
	ErrUnavailable = errors.New("process: unavailable")
	// ErrEnded: no longer runs here, look for its owner again. What was executed
	// without being answered is known to the next owner by its ID, or lost with the
	// state.
	ErrEnded = errors.New("process: does not run here")
	// ErrNewer: the sender knows of a higher epoch than this process has.
	ErrNewer = errors.New("process: the sender knows a newer epoch")
	// ErrInDoubt: a durable write had no clear outcome. It must not be sent again.
	ErrInDoubt = errors.New("process: outcome unknown")
	// ErrPanicked: the command made the machine panic. It must not be sent again.
	ErrPanicked = errors.New("process: the command panicked")
)

// The memory of commands. 128 of them are persisted. A busy process applies more than
// that while one sender waits to try again, so the younger ones are kept in memory.
const (
	rememberedIDs = 128
	rememberFor   = 10 * time.Second // longer than any sender goes on trying
	rememberMost  = 4096
)

// done is a command that was applied.
type done struct {
	id    ID
	reply any
	doubt bool // whether it took effect is unknown: it is not applied again
	at    time.Time
}

// memory is the commands applied last, oldest first: list from head on.
type memory struct {
	list  []done
	head  int
	base  int        // number of entries taken out of list for good
	known map[ID]int // position in list + base
}

func (m *memory) len() int { return len(m.list) - m.head }

func (m *memory) find(id ID) (done, bool) {
	i, ok := m.known[id]
	if !ok {
		return done{}, false
	}
	return m.list[i-m.base], true
}

func (m *memory) add(d done) {
	if d.id == (ID{}) {
		return
	}
	if m.known == nil {
		m.known = map[ID]int{}
	}
	if i, ok := m.known[d.id]; ok {
		m.list[i-m.base] = d
		return
	}
	for m.len() >= rememberedIDs && (m.len() >= rememberMost || d.at.Sub(m.list[m.head].at) > rememberFor) {
		delete(m.known, m.list[m.head].id)
		m.list[m.head] = done{}
		m.head++
	}
	if m.head > rememberedIDs && m.head >= m.len() { // use the room again
		n := copy(m.list, m.list[m.head:])
		clear(m.list[n:])
		m.list, m.base, m.head = m.list[:n], m.base+m.head, 0
	}
	m.known[d.id] = m.base + len(m.list)
	m.list = append(m.list, d)
}

// last returns the entries to persist.
func (m *memory) last() []done { return m.list[max(m.head, len(m.list)-rememberedIDs):] }
