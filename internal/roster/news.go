package roster

import "time"

// What everybody is told, that users come, go and change, is kept once, in order, and
// each viewer has read it up to some place. On a calm day all read it at once. In a
// storm, when very many come and go, each reads it when it has its turn, a few at a
// time, and in any case before it is shown anything else: so nobody sees another order,
// and a thousand logins are not a thousand pieces for each of a thousand viewers.

// It is calm as long as there is so much at once, and one more for each newsEvery; and
// again when there was less for newsDebt. In a storm a viewer's turn comes every
// newsEvery at most, and after a second at the latest: the more viewers, the more of
// them have theirs at once.
const (
	newsAtOnce = 20
	newsEvery  = 200 * time.Millisecond
	newsDebt   = time.Second
	tellEvery  = 10 * time.Millisecond
	tellLeast  = 20 // viewers
	tellParts  = 80 // of all viewers
)

// news is what everybody is told. Item number n is items[n-first].
type news struct {
	items []item
	first int64
	fresh int       // since it was last looked whether it is calm
	due   time.Time // of the next item, if they came evenly

	asked bool      // for the next turns
	round time.Time // when those began who are told now
	next  int       // of the viewers
	block block
}

// item is an update for all, or for those only who want to hear everything.
type item struct {
	up  *Update
	all bool
}

// block is the items between two places in one update, which those who have their turn
// together share.
type block struct {
	from, to int64
	own      bool
	up       *Update
}

// end is the place of who has read everything.
func (n *news) end() int64 { return n.first + int64(len(n.items)) }

// since returns what is new behind a place, nil if nothing is.
func (n *news) since(from int64, own bool) *Update {
	to := n.end()
	if n.block.up != nil && n.block.from == from && n.block.to == to && n.block.own == own {
		return n.block.up
	}
	items := n.items[from-n.first:]
	list := make([]*Update, 0, len(items))
	for _, it := range items {
		if it.all || !own {
			list = append(list, it.up)
		}
	}
	if len(list) == 0 {
		return nil
	}
	up := list[0]
	if len(list) > 1 {
		up = &Update{Event: Several{Updates: list}}
	}
	n.block = block{from, to, own, up}
	return up
}

// calm counts what is new and reports whether it is little.
func (n *news) calm(now time.Time) bool {
	if most := now.Add(-newsAtOnce * newsEvery); n.due.Before(most) {
		n.due = most
	}
	n.due = n.due.Add(time.Duration(n.fresh) * newsEvery)
	if most := now.Add(newsDebt); n.due.After(most) {
		n.due = most
	}
	n.fresh = 0
	return !n.due.After(now)
}

// drop forgets what is before a place.
func (n *news) drop(before int64) {
	gone := before - n.first
	if n.first = before; gone >= int64(len(n.items)) {
		n.items, n.block = nil, block{}
		return
	}
	clear(n.items[:gone])
	n.items = n.items[gone:]
}

// Show shows an update, behind what there is to read.
func (v *viewer) Show(u *Update) {
	v.read()
	v.Viewer.Show(u)
}

func (v *viewer) read() {
	if v.at == v.news.end() {
		return
	}
	up := v.news.since(v.at, v.own)
	if v.at = v.news.end(); up != nil {
		v.Viewer.Show(up)
	}
}

// tell adds to the news.
func (s *state) tell(e Event, all bool) {
	if len(s.viewers) > 0 {
		s.news.items = append(s.news.items, item{&Update{Event: e}, all})
		s.news.fresh++
	}
}

// spread has the news read: now if it is calm, else in turns.
func (s *state) spread() {
	n := &s.news
	if n.fresh == 0 {
		return
	}
	if n.calm(s.now) {
		for _, v := range s.viewers {
			v.read()
		}
		n.drop(n.end())
		return
	}
	if !n.asked {
		n.asked, n.round, n.next = true, s.now.Add(newsEvery), 0
		s.effects = append(s.effects, tellLater{newsEvery})
	}
}

// tellSome has the next few read the news.
func (s *state) tellSome() {
	n := &s.news
	n.asked = false
	some := max(tellLeast, len(s.viewers)/tellParts)
	for ; some > 0 && n.next < len(s.viewers); n.next++ {
		if v := s.viewers[n.next]; v.at < n.end() {
			v.read()
			some--
		}
	}
	wait := tellEvery
	if n.next >= len(s.viewers) { // the next round
		oldest := n.end()
		for _, v := range s.viewers {
			oldest = min(oldest, v.at)
		}
		n.drop(oldest)
		if len(n.items) == 0 {
			return
		}
		wait = max(wait, n.round.Add(newsEvery).Sub(s.now))
		n.round, n.next = s.now.Add(wait), 0
	}
	n.asked = true
	s.effects = append(s.effects, tellLater{wait})
}
