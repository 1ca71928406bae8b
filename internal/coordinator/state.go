package coordinator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// State is the machine of the Coordinator.
type State struct {
	codes []code
}

// code is one that was given out.
type code struct {
	Purpose Purpose   `json:"purpose"`
	User    int64     `json:"user"`
	Code    string    `json:"code"`
	IP      string    `json:"ip,omitempty"`
	Until   time.Time `json:"until"`
}

// mostCodes bounds what is remembered; more push the oldest out.
const mostCodes = 10_000

type stored struct {
	Codes []code `json:"codes,omitempty"`
}

var _ process.Machine = (*State)(nil)

func open(snapshot []byte) (*State, error) {
	if snapshot == nil {
		return &State{}, nil
	}
	var d stored
	if err := json.Unmarshal(snapshot, &d); err != nil {
		return nil, fmt.Errorf("read the Coordinator's snapshot: %w", err)
	}
	return &State{codes: d.Codes}, nil
}

// Apply implements process.Machine.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	switch body := c.Body.(type) {
	case resident.Direct:
		return process.Outcome{Reply: answer(body)}, nil
	case GiveCode:
		s.give(body, c.At)
		return process.Outcome{}, nil
	case TakeCode:
		return process.Outcome{Reply: s.take(body, c.At)}, nil
	}
	return process.Outcome{}, refusal.New(refusal.Invalid, "the coordinator does not know %T", c.Body)
}

func (s *State) give(g GiveCode, now time.Time) {
	s.codes = slices.DeleteFunc(s.codes, func(c code) bool {
		return !now.Before(c.Until) || c.Purpose == g.Purpose && c.User == g.User
	})
	if len(s.codes) >= mostCodes {
		s.codes = slices.Delete(s.codes, 0, len(s.codes)-mostCodes+1)
	}
	s.codes = append(s.codes, code{g.Purpose, g.User, g.Code, g.IP, now.Add(CodeLife)})
}

func (s *State) take(t TakeCode, now time.Time) Taken {
	i := slices.IndexFunc(s.codes, func(c code) bool {
		return c.Purpose == t.Purpose && c.Code == t.Code && (t.User == 0 || t.User == c.User)
	})
	if i < 0 || t.Code == "" {
		return Taken{}
	}
	found := s.codes[i]
	s.codes = slices.Delete(s.codes, i, i+1)
	if !now.Before(found.Until) {
		return Taken{}
	}
	return Taken{User: found.User, IP: found.IP}
}

// View implements process.Machine.
func (*State) View() any { return resident.View{Online: true} }

// Snapshot implements process.Machine; open is its reverse.
func (s *State) Snapshot() ([]byte, error) {
	codes := slices.Clone(s.codes)
	slices.SortFunc(codes, func(a, b code) int { return cmp.Compare(a.Until.UnixNano(), b.Until.UnixNano()) })
	b, err := json.Marshal(stored{codes})
	if err != nil {
		return nil, fmt.Errorf("write the Coordinator's snapshot: %w", err)
	}
	return b, nil
}

// Resume implements process.Machine.
func (*State) Resume() []process.Timer { return nil }
