package login

import "time"

// calmShare is which part of the rate all nodes together let in without asking, while
// it is no storm.
const calmShare = 4

// drip earns permits by time and says how many may be used. The zero value is full.
type drip struct {
	at     time.Time
	credit int64 // parts of a permit
}

// take takes up to want. It earns so many per second, divided by share, and saves up a
// part of a second's worth, or one.
func (d *drip) take(now time.Time, want int, rate, share, part int64) int {
	if passed := min(now.Sub(d.at), time.Hour); passed > 0 {
		d.at = now
		d.credit = min(d.credit+int64(passed)*rate/share, max(permit, rate*permit/share/part))
	}
	n := min(int64(max(want, 0)), d.credit/permit)
	d.credit -= n * permit
	return int(n)
}

// calm is what a node lets in without asking anybody as long as nobody waits: its part
// of a quarter of the rate. It is part of the promise, whether it is used or not.
type calm struct{ drip }

func (c *calm) take(now time.Time, want, rate int, members int64) int {
	return c.drip.take(now, want, int64(rate), calmShare*max(members, 1), 1)
}

// pace spreads what a node lets in in a storm: permits come in blocks, and at the
// beginning those of a second.
type pace struct{ drip }

const paceParts = 20 // of a second

func (p *pace) take(now time.Time, want, rate int) int {
	return p.drip.take(now, want, int64(rate), 1, paceParts)
}

func (p *pace) giveBack(n int) { p.credit += int64(n) * permit }
