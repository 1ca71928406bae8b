package clustertest

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
)

// A tally is a machine for tests: a list of numbers in the order in which they came.
// Its commands and events:

type (
	// Add appends V and answers with the list. Durable records it first. After, if not
	// 0, appends V once more by a timer.
	Add struct {
		V       int           `json:"v"`
		Durable bool          `json:"durable,omitempty"`
		After   time.Duration `json:"after,omitempty"`
	}
	// Repeat is an Add of an edge that repeats what it holds.
	Repeat struct {
		V int `json:"v"`
	}
	// Read answers with the list.
	Read struct{}
	// Refuse is refused.
	Refuse struct{}
	// Panic panics after it has spoilt the state.
	Panic struct{}
	// Close closes.
	Close struct{}

	// Added is the event of an Add.
	Added struct {
		V int `json:"v"`
	}
	// Closed is the last event.
	Closed struct{}
	// List is reply, view and snapshot.
	List struct {
		Values []int `json:"values"`
	}
	// Length is the summary.
	Length struct {
		N int `json:"n"`
	}
)

var (
	_ = message.Register[Add]("clustertest.add")
	_ = message.Register[Repeat]("clustertest.repeat")
	_ = message.Register[Read]("clustertest.read")
	_ = message.Register[Refuse]("clustertest.refuse")
	_ = message.Register[Panic]("clustertest.panic")
	_ = message.Register[Close]("clustertest.close")
	_ = message.Register[Added]("clustertest.added")
	_ = message.Register[Closed]("clustertest.closed")
	_ = message.Register[List]("clustertest.list")
	_ = message.Register[Length]("clustertest.length")
)

type tally struct{ values []int }

func (t *tally) list() List { return List{Values: slices.Clone(t.values)} }

// Apply implements process.Machine.
func (t *tally) Apply(c process.Command) (out process.Outcome, err error) {
	switch b := c.Body.(type) {
	case Add:
		t.values = append(t.values, b.V)
		out.Events = []any{Added{b.V}}
		if b.Durable {
			out.Record = b.V
		}
		if b.After > 0 {
			out.Timers = []process.Timer{{After: b.After, Body: Add{V: b.V}}}
		}
	case Repeat:
		if !slices.Contains(t.values, b.V) {
			t.values = append(t.values, b.V)
			out.Events = []any{Added(b)}
		}
	case Refuse:
		return out, refusal.New(refusal.Forbidden, "no")
	case Panic:
		t.values = append(t.values, -1)
		panic("asked to")
	case Close:
		out.Close = true
		out.Events = []any{Closed{}}
	}
	out.Reply = t.list()
	return out, nil
}

// View implements process.Machine.
func (t *tally) View() any { return t.list() }

// Snapshot implements process.Machine.
func (t *tally) Snapshot() ([]byte, error) { return json.Marshal(t.list()) }

// Resume implements process.Machine.
func (t *tally) Resume() []process.Timer { return nil }

// Summary implements process.Summarizer.
func (t *tally) Summary() any { return Length{len(t.values)} }

// SummaryChanged implements process.Summarizer.
func (t *tally) SummaryChanged(events []any) bool { return len(events) > 0 }

// Tally is a kind of tallies: persistent, frozen in doubt, started explicitly, listed.
// Its records go to s. Change what a test needs otherwise.
func Tally(name string, s *Store) process.Kind {
	return process.Kind{
		Name: name, Scope: process.PerID, Start: process.Explicit, Doubt: process.Freeze,
		Persist: true, Indexed: true, Purpose: "tests",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			var l List
			if snapshot != nil {
				if err := json.Unmarshal(snapshot, &l); err != nil {
					return nil, err
				}
			}
			return &tally{values: l.Values}, nil
		},
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			b, err := json.Marshal(record)
			if err != nil {
				return err
			}
			return s.Write(ctx, f, string(b))
		},
		Repeats: func(body any) bool { _, ok := body.(Repeat); return ok },
	}
}
