package lobby

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"teiserver/internal/consul"
	"teiserver/internal/refusal"
)

// shaken is how many panics of the consul in a row end with its defaults: what it keeps
// makes it panic.
const shaken = 3

// turn returns the consul's work on the command that is applied. It works on a copy: a
// command that is refused, and one over which the consul panics, leave the consul as
// it was.
func (s *State) turn() *consul.Turn {
	if s.now == nil {
		s.now = &consul.Turn{State: s.consul.Clone(), Room: &s.hall, Rules: &s.rules, At: s.at}
		s.look()
	}
	return s.now
}

// look shows the consul the room as it is.
func (s *State) look() {
	v := &s.room.view
	r := &s.hall
	r.ID, r.Password, r.Computers, r.InGame = v.Info.ID, s.password, len(v.Computers), s.inGame
	r.Founder = seatOf(v.Info.Founder.User, v.FounderStatus)
	r.Seats, r.Kept, r.Askers = r.Seats[:0], r.Kept[:0], r.Askers[:0]
	for i := range v.Members {
		r.Seats = append(r.Seats, seatOf(v.Members[i].User, v.Members[i].Status))
	}
	for _, k := range s.kept {
		if k.Until.After(s.at) {
			r.Kept = append(r.Kept, seatOf(k.User, k.Status))
		}
	}
	for _, p := range v.Pending {
		r.Askers = append(r.Askers, p.User)
	}
}

func seatOf(user int64, st Status) consul.Seat {
	return consul.Seat{User: user, Player: st.Player, Ready: st.Ready, Team: st.Team, Ally: st.Ally}
}

// guarded has the consul do something. A panic of it costs what it would have done: the
// consul goes on as it was before the command, and the lobby with it.
func (s *State) guarded(work func(t *consul.Turn)) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			ok = false
			s.now = nil
			s.panics++
			s.effects = append(s.effects, stumble{Lobby: s.room.view.Info.ID, Err: fmt.Sprint(r), Stack: string(debug.Stack())})
			if s.panics >= shaken {
				s.panics = 0
				s.consul = consul.New(s.consul.Own)
			}
		}
	}()
	work(s.turn())
	if s.stumble != nil {
		s.stumble()
	}
	return true
}

// unguarded is the refusal of what cannot be let through without the consul.
func unguarded() *refusal.Error {
	return refusal.New(refusal.Unavailable, "The rules of this lobby cannot be looked up now, please try again")
}

// attend tells the consul what has come of a command, and does what it wants done. The
// events of the command are applied; those of the consul are applied here and returned.
func (s *State) attend(body any, events []any) (more []any) {
	if !s.guarded(func(t *consul.Turn) {
		s.look()
		s.notice(t, body, events)
	}) {
		return nil
	}
	for _, a := range s.now.Acts {
		for _, e := range s.enact(body, a) {
			s.follow(e)
			more = append(more, e)
		}
	}
	return more
}

// notice is all that the consul hears of commands and events.
func (s *State) notice(t *consul.Turn, body any, events []any) {
	for _, e := range events {
		switch e := e.(type) {
		case Departed:
			t.Left(e.User)
		case Denied:
			t.Withdrew(e.User)
		case Withdrawn:
			t.Withdrew(e.User)
		}
	}
	switch c := body.(type) {
	case Tick:
		t.Tick()
	case consul.Fill:
		t.Fill()
	case consul.SplitDue:
		t.EndSplit(c.Split)
	case consul.SplitTo:
		t.SplitFound(c.Split, c.Lobby)
	case consul.Remark:
		t.Remark(c)
	case Join:
		if c.Facts != nil {
			t.Know(c.User, *c.Facts)
		}
		if c.Forced {
			t.Entered(c.User)
		}
	case Answer:
		if slices.ContainsFunc(events, func(e any) bool { _, in := e.(Entered); return in }) {
			t.Entered(c.User)
		}
	case Know:
		t.Know(c.User, c.Facts)
	case Repeat:
		for user, f := range c.Facts {
			if _, ok := s.statusOf(user); ok {
				t.Know(user, f)
			}
		}
		t.Changed()
	case Order:
		t.Know(c.User, c.Facts)
		t.Order(consul.Order{User: c.User, Name: c.Name, Rest: c.Rest, Silent: c.Silent, Targets: c.Targets, Seed: c.Seed})
	case Say:
		s.noticeLine(t, c, events)
	case HostData:
		t.HostTeams(c.TeamSize, c.TeamCount)
		t.HostPreset(c.Preset)
		if c.Bosses != nil {
			t.HostBosses(c.Bosses)
		}
	case Force, Place, Furnish:
		t.Changed()
	case EndMatch:
		if s.ending {
			t.MatchEnded()
		}
	}
	if s.tagged(t, events) {
		t.SetRanked(s.room.view.Tags[tagRanked] != "0")
	}
	for _, a := range t.Acts { // $settag
		if tag, ok := a.(consul.Tag); ok && tag.Key == tagRanked {
			t.SetRanked(tag.Value != "0")
		}
	}
}

// tagged reports whether events changed the tag that says whether games count.
func (s *State) tagged(_ *consul.Turn, events []any) bool {
	return slices.ContainsFunc(events, func(e any) bool {
		switch e := e.(type) {
		case TagsSet:
			_, ok := e.Tags[tagRanked]
			return ok
		case TagsRemoved:
			return slices.Contains(e.Keys, tagRanked)
		}
		return false
	})
}

