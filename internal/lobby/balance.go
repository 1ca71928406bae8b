package lobby

import (
	"teiserver/internal/balance"
	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/refusal"
)

// balance answers with the last teams if they are of the same players, ratings and
// settings. New ones are not made in the lobby's loop: whoever asks makes them, on its own
// node and in its own time.
func (s *State) balance(c Balance) (process.Outcome, error) {
	if c.Teams < 1 || c.Teams > balance.MaxTeams {
		return refuse(refusal.Invalid, "%d teams are not from 1 to %d", c.Teams, balance.MaxTeams)
	}
	var reply any
	if !s.guarded(func(t *consul.Turn) {
		in := t.BalanceInput(c.Teams, c.Groups, c.Seed, c.Ratings)
		reply = BalanceTask{Input: in}
		if b, known := t.State.Balanced(in); known {
			reply = Balanced{Input: b.Input, Result: b.Result}
		}
	}) {
		return process.Outcome{}, unguarded()
	}
	return process.Outcome{Reply: reply}, nil
}

// keepBalance: of two who asked at once both get what came first.
func (s *State) keepBalance(c KeepBalance) (process.Outcome, error) {
	if c.Result.Hash != c.Input.Hash() {
		return refuse(refusal.Invalid, "these teams are of others")
	}
	var kept *consul.Balance
	if !s.guarded(func(t *consul.Turn) { kept = t.State.Keep(consul.Balance{Input: c.Input, Result: c.Result}) }) {
		return process.Outcome{}, unguarded()
	}
	return process.Outcome{Reply: Balanced{Input: kept.Input, Result: kept.Result}}, nil
}

func (s *State) forgetBalance() (process.Outcome, error) {
	if !s.guarded(func(t *consul.Turn) { t.State.Balance = nil }) {
		return process.Outcome{}, unguarded()
	}
	return process.Outcome{}, nil
}
