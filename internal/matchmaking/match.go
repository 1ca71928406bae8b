package matchmaking

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// The numbers of a match.
const (
	matchTick = 500 * time.Millisecond
	// retryAfter is how long a step waits that could not be done.
	retryAfter = time.Second
	// stuckAfter is when a step is taken for lost that has no outcome: each is bounded.
	stuckAfter = time.Minute
)

// Match is the machine of one proposed match.
type Match struct {
	course

	// Of this life only.
	busy  time.Time // since when a step is under way; zero: none is
	later time.Time // no step is begun before
}

// course is the form of a snapshot.
type course struct {
	Begin
	Stage    Stage           `json:"stage"`
	Accepted []int64         `json:"accepted"`
	Deadline time.Time       `json:"deadline"` // of the stage; seeking and entering have one
	Room     time.Duration   `json:"room"`
	Lobby    int64           `json:"lobby,omitempty"`
	Host     int64           `json:"host,omitempty"`
	Map      string          `json:"map,omitempty"`
	Briefed  bool            `json:"briefed,omitempty"` // the host has been told
	Fates    map[string]Fate `json:"fates,omitempty"`
	Started  bool            `json:"started,omitempty"` // the host has been told to start
}

var (
	_ process.Machine    = (*Match)(nil)
	_ process.Summarizer = (*Match)(nil)
)

// The steps of a match: effects, one at a time, and what comes back of them.
type (
	// claim asks the queue and claims the players.
	claim struct {
		Begin Begin
	}
	claimed struct {
		Unknown bool // the queue does not know the match
		Unclear bool // it could not be asked
		Fates   map[string]Fate
		Ready   time.Duration
		Room    time.Duration
	}
	// seek finds a room and keeps it.
	seek   struct{ Begin Begin }
	sought struct {
		Lobby, Host int64
		Map         string
	}
	// furnish brings the players in and seats them.
	furnish struct {
		Begin   Begin
		Lobby   int64
		Host    int64
		Map     string
		Briefed bool
	}
	furnished struct {
		NoRoom  bool    // it is gone
		Lacking []int64 // who is not there, or has not got the map
		Done    bool
	}
	// report tells the queues, and the host if the match was made.
	report struct {
		Queue  int
		Settle Settle
		Host   int64
		Gone   []int64 // users who wait in no queue any more
		Free   []int64 // users who may be matched elsewhere again
	}
	reported struct {
		OK   bool
		Told bool // the host
	}
	// pause has the other queues leave the players alone.
	pause struct {
		Queue int
		Users []int64
		Until time.Time
	}
)

// RestoreMatch makes a match from a snapshot.
func RestoreMatch(snapshot []byte) (*Match, error) {
	m := &Match{}
	if err := json.Unmarshal(snapshot, &m.course); err != nil {
		return nil, fmt.Errorf("read snapshot of a match: %w", err)
	}
	return m, nil
}

// Snapshot implements process.Machine.
func (m *Match) Snapshot() ([]byte, error) {
	b, err := json.Marshal(m.course)
	if err != nil {
		return nil, fmt.Errorf("write snapshot of a match: %w", err)
	}
	return b, nil
}

// Resume implements process.Machine.
func (m *Match) Resume() []process.Timer {
	return []process.Timer{{After: matchTick, Body: MatchTick{}}}
}

// View implements process.Machine.
func (m *Match) View() any { return m.Summary() }

// Summary implements process.Summarizer.
func (m *Match) Summary() any {
	v := MatchView{ID: m.ID, Queue: m.Spec.ID, Stage: m.Stage, Users: []int64{}, Accepted: append([]int64{}, m.Accepted...), Out: []int64{}}
	m.each(func(p *Party) {
		v.Users = append(v.Users, p.Users...)
		if m.Fates[p.Group] == FateOut {
			v.Out = append(v.Out, p.Users...)
		}
	})
	return v
}

// SummaryChanged implements process.Summarizer.
func (m *Match) SummaryChanged(events []any) bool { return len(events) > 0 }

func (b *Begin) each(f func(p *Party)) {
	for _, team := range b.Teams {
		for i := range team {
			f(&team[i])
		}
	}
}

// Users are those who would play.
func (b *Begin) Users() (list []int64) {
	b.each(func(p *Party) { list = append(list, p.Users...) })
	return list
}

// Apply implements process.Machine.
func (m *Match) Apply(c process.Command) (out process.Outcome, err error) {
	if b, ok := c.Body.(Begin); ok {
		if m.ID != "" {
			return out, refusal.New(refusal.Taken, "this match has begun already")
		}
		m.Begin, m.Stage = b, Claiming
		m.changed(&out)
		m.step(&out, c.At)
		return out, nil
	}
	if m.ID == "" {
		return out, refusal.New(refusal.NotFound, "there is no such match")
	}
	switch b := c.Body.(type) {
	case Ready:
		m.ready(b, &out)
	case Decline:
		m.decline(b, &out)
	case claimed:
		m.claimed(b, &out, c.At)
	case sought:
		m.sought(b, &out, c.At)
	case furnished:
		m.furnished(b, &out, c.At)
	case reported:
		m.reported(b, &out, c.At)
	case MatchTick:
		out.Timers = []process.Timer{{After: matchTick, Body: MatchTick{}}}
		m.expire(&out, c.At)
	default:
		return out, refusal.New(refusal.Invalid, "a match does not know %T", c.Body)
	}
	if !out.Close {
		m.step(&out, c.At)
	}
	return out, nil
}

