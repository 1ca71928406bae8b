package lobby

import (
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/refusal"
)

// direct decides the commands of order.go, and what comes back to the consul; the consul
// hears of them afterwards.
func (s *State) direct(body any) (process.Outcome, error) {
	switch cmd := body.(type) {
	case Order:
		return s.order(cmd)
	case Know:
		return s.know(cmd)
	case Hello:
		return s.hello(cmd)
	case HostData:
		return s.hostData(cmd.Who)
	case Progress:
		return s.progress(cmd)
	case StartMatch:
		return s.startMatch(cmd)
	case EndMatch:
		return s.endMatch(cmd)
	case Balance:
		return s.balance(cmd)
	case KeepBalance:
		return s.keepBalance(cmd)
	case ForgetBalance:
		return s.forgetBalance()
	case Reserve:
		return s.reserve(cmd)
	case Place:
		return s.place(cmd)
	case Furnish:
		return s.furnish(cmd)
	case consul.Rules:
		s.rules = cmd
		return process.Outcome{}, nil
	case consul.Fill, consul.SplitDue, consul.SplitTo, consul.Remark:
		return process.Outcome{}, nil
	}
	return refuse(refusal.Invalid, "a lobby does not know %T", body)
}

// order is refused to who is not in the room. Whether it is permitted is the consul's
// to say, to the sender alone.
func (s *State) order(c Order) (process.Outcome, error) {
	a, err := s.inside(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	return a.led(), nil
}

// inside finds a sender that must be the founder or a member.
func (s *State) inside(w Who) (actor, error) {
	a, err := s.actor(w)
	if err == nil && !a.founder && a.member < 0 {
		err = refusal.New(refusal.Forbidden, "not in this lobby")
	}
	return a, err
}

func (s *State) know(c Know) (process.Outcome, error) {
	if p, ok := s.room.Asker(c.User); ok {
		if older(c.Who, p.Who) {
			return process.Outcome{}, superseded()
		}
		return process.Outcome{}, nil
	}
	return s.order(Order{Who: c.Who})
}

func (s *State) hello(c Hello) (process.Outcome, error) {
	a, err := s.inside(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	out := a.led()
	var p Present
	if !s.guarded(func(t *consul.Turn) { p.Asked = t.Hello(c.User) }) {
		return process.Outcome{}, unguarded()
	}
	out.Reply = p
	return out, nil
}

// hostData and progress are the founder's own.
func (s *State) hostData(w Who) (process.Outcome, error) {
	a, err := s.actor(w)
	if err != nil {
		return process.Outcome{}, err
	}
	if !a.founder {
		return refuse(refusal.Forbidden, "only the host may say so")
	}
	return a.led(), nil
}

func (s *State) progress(c Progress) (process.Outcome, error) {
	out, err := s.hostData(c.Who)
	if err == nil {
		s.inGame = c.InGame
	}
	return out, err
}

// place puts a member where a part of the server wants it.
func (s *State) place(c Place) (process.Outcome, error) {
	old, ok := s.statusOf(c.User)
	if !ok {
		return refuse(refusal.NotFound, "user %d is not in this lobby", c.User)
	}
	st := old
	for _, f := range []struct {
		from *bool
		to   *bool
	}{{c.Player, &st.Player}, {c.Ready, &st.Ready}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	for _, f := range []struct{ from, to *int }{{c.Team, &st.Team}, {c.Ally, &st.Ally}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if st != legal(st) {
		return refuse(refusal.Invalid, "there is no such place")
	}
	if st == old {
		return process.Outcome{}, nil
	}
	return process.Outcome{Events: []any{StatusSet{User: c.User, Status: st}}}, nil
}

// reserve keeps an empty lobby for another one or a match, which has it from then on to
// send people.
func (s *State) reserve(c Reserve) (process.Outcome, error) {
	info := &s.room.view.Info
	switch {
	case c.For == info.ID || s.password != "" || info.Locked:
		return refuse(refusal.Forbidden, "this lobby is not open to all")
	case c.Match != "" && s.reserved.Match == c.Match && s.reserved.Until.After(s.at):
		s.reserved.Until = s.at.Add(reserveFor)
		return process.Outcome{}, nil
	case c.Match != "" && s.inGame:
		return refuse(refusal.Taken, "the host of this lobby is in game")
	case len(s.room.view.Members) > 0 || len(s.room.view.Pending) > 0 || len(s.kept) > 0:
		return refuse(refusal.Taken, "this lobby is not empty")
	case (s.reserved.For != c.For || s.reserved.Match != c.Match) && s.reserved.Until.After(s.at):
		return refuse(refusal.Taken, "this lobby waits for others")
	}
	s.reserved = reservation{For: c.For, Match: c.Match, Until: s.at.Add(reserveFor)}
	return process.Outcome{}, nil
}

func timer(after time.Duration, body any) process.Timer {
	return process.Timer{After: after, Body: body}
}

// isExplain reports the one command that is shown like any line.
func isExplain(text string) bool {
	name, silent, _, ok := consul.Parse(text)
	return ok && !silent && name == "explain"
}