// noticeLine has the consul hear what was said to all.
func (s *State) noticeLine(t *consul.Turn, c Say, events []any) {
	i := slices.IndexFunc(events, func(e any) bool { _, said := e.(Said); return said })
	if c.Facts != nil {
		t.Know(c.User, *c.Facts)
	}
	if i < 0 || c.To != 0 {
		return
	}
	text := events[i].(Said).Text
	if c.User == s.room.view.Info.Founder.User {
		t.HostSaid(text)
		return
	}
	t.Heard(c.User, text)
	if !c.Emote && isExplain(text) {
		t.Explain(c.User)
	}
}

// enact is what an act of the consul is for the room: events, or an effect or a timer.
func (s *State) enact(body, act any) []any {
	switch a := act.(type) {
	case consul.Say:
		return []any{Spoke{Text: a.Text, Emote: a.Emote, To: a.To}}
	case consul.Tell:
		return []any{Told{To: a.To, Lines: a.Lines}}
	case consul.Speak:
		said := Said{User: a.User, Text: a.Text}
		if o, ok := body.(Order); ok && a.Echo {
			said.Session, said.Line = o.Session, o.Line
		}
		return []any{said}
	case consul.Note:
		return []any{Noted{User: a.User, Text: a.Text}}
	case consul.Put:
		st, ok := s.statusOf(a.Seat.User)
		if !ok {
			return nil
		}
		st.Player, st.Ready, st.Team, st.Ally = a.Seat.Player, a.Seat.Ready, a.Seat.Team, a.Seat.Ally
		return []any{StatusSet{User: a.Seat.User, Status: st}}
	case consul.Kick:
		if i := s.room.member(a.User); i >= 0 {
			return s.removal(i, true)
		}
	case consul.Ring:
		return []any{Rung{User: a.User}}
	case consul.Expel:
		return []any{Expelled{User: a.User, Reason: a.Reason}}
	case consul.Tag:
		return []any{TagsSet{Tags: map[string]string{a.Key: a.Value}}}
	case consul.Approve:
		s.approves = true
		s.approved = map[int64]bool{}
		for i := range s.room.view.Members {
			s.approved[s.room.view.Members[i].User] = true
		}
	case consul.Later:
		s.later(a)
	case consul.Observe:
		s.effects = append(s.effects, Observation{Lobby: s.room.view.Info.ID, Match: s.matchID, Name: a.Name, User: a.User})
	case consul.Seek:
		a.Engine = s.room.view.Info.EngineVersion
		s.effects = append(s.effects, a)
	case consul.Summon:
		s.effects = append(s.effects, a)
	}
	return nil
}

// later starts a timer, one at a time of those that fill places.
func (s *State) later(a consul.Later) {
	if _, fill := a.Body.(consul.Fill); fill {
		if s.filling {
			return
		}
		s.filling = true
	}
	s.timers = append(s.timers, timer(a.After, a.Body))
}

// publish returns the events of what everybody may see of the consul and is not as the
// room has it. It is looked at after each command, so that none can forget it.
func (s *State) publish() (events []any) {
	c, v := s.consul, &s.room.view
	queue := slices.DeleteFunc(c.Waiting(), func(user int64) bool { return s.room.member(user) < 0 })
	if !slices.Equal(queue, v.Queue) {
		events = append(events, QueueSet{Users: queue})
	}
	if !slices.Equal(c.Bosses, v.Bosses) {
		events = append(events, BossesSet{Users: copied(c.Bosses)})
	}
	if terms := c.TermsUnder(&s.rules); !terms.Equal(v.Terms) {
		events = append(events, TermsSet{Terms: terms})
	}
	if title := c.Title(); title != v.Info.Title {
		info := v.Info
		info.Title = title
		events = append(events, InfoSet{Info: info, Retitled: true})
	}
	return events
}

// concerns reports a command that the consul has to do with, be it only by its outcome.
func concerns(body any, events []any) bool {
	switch body.(type) {
	case Tick, consul.Fill, consul.SplitDue, consul.SplitTo, consul.Remark, consul.Rules,
		Join, Answer, Know, Repeat, Order, Say, HostData, Force, Place, Furnish, SetStatus, Retitle, EndMatch, StartMatch,
		Hello, Balance, KeepBalance, ForgetBalance:
		return true
	}
	return slices.ContainsFunc(events, func(e any) bool {
		switch e.(type) {
		case Departed, Denied, Withdrawn, TagsSet, TagsRemoved:
			return true
		}
		return false
	})
}

// rulesEvery is how many ticks go by until the site's rules are read again.
const rulesEvery = 15

// readRules has the site's rules read now and then.
func (s *State) readRules() {
	if s.ticks%rulesEvery == 0 {
		s.effects = append(s.effects, readRules{Have: s.rules})
	}
	s.ticks++
}

// reservation keeps an empty lobby for a split of another one, or for a match.
type reservation struct {
	For   int64     `json:"for"`
	Match string    `json:"match,omitempty"`
	Until time.Time `json:"until"`
}

// reserveFor is how long a lobby waits for those who split.
const reserveFor = 30 * time.Second
