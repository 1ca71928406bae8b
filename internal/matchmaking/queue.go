package matchmaking

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// The numbers of a queue.
const (
	mostGroups = 5000
	tickEvery  = time.Second
	// siteEvery is how many ticks go by until the site's settings are read again.
	siteEvery = 5
	// laterFor is how long a group is left alone whose match could not be asked.
	laterFor = 5 * time.Second
	// proposeAgain is how long a match may take to ask for its queue; then it is begun again,
	// if it is not there. lookAfter is how often it is looked whether one is there that has
	// asked.
	proposeAgain = 2 * time.Second
	lookAfter    = 30 * time.Second
	waitsKept    = 50
)

// Queue is the machine of one queue.
type Queue struct {
	stored

	// Of this life only.
	ticking bool
	ticks   int
	begun   map[string]time.Time // when matches were begun last
	view    *QueueView           // nil: to be made
}

// stored is the form of a snapshot.
type stored struct {
	Spec      Spec       `json:"spec"`
	Rules     Rules      `json:"rules"`
	Waiting   []Group    `json:"waiting"` // in the order in which they joined
	Proposals []Proposal `json:"proposals"`
	Seq       int64      `json:"seq"`   // of the last match
	Waits     []int      `json:"waits"` // seconds, of those matched last
}

// Proposal is a match that was found and is not settled.
type Proposal struct {
	ID        string    `json:"id"`
	Teams     [][]Group `json:"teams"`
	At        time.Time `json:"at"`
	Confirmed bool      `json:"confirmed,omitempty"` // the match has begun
	Left      []string  `json:"left,omitempty"`      // groups that do not come back
}

var (
	_ process.Machine    = (*Queue)(nil)
	_ process.Summarizer = (*Queue)(nil)
)

// NewQueue makes a queue in which nobody waits.
func NewQueue(id int) *Queue {
	return &Queue{stored: stored{Spec: Spec{ID: id}}, begun: map[string]time.Time{}}
}

// RestoreQueue makes a queue from a snapshot.
func RestoreQueue(snapshot []byte) (*Queue, error) {
	q := NewQueue(0)
	if err := json.Unmarshal(snapshot, &q.stored); err != nil {
		return nil, fmt.Errorf("read snapshot of a queue: %w", err)
	}
	return q, nil
}

// Snapshot implements process.Machine.
func (q *Queue) Snapshot() ([]byte, error) {
	b, err := json.Marshal(q.stored)
	if err != nil {
		return nil, fmt.Errorf("write snapshot of a queue: %w", err)
	}
	return b, nil
}

// Resume implements process.Machine.
func (q *Queue) Resume() []process.Timer {
	q.ticking = true
	return []process.Timer{{After: tickEvery, Body: QueueTick{}}}
}

// View implements process.Machine.
func (q *Queue) View() any { return q.Summary() }

// Summary implements process.Summarizer.
func (q *Queue) Summary() any {
	if q.view != nil {
		return *q.view
	}
	v := QueueView{ID: q.Spec.ID, Seats: []Seat{}, MeanWait: q.meanWait()}
	add := func(g *Group, match string) {
		s := Seat{Group: g.ID, Party: g.Party, Match: match}
		for _, m := range g.Members {
			s.Members = append(s.Members, m.Who)
		}
		v.Seats = append(v.Seats, s)
	}
	for i := range q.Waiting {
		add(&q.Waiting[i], "")
	}
	for i := range q.Proposals {
		p := &q.Proposals[i]
		p.each(func(g *Group) {
			if !slices.Contains(p.Left, g.ID) {
				add(g, p.ID)
			}
		})
	}
	q.view = &v
	return v
}

// SummaryChanged implements process.Summarizer.
func (q *Queue) SummaryChanged(events []any) bool { return len(events) > 0 }

func (q *Queue) meanWait() int {
	if len(q.Waits) == 0 {
		return 0
	}
	sum := 0
	for _, w := range q.Waits {
		sum += w
	}
	return sum / len(q.Waits)
}

func (p *Proposal) each(f func(g *Group)) {
	for _, t := range p.Teams {
		for i := range t {
			f(&t[i])
		}
	}
}

// kept is the record of a change that was acknowledged: the state, which goes with it.
type kept struct{}

// The effects of a queue, and what comes back.
type (
	// begin starts the process of a match.
	begin struct{ Begin Begin }
	// readSite reads the site's settings, site brings them.
	readSite struct{}
	site     struct{ Site Site }
)

// Apply implements process.Machine.
func (q *Queue) Apply(c process.Command) (process.Outcome, error) {
	t := turn{Queue: q, at: c.At}
	if err := t.decide(c.Body); err != nil {
		return process.Outcome{}, err
	}
	return t.end(), nil
}

// turn is a command on its way.
type turn struct {
	*Queue
	at      time.Time
	out     process.Outcome
	changed bool // what others see
	durable bool
}

