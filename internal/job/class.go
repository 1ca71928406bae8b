package job

import (
	"context"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// Kind is the process kind of long jobs: one process for each class, while there is
// something to do.
const Kind = "job"

// Begin wakes the process of a class.
type Begin struct{}

// View is what a follower of a class sees.
type View struct{}

var (
	_ = message.Register[Begin]("job.begin")
	_ = message.Register[View]("job.view")
)

// stalled is after how long without a word of it a chain of steps counts as broken: a
// durable write that failed takes the state back to before it, and its timer with it.
const stalled = time.Minute

// asleep is after how long without a trigger a class is given up. While there is
// something to do triggers look at it more often.
const asleep = 2 * time.Minute

type (
	look  struct{} // command and effect: find the next step
	idle  struct{} // there is none
	found struct{ step Step }
)

// class is the machine. Its state is in the store: which periods lack a mark, and what
// they have left to do. So it is pure but for the time of its last step.
type class struct {
	last    time.Time
	going   bool // there may be more to do
	looking bool // an effect is under way
}

// NewKind describes the classes to the cluster.
func NewKind(s *Service) process.Kind {
	return process.Kind{
		Name:    Kind,
		Scope:   process.PerID,
		Start:   process.OnDemand,
		Doubt:   process.Freeze,
		Idle:    asleep,
		Purpose: "A class of long jobs while there is something to do: takes one step after the other, each a durable write.",
		Origin:  "any node: the one that takes the trigger wakes the class",
		Open:    func(context.Context, string, []byte) (process.Machine, error) { return &class{}, nil },
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			return record.(Step).Write(ctx, f)
		},
		Do: func(ctx context.Context, key registry.Key, _ any) any { return s.find(ctx, key.ID) },
	}
}

func key(class string) cluster.Key { return cluster.NewKey(Kind, class) }

// Apply implements process.Machine.
func (c *class) Apply(cmd process.Command) (process.Outcome, error) {
	switch body := cmd.Body.(type) {
	case Begin:
		if c.going && (c.last.IsZero() || c.looking || cmd.At.Sub(c.last) < stalled) {
			return process.Outcome{}, nil // it is at it
		}
		c.last, c.going, c.looking = cmd.At, true, true
		return process.Outcome{Effects: []any{look{}}}, nil
	case look:
		c.last, c.going, c.looking = cmd.At, true, true
		return process.Outcome{Effects: []any{look{}}}, nil
	case found:
		c.last, c.looking = cmd.At, false
		return process.Outcome{Record: body.step, Timers: []process.Timer{{After: body.step.Pause, Body: look{}}}}, nil
	default:
		c.going, c.looking = false, false
		return process.Outcome{}, nil
	}
}

// View implements process.Machine.
func (c *class) View() any { return View{} }

// Snapshot implements process.Machine.
func (c *class) Snapshot() ([]byte, error) { return nil, nil }

// Resume implements process.Machine: whoever takes the class over goes on.
func (c *class) Resume() []process.Timer {
	c.going = true
	return []process.Timer{{Body: look{}}}
}
