package accolade

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// noticeAfter is how long after an accolade its recipient is told of it.
const noticeAfter = 30 * time.Second

// Chat is the machine of a conversation with one user. It ends when nothing is open.
type Chat struct {
	asked   *asked
	notices []notice

	saying bool // of this life: the question is being put
	ending bool // … the deadline is being dealt with
}

var _ process.Machine = (*Chat)(nil)

type (
	// asked is the question that waits for an answer.
	asked struct {
		Ask
		Until time.Time `json:"until"`
		// Said is that the question was put, or may have been by an owner before; Heard
		// that the giver was online then.
		Said  bool `json:"said"`
		Heard bool `json:"heard"`

		inherited bool // from an owner before
	}
	// notice is somebody to be told of an accolade.
	notice struct {
		To int64     `json:"to"`
		At time.Time `json:"at"`
	}

	// say is the effect that puts the question; said is its outcome.
	say  struct{ Ask Ask }
	said struct {
		Match int64
		Again bool // it is not known: later
		First bool // nobody had put it before
		Heard bool
	}
	// tell is the effect of a notice.
	tell struct{ To int64 }
	// late is the effect of a deadline: whether it counts; lapsed is its outcome.
	late   struct{ Match int64 }
	lapsed struct {
		Match  int64
		Again  bool // it is not known: later
		Counts bool
	}
)

type storedChat struct {
	Asked   *asked   `json:"asked,omitempty"`
	Notices []notice `json:"notices,omitempty"`
}

// RestoreChat makes a machine from a snapshot.
func RestoreChat(snapshot []byte) (*Chat, error) {
	var d storedChat
	if err := json.Unmarshal(snapshot, &d); err != nil {
		return nil, fmt.Errorf("read accolade chat: %w", err)
	}
	if d.Asked != nil {
		d.Asked.inherited = true
	}
	return &Chat{asked: d.Asked, notices: d.Notices}, nil
}

// Snapshot implements process.Machine; RestoreChat is its reverse.
func (s *Chat) Snapshot() ([]byte, error) {
	raw, err := json.Marshal(storedChat{s.asked, s.notices})
	if err != nil {
		return nil, fmt.Errorf("write accolade chat: %w", err)
	}
	return raw, nil
}

// Resume implements process.Machine.
func (s *Chat) Resume() []process.Timer { return []process.Timer{{After: firstLook, Body: look{}}} }

// View implements process.Machine.
func (s *Chat) View() any {
	if s.asked == nil {
		return View{}
	}
	return View{Match: s.asked.Match}
}

// Apply implements process.Machine.
func (s *Chat) Apply(c process.Command) (process.Outcome, error) {
	switch body := c.Body.(type) {
	case Ask:
		return s.ask(body, c.At)
	case resident.Direct:
		return s.answer(body, c.At), nil
	case said:
		return s.said(body), nil
	case lapsed:
		return s.lapse(body), nil
	case look:
		return s.look(c.At), nil
	}
	return process.Outcome{}, refusal.New(refusal.Invalid, "an accolade chat does not know %T", c.Body)
}

// ask begins a conversation. The question is put when its row is there.
func (s *Chat) ask(a Ask, at time.Time) (process.Outcome, error) {
	if s.asked != nil {
		return process.Outcome{}, refusal.New(refusal.Taken, "is being asked already")
	}
	s.asked = &asked{Ask: a, Until: at.Add(a.Answer)}
	s.saying, s.ending = true, false
	return process.Outcome{
		Record:  Asked{a.Match, a.Giver, a.Recipient},
		Effects: []any{say{a}},
		Timers:  []process.Timer{{After: a.Answer, Body: look{}}},
	}, nil
}

// said learns whether the question was put. One that was put by another chat about the
// same match is dropped without a word; one that an owner before may have put waits.
func (s *Chat) said(b said) process.Outcome {
	if s.asked == nil || s.asked.Match != b.Match || s.asked.Said {
		return process.Outcome{}
	}
	s.saying = false
	switch {
	case b.Again:
		return process.Outcome{Timers: []process.Timer{{After: askAgain, Body: look{}}}}
	case b.First:
		s.asked.Said, s.asked.Heard = true, b.Heard
	case s.asked.inherited:
		s.asked.Said = true
	default:
		s.asked = nil
		return s.end(process.Outcome{})
	}
	return process.Outcome{}
}

// answer takes what the giver says.
func (s *Chat) answer(d resident.Direct, at time.Time) process.Outcome {
	if s.asked == nil {
		return process.Outcome{Reply: stray(d)}
	}
	c := understand(d.Text, s.asked.Badges)
	out := process.Outcome{Reply: resident.Says{Lines: []string{c.reply}}}
	if c.outcome == Waiting {
		return out
	}
	miss := missNothing
	if c.outcome == Given {
		miss = missGiven
		s.notices = append(slices.Clone(s.notices), notice{s.asked.Recipient, at.Add(noticeAfter)})
		out.Timers = []process.Timer{{After: noticeAfter, Body: look{}}}
	}
	return s.finish(out, c.outcome, c.badge, miss)
}

// finish ends the question with a record.
func (s *Chat) finish(out process.Outcome, o Outcome, badge int64, miss int) process.Outcome {
	a := s.asked
	out.Record = Answered{Match: a.Match, Giver: a.Giver, Recipient: a.Recipient, Outcome: o, Badge: badge, Miss: miss}
	s.asked = nil
	return s.end(out)
}

// end closes the chat if nothing is open.
func (s *Chat) end(out process.Outcome) process.Outcome {
	out.Close = s.asked == nil && len(s.notices) == 0
	return out
}

// lapse ends a question that was not answered. It counts as missed if it was heard, and
// while accolades are on.
func (s *Chat) lapse(b lapsed) process.Outcome {
	if s.asked == nil || s.asked.Match != b.Match {
		return process.Outcome{}
	}
	if b.Again {
		s.ending = false
		return process.Outcome{Timers: []process.Timer{{After: askAgain, Body: look{}}}}
	}
	miss := 0
	if b.Counts && s.asked.Heard {
		miss = missSilence
	}
	return s.finish(process.Outcome{}, Missed, 0, miss)
}

// look does what is due. A notice is forgotten before it is told: heard twice is worse
// than lost.
func (s *Chat) look(at time.Time) (out process.Outcome) {
	var open []notice
	for _, n := range s.notices {
		if left := n.At.Sub(at); left > 0 {
			open = append(open, n)
			out.Timers = append(out.Timers, process.Timer{After: left, Body: look{}})
			continue
		}
		out.Effects, out.Record = append(out.Effects, tell{n.To}), Kept{}
	}
	s.notices = open
	if a := s.asked; a != nil {
		switch left := a.Until.Sub(at); {
		case left <= 0 && !s.ending:
			s.ending = true
			out.Effects = append(out.Effects, late{a.Match})
		case left > 0:
			out.Timers = append(out.Timers, process.Timer{After: left, Body: look{}})
			if !a.Said && !s.saying {
				s.saying = true
				out.Effects = append(out.Effects, say{a.Ask})
			}
		}
	}
	return s.end(out)
}