func (t *turn) decide(body any) error {
	switch c := body.(type) {
	case Join:
		return t.join(c)
	case Leave:
		return t.leave(c)
	case Drop:
		t.drop(func(g *Group) bool { return slices.Contains(c.Groups, g.ID) }, "")
	case Withdraw:
		t.drop(func(g *Group) bool { return g.anyOf(c.Users) }, c.Match)
	case Hold:
		for i := range t.Waiting {
			if g := &t.Waiting[i]; g.anyOf(c.Users) {
				g.Held = c.Until
			}
		}
	case Back:
		t.back(c.Who)
	case Gone:
		t.gone(c)
	case Confirm:
		return t.confirm(c)
	case Settle:
		t.settle(c)
	case site:
		t.read(c.Site)
	case QueueTick:
		t.tick()
	default:
		return refusal.New(refusal.Invalid, "a queue does not know %T", body)
	}
	return nil
}

// end looks for matches and says what has come of the command.
func (t *turn) end() process.Outcome {
	t.look()
	if t.changed {
		t.view = nil
		t.out.Events = append(t.out.Events, QueueChanged{})
	}
	if t.durable {
		t.out.Record = kept{}
	}
	if !t.ticking && len(t.Waiting)+len(t.Proposals) > 0 {
		t.out.Timers = append(t.out.Timers, t.Resume()...)
	}
	return t.out
}

func (g *Group) anyOf(users []int64) bool {
	return slices.ContainsFunc(g.Members, func(m Waiting) bool { return slices.Contains(users, m.User) })
}

func (t *turn) join(c Join) error {
	if len(c.Group.Members) > c.Spec.TeamSize {
		return refusal.New(refusal.Invalid, "party too big")
	}
	users := c.Group.Users()
	for i := range t.Proposals {
		p := &t.Proposals[i]
		same, other := false, false
		p.each(func(g *Group) {
			// Who has left may wait anew: its session is the match's until that is over.
			if g.anyOf(users) && !slices.Contains(p.Left, g.ID) {
				stays := sameUsers(g.Users(), users)
				same, other = same || stays, other || !stays
			}
		})
		if other {
			return refusal.New(refusal.Taken, "about to play")
		}
		if same {
			return nil
		}
	}
	if len(t.Waiting) >= mostGroups {
		return refusal.New(refusal.Full, "the queue is full")
	}
	t.Spec, t.Rules = c.Spec, c.Rules
	for i := range t.Waiting {
		if g := &t.Waiting[i]; g.Party == c.Group.Party && sameUsers(g.Users(), users) {
			for _, m := range c.Group.Members {
				t.back(m.Who)
			}
			return nil
		}
	}
	t.drop(func(g *Group) bool { return g.anyOf(users) }, "")
	g := c.Group.clone()
	g.Joined, g.Held = t.at, time.Time{}
	t.insert(g)
	t.changed, t.durable = true, true
	return nil
}

// insert puts a group where it belongs by the time it joined.
func (t *turn) insert(g Group) {
	i := sort.Search(len(t.Waiting), func(i int) bool { return t.Waiting[i].Joined.After(g.Joined) })
	t.Waiting = slices.Insert(t.Waiting, i, g)
}

// all are the groups, those that were proposed too.
func (t *turn) all(f func(g *Group)) {
	for i := range t.Waiting {
		f(&t.Waiting[i])
	}
	for i := range t.Proposals {
		t.Proposals[i].each(f)
	}
}

func (t *turn) leave(c Leave) error {
	var of *Group
	t.all(func(g *Group) {
		if g.member(c.User) != nil {
			of = g
		}
	})
	if of == nil {
		return nil
	}
	m := of.member(c.User)
	if c.Session < m.Session {
		return refusal.New(refusal.Superseded, "a newer session has taken over")
	}
	if c.Grace > 0 {
		m.Who, m.Lost = c.Who, t.at.Add(c.Grace)
		t.changed = true
		return nil
	}
	id := of.ID
	t.drop(func(g *Group) bool { return g.ID == id }, "")
	return nil
}

// drop takes groups out. Those that were proposed, but for one match, do not come back.
func (t *turn) drop(which func(g *Group) bool, but string) {
	before := len(t.Waiting)
	t.Waiting = slices.DeleteFunc(t.Waiting, func(g Group) bool { return which(&g) })
	dropped := len(t.Waiting) != before
	for i := range t.Proposals {
		p := &t.Proposals[i]
		p.each(func(g *Group) {
			if p.ID != but && which(g) && !slices.Contains(p.Left, g.ID) {
				p.Left = append(p.Left, g.ID)
				dropped = true
			}
		})
	}
	if dropped {
		t.changed, t.durable = true, true
	}
}

// back takes a place over for a newer session, or keeps it for one that was lost.
func (t *turn) back(w Who) {
	t.all(func(g *Group) {
		m := g.member(w.User)
		if m == nil || w.Session < m.Session || m.Who == w && m.Lost.IsZero() {
			return
		}
		m.Who, m.Lost = w, time.Time{}
		t.changed = true
	})
}

