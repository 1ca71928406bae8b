// Package process runs owned things: one goroutine with a bounded mailbox around
// a pure state machine.
//
// A process exists once per id, once per cluster, or once per node; its Kind says
// which. Whoever wants something from it sends a command; what happened leaves as
// events on the process's feed, in order. The runtime looks at the lease before
// every effect, writes durable records with a fence before it answers, rebuilds
// the state from its last snapshot after a panic (a new run of the feed) and gives
// up after three panics in a minute.
//
// A command is applied once, however often it is sent: the ids applied last are part of
// every snapshot. Of a persistent kind a durable record takes the snapshot after its
// command along, in one transaction, so that the next owner of a process has record,
// state, id and answer, or none of them. See record.go for why it is no table of ids.
package process

import (
	"context"
	"errors"
	"time"

	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/registry"
)

// ErrNoState is what Kind.Open returns for a key whose state is nowhere: the key
// is closed.
var ErrNoState = errors.New("process: nothing to go on from")

// Scope says how many of a kind there are.
type Scope string

// The three scopes.
const (
	PerID      Scope = "one per id"
	PerCluster Scope = "one per cluster"
	PerNode    Scope = "one per node"
)

// Start says what brings a process to life.
type Start string

// The ways to start.
const (
	OnDemand Start = "on demand" // by the first command sent to it
	Explicit Start = "explicit"  // by Own on a node
	Ensured  Start = "ensured"   // by every node's start-up; "already running" is success
)

// Doubt says what a process does while its node's lease is not trusted.
type Doubt string

// The answers to doubt.
const (
	Freeze   Doubt = "freeze"   // commands are refused as unavailable
	Continue Doubt = "continue" // goes on: a word said twice harms nobody
)

// Command is what Apply gets.
type Command struct {
	Body any       // a value registered with package message
	At   time.Time // the store's time, as far as this node knows it
}

// Timer is a command to oneself after a while. Timers do not survive a restart:
// Resume asks for them again.
type Timer struct {
	After time.Duration
	Body  any
}

// Outcome is what a command led to.
type Outcome struct {
	Reply  any     // to the sender; registered with package message, or nil
	Events []any   // to the followers of the feed, in order
	Record any     // a durable fact: written, fenced, with the state, before reply and events are seen
	Timers []Timer // commands to oneself
	// Effects are what is to be done outside of the process, in order and beside it, when
	// record and events are out; see Kind.Do.
	Effects []any
	Close   bool // the process ends after this; its key is closed
}

// Machine is the state of one process and the rules that change it. It is used
// by one goroutine at a time.
type Machine interface {
	// Apply executes one command. It is pure: no clock, no I/O, no randomness.
	// An error must leave the state unchanged; a *refusal.Error is an answer.
	Apply(c Command) (Outcome, error)
	// View is what a follower starts from: an immutable, registered value.
	View() any
	// Snapshot is what the process is rebuilt from, see Kind.Open.
	Snapshot() ([]byte, error)
	// Resume is called once before the first command of each life and returns the
	// timers that must run.
	Resume() []Timer
}

// Summarizer is a machine that is listed in its node's index feed: a short form of
// its state for nodes that do not follow it. The runtime publishes the summary
// again after every command for which Changed reports true.
type Summarizer interface {
	// Summary is an immutable, registered value.
	Summary() any
	// SummaryChanged reports whether Summary differs from what it was before these events.
	SummaryChanged(events []any) bool
}

// Indexed is the event of an index feed, topic IndexTopic(kind, node): the
// summary of one process, or that it was closed.
type Indexed struct {
	ID      string `json:"id"`
	Epoch   int64  `json:"epoch"`
	Run     int64  `json:"run"`
	Seq     int64  `json:"seq"`
	Summary any    `json:"-"`
	Closed  bool   `json:"closed,omitempty"` // ended for good, under this version
}

// IndexView is the view of an index feed.
type IndexView struct {
	Entries []Indexed `json:"entries"`
}

// Kind describes a kind of process. It is registered once, before the node
// starts, identically on all nodes, and has a row in docs/processes.md.
type Kind struct {
	Name    string
	Scope   Scope
	Start   Start
	Doubt   Doubt
	Persist bool          // snapshots are written behind (at most 1 s old), so that another node can go on
	Settle  time.Duration // after a takeover: how long only commands marked with Repeats are served
	Idle    time.Duration // a process without commands for so long is passivated; 0 never
	Indexed bool          // machines are Summarizers
	Tells   bool          // events say things that no view shows: the last ones are kept for followers who missed them
	Purpose string        // one sentence for docs and operators
	// Origin is what of an event is done, once, on the node where it happened. All else that
	// is done about it is done, once, by the owner; other nodes only show it.
	Origin string

	// Open makes the machine. snapshot is nil for a fresh one. It may read the store.
	// Returning ErrNoState for a key that was owned before closes the key.
	Open func(ctx context.Context, id string, snapshot []byte) (Machine, error)
	// Write stores a durable record in one fenced transaction, with f.Snapshot, if there
	// is one, beside it: what takes a fence in package store does that. nil if there are
	// none. Without Persist the next owner applies a command that is sent again a second
	// time, to have it in its state: such a record must be the same twice.
	Write func(ctx context.Context, f registry.Fence, record any) error
	// Do carries out an effect on the owner's node: it may call other processes, read and
	// write. What it returns, if not nil, is the process's next command, so that the
	// machine learns the outcome. ctx ends with the process. Effects of a process are done
	// one after the other. One may be lost, with the node, and one may be under way when
	// the process has moved, so Do finds its peace with an effect that was done already;
	// what must not be missed is in the state, and Resume asks for it again.
	Do func(ctx context.Context, key registry.Key, effect any) (next any)
	// Repeats reports whether a command is an edge repeating what its clients hold.
	Repeats func(body any) bool
}

// feedOptions are those of a feed of this kind; keep is for feeds of single processes.
func (k *Kind) feedOptions(keep bool) (opts []feed.OpenOption) {
	if k.Doubt == Continue {
		opts = append(opts, feed.EvenInDoubt())
	}
	if keep {
		opts = append(opts, feed.Keep())
	}
	return opts
}