// changed has the state stored and every node see it.
func (m *Match) changed(out *process.Outcome) {
	out.Record, out.Events = kept{}, []any{MatchChanged{}}
}

func (m *Match) ready(r Ready, out *process.Outcome) {
	if m.Stage != Asking || !slices.Contains(m.Users(), r.User) || slices.Contains(m.Accepted, r.User) {
		return
	}
	m.Accepted = append(m.Accepted, r.User)
	if len(m.Accepted) == len(m.Users()) {
		m.Stage, m.Deadline = Seeking, time.Time{}
	}
	m.changed(out)
}

func (m *Match) decline(d Decline, out *process.Outcome) {
	if m.Stage != Asking || !slices.Contains(m.Users(), d.User) {
		return
	}
	m.fail(out, m.blame([]int64{d.User}))
}

// blame has the groups of users out.
func (m *Match) blame(users []int64) map[string]Fate {
	fates := map[string]Fate{}
	m.each(func(p *Party) {
		if slices.ContainsFunc(p.Users, func(u int64) bool { return slices.Contains(users, u) }) {
			fates[p.Group] = FateOut
		}
	})
	return fates
}

func (m *Match) fail(out *process.Outcome, fates map[string]Fate) {
	m.Stage, m.Fates = Failed, fates
	m.busy, m.later = time.Time{}, time.Time{}
	m.changed(out)
}

func (m *Match) claimed(c claimed, out *process.Outcome, at time.Time) {
	m.rest(at, c.Unclear)
	switch {
	case m.Stage != Claiming:
	case c.Unknown:
		m.Stage = Failed // nobody has heard of it
		m.changed(out)
		out.Close = true
	case c.Unclear:
	case len(c.Fates) > 0:
		m.fail(out, c.Fates)
	default:
		m.Stage, m.Deadline, m.Room = Asking, at.Add(c.Ready), c.Room
		m.changed(out)
		out.Effects = append(out.Effects, pause{m.Spec.ID, m.Users(), m.Deadline.Add(c.Room)})
	}
}

func (m *Match) sought(s sought, out *process.Outcome, at time.Time) {
	m.rest(at, s.Lobby == 0)
	if m.Stage != Seeking || s.Lobby == 0 {
		return
	}
	m.Stage, m.Lobby, m.Host, m.Map, m.Briefed = Entering, s.Lobby, s.Host, s.Map, false
	m.changed(out)
}

func (m *Match) furnished(f furnished, out *process.Outcome, at time.Time) {
	m.rest(at, !f.Done)
	if m.Stage != Entering {
		return
	}
	switch {
	case f.NoRoom:
		m.Stage, m.Lobby, m.later = Seeking, 0, time.Time{}
		m.changed(out)
	case f.Done:
		m.Stage = Made
		m.changed(out)
	case !at.Before(m.Deadline):
		m.fail(out, m.blame(f.Lacking))
	default:
		m.Briefed = true
	}
}

func (m *Match) reported(r reported, out *process.Outcome, at time.Time) {
	m.rest(at, !r.OK)
	m.Started = m.Started || r.Told
	out.Close = m.Stage.over() && r.OK
}

// expire ends what has taken too long.
func (m *Match) expire(out *process.Outcome, at time.Time) {
	if !m.busy.IsZero() && at.Sub(m.busy) > stuckAfter {
		m.busy = time.Time{}
	}
	switch m.Stage {
	case Asking:
		if !at.Before(m.Deadline) {
			var silent []int64
			for _, user := range m.Users() {
				if !slices.Contains(m.Accepted, user) {
					silent = append(silent, user)
				}
			}
			m.fail(out, m.blame(silent))
		}
	case Seeking:
		if !m.Deadline.IsZero() && !at.Before(m.Deadline) {
			later := map[string]Fate{}
			m.each(func(p *Party) { later[p.Group] = FateLater })
			m.fail(out, later)
		}
	}
}

// rest ends a step.
func (m *Match) rest(at time.Time, again bool) {
	m.busy = time.Time{}
	if again {
		m.later = at.Add(retryAfter)
	}
}

// step begins what is next, if nothing is under way.
func (m *Match) step(out *process.Outcome, at time.Time) {
	if !m.busy.IsZero() || m.later.After(at) {
		return
	}
	var do any
	switch m.Stage {
	case Claiming:
		do = claim{m.Begin}
	case Seeking:
		if m.Deadline.IsZero() {
			m.Deadline = at.Add(m.Room)
		}
		do = seek{m.Begin}
	case Entering:
		do = furnish{m.Begin, m.Lobby, m.Host, m.Map, m.Briefed}
	case Made, Failed:
		do = m.report()
	default:
		return
	}
	m.busy = at
	out.Effects = append(out.Effects, do)
}

func (m *Match) report() report {
	r := report{Queue: m.Spec.ID, Settle: Settle{Match: m.ID, Made: m.Stage == Made, Fates: m.Fates}}
	m.each(func(p *Party) {
		if m.Stage == Made || m.Fates[p.Group] == FateOut {
			r.Gone = append(r.Gone, p.Users...)
		} else {
			r.Free = append(r.Free, p.Users...)
		}
	})
	if m.Stage == Made && !m.Started {
		r.Host = m.Host
	}
	return r
}
