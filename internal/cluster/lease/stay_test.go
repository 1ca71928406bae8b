package lease

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// links builds rows of nodes 1..n from words like "1-2" (both ways) and "1>2" (2 hears
// 1, 1 does not hear 2).
func links(n int, words ...string) []Node {
	rows := make([]Node, n)
	for i := range rows {
		rows[i] = Node{Name: fmt.Sprint("n", i+1), Incarnation: int64(i + 1), State: Serving}
	}
	for _, w := range words {
		var a, b int
		var way byte
		if _, err := fmt.Sscanf(w, "%d%c%d", &a, &way, &b); err != nil {
			panic(w)
		}
		rows[b-1].Hears = append(rows[b-1].Hears, rows[a-1].Name)
		if way == '-' {
			rows[a-1].Hears = append(rows[a-1].Hears, rows[b-1].Name)
		}
	}
	return rows
}

func TestRule21_OneSetStays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		rows []Node
		want []int64
	}{
		{"one", links(1), []int64{1}},
		{"two", links(2, "1-2"), []int64{1, 2}},
		{"two, cut: the oldest", links(2), []int64{1}},
		{"two, one way", links(2, "1>2"), []int64{1}},
		{"two, the other way", links(2, "2>1"), []int64{1}},
		{"three", links(3, "1-2", "2-3", "1-3"), []int64{1, 2, 3}},
		{"three, the oldest alone", links(3, "2-3"), []int64{2, 3}},
		{"three, nobody hears anybody", links(3), []int64{1}},
		{"three, a chain", links(3, "1-2", "2-3"), []int64{1, 2}},
		{"three, a chain over the oldest", links(3, "1-2", "1-3"), []int64{1, 2}},
		{"three, a ring of one-way links", links(3, "1>2", "2>3", "3>1"), []int64{1}},
		{"three, one is deaf", links(3, "1-2", "3>1", "3>2"), []int64{1, 2}},
		{"three, one is mute", links(3, "1-2", "1>3", "2>3"), []int64{1, 2}},
		{"four, two and two", links(4, "1-3", "2-4"), []int64{1, 3}},
		{"four, three and one", links(4, "2-3", "2-4", "3-4"), []int64{2, 3, 4}},
		{"four, a square", links(4, "1-2", "2-3", "3-4", "4-1"), []int64{1, 2}},
		{"four, one link missing", links(4, "1-2", "1-3", "1-4", "2-3", "2-4"), []int64{1, 2, 3}},
		{"five, two and three", links(5, "1-2", "3-4", "3-5", "4-5"), []int64{3, 4, 5}},
		{"five, a chain", links(5, "1-2", "2-3", "3-4", "4-5"), []int64{1, 2}},
		{"five, two triangles", links(5, "1-2", "2-3", "1-3", "3-4", "4-5", "3-5"), []int64{1, 2, 3}},
	} {
		if diff := cmp.Diff(tc.want, Staying(tc.rows)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tc.name, diff)
		}
		slices.Reverse(tc.rows)
		if diff := cmp.Diff(tc.want, Staying(tc.rows)); diff != "" {
			t.Errorf("%s, rows in another order: (-want +got)\n%s", tc.name, diff)
		}
	}
}

// A row that is gone, or an earlier life of a name, is no node.
func TestRule21_OnlyNodesThatLive(t *testing.T) {
	t.Parallel()
	rows := links(3, "1-2", "1-3", "2-3")
	rows[0].State = Gone
	if diff := cmp.Diff([]int64{2, 3}, Staying(rows)); diff != "" {
		t.Error(diff)
	}
	rows = links(3, "1-2", "1-3", "2-3")
	rows[1].Name = rows[2].Name // n3 was restarted, its first life is not condemned yet
	if diff := cmp.Diff([]int64{1, 3}, Staying(rows)); diff != "" {
		t.Error(diff)
	}
	if got := Staying(nil); got != nil {
		t.Error(got)
	}
}

// Whatever the links are: all in the set hear each other, and no other set is larger,
// or as large and older. Compared with looking at every subset.
func TestRule21_LargestOfAllSets(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 21)) //nolint:gosec // not a secret
		n := 1 + r.IntN(7)
		rows := links(n)
		for i := range rows {
			for j := range rows {
				if i != j && r.IntN(3) > 0 {
					rows[i].Hears = append(rows[i].Hears, rows[j].Name)
				}
			}
		}
		var best uint64
		for set := uint64(1); set < 1<<n; set++ {
			if allHear(rows, set) && better(set, best) {
				best = set
			}
		}
		var want []int64
		for i := range n {
			if best&(1<<i) != 0 {
				want = append(want, int64(i+1))
			}
		}
		if diff := cmp.Diff(want, Staying(rows)); diff != "" {
			t.Fatalf("seed %d: (-want +got)\n%s", seed, diff)
		}
	}
}

func allHear(rows []Node, set uint64) bool {
	for i, a := range rows {
		for j, b := range rows {
			if i != j && set&(1<<i) != 0 && set&(1<<j) != 0 && !slices.Contains(a.Hears, b.Name) {
				return false
			}
		}
	}
	return true
}

// Fifty nodes of which some do not hear each other: a millisecond, not for ever.
func BenchmarkStaying(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 21)) //nolint:gosec // not a secret
	rows := links(50)
	for i := range rows {
		for j := range rows {
			if i != j && r.IntN(20) > 0 {
				rows[i].Hears = append(rows[i].Hears, rows[j].Name)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		Staying(rows)
	}
}
