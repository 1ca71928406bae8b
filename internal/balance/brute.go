package balance

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// most2 is how many players all combinations of two teams are tried for.
const most2 = 16

// What a combination costs for each party that it takes apart.
const brokenParty = 6

const fallback = " Will use another balance algorithm instead."

// bruteForce tries all ways to make two teams.
func bruteForce(w *work) ([]*side, error) {
	why := ""
	switch {
	case w.teams != 2:
		why = "Team count doesn't equal two."
	case len(w.people) > most2:
		why = fmt.Sprintf("Number of players greater than %d.", most2)
	case len(w.people)%2 != 0:
		why = "Odd number of players."
	}
	if why != "" {
		w.log("%s", why+fallback)
		return loserPicks(w)
	}
	w.logHeader(BruteForce)
	c := newContest(byRating(w.people), weights{party: brokenParty, stdev: true})
	return w.settle(c)
}

// settle finds the best combination of a contest, says what it costs, and makes the teams.
func (w *work) settle(c *contest) ([]*side, error) {
	if err := c.search(w.try); err != nil {
		return nil, err
	}
	c.log(w)
	two := sides(2)
	for i, p := range c.people {
		side := two[1]
		if c.best[i] {
			side = two[0]
		}
		side.take(newGroup(p))
	}
	return two, nil
}

// logHeader begins the log of an algorithm.
func (w *work) logHeader(name Algorithm) {
	w.log("Algorithm: %s", name)
	for _, g := range w.groups {
		if g.party() {
			w.log("Party: %s", g.names())
		}
	}
}

// weights say what counts in a contest beside the difference of the teams' sums and of
// their captains.
type weights struct {
	party, avoid float64 // for each that is broken
	stdev        bool    // the difference of the standard deviations counts
	limit        float64 // a larger difference of sums costs overLimit and nothing else does; 0: none
}

// overLimit is what a combination costs whose teams are too unequal.
const overLimit = 10_000

// contest is a search for the best of all ways to put people into two teams.
type contest struct {
	people  []*person
	rating  []float64 // of people: what counts here
	order   []int     // people by rating, the best first
	weights weights
	parties [][]int  // by place in people
	avoids  [][2]int // by place in people

	in    []bool // the combination that is looked at: who is in the first team
	best  []bool
	score score
	tries int
}

// score is what a combination costs, and why.
type score struct {
	total, sums, stdevs, captains float64
	parties, avoids               int
}

func newContest(people []*person, wt weights) *contest {
	c := &contest{people: people, weights: wt, in: make([]bool, len(people))}
	places := map[*group][]int{}
	for i, p := range people {
		c.rating = append(c.rating, p.rating)
		if p.group.party() {
			places[p.group] = append(places[p.group], i)
		}
	}
	for _, p := range people { // not over the map: its order is any
		if list := places[p.group]; len(list) > 1 {
			c.parties = append(c.parties, list)
			delete(places, p.group)
		}
	}
	c.sortOrder()
	return c
}

// sortOrder is called again when ratings were changed.
func (c *contest) sortOrder() {
	c.order = c.order[:0]
	for i := range c.people {
		c.order = append(c.order, i)
	}
	slices.SortStableFunc(c.order, func(a, b int) int { return cmp.Compare(c.rating[b], c.rating[a]) })
}

// avoid adds two who should not be in one team, if both are in the contest.
func (c *contest) avoid(a, b int64) {
	i := slices.IndexFunc(c.people, func(p *person) bool { return p.ID == a })
	j := slices.IndexFunc(c.people, func(p *person) bool { return p.ID == b })
	if i >= 0 && j >= 0 {
		c.avoids = append(c.avoids, [2]int{i, j})
	}
}

// search looks at all combinations in their order; of equals the first wins. With an
// even number each comes twice, with the teams swapped: half of them is enough.
func (c *contest) search(try func() error) error {
	size := len(c.people) / 2
	if len(c.people)%2 == 0 && size > 0 {
		c.in[0] = true
		return c.from(1, size-1, try)
	}
	return c.from(0, size, try)
}

func (c *contest) from(i, more int, try func() error) error {
	if more == 0 {
		c.tries++
		if s := c.judge(); c.best == nil || s.total < c.score.total {
			c.best, c.score = append(c.best[:0], c.in...), s
		}
		return try()
	}
	for ; i <= len(c.people)-more; i++ {
		c.in[i] = true
		if err := c.from(i+1, more-1, try); err != nil {
			return err
		}
		c.in[i] = false
	}
	return nil
}

// judge says what the combination costs.
func (c *contest) judge() score {
	var s score
	var sum, squares, count [2]float64
	for i, r := range c.rating {
		t := 1
		if c.in[i] {
			t = 0
		}
		sum[t] += r
		squares[t] += r * r
		count[t]++
	}
	s.sums = math.Abs(sum[0] - sum[1])
	if c.weights.stdev {
		s.stdevs = math.Abs(stdev(sum[0], squares[0], count[0]) - stdev(sum[1], squares[1], count[1]))
	}
	s.captains = c.captains()
	for _, party := range c.parties {
		for _, i := range party[1:] {
			if c.in[i] != c.in[party[0]] {
				s.parties++
				break
			}
		}
	}
	for _, a := range c.avoids {
		if c.in[a[0]] == c.in[a[1]] {
			s.avoids++
		}
	}
	s.total = s.sums + s.stdevs + s.captains
	if c.weights.limit > 0 && s.sums > c.weights.limit {
		s.total += overLimit
		return s
	}
	s.total += c.weights.party*float64(s.parties) + c.weights.avoid*float64(s.avoids)
	return s
}

// captains is the difference between the best of both teams.
func (c *contest) captains() float64 {
	var best [2]float64
	var have [2]bool
	for _, i := range c.order {
		t := 1
		if c.in[i] {
			t = 0
		}
		if !have[t] {
			best[t], have[t] = c.rating[i], true
		}
		if have[0] && have[1] {
			break
		}
	}
	return math.Abs(best[0] - best[1])
}

func stdev(sum, squares, n float64) float64 {
	if n == 0 {
		return 0
	}
	mean := sum / n
	return math.Sqrt(max(squares/n-mean*mean, 0))
}

// log says what the best combination costs.
func (c *contest) log(w *work) {
	w.log("Combinations tried: %d", c.tries)
	w.log("Rating difference: %s", number(c.score.sums))
	if c.weights.stdev {
		w.log("Stdev difference: %s", number(c.score.stdevs))
	}
	w.log("Captain rating difference: %s", number(c.score.captains))
	if len(c.parties) > 0 {
		w.log("Broken parties: %d", c.score.parties)
	}
	if len(c.avoids) > 0 {
		w.log("Broken avoids: %d", c.score.avoids)
	}
	w.log("Score: %s (lower is better)", number(c.score.total))
}
