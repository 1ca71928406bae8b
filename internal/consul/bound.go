package consul

import (
	"strconv"
	"strings"
)

// bound is a pair of limits.
type bound struct{ low, high int }

// setBounds puts new bounds into force, unless the title says otherwise.
func (t *Turn) setBounds(o *order, rating, rank bound) {
	s := t.State
	next := *s
	next.MinRating, next.MaxRating, next.MinRank, next.MaxRank = rating.low, rating.high, rank.low, rank.high
	if why := next.clash(next.Base, t.Rules); why != "" && next.bounded() {
		t.emote("%s", why)
		return
	}
	s.MinRating, s.MaxRating, s.MinRank, s.MaxRank = rating.low, rating.high, rank.low, rank.high
	t.echo(o)
	t.recheck()
}

func (s *State) rating() bound { return bound{s.MinRating, s.MaxRating} }
func (s *State) rank() bound   { return bound{s.MinRank, s.MaxRank} }

// integer reads the whole rest of an order.
func (t *Turn) integer(o *order, word string) (int, bool) {
	n, err := strconv.Atoi(word)
	if err != nil {
		t.hint(o.User, "Unable to turn '%s' into an integer", word)
		return 0, false
	}
	return n, true
}

func (t *Turn) orderMinRating(o *order) {
	b := t.State.rating()
	b.low = lowestBound
	if o.rest != "" {
		n, ok := t.integer(o, o.rest)
		if !ok {
			return
		}
		b.low = max(lowestBound, min(n, b.high-1))
	}
	t.setBounds(o, b, t.State.rank())
}

func (t *Turn) orderMaxRating(o *order) {
	b := t.State.rating()
	b.high = highestRating
	if o.rest != "" {
		n, ok := t.integer(o, o.rest)
		if !ok {
			return
		}
		b.high = min(highestRating, max(n, b.low+1))
	}
	t.setBounds(o, b, t.State.rank())
}

func (t *Turn) orderRatings(o *order) {
	words := strings.Fields(o.rest)
	if len(words) != 2 {
		t.hint(o.User, "setplaylevels takes two numbers, no more no less")
		return
	}
	a, ok := t.integer(o, words[0])
	if !ok {
		return
	}
	b, ok := t.integer(o, words[1])
	if !ok {
		return
	}
	low := min(max(min(a, b), lowestBound), highestRating-1)
	high := max(min(max(a, b), highestRating), low+1)
	t.setBounds(o, bound{low, high}, t.State.rank())
}

func (t *Turn) orderResetRatings(o *order) {
	t.setBounds(o, bound{lowestBound, highestRating}, t.State.rank())
}

func (t *Turn) orderResetChevs(o *order) {
	t.setBounds(o, t.State.rating(), bound{lowestBound, highestRank})
}

// chev reads a chevron and gives the rank, which is one less. none if nothing is said.
func (t *Turn) chev(o *order, none int) (int, bool) {
	if o.rest == "" {
		return none, true
	}
	n, ok := t.integer(o, o.rest)
	if !ok {
		return 0, false
	}
	if n < 1 || n > highestRank+1 {
		t.hint(o.User, "Chev level must be between 1 and 8.")
		return 0, false
	}
	return n - 1, true
}

func (t *Turn) orderMinChev(o *order) {
	if rank, ok := t.chev(o, lowestBound); ok {
		t.setBounds(o, t.State.rating(), bound{rank, highestRank})
	}
}

func (t *Turn) orderMaxChev(o *order) {
	if rank, ok := t.chev(o, highestRank); ok {
		t.setBounds(o, t.State.rating(), bound{lowestBound, rank})
	}
}

func (t *Turn) orderPlayerLimit(o *order) {
	n, err := strconv.Atoi(o.rest)
	if err != nil {
		t.hint(o.User, "Unable to convert %s into an integer", o.rest)
		return
	}
	t.State.Limit = max(n, -n)
	t.fillSoon()
}
