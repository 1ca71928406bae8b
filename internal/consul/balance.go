package consul

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/balance"
)

func (t *Turn) orderAlgorithm(o *order) {
	names := balance.Names(o.facts.Moderator || o.facts.Admin)
	if !slices.Contains(names, balance.Algorithm(o.rest)) {
		options := make([]string, len(names))
		for i, n := range names {
			options[i] = string(n)
		}
		t.say("No balance algorithm of %s. Options are: %s", o.rest, strings.Join(options, ", "))
		return
	}
	t.State.Algorithm = o.rest
	if o.rest == string(balance.Default) {
		t.State.Algorithm = ""
	}
	t.say("Balance algorithm set to %s", o.rest)
}

// variables are what $set knows.
func (s *State) variables() map[string]*float64 {
	return map[string]*float64{
		"max_deviation":         &s.Tuning.MaxDeviation,
		"rating_lower_boundary": &s.Tuning.RatingLower,
		"rating_upper_boundary": &s.Tuning.RatingUpper,
		"mean_diff_max":         &s.Tuning.MeanDiff,
		"stddev_diff_max":       &s.Tuning.StdevDiff,
		"fuzz_multiplier":       &s.Tuning.Fuzz,
	}
}

// highestVariable is more than any rating, and than a percentage.
const highestVariable = 1000

func (t *Turn) orderSet(o *order) {
	name, text, _ := strings.Cut(o.rest, " ")
	v := t.State.variables()[name]
	if v == nil {
		t.echoError(o, "no variable by that name")
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 || n > highestVariable {
		t.echoError(o, "invalid value")
		return
	}
	*v = float64(n)
	t.State.Tuned = t.State.Tuned || name == "max_deviation"
	t.echo(o)
}

func (t *Turn) orderForceParty(*order) {
	x := &t.State.Tuning
	x.MaxDeviation, x.RatingLower, x.RatingUpper, x.MeanDiff, x.StdevDiff = highestVariable, highestVariable, highestVariable, highestVariable, highestVariable
	t.State.Tuned = true
}

func (t *Turn) orderBalanceStatus(o *order) {
	tuning := t.tuning()
	lines := []string{
		fmt.Sprintf("algorithm: %s", t.State.algorithm(t.Rules)),
		fmt.Sprintf("max_deviation: %v", tuning.MaxDeviation),
		fmt.Sprintf("rating_lower_boundary: %v", tuning.RatingLower),
		fmt.Sprintf("rating_upper_boundary: %v", tuning.RatingUpper),
		fmt.Sprintf("mean_diff_max: %v", tuning.MeanDiff),
		fmt.Sprintf("stddev_diff_max: %v", tuning.StdevDiff),
		fmt.Sprintf("fuzz_multiplier: %v", tuning.Fuzz),
		fmt.Sprintf("shuffle_first_pick: %t", tuning.ShuffleFirst),
	}
	if b := t.State.Balance; b != nil {
		lines = append(lines, "last_balance_hash: "+b.Result.Hash)
	}
	slices.Sort(lines)
	t.tell(o.User, append([]string{splitter + " Balancer status " + splitter}, lines...)...)
}

// tuning is the lobby's, with the site's deviation unless it was set here.
func (t *Turn) tuning() balance.Tuning {
	x := t.State.Tuning
	if !t.State.Tuned {
		x.MaxDeviation = t.Rules.MaxDeviation
	}
	return x
}

// BalanceInput is what so many teams of those who play now would be made of. Ratings, by
// user and game type, are taken for newer than the known ones.
func (t *Turn) BalanceInput(teams int, groups bool, seed uint64, ratings map[int64]map[string]Rating) balance.Input {
	in := balance.Input{
		Algorithm: balance.Algorithm(t.State.algorithm(t.Rules)), Teams: teams, Groups: groups, Tuning: t.tuning(), Seed: seed,
	}
	for user, r := range ratings {
		if p := t.State.People[user]; p != nil && t.Room.seat(user) != nil {
			fresh := *p
			fresh.Facts.Ratings = r
			t.State.People[user] = &fresh
		}
	}
	kind := gameType(teams, (t.Room.Players()+teams-1)/max(teams, 1), t.Rules.SmallTeam)
	if kind == typeTeamFFA {
		kind = typeLargeTeam
	}
	type avoid struct {
		balance.Avoid
		since time.Time
	}
	var avoids []avoid
	t.Room.eachPlayer(func(s *Seat) {
		f := t.facts(s.User)
		r := f.Rated(kind)
		in.Players = append(in.Players, balance.Player{
			ID: s.User, Name: t.name(s.User), Rating: r.Value, Adjust: float64(f.Adjust), Uncertainty: r.Uncertainty, Rank: f.Rank, Party: f.Party,
		})
		for _, a := range f.Avoids {
			if of := t.Room.seat(a.User); of != nil && of.Player && t.At.Sub(a.Since) >= time.Duration(t.Rules.AvoidHours)*time.Hour {
				avoids = append(avoids, avoid{balance.Avoid{By: s.User, Of: a.User}, a.Since})
			}
		}
	})
	slices.SortStableFunc(avoids, func(a, b avoid) int { return a.since.Compare(b.since) })
	for _, a := range avoids {
		in.Avoids = append(in.Avoids, a.Avoid)
	}
	slices.SortFunc(in.Players, func(a, b balance.Player) int { return cmp.Compare(a.ID, b.ID) })
	return in
}

// Balanced returns the last balance if it was made of this.
func (s *State) Balanced(in balance.Input) (*Balance, bool) {
	if s.Balance == nil || s.Balance.Result.Hash != in.Hash() {
		return nil, false
	}
	return s.Balance, true
}

// Keep takes a new balance, unless it has one of the same already: two who asked at once
// have one answer.
func (s *State) Keep(b Balance) *Balance {
	if old, same := s.Balanced(b.Input); same {
		return old
	}
	s.Balance = &b
	return &b
}

func (t *Turn) orderExplain(o *order) { t.Explain(o.User) }

// Explain tells somebody how the last teams were made.
func (t *Turn) Explain(user int64) {
	b := t.State.Balance
	if b == nil {
		t.tell(user, splitter, "No balance has been created for this room", splitter)
		return
	}
	r := &b.Result
	lines := append([]string{splitter, "Balance logs, mode: " + r.Mode}, r.Logs...)
	lines = append(lines, fmt.Sprintf("Deviation of: %d", r.Deviation))
	for i, team := range r.Teams {
		lines = append(lines, fmt.Sprintf("Team %d - sum: %.1f, mean: %.1f, stdev: %.2f", i+1, team.Sum, team.Mean, team.Stdev))
	}
	if f := t.facts(user); f.Moderator || f.Admin {
		lines = append(lines, "Time taken: "+took(r.Took))
	}
	t.tell(user, append(lines, splitter)...)
}

func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dus", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%ds", int(math.Round(d.Seconds())))
}
