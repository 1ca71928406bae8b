package achievement

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Kind is the process kind; there is one process, "main".
const Kind = "achievement"

// The numbers of the machine.
const (
	lookEvery = time.Minute
	firstLook = 50 * time.Millisecond
	// afterNudge is when an event of which a node has told is in the store.
	afterNudge = 1500 * time.Millisecond
	mostPage   = 200
	// stuckAfter is after how long without a word of it a page is read again.
	stuckAfter = time.Minute
	// settledAfter is how old an event is of which nobody doubts that all with lower
	// numbers are there: writes of events do not take so long.
	settledAfter = 2 * time.Minute
)

// View is what a follower sees.
type View struct {
	Last int64 `json:"last"` // the last event that was read
}

// Nudge is the command "there is an event". Without one it is found a minute later.
type Nudge struct{}

var (
	_ = message.Register[View]("achievement.view")
	_ = message.Register[Nudge]("achievement.nudge")
)

// State is the machine: how far it has read.
type State struct {
	// Settled are events that are not read again. Seen is what was there at At; it is
	// settled when that is long ago.
	Settled int64     `json:"settled"`
	Seen    int64     `json:"seen"`
	At      time.Time `json:"at"`

	// Of this life only.
	busy   time.Time // since when a page is being read; zero: none is
	nudged bool      // a look is on its way
}

var _ process.Machine = (*State)(nil)

type (
	// look is the machine's own timer; Nudged is the one that a nudge has set.
	look struct{ Nudged bool }
	// read is the effect that reads a page; page is its outcome.
	read struct{ After int64 }
	page struct {
		Failed  bool // later
		Off     bool // achievements are switched off: nothing counts
		Events  []int64
		Awards  []Award
		Last    int64
		Through int64 // up to here everything was read
		More    bool
	}
)

// Restore makes a machine from a snapshot; nil is one that has read nothing.
func Restore(snapshot []byte) (*State, error) {
	s := &State{}
	if snapshot == nil {
		return s, nil
	}
	if err := json.Unmarshal(snapshot, s); err != nil {
		return nil, fmt.Errorf("read achievement snapshot: %w", err)
	}
	return s, nil
}

// Snapshot implements process.Machine; Restore is its reverse.
func (s *State) Snapshot() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write achievement snapshot: %w", err)
	}
	return b, nil
}

// Resume implements process.Machine.
func (*State) Resume() []process.Timer { return []process.Timer{{After: firstLook, Body: look{}}} }

// View implements process.Machine.
func (s *State) View() any { return View{Last: s.Seen} }

// Apply implements process.Machine.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	switch b := c.Body.(type) {
	case Nudge:
		if s.nudged {
			return process.Outcome{}, nil
		}
		s.nudged = true
		return process.Outcome{Timers: []process.Timer{{After: afterNudge, Body: look{Nudged: true}}}}, nil
	case look:
		return s.look(b, c.At), nil
	case page:
		return s.take(b, c.At), nil
	}
	return process.Outcome{}, refusal.New(refusal.Invalid, "the achievements do not know %T", c.Body)
}

func (s *State) look(l look, at time.Time) (out process.Outcome) {
	if l.Nudged {
		s.nudged = false
	} else {
		out.Timers = []process.Timer{{After: lookEvery, Body: look{}}}
	}
	if s.busy.IsZero() || at.Sub(s.busy) > stuckAfter {
		s.busy = at
		out.Effects = []any{read{s.Settled}}
	}
	return out
}

// take counts a page, in one transaction with how far that brings the state.
func (s *State) take(p page, at time.Time) (out process.Outcome) {
	s.busy = time.Time{}
	if p.Failed {
		return out
	}
	if p.Off {
		s.Settled, s.Seen, s.At = max(s.Settled, p.Last), max(s.Seen, p.Last), at
		return out
	}
	if at.Sub(s.At) >= settledAfter && !p.More {
		s.Settled = max(s.Settled, s.Seen)
		s.Seen, s.At = max(s.Seen, p.Through), at
	}
	if len(p.Events) > 0 {
		out.Record = Counted{Events: p.Events, Awards: p.Awards, Settled: s.Settled}
	}
	if p.More {
		s.busy = at
		out.Effects = []any{read{s.Settled}}
	}
	return out
}

// Counter reads events: what the process needs of its node.
type Counter struct {
	Store    Store
	Settings *setting.Service
	Log      *slog.Logger
}

// readLimit is how long a page may take.
const readLimit = 10 * time.Second

func (c *Counter) read(ctx context.Context, r read) any {
	if c == nil { // the services of the node are not there yet
		return page{Failed: true}
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	p, err := c.Store.EventsAfter(ctx, r.After, mostPage)
	if err != nil {
		c.Log.Warn("events not read", "kind", Kind, "err", err)
		return page{Failed: true}
	}
	if !setting.Achievements.Get(ctx, c.Settings) {
		return page{Off: true, Last: p.Last}
	}
	types, err := c.types(ctx, p.Events)
	if err != nil {
		c.Log.Warn("types of achievements not read", "kind", Kind, "err", err)
		return page{Failed: true}
	}
	out := page{Last: p.Last, Through: p.Last, More: p.More}
	for _, e := range p.Events {
		out.Events = append(out.Events, e.ID)
		if ids := Earned(types, e); len(ids) > 0 {
			out.Awards = append(out.Awards, Award{e.ID, e.User, ids})
		}
	}
	return out
}

func (c *Counter) types(ctx context.Context, events []Event) ([]Type, error) {
	if len(events) == 0 {
		return nil, nil
	}
	return c.Store.Types(ctx)
}

// NewKind describes the process to the cluster. counter is asked each time events are to
// be read: until it has one nothing is.
func NewKind(store Store, counter func() *Counter) process.Kind {
	return process.Kind{
		Name:    Kind,
		Scope:   process.PerCluster,
		Start:   process.Ensured,
		Doubt:   process.Freeze,
		Persist: true,
		Purpose: "Counts what users achieve, from the events that clients and hosts report.",
		Origin:  "hands over what its client or host reports",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			return Restore(snapshot)
		},
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			c, ok := record.(Counted)
			if !ok {
				return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
			}
			return store.CountEvents(ctx, f, c)
		},
		Do: func(ctx context.Context, _ registry.Key, effect any) any {
			r, ok := effect.(read)
			if !ok {
				return nil
			}
			return counter().read(ctx, r)
		},
	}
}
