package monitor

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// The numbers of the machine.
const (
	// mostPending is how many deeds may wait. A host makes some a minute; more than this
	// is what nobody will catch up with.
	mostPending = 10_000
	mostBatch   = 64          // done in one go
	retryAfter  = time.Second // of a host whose deed could not be done
	// giveUpAfter is how long a deed is tried. A lobby that cannot be asked for longer
	// has lost its game.
	giveUpAfter = time.Hour
	firstLook   = 50 * time.Millisecond
	attendEvery = 10 * time.Second
	forgetAfter = 24 * time.Hour
	forgetFrom  = 1000 // hosts, from which on the old ones are forgotten
)

// State is the machine of the monitor.
type State struct {
	seq     int64 // of the last deed
	pending []Deed
	heard   map[int64]mark // by host

	// Of this life only.
	busy    bool                // a batch is being done
	looking bool                // a look is on its way
	later   map[int64]time.Time // hosts that are not tried before
}

var _ process.Machine = (*State)(nil)

// mark is the last line that was heard of a host.
type mark struct {
	Session int64     `json:"session"`
	Line    int64     `json:"line"`
	At      time.Time `json:"at"`
}

type (
	// kept is the record of a report: its deeds are in the state, which goes with it.
	kept struct{}
	// look is the machine's own timer: to do what is pending.
	look struct{}
	// attend is the machine's own timer: to be in the room.
	attend struct{}
	// batch is the effect that does deeds; done is its outcome.
	batch struct{ Deeds []Deed }
	done  struct {
		Seqs  []int64 // done, or never to be done
		Later []int64 // hosts whose next deed is to be tried again
	}
	// odd is the effect of a line that cannot be read, lost that of a deed given up.
	odd struct {
		From  int64
		Lines []string
	}
	lost struct{ Deeds []Deed }
)

// NewState makes a machine to which nobody has reported.
func NewState() *State {
	return &State{heard: map[int64]mark{}, later: map[int64]time.Time{}}
}

type stored struct {
	Seq     int64          `json:"seq"`
	Pending []Deed         `json:"pending"`
	Heard   map[int64]mark `json:"heard"`
}

// RestoreState makes a machine from a snapshot.
func RestoreState(snapshot []byte) (*State, error) {
	var d stored
	if err := json.Unmarshal(snapshot, &d); err != nil {
		return nil, fmt.Errorf("read monitor snapshot: %w", err)
	}
	s := NewState()
	s.seq, s.pending = d.Seq, d.Pending
	if d.Heard != nil {
		s.heard = d.Heard
	}
	return s, nil
}

// Snapshot implements process.Machine; RestoreState is its reverse.
func (s *State) Snapshot() ([]byte, error) {
	b, err := json.Marshal(stored{s.seq, s.pending, s.heard})
	if err != nil {
		return nil, fmt.Errorf("write monitor snapshot: %w", err)
	}
	return b, nil
}

// Resume implements process.Machine: what the owner before has left is done first.
func (s *State) Resume() []process.Timer {
	s.looking = true
	return []process.Timer{{After: firstLook, Body: look{}}, {After: firstLook, Body: attend{}}}
}

// View implements process.Machine.
func (s *State) View() any { return View{Online: true, Pending: len(s.pending)} }

// Apply implements process.Machine.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	switch b := c.Body.(type) {
	case resident.Direct:
		return s.told(b, c.At)
	case Heard:
		return s.hear(b, c.At)
	case done:
		return s.settle(b, c.At), nil
	case look:
		s.looking = false
		var out process.Outcome
		s.next(&out, c.At)
		return out, nil
	case attend:
		return process.Outcome{
			Effects: []any{attend{}},
			Timers:  []process.Timer{{After: attendEvery, Body: attend{}}},
		}, nil
	}
	return process.Outcome{}, refusal.New(refusal.Invalid, "the match monitor does not know %T", c.Body)
}

// hear takes a line of the room, unless it came before, or late.
func (s *State) hear(h Heard, at time.Time) (process.Outcome, error) {
	if s.known(h.From, h.Session, h.Line) {
		return silent(), nil
	}
	d, ok := heard(h)
	if !ok {
		return silent(), nil
	}
	out, err := s.take([]Deed{d}, h.At, at)
	if err == nil {
		s.mark(h.From, h.Session, h.Line, at)
	}
	return out, err
}

