package balance

import (
	"cmp"
	"math"
	"slices"
)

// most14 is how many of the best are put into teams by trying all combinations; the
// others are drafted.
const most14 = 14

const notTwo = "Team count not equal to 2. Will use loser_picks algorithm instead."

// partyFirst and avoidFirst are added to ratings when the best are chosen, so that those
// with a wish are among them.
const (
	partyFirst      = 100
	partyFirstAvoid = 1000
	avoidFirst      = 100
)

// splitNoobs shares beginners evenly and last.
func splitNoobs(w *work) ([]*side, error) {
	if w.teams != 2 {
		w.log("%s", notTwo)
		return loserPicks(w)
	}
	w.logHeader(SplitNoobs)
	rated := w.devalued()
	noob := func(p *person) bool { return !p.group.party() && (p.newish() || rated[p] <= 0) }
	d := newDraft(w, rated, noob)
	sortBy(d.experienced, func(p *person) float64 { return rated[p] + bonus(p.group.party(), partyFirst) })
	if !w.hasParties() && !d.oneDominates() {
		return d.finish(sides(2), d.experienced), nil
	}
	return d.best14(weights{party: brokenParty, stdev: true}, nil)
}

// respectAvoids keeps apart, as far as that is fair, who wants to be.
func respectAvoids(w *work) ([]*side, error) {
	if w.teams != 2 {
		w.log("%s", notTwo)
		return loserPicks(w)
	}
	w.logHeader(RespectAvoids)
	rated := w.devalued()
	d := newDraft(w, rated, func(p *person) bool { return !p.group.party() && p.newish() })
	avoids := d.avoids()
	if !w.hasParties() && len(avoids) == 0 {
		sortBy(d.experienced, func(p *person) float64 { return rated[p] })
		return d.finish(sides(2), d.experienced), nil
	}
	wish := map[int64]bool{}
	for _, a := range avoids {
		wish[a.By], wish[a.Of] = true, true
	}
	sortBy(d.experienced, func(p *person) float64 {
		return rated[p] + bonus(p.group.party(), partyFirstAvoid) + bonus(wish[p.ID], avoidFirst)
	})
	total := 0.0
	for _, p := range d.top() {
		total += rated[p]
	}
	limit := max(10, total*w.tuning.MaxDeviation/100/2)
	return d.best14(weights{party: 1000, avoid: 10, limit: limit}, avoids)
}

func bonus(is bool, points float64) float64 {
	if is {
		return points
	}
	return 0
}

// devalued are the ratings with those who are new counted for less, the newer the less.
func (w *work) devalued() map[*person]float64 {
	rated := make(map[*person]float64, len(w.people))
	for _, p := range w.people {
		rated[p] = p.rating
		if p.newish() {
			known := (startUncertainty - p.Uncertainty) / (startUncertainty - newishUncertainty)
			rated[p] *= max(min(known, 1), 0)
		}
	}
	return rated
}

// draft is two teams that take turns.
type draft struct {
	*work
	rated       map[*person]float64
	experienced []*person
	noobs       []*person // in the order in which they are taken
}

func newDraft(w *work, rated map[*person]float64, noob func(p *person) bool) *draft {
	d := &draft{work: w, rated: rated}
	for _, p := range w.people {
		if noob(p) {
			d.noobs = append(d.noobs, p)
		} else {
			d.experienced = append(d.experienced, p)
		}
	}
	sortBy(d.noobs, func(p *person) float64 { return 100*float64(p.Rank) - p.Uncertainty })
	if len(d.noobs) > 0 {
		d.log("Solo noobs:")
		for _, p := range d.noobs {
			d.log("%s (chev: %d, σ: %.1f)", p.Name, p.Rank+1, p.Uncertainty)
		}
	}
	return d
}

// sortBy sorts, the highest first; equals keep the order of their ids.
func sortBy(people []*person, value func(p *person) float64) {
	slices.SortStableFunc(people, func(a, b *person) int {
		return cmp.Or(cmp.Compare(value(b), value(a)), cmp.Compare(a.ID, b.ID))
	})
}

func (d *draft) top() []*person { return d.experienced[:min(len(d.experienced), most14)] }

// oneDominates reports whether one player is as good as the next two.
func (d *draft) oneDominates() bool {
	best, second := math.Inf(-1), math.Inf(-1)
	for _, p := range d.experienced {
		switch r := d.rated[p]; {
		case r > best:
			best, second = r, best
		case r > second:
			second = r
		}
	}
	return len(d.experienced) > 1 && best >= 2*second
}

// best14 tries all combinations of the best, and lets the teams draft the others.
func (d *draft) best14(wt weights, avoids []Avoid) ([]*side, error) {
	top := d.top()
	c := newContest(top, wt)
	for i, p := range top {
		c.rating[i] = d.rated[p]
	}
	c.sortOrder()
	for _, a := range avoids {
		c.avoid(a.By, a.Of)
	}
	two, err := d.settle(c)
	if err != nil {
		return nil, err
	}
	return d.finish(two, d.experienced[len(top):]), nil
}

// finish drafts the experienced who are left, and then the noobs.
func (d *draft) finish(two []*side, rest []*person) []*side {
	if len(rest)+len(d.noobs) > 0 {
		d.log("Draft remaining players (ordered from best to worst).")
		d.log("Remaining: %s", names(append(slices.Clone(rest), d.noobs...)))
	}
	for _, list := range [][]*person{rest, d.noobs} {
		for _, p := range list {
			d.picks(two).take(newGroup(p))
		}
	}
	d.log("Final result:")
	for number := 1; number <= len(two); number++ {
		s := two[slices.Index(d.labels, number-1)]
		d.log("Team %d: %s", number, names(s.people))
	}
	return two
}

// picks is the team whose turn it is. Very unequal teams must not end up with very
// unequal numbers: one that is full does not pick.
func (d *draft) picks(two []*side) *side {
	most := (len(d.people) + 1) / 2
	first, second := two[0], two[1]
	if len(second.people) >= most || len(first.people) < most && d.priority(first) > d.priority(second) {
		return first
	}
	return second
}

// priority says who picks next: a smaller team, then a weaker one.
func (d *draft) priority(s *side) float64 {
	sum, captain := 0.0, 0.0
	for _, p := range s.people {
		sum += d.rated[p]
		captain = max(captain, d.rated[p])
	}
	return -sum - 100*float64(len(s.people)) - captain
}

// maxAvoids is how many avoids of one player count.
const maxAvoids = 2

// avoids are those that count: of experienced players, of each the oldest ones, and in
// a full lobby no more than there is room for among those who are not in parties.
func (d *draft) avoids() []Avoid {
	experienced := map[int64]*person{}
	inParties := 0
	for _, p := range d.experienced {
		experienced[p.ID] = p
	}
	for _, p := range d.people {
		if p.group.party() {
			inParties++
		}
	}
	most := math.MaxInt
	if len(d.people) >= most14 {
		most = max(1, (most14-inParties)/2)
	}
	var list []Avoid
	of := map[int64]int{}
	for _, a := range d.work.avoids {
		by, other := experienced[a.By], experienced[a.Of]
		if by == nil || other == nil || by == other || of[a.By] >= maxAvoids || len(list) >= most {
			continue
		}
		of[a.By]++
		list = append(list, a)
		d.log("Avoid: %s avoids %s", by.Name, other.Name)
	}
	return list
}
