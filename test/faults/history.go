package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// Kinds of events.
const (
	Operation = "op"    // a command of a client from Start to At
	Seen      = "seen"  // a line that came to a client
	Ended     = "ended" // a connection of a client ended
	Act       = "act"   // an effect of a process, told by its node
	Row       = "row"   // a change of the store, told by the store
	Fault     = "fault" // something was broken or healed
)

// Results of operations.
const (
	OK      = "ok"
	Denied  = "denied"
	Unknown = "unknown" // no answer: it may have happened, it may happen later
)

// Event is one line of the history. Times are nanoseconds of the host's boot clock,
// which all processes of the run share.
type Event struct {
	Kind  string `json:"kind"`
	Start int64  `json:"start,omitempty"`
	At    int64  `json:"at"`

	Who  string `json:"who,omitempty"`  // the client's account
	Conn int    `json:"conn,omitempty"` // number of its connection, over all clients
	Node string `json:"node,omitempty"`

	What   string `json:"what,omitempty"` // operation, or name of the fault
	Arg    string `json:"arg,omitempty"`
	Result string `json:"result,omitempty"`
	Line   string `json:"line,omitempty"` // that was seen, or details

	Key         string  `json:"key,omitempty"` // of a process
	Epoch       int64   `json:"epoch,omitempty"`
	Incarnation int64   `json:"incarnation,omitempty"`
	Change      *Change `json:"change,omitempty"`
}

// Change is what the store tells of a row of its tables of nodes, owners or snapshots.
type Change struct {
	Table  string `json:"table"`
	Store  int    `json:"store,omitempty"` // how often the store had failed over or been restored
	Tx     int64  `json:"tx,omitempty"`    // the transaction, if the store tells
	Action string `json:"action"`          // INSERT, UPDATE or DELETE
	By     string `json:"by"`              // address of the host that did it
	Before *State `json:"before,omitempty"`
	After  *State `json:"after,omitempty"`
}

// State is a row before or after a change. Incarnation is the owner's, or the node's own.
type State struct {
	State       string `json:"state"`
	Incarnation int64  `json:"incarnation"`
	Epoch       int64  `json:"epoch"`
	Writes      int64  `json:"writes"`
	Left        int64  `json:"left"`  // of a node's lease, in milliseconds of the store's clock
	Owner       string `json:"owner"` // address of the node whose incarnation it is
	Alive       bool   `json:"alive"` // that node's row is neither gone nor left
}

// History collects events and writes them to a file as they come.
type History struct {
	mu     sync.Mutex
	file   *os.File
	out    *bufio.Writer
	enc    *json.Encoder
	events []Event
}

// NewHistory writes to a file.
func NewHistory(path string) (*History, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make the history: %w", err)
	}
	out := bufio.NewWriterSize(f, 1<<16)
	return &History{file: f, out: out, enc: json.NewEncoder(out)}, nil
}

// Add notes an event.
func (h *History) Add(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
	_ = h.enc.Encode(e) // Close tells of an error
}

// Events returns all so far.
func (h *History) Events() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[:len(h.events):len(h.events)]
}

// Close writes what is left.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.out.Flush()
	if closed := h.file.Close(); err == nil {
		err = closed
	}
	return err
}

// ReadHistory reads a file that a History has written.
func ReadHistory(r io.Reader) ([]Event, error) {
	var events []Event
	dec := json.NewDecoder(r)
	for {
		var e Event
		err := dec.Decode(&e)
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, fmt.Errorf("event %d: %w", len(events)+1, err)
		}
		events = append(events, e)
	}
}
