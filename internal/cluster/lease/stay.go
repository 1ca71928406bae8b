package lease

import (
	"cmp"
	"math/bits"
	"slices"
)

// Staying decides who goes on serving after a cut of the bus, from the rows alone: the
// largest set of nodes in which all hear each other, both ways; of sets of one size
// the one with the oldest incarnation. Everybody who reads the same rows gets the same
// set, also those who hear nobody, because the rows come from the store.
//
// A node that is dead and not yet condemned is heard by nobody and so is in no set with
// others. A name counts with its newest row only. Only the 63 oldest nodes are
// looked at.
func Staying(rows []Node) []int64 {
	nodes := newestByName(rows)
	heard := make([]uint64, len(nodes)) // by index: whom it hears and who hears it
	for i, a := range nodes {
		for j, b := range nodes {
			if i != j && slices.Contains(a.Hears, b.Name) && slices.Contains(b.Hears, a.Name) {
				heard[i] |= 1 << j
			}
		}
	}
	var best uint64
	grow(heard, 0, 1<<len(nodes)-1, 0, func(set uint64) {
		if better(set, best) {
			best = set
		}
	})
	var staying []int64
	for i, n := range nodes {
		if best&(1<<i) != 0 {
			staying = append(staying, n.Incarnation)
		}
	}
	return staying
}

// better: more members, else the older ones. Indexes rise with the incarnation.
func better(set, than uint64) bool {
	if a, b := bits.OnesCount64(set), bits.OnesCount64(than); a != b {
		return a > b
	}
	differ := set ^ than
	return set&(differ&-differ) != 0
}

// newestByName returns the living rows, oldest incarnation first.
func newestByName(rows []Node) []Node {
	newest := map[string]Node{}
	for _, n := range rows {
		if n.living() && !n.Awaited && n.Incarnation > newest[n.Name].Incarnation {
			newest[n.Name] = n
		}
	}
	nodes := make([]Node, 0, len(newest))
	for _, n := range newest {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Incarnation, b.Incarnation) })
	return nodes[:min(len(nodes), 63)]
}

// grow calls found with every set that no node can be added to (Bron and Kerbosch,
// with a pivot: a node that hears most of the rest saves looking at those it hears).
func grow(heard []uint64, set, may, done uint64, found func(uint64)) {
	if may|done == 0 {
		found(set)
		return
	}
	pivot, most := 0, -1
	for rest := may | done; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		if n := bits.OnesCount64(may & heard[i]); n > most {
			pivot, most = i, n
		}
	}
	for rest := may &^ heard[pivot]; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		grow(heard, set|1<<i, may&heard[i], done&heard[i], found)
		may &^= 1 << i
		done |= 1 << i
	}
}
