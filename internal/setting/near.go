package setting

import (
	"slices"
	"strings"
)

// maxDistance is how many edits still count as a typing mistake. Three finds
// swapped and missing letters; more would suggest unrelated names.
const maxDistance = 3

// maxNames bounds the answer: an error stays one readable line.
const maxNames = 3

// nearNames returns the known names nearest to name, best first, at most three.
// A name that contains the given one, or is contained in it, counts as near.
func nearNames(name string, known []string) []string {
	type scored struct {
		name  string
		score int
	}
	var found []scored
	low := strings.ToLower(name)
	for _, k := range known {
		lk := strings.ToLower(k)
		d := distance(low, lk)
		inside := len(low) >= 3 && (strings.Contains(lk, low) || strings.Contains(low, lk))
		if d > maxDistance && inside {
			d = maxDistance
		}
		if d <= maxDistance && d < max(len(low), len(lk)) {
			found = append(found, scored{k, d})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int {
		if a.score != b.score {
			return a.score - b.score
		}
		return strings.Compare(a.name, b.name)
	})
	names := make([]string, 0, maxNames)
	for _, f := range found[:min(len(found), maxNames)] {
		names = append(names, f.name)
	}
	return names
}

// hint returns " (did you mean a or b?)", or nothing if no name is near.
func hint(name string, known []string) string {
	names := nearNames(name, known)
	if len(names) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(names, " or ") + "?)"
}

// distance is the number of single-byte edits between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
