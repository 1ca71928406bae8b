package balance

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// maxTries bounds the combinations that one balance looks at, in all its steps: about
// half a second.
const maxTries = 20_000_000

// checkEvery is after how many tries the clock is looked at.
const checkEvery = 1 << 12

// work is one balance under way.
type work struct {
	ctx    context.Context
	teams  int
	tuning Tuning
	avoids []Avoid
	rand   *rand.Rand
	left   int // tries

	// labels are the numbers of the teams, less one, by chance: a pick order is no reason
	// to be always on the same side of a map.
	labels []int
	people []*person // in order of their ids
	groups []*group  // parties and singles, in order of their first member's id
	logs   []string
}

// person is a player with the rating that this balance goes by.
type person struct {
	Player
	rating float64 // fuzz and adjustment included
	group  *group
}

// newishUncertainty and newishRank are up to where a rating says little yet.
const (
	newishUncertainty = 6.65
	startUncertainty  = 8.333
	newishRank        = 2
)

// newish reports somebody whose rating says little yet.
func (p *person) newish() bool { return p.Uncertainty >= newishUncertainty && p.Rank <= newishRank }

// group is a party, or somebody alone.
type group struct {
	members []*person // the best first
	sum     float64
}

func newGroup(members ...*person) *group {
	g := &group{members: byRating(members)}
	for _, p := range g.members {
		g.sum += p.rating
	}
	return g
}

func (g *group) party() bool { return len(g.members) > 1 }

func (g *group) names() string { return names(g.members) }

// side is a team while it is made.
type side struct {
	groups []*group
	people []*person
	sum    float64
	best   float64
}

func (s *side) take(g *group) {
	s.groups = append(s.groups, g)
	for _, p := range g.members {
		s.people = append(s.people, p)
		s.sum += p.rating
		s.best = max(s.best, p.rating)
	}
}

func sides(n int) []*side {
	list := make([]*side, n)
	for i := range list {
		list[i] = &side{}
	}
	return list
}

// team is the side as others see it. Members of one party who were taken one by one are
// one group again.
func (s *side) team() Team {
	t := Team{Players: []int64{}, Groups: [][]int64{}}
	place := map[*group]int{}
	var best *person
	for _, p := range s.people {
		t.Players = append(t.Players, p.ID)
		i, known := place[p.group]
		if !known {
			i = len(t.Groups)
			place[p.group] = i
			t.Groups = append(t.Groups, nil)
		}
		t.Groups[i] = append(t.Groups[i], p.ID)
		if best == nil || p.rating > best.rating {
			best = p
		}
	}
	if best != nil {
		t.Captain = best.ID
	}
	t.Sum, t.Mean, t.Stdev = spread(s.people)
	return t
}

// enter takes the players over, each with the rating that counts.
func (w *work) enter(in Input) {
	for _, p := range in.sorted() {
		rating := p.Rating + p.Adjust
		if fuzzy(in.Algorithm) {
			rating += (w.rand.Float64()*2 - 1) * in.Tuning.Fuzz
		}
		w.people = append(w.people, &person{Player: p, rating: rating})
	}
}

// group makes the groups, of parties too if they are to stay together.
func (w *work) group(parties bool) {
	members := map[string][]*person{}
	var order []string
	for _, p := range w.people {
		key := "p" + p.Party
		if p.Party == "" || !parties {
			key = "u" + strconv.FormatInt(p.ID, 10)
		}
		if members[key] == nil {
			order = append(order, key)
		}
		members[key] = append(members[key], p)
	}
	w.groups = nil
	for _, key := range order {
		g := newGroup(members[key]...)
		for _, p := range g.members {
			p.group = g
		}
		w.groups = append(w.groups, g)
	}
}

func (w *work) hasParties() bool { return slices.ContainsFunc(w.groups, (*group).party) }

func (w *work) log(format string, args ...any) { w.logs = append(w.logs, fmt.Sprintf(format, args...)) }

// label is the number by which a team is known outside.
func (w *work) label(team int) int { return w.labels[team] + 1 }

// try counts a combination that is looked at.
func (w *work) try() error {
	w.left--
	if w.left < 0 {
		return fmt.Errorf("%w: more than %d combinations", ErrTooMuch, maxTries)
	}
	if w.left%checkEvery == 0 && w.ctx.Err() != nil {
		return fmt.Errorf("balance: %w", context.Cause(w.ctx))
	}
	return nil
}

// byRating sorts a copy, the best first. Equals are in order of their ids.
func byRating(people []*person) []*person {
	return slices.SortedFunc(slices.Values(people), func(a, b *person) int {
		return cmp.Or(cmp.Compare(b.rating, a.rating), cmp.Compare(a.ID, b.ID))
	})
}

// spread is the sum, the mean and the standard deviation of ratings, 0 of nobody's.
func spread(people []*person) (sum, mean, stdev float64) {
	if len(people) == 0 {
		return 0, 0, 0
	}
	for _, p := range people {
		sum += p.rating
	}
	mean = sum / float64(len(people))
	for _, p := range people {
		stdev += (p.rating - mean) * (p.rating - mean)
	}
	return sum, mean, math.Sqrt(stdev / float64(len(people)))
}

func names(people []*person) string {
	list := make([]string, len(people))
	for i, p := range people {
		list[i] = p.Name
	}
	return strings.Join(list, ", ")
}

// number is a rating as the logs write it: two decimals at most, one at least.
func number(f float64) string {
	f = math.Round(f*100) / 100
	if f == math.Trunc(f) {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