// told takes a private message, in the same way if its lines are numbered.
func (s *State) told(d resident.Direct, at time.Time) (process.Outcome, error) {
	if d.Session != 0 && s.known(d.From, d.Session, d.Line) {
		return silent(), nil
	}
	deeds, strange := told(d)
	out, err := s.take(deeds, d.At, at)
	if err != nil {
		return out, err
	}
	if d.Session != 0 && len(deeds) > 0 {
		s.mark(d.From, d.Session, d.Line, at)
	}
	if len(strange) > 0 {
		out.Effects = append(out.Effects, odd{d.From, strange})
	}
	return out, nil
}

// known reports whether a line was heard before, or comes late: a later one was.
func (s *State) known(host, session, line int64) bool {
	last, heard := s.heard[host]
	return heard && (session < last.Session || session == last.Session && line <= last.Line)
}

func (s *State) mark(host, session, line int64, at time.Time) {
	s.heard[host] = mark{session, line, at}
	s.forget(at)
}

// take numbers deeds of a report and has them stored. One that had to wait for the
// monitor counts from when it was said.
func (s *State) take(deeds []Deed, said, at time.Time) (process.Outcome, error) {
	out := silent()
	if len(deeds) == 0 {
		return out, nil
	}
	if len(s.pending)+len(deeds) > mostPending {
		return process.Outcome{}, refusal.New(refusal.Unavailable, "too many reports wait")
	}
	// A monitor that lost its state must not give numbers again that lobbies know.
	s.seq = max(s.seq, at.UnixMilli())
	for _, d := range deeds {
		s.seq++
		d.Seq, d.At = s.seq, at
		if !said.IsZero() && said.Before(at) {
			d.At, d.Taken = said, at
		}
		s.pending = append(s.pending, d)
	}
	out.Record = kept{}
	s.next(&out, at)
	return out, nil
}

// settle takes the outcome of a batch.
func (s *State) settle(d done, at time.Time) process.Outcome {
	s.busy = false
	finished := make(map[int64]bool, len(d.Seqs))
	for _, seq := range d.Seqs {
		finished[seq] = true
	}
	for _, host := range d.Later {
		s.later[host] = at.Add(retryAfter)
	}
	var given []Deed
	s.pending = slices.DeleteFunc(slices.Clone(s.pending), func(p Deed) bool {
		if finished[p.Seq] {
			return true
		}
		if at.Sub(p.taken()) > giveUpAfter {
			given = append(given, p)
			return true
		}
		return false
	})
	var out process.Outcome
	if len(given) > 0 {
		out.Effects = append(out.Effects, lost{given})
	}
	s.next(&out, at)
	return out
}

// next has the next batch done, if none is; of hosts that have to wait nothing.
func (s *State) next(out *process.Outcome, at time.Time) {
	if s.busy || len(s.pending) == 0 {
		return
	}
	for host, until := range s.later {
		if !at.Before(until) {
			delete(s.later, host)
		}
	}
	var list []Deed
	for _, d := range s.pending {
		if _, waits := s.later[d.Host]; !waits && len(list) < mostBatch {
			list = append(list, d)
		}
	}
	if len(list) > 0 {
		s.busy = true
		out.Effects = append(out.Effects, batch{list})
		return
	}
	if !s.looking {
		s.looking = true
		out.Timers = append(out.Timers, process.Timer{After: retryAfter, Body: look{}})
	}
}

// taken is when the monitor took a deed.
func (d *Deed) taken() time.Time {
	if d.Taken.IsZero() {
		return d.At
	}
	return d.Taken
}

// forget drops the marks of hosts that have not been heard of for long.
func (s *State) forget(at time.Time) {
	if len(s.heard) < forgetFrom {
		return
	}
	for host, m := range s.heard {
		if at.Sub(m.At) > forgetAfter {
			delete(s.heard, host)
		}
	}
}

func silent() process.Outcome { return process.Outcome{Reply: resident.Says{Lines: []string{}}} }
