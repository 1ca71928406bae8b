package resident

import (
	"context"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// Answers is a machine that keeps nothing: it only answers private messages.
type Answers func(d Direct) []string

var _ process.Machine = Answers(nil)

// Open is the Open of a kind whose machine is a.
func (a Answers) Open(context.Context, string, []byte) (process.Machine, error) { return a, nil }

// Apply implements process.Machine.
func (a Answers) Apply(c process.Command) (process.Outcome, error) {
	d, ok := c.Body.(Direct)
	if !ok {
		return process.Outcome{}, refusal.New(refusal.Invalid, "a resident does not know %T", c.Body)
	}
	return process.Outcome{Reply: Says{Lines: a(d)}}, nil
}

// View implements process.Machine.
func (Answers) View() any { return View{Online: true} }

// Snapshot implements process.Machine. There is nothing to keep.
func (Answers) Snapshot() ([]byte, error) { return []byte("{}"), nil }

// Resume implements process.Machine.
func (Answers) Resume() []process.Timer { return nil }
