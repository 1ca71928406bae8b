package balance

import (
	"cmp"
	"math"
	"slices"
)

// choice is what one team gets when parties are paired: a party, or groups and singles
// who are as many and as good.
type choice struct {
	groups           []*group
	sum, mean, stdev float64
}

func newChoice(groups []*group) choice {
	c := choice{groups: groups}
	c.sum, c.mean, c.stdev = spread(c.people())
	return c
}

func (c choice) people() []*person {
	var list []*person
	for _, g := range c.groups {
		list = append(list, g.members...)
	}
	return list
}

func (c choice) names() string { return names(c.people()) }

// pairParties finds for each party, the smallest first, somebody comparable for every
// other team. Parties for which there is nobody are taken apart. Each set of the
// result has a choice for every team, the strongest first.
func pairParties(w *work) (sets [][]choice, singles []*person, err error) {
	var left []*group
	var parties []choice
	for _, g := range w.groups {
		left = append(left, g)
		if g.party() {
			parties = append(parties, newChoice([]*group{g}))
		}
	}
	slices.SortStableFunc(parties, func(a, b choice) int {
		return cmp.Or(cmp.Compare(len(a.people()), len(b.people())), cmp.Compare(a.stdev, b.stdev))
	})
	if len(parties) > 0 {
		w.log("Group matching")
	}
	for _, party := range parties {
		if !slices.Contains(left, party.groups[0]) {
			continue // was taken to match another
		}
		set, rest, err := pairParty(w, party, left)
		if err != nil {
			return nil, nil, err
		}
		if set == nil {
			left = apart(left, party.groups[0])
			continue
		}
		left = rest
		w.logSet(set)
		slices.SortStableFunc(set, func(a, b choice) int { return cmp.Compare(b.sum, a.sum) })
		sets = append(sets, set)
	}
	if len(parties) > 0 {
		w.log("End of pairing")
	}
	for _, g := range left {
		singles = append(singles, g.members...)
	}
	return sets, singles, nil
}

// logSet writes what was paired, the party first.
func (w *work) logSet(set []choice) {
	for _, c := range set {
		w.log("> Grouped: %s", c.names())
		w.log("--- Rating sum: %s", number(c.sum))
		w.log("--- Rating Mean: %s", number(c.mean))
		w.log("--- Rating Stddev: %s", number(c.stdev))
	}
}

// apart replaces a party by its members. They are still known as a party to the result.
func apart(left []*group, party *group) []*group {
	left = slices.DeleteFunc(left, func(g *group) bool { return g == party })
	for _, p := range party.members {
		left = append(left, newGroup(p))
	}
	return left
}

// pairParty finds a choice for each of the other teams; nil if one goes without. rest is
// who is left then.
func pairParty(w *work, party choice, left []*group) (set []choice, rest []*group, err error) {
	rest = slices.Clone(left)
	rest = slices.DeleteFunc(rest, func(g *group) bool { return g == party.groups[0] })
	set = []choice{party}
	size := len(party.groups[0].members)
	for len(set) < w.teams {
		candidates := comparable(w.tuning, party, rest)
		people := 0
		for _, g := range candidates {
			people += len(g.members)
		}
		if people < size {
			w.log("Unable to find a player match for group of %s (stats: %s, %s, %s), treating them as solo players",
				party.names(), number(party.sum), number(party.mean), number(party.stdev))
			return nil, left, nil
		}
		found, err := w.combine(party, candidates)
		if err != nil {
			return nil, nil, err
		}
		if found == nil {
			w.log("Unable to find a combination match for group of %s (stats: %s, %s, %s), treating them as solo players",
				party.names(), number(party.sum), number(party.mean), number(party.stdev))
			return nil, left, nil
		}
		set = append(set, newChoice(found))
		rest = slices.DeleteFunc(rest, func(g *group) bool { return slices.Contains(found, g) })
	}
	return set, rest, nil
}

// comparable are the groups who are small enough and none of whose members is much
// better than the best, or much worse than the worst of the party.
func comparable(tuning Tuning, party choice, groups []*group) []*group {
	members := party.groups[0].members
	high, low := members[0].rating+tuning.RatingUpper, members[len(members)-1].rating-tuning.RatingLower
	var list []*group
	for _, g := range groups {
		best, worst := g.members[0].rating, g.members[len(g.members)-1].rating
		if len(g.members) <= len(members) && best < high && worst > low {
			list = append(list, g)
		}
	}
	return list
}

// triesOfPairing bounds the combinations for one party in one team, about, by looking at
// those only who are nearest to one of the party.
const triesOfPairing = 250_000

// nearest are the candidates who are nearest to somebody of the party: so many that
// their combinations can be tried.
func nearest(party choice, candidates []*group) []*group {
	size := len(party.groups[0].members)
	most := size
	for n, tries := most, 1.0; tries <= triesOfPairing && most < len(candidates); n++ {
		most = n
		tries *= float64(n+1) / float64(n+1-size)
	}
	if len(candidates) <= most {
		return candidates
	}
	distance := func(g *group) float64 {
		far := 0.0
		for _, p := range g.members {
			near := math.Inf(1)
			for _, m := range party.groups[0].members {
				near = min(near, math.Abs(m.rating-p.rating))
			}
			far = max(far, near)
		}
		return far
	}
	sorted := slices.SortedStableFunc(slices.Values(candidates), func(a, b *group) int { return cmp.Compare(distance(a), distance(b)) })
	return sorted[:most]
}

// fit is how well a combination matches a party: less is better.
type fit struct{ product, mean, stdev float64 }

func (f fit) better(g fit) bool {
	return cmp.Or(cmp.Compare(f.product, g.product), cmp.Compare(f.mean, g.mean), cmp.Compare(f.stdev, g.stdev)) < 0
}

// combine finds the candidates that together are as many as the party and most like it,
// nil if none is like enough.
func (w *work) combine(party choice, candidates []*group) ([]*group, error) {
	c := combining{work: w, party: party, candidates: nearest(party, candidates), size: len(party.groups[0].members)}
	if err := c.from(0, 0, 0, 0); err != nil {
		return nil, err
	}
	return c.best, nil
}

type combining struct {
	*work
	party      choice
	candidates []*group
	size       int
	chosen     []*group
	best       []*group
	bestFit    fit
}

// from tries all combinations of what is chosen and the candidates from i on, given the
// number, the sum and the sum of squares of the chosen.
func (c *combining) from(i, people int, sum, squares float64) error {
	if people == c.size {
		c.judge(sum, squares)
		return c.try()
	}
	for ; i < len(c.candidates); i++ {
		g := c.candidates[i]
		if people+len(g.members) > c.size {
			continue
		}
		s, q := sum, squares
		for _, p := range g.members {
			s += p.rating
			q += p.rating * p.rating
		}
		c.chosen = append(c.chosen, g)
		if err := c.from(i+1, people+len(g.members), s, q); err != nil {
			return err
		}
		c.chosen = c.chosen[:len(c.chosen)-1]
		if err := c.try(); err != nil {
			return err
		}
	}
	return nil
}

func (c *combining) judge(sum, squares float64) {
	mean := sum / float64(c.size)
	stdev := math.Sqrt(max(squares/float64(c.size)-mean*mean, 0))
	f := fit{mean: math.Abs(mean - c.party.mean), stdev: math.Abs(stdev - c.party.stdev)}
	if f.mean > c.tuning.MeanDiff || f.stdev > c.tuning.StdevDiff {
		return
	}
	f.product = f.mean * f.stdev
	if c.best == nil || f.better(c.bestFit) {
		c.best, c.bestFit = slices.Clone(c.chosen), f
	}
}
