package lobby

import (
	"strconv"

	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/refusal"
)

// The sync states of a Status.
const (
	syncUnsynced = 2
	syncInvalid  = 3 // fits the two bits but means nothing
)

const (
	highestTeam     = 255 // of team ids and ally teams
	highestSide     = 15
	highestHandicap = 100
)

// legal brings the values of a status into their ranges.
func legal(st Status) Status {
	st.Team &= highestTeam
	st.Ally &= highestTeam
	st.Side &= highestSide
	st.Sync &= 3
	if st.Sync == syncInvalid {
		st.Sync = syncUnsynced
	}
	st.Handicap = min(max(st.Handicap, 0), highestHandicap)
	return st
}

// setStatus always answers with a StatusSet, also when nothing has changed: clients
// wait for their echo.
func (s *State) setStatus(c SetStatus) (process.Outcome, error) {
	a, err := s.actor(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	var old Status
	switch {
	case a.founder:
		old = s.room.view.FounderStatus
	case a.member >= 0:
		old = s.room.view.Members[a.member].Status
	default:
		return refuse(refusal.Forbidden, "not in this lobby")
	}
	st := legal(c.Status)
	st.Handicap = old.Handicap // the host's to give
	if st.Color == "" {
		st.Color = old.Color
	}
	if !s.guarded(func(t *consul.Turn) {
		if c.Facts != nil {
			t.Know(c.User, *c.Facts)
		}
		got := t.Want(c.User, seatOf(c.User, st))
		st.Player, st.Ready, st.Team, st.Ally = got.Player, got.Ready, got.Team, got.Ally
	}) && st.Player && !old.Player {
		st.Player = false // nobody becomes a player unguarded
	}
	return a.led(StatusSet{User: c.User, Status: st}), nil
}

// force sets fields of somebody else's status. Nothing is told if nothing changes.
func (s *State) force(c Force) (process.Outcome, error) {
	a, err := s.host(c.By, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	old, ok := s.statusOf(c.User)
	if !ok {
		return refuse(refusal.NotFound, "user %d is not in this lobby", c.User)
	}
	st := old
	if c.Handicap != nil {
		st.Handicap = min(max(*c.Handicap, 0), highestHandicap)
	}
	for _, f := range []struct{ from, to *int }{{c.Team, &st.Team}, {c.Ally, &st.Ally}} {
		if f.from == nil {
			continue
		}
		if *f.from < 0 || *f.from > highestTeam {
			return refuse(refusal.Invalid, "%d is not from 0 to %d", *f.from, highestTeam)
		}
		*f.to = *f.from
	}
	if c.Color != nil {
		if *c.Color == "" {
			return refuse(refusal.Invalid, "no color given")
		}
		st.Color = *c.Color
	}
	if c.Spectator {
		st.Player = false
	}
	if st == old {
		return a.led(), nil
	}
	return a.led(StatusSet{User: c.User, Status: st}), nil
}

// tick completes the id tags. What else time brings is the consul's.
func (s *State) tick() (process.Outcome, error) {
	if s.closed {
		return process.Outcome{}, nil
	}
	if !s.opened {
		// Its first command never came, or was lost with its owner: nobody knows it.
		return process.Outcome{Close: true}, nil
	}
	out := process.Outcome{Timers: []process.Timer{{After: TickEvery, Body: Tick{}}}}
	if s.lacks(tagMatchUUID, s.matchUUID) || s.lacks(tagHostUUID, s.hostUUID) || s.lacks(tagMatchID, "id") {
		out.Events = append(out.Events, TagsSet{Tags: map[string]string{
			tagMatchID:   strconv.FormatInt(s.matchID, 10),
			tagHostUUID:  s.hostUUID,
			tagMatchUUID: s.matchUUID,
		}})
	}
	out.Events = append(out.Events, s.forgetFound(false)...)
	s.readRules()
	return out, nil
}

// lacks reports whether a tag is missing that has a value.
func (s *State) lacks(tag, value string) bool {
	return value != "" && s.room.view.Tags[tag] == ""
}

// eachPlayer calls f for everybody who plays, first the founder, then members in
// the order in which they joined.
func (s *State) eachPlayer(f func(user int64, st *Status)) {
	v := &s.room.view
	if v.FounderStatus.Player {
		f(v.Info.Founder.User, &v.FounderStatus)
	}
	for i := len(v.Members) - 1; i >= 0; i-- {
		if v.Members[i].Status.Player {
			f(v.Members[i].User, &v.Members[i].Status)
		}
	}
}

// statusOf returns the battle status of the founder or a member.
func (s *State) statusOf(user int64) (Status, bool) {
	if user == s.room.view.Info.Founder.User {
		return s.room.view.FounderStatus, true
	}
	m, ok := s.room.Member(user)
	return m.Status, ok
}
