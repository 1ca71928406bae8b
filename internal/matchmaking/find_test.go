package matchmaking

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var usual = Rules{Spread: 3, Growth: 3, Most: 15}

// waits is a group of users that has waited since so many seconds after the start.
func waits(id string, rating float64, since int, users ...int64) Group {
	g := Group{ID: id, Rating: rating, Joined: start.Add(time.Duration(since) * time.Second)}
	if len(users) > 1 {
		g.Party = "party " + id
	}
	for _, u := range users {
		g.Members = append(g.Members, Waiting{Who: who(u, 1)})
	}
	return g
}

func who(user, session int64) Who { return Who{User: user, Session: session, Incarnation: session} }

func pointers(list []Group) (groups []*Group) {
	for i := range list {
		groups = append(groups, &list[i])
	}
	return groups
}

func ids(matches [][][]*Group) (list []string) {
	for _, teams := range matches {
		var sides []string
		for _, team := range teams {
			var names []string
			for _, g := range team {
				names = append(names, g.ID)
			}
			slices.Sort(names)
			sides = append(sides, fmt.Sprint(names))
		}
		slices.Sort(sides)
		list = append(list, fmt.Sprint(sides))
	}
	return list
}

func TestFind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		size, count int
		after       int // seconds
		groups      []Group
		want        []string
	}{
		"nobody":     {1, 2, 0, nil, nil},
		"one":        {1, 2, 0, []Group{waits("a", 10, 0, 1)}, nil},
		"two":        {1, 2, 0, []Group{waits("a", 10, 0, 1), waits("b", 12, 0, 2)}, []string{"[[a] [b]]"}},
		"too far":    {1, 2, 10, []Group{waits("a", 10, 0, 1), waits("b", 14, 0, 2)}, nil},
		"in time":    {1, 2, 31, []Group{waits("a", 10, 0, 1), waits("b", 14, 0, 2)}, []string{"[[a] [b]]"}},
		"one is new": {1, 2, 31, []Group{waits("a", 10, 0, 1), waits("b", 14, 30, 2)}, nil},
		"never":      {1, 2, 9000, []Group{waits("a", 10, 0, 1), waits("b", 26, 0, 2)}, nil},
		"the longest first": {1, 2, 5, []Group{waits("a", 10, 0, 1), waits("b", 10, 1, 2), waits("c", 10, 2, 3)},
			[]string{"[[a] [b]]"}},
		"past one who fits nobody": {1, 2, 5, []Group{waits("a", 40, 0, 1), waits("b", 10, 1, 2), waits("c", 10, 2, 3)},
			[]string{"[[b] [c]]"}},
		"a party in one team": {2, 2, 5, []Group{waits("a", 10, 0, 1), waits("p", 10, 1, 2, 3), waits("b", 10, 2, 4)},
			[]string{"[[a b] [p]]"}},
		"no room for a party": {2, 2, 5, []Group{waits("a", 10, 0, 1), waits("p", 10, 1, 2, 3), waits("q", 10, 2, 4, 5)},
			[]string{"[[p] [q]]"}},
		"a party that is too big": {1, 2, 5, []Group{waits("p", 10, 1, 2, 3), waits("a", 10, 2, 4), waits("b", 10, 2, 5)},
			[]string{"[[a] [b]]"}},
		"three sides": {1, 3, 5, []Group{waits("a", 10, 0, 1), waits("b", 10, 1, 2), waits("c", 10, 2, 3)},
			[]string{"[[a] [b] [c]]"}},
		"even teams": {2, 2, 5, []Group{waits("a", 12, 0, 1), waits("b", 12, 0, 2), waits("c", 10, 0, 3), waits("d", 10, 0, 4)},
			[]string{"[[a c] [b d]]"}},
		"two matches": {1, 2, 5, []Group{waits("a", 10, 0, 1), waits("b", 20, 0, 2), waits("c", 10, 0, 3), waits("d", 20, 0, 4)},
			[]string{"[[a] [c]]", "[[b] [d]]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ids(find(pointers(tc.groups), Spec{TeamSize: tc.size, TeamCount: tc.count}, usual, start.Add(time.Duration(tc.after)*time.Second)))
			for i := range got { // which of two equal ones is in which team is nobody's business
				got[i] = normal(got[i])
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// normal takes equal teams for equal.
func normal(s string) string {
	if s == "[[a d] [b c]]" {
		return "[[a c] [b d]]"
	}
	return s
}

// TestFindHolds: whatever waits, teams are full, parties are in one, nobody is in two, and
// all differ by no more than each of them allows; and who is alike does not wait for long.
func TestFindHolds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a schedule
		q := Spec{TeamSize: 1 + r.IntN(4), TeamCount: 2 + r.IntN(2)}
		alike := seed%3 == 0
		var list []Group
		user := int64(0)
		for i := range 1 + r.IntN(40) {
			var users []int64
			for range 1 + r.IntN(q.TeamSize) {
				user++
				users = append(users, user)
			}
			rating := 30 * r.Float64()
			if alike {
				rating, users = 15, users[:1]
			}
			list = append(list, waits(fmt.Sprint(i), rating, i*r.IntN(5), users...))
		}
		slices.SortStableFunc(list, func(a, b Group) int { return a.Joined.Compare(b.Joined) })
		at := start.Add(time.Duration(r.IntN(300)) * time.Second)
		matches := find(pointers(list), q, usual, at)
		if want := len(list) / q.Players(); alike && len(matches) != want {
			t.Errorf("seed %d: %d matches, want %d", seed, len(matches), want)
		}
		used := map[string]bool{}
		for _, teams := range matches {
			if len(teams) != q.TeamCount {
				t.Fatalf("seed %d: %d teams", seed, len(teams))
			}
			low, high, most := math.Inf(1), math.Inf(-1), math.Inf(1)
			for _, team := range teams {
				n := 0
				for _, g := range team {
					if used[g.ID] {
						t.Fatalf("seed %d: group %s twice", seed, g.ID)
					}
					used[g.ID] = true
					n += len(g.Members)
					low, high, most = min(low, g.Rating), max(high, g.Rating), min(most, usual.spread(g, at))
				}
				if n != q.TeamSize {
					t.Fatalf("seed %d: a team of %d", seed, n)
				}
			}
			if high-low > most {
				t.Fatalf("seed %d: from %f to %f, allowed is %f", seed, low, high, most)
			}
		}
	}
}

// BenchmarkFind is a look at a long line in which nobody fits anybody, the worst case.
func BenchmarkFind(b *testing.B) {
	var list []Group
	for i := range 500 {
		list = append(list, waits(fmt.Sprint(i), float64(i%7)*2.9, 0, int64(i)))
	}
	groups := pointers(list)
	b.ReportAllocs()
	for b.Loop() {
		find(groups, Spec{TeamSize: 64, TeamCount: 8}, usual, start)
	}
}
