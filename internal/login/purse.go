package login

import "time"

// purse is a node's side of the permits: what it has at hand, and its own share for
// the time without an owner. It is pure: whoever holds it says what time it is.
//
// While asks are answered they promise to keep off the own share. After one that was
// not answered the node is alone: the lost ask may have arrived, so the share is not
// used before the promise is void; asks go on, but promise nothing, until one is
// answered.
type purse struct {
	joined   time.Time // in the cluster since then
	promised time.Time // the last ask with a promise was sent
	alone    bool

	hand  int // permits
	until time.Time

	at     time.Time // until when the own share was earned
	credit int64     // parts of it
}

// ask notes that an ask is sent now, and says whether it is one of a node that is alone.
func (p *purse) ask(now time.Time) (alone bool) {
	if !p.alone {
		p.promised = now
	}
	return p.alone
}

// answered takes the answer to an ask that was sent then. It reports whether to ask
// again at once: the answer to a node that was alone brings nothing but that.
func (p *purse) answered(sent time.Time, g Grant) (again bool) {
	again, p.alone, p.credit = p.alone, false, 0
	if g.Permits > 0 {
		p.hand, p.until = g.Permits, sent.Add(term)
	}
	return again
}

// failed notes that an ask was not answered in time.
func (p *purse) failed() { p.alone = true }

// take takes permits for as many as want one, as far as there are any. rate is that of
// the site, members how many nodes share it.
func (p *purse) take(now time.Time, want, rate, members int) int {
	if !now.Before(p.until) {
		p.hand = 0
	}
	n := min(want, p.hand)
	p.hand -= n
	p.earn(now, int64(rate), int64(max(members, 1)))
	own := min(int64(want-n), p.credit/permit)
	p.credit -= own * permit
	return n + int(own)
}

// earn adds to the own share what the time since has brought, for a node that may use
// it. It saves up a second's worth, or one permit.
func (p *purse) earn(now time.Time, rate, members int64) {
	from := p.joined.Add(newcomer)
	if void := p.promised.Add(term + silence + slack); void.After(from) {
		from = void
	}
	if !p.alone || now.Before(from) {
		p.credit = 0
		return
	}
	if p.at.Before(from) {
		p.at = from
	}
	passed := min(now.Sub(p.at), time.Second)
	p.at = now
	if passed > 0 {
		p.credit = min(p.credit+int64(passed)*rate/members, max(permit, rate*permit/members))
	}
}
