package matchmaking

import (
	"math"
	"time"
)

// What a search may cost, so that a queue never thinks for long: who was not found in one
// look may be in the next, when more may differ.
const (
	mostSteps   = 3000 // for the match of one group
	mostForLook = 60_000
)

// find returns matches among groups in the order in which they joined. Whoever has waited
// longest is served first, with those who fit and have waited longest. Each match is a list
// of teams of full size.
func find(groups []*Group, q Spec, r Rules, at time.Time) (matches [][][]*Group) {
	free := append([]*Group(nil), groups...)
	left := mostForLook
	for len(free) > 0 && left > 0 {
		f := fitter{spec: q, steps: min(mostSteps, left)}
		allowed := f.steps
		teams := f.match(free, r, at)
		left -= allowed - f.steps
		if teams == nil {
			free = free[1:] // all others were tried with it
			continue
		}
		matches = append(matches, teams)
		used := map[*Group]bool{}
		for _, t := range teams {
			for _, g := range t {
				used[g] = true
			}
		}
		next := free[:0:0]
		for _, g := range free {
			if !used[g] {
				next = append(next, g)
			}
		}
		free = next
	}
	return matches
}

// candidate is a group that may be in the match of the first one.
type candidate struct {
	group  *Group
	spread float64
}

// fitter fills the teams of one match.
type fitter struct {
	spec  Spec
	steps int
	list  []candidate
	after []int // players of the candidates from here on
	room  []int // of each team
	teams [][]*Group
	lack  int
}

// match finds one for the first of the groups, nil if there is none.
func (f *fitter) match(groups []*Group, r Rules, at time.Time) [][]*Group {
	first := groups[0]
	own := r.spread(first, at)
	for _, g := range groups {
		s := r.spread(g, at)
		if len(g.Members) <= f.spec.TeamSize && math.Abs(g.Rating-first.Rating) <= min(s, own) {
			f.list = append(f.list, candidate{g, s})
		} else if g == first {
			return nil
		}
	}
	f.after = make([]int, len(f.list)+1)
	for i := len(f.list) - 1; i >= 0; i-- {
		f.after[i] = f.after[i+1] + len(f.list[i].group.Members)
	}
	f.room = make([]int, f.spec.TeamCount)
	for i := range f.room {
		f.room[i] = f.spec.TeamSize
	}
	f.teams = make([][]*Group, f.spec.TeamCount)
	f.lack = f.spec.Players()
	f.put(0, 0)
	if !f.fill(1, first.Rating, first.Rating, own) {
		return nil
	}
	even(f.teams)
	return f.teams
}

func (f *fitter) put(i, team int) {
	g := f.list[i].group
	f.teams[team] = append(f.teams[team], g)
	f.room[team] -= len(g.Members)
	f.lack -= len(g.Members)
}

func (f *fitter) take(i, team int) {
	g := f.list[i].group
	f.teams[team] = f.teams[team][:len(f.teams[team])-1]
	f.room[team] += len(g.Members)
	f.lack += len(g.Members)
}

// fill goes on with candidate i. low and high are the ratings so far, most is by how much
// they may differ.
func (f *fitter) fill(i int, low, high, most float64) bool {
	if f.lack == 0 {
		return true
	}
	if f.steps--; f.steps < 0 || i >= len(f.list) || f.after[i] < f.lack {
		return false
	}
	c := f.list[i]
	l, h, m := min(low, c.group.Rating), max(high, c.group.Rating), min(most, c.spread)
	if h-l <= m {
		for team := range f.room {
			if f.room[team] < len(c.group.Members) || f.likeEarlier(team) {
				continue
			}
			f.put(i, team)
			if f.fill(i+1, l, h, m) {
				return true
			}
			f.take(i, team)
		}
	}
	return f.fill(i+1, low, high, most)
}

// likeEarlier reports whether a team before has the same room: it makes no difference in
// which of them a group is, for filling them.
func (f *fitter) likeEarlier(team int) bool {
	for t := range team {
		if f.room[t] == f.room[team] {
			return true
		}
	}
	return false
}

// even makes teams equally strong, by exchanging groups of the same size as long as that
// helps.
func even(teams [][]*Group) {
	for range 100 {
		before := unevenness(teams)
		best, swap := before, func() {}
		for a := range teams {
			for b := a + 1; b < len(teams); b++ {
				for i, x := range teams[a] {
					for j, y := range teams[b] {
						if len(x.Members) != len(y.Members) {
							continue
						}
						teams[a][i], teams[b][j] = y, x
						if now := unevenness(teams); now < best-1e-9 {
							best, swap = now, func() { teams[a][i], teams[b][j] = y, x }
						}
						teams[a][i], teams[b][j] = x, y
					}
				}
			}
		}
		if best >= before {
			return
		}
		swap()
	}
}

// unevenness is how far the strengths of teams are from each other.
func unevenness(teams [][]*Group) float64 {
	strength := func(t []*Group) (sum float64) {
		for _, g := range t {
			sum += g.Rating * float64(len(g.Members))
		}
		return sum
	}
	mean := 0.0
	for _, t := range teams {
		mean += strength(t) / float64(len(teams))
	}
	sum := 0.0
	for _, t := range teams {
		d := strength(t) - mean
		sum += d * d
	}
	return sum
}
