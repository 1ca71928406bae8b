package balance

import (
	"cmp"
	"slices"
)

// loserPicks pairs parties with others that are as good, and gives the singles to
// whoever is weakest, the best first.
func loserPicks(w *work) ([]*side, error) {
	sets, singles, err := pairParties(w)
	if err != nil {
		return nil, err
	}
	p := picking{work: w, sides: sides(w.teams)}
	p.size, p.full = len(w.people)/w.teams, len(w.people)%w.teams
	for _, set := range sets {
		p.takeSet(set)
	}
	for _, person := range byRating(singles) {
		s := p.weakest()
		n := slices.Index(p.sides, s)
		s.take(newGroup(person))
		w.log("Picked %s for team %d, adding %s points for new total of %s", person.Name, w.label(n), number(person.rating), number(s.sum))
	}
	return p.sides, nil
}

// picking is who may pick. All teams get size players, and full of them one more.
type picking struct {
	*work
	sides      []*side
	size, full int
}

// room reports whether a team may have so many more.
func (p *picking) room(s *side, n int) bool {
	large := 0
	for _, o := range p.sides {
		if o != s && len(o.people) > p.size {
			large++
		}
	}
	if large < p.full {
		return len(s.people)+n <= p.size+1
	}
	return len(s.people)+n <= p.size
}

// weakest is the team that picks next: that with the lowest sum, of equals that with
// fewer people, of equals the first or any.
func (p *picking) weakest() *side {
	var best []*side
	for _, s := range p.sides {
		if !p.room(s, 1) {
			continue
		}
		order := -1
		if len(best) > 0 {
			order = cmp.Or(cmp.Compare(s.sum, best[0].sum), cmp.Compare(len(s.people), len(best[0].people)))
		}
		if order < 0 {
			best = best[:0]
		}
		if order <= 0 {
			best = append(best, s)
		}
	}
	if len(best) > 1 && p.tuning.ShuffleFirst {
		return best[p.rand.IntN(len(best))]
	}
	return best[0]
}

// takeSet gives each team one of a set of equally large choices: the strongest to the
// weakest team.
func (p *picking) takeSet(set []choice) {
	weak := slices.SortedStableFunc(slices.Values(p.sides), func(a, b *side) int { return cmp.Compare(a.sum, b.sum) })
	for i, c := range set {
		s := weak[i]
		for _, g := range c.groups {
			s.take(g)
		}
		p.log("Group picked %s for team %d, adding %s points for new total of %s",
			c.names(), p.label(slices.Index(p.sides, s)), number(c.sum), number(s.sum))
	}
}