func (t *turn) gone(c Gone) {
	t.all(func(g *Group) {
		for i := range g.Members {
			if m := &g.Members[i]; m.Incarnation == c.Incarnation && m.Lost.IsZero() {
				m.Lost = t.at.Add(c.Grace)
			}
		}
	})
	t.expire()
}

// expire takes out who did not come back in time.
func (t *turn) expire() {
	t.drop(func(g *Group) bool {
		return slices.ContainsFunc(g.Members, func(m Waiting) bool { return !m.Lost.IsZero() && !t.at.Before(m.Lost) })
	}, "")
}

func (t *turn) confirm(c Confirm) error {
	i := slices.IndexFunc(t.Proposals, func(p Proposal) bool { return p.ID == c.Match })
	if i < 0 {
		return refusal.New(refusal.NotFound, "there is no match %s", c.Match)
	}
	if !t.Proposals[i].Confirmed {
		t.Proposals[i].Confirmed, t.durable = true, true
	}
	return nil
}

func (t *turn) settle(c Settle) {
	i := slices.IndexFunc(t.Proposals, func(p Proposal) bool { return p.ID == c.Match })
	if i < 0 {
		return
	}
	p := t.Proposals[i]
	t.Proposals = slices.Delete(t.Proposals, i, i+1)
	delete(t.begun, p.ID)
	t.changed, t.durable = true, true
	p.each(func(g *Group) {
		fate := c.Fates[g.ID]
		switch {
		case c.Made:
			t.Waits = append(t.Waits, int(p.At.Sub(g.Joined)/time.Second))
			users := g.Users()
			t.drop(func(g *Group) bool { return g.anyOf(users) }, "") // if it had left and waits anew
			return
		case fate == FateOut || slices.Contains(p.Left, g.ID):
			return
		}
		back := g.clone()
		back.Held = time.Time{}
		if fate == FateLater {
			back.Held = t.at.Add(laterFor)
		}
		t.insert(back)
	})
	if n := len(t.Waits); n > waitsKept {
		t.Waits = slices.Clone(t.Waits[n-waitsKept:])
	}
}

// read takes the site's settings. Where there is no such queue any more nobody waits.
func (t *turn) read(s Site) {
	spec, ok := s.Queue(t.Spec.ID)
	t.Rules = s.Rules
	if !ok {
		t.drop(func(*Group) bool { return true }, "")
		return
	}
	t.Spec = spec
	t.drop(func(g *Group) bool { return len(g.Members) > spec.TeamSize }, "")
}

func (t *turn) tick() {
	t.ticking = false
	t.expire()
	for i := range t.Proposals {
		p := &t.Proposals[i]
		wait := lookAfter
		if !p.Confirmed {
			wait = proposeAgain
		}
		if last, known := t.begun[p.ID]; !known || t.at.Sub(last) >= wait {
			t.begin(p)
		}
	}
	if t.ticks++; t.ticks%siteEvery == 0 {
		t.out.Effects = append(t.out.Effects, readSite{})
	}
}

// look finds matches.
func (t *turn) look() {
	if t.Spec.TeamSize == 0 {
		return
	}
	var free []*Group
	for i := range t.Waiting {
		if g := &t.Waiting[i]; !g.lost() && !g.Held.After(t.at) {
			free = append(free, g)
		}
	}
	for _, teams := range find(free, t.Spec, t.Rules, t.at) {
		t.propose(teams)
	}
}

func (t *turn) propose(teams [][]*Group) {
	// A queue that lost its state must not give numbers again.
	t.Seq = max(t.Seq+1, t.at.UnixMilli())
	p := Proposal{ID: fmt.Sprintf("%d-%d", t.Spec.ID, t.Seq), At: t.at, Teams: make([][]Group, len(teams))}
	taken := map[string]bool{}
	for i, team := range teams {
		for _, g := range team {
			p.Teams[i] = append(p.Teams[i], g.clone())
			taken[g.ID] = true
		}
	}
	rest := make([]Group, 0, len(t.Waiting))
	for _, g := range t.Waiting {
		if !taken[g.ID] {
			rest = append(rest, g)
		}
	}
	t.Waiting = rest // a new list: the groups that were found point into the old one
	t.Proposals = append(t.Proposals, p)
	t.changed, t.durable = true, true
	t.begin(&t.Proposals[len(t.Proposals)-1])
}

// begin has the match of a proposal begun. One that is there already goes on.
func (t *turn) begin(p *Proposal) {
	t.begun[p.ID] = t.at
	b := Begin{ID: p.ID, Spec: t.Spec, At: p.At, Teams: make([][]Party, len(p.Teams))}
	for i, team := range p.Teams {
		for j := range team {
			b.Teams[i] = append(b.Teams[i], Party{Group: team[j].ID, Party: team[j].Party, Users: team[j].Users()})
		}
	}
	t.out.Effects = append(t.out.Effects, begin{b})
}
