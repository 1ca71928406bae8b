// Package lease is a node's right to own anything, and its view of who else has it.
//
// A node joins under a name and gets an incarnation, a number that only rises. It
// renews its lease in the store; the store's clock decides when a lease has run out.
// Running out loses nothing by itself: another node must first condemn it.
//
//	joined --renewals--> trusted --no renewal in time--> in doubt --renewal--> trusted
//	                                                        |
//	                                         condemned by another node: gone for good
//
// What is promised:
//
//   - Trusted is read from the clock at each call and ends a margin before anybody
//     may condemn this node. Its clock goes on while the host is suspended, and a wall
//     clock that ran further shortens trust, never lengthens it.
//   - A node is condemned by compare-and-set only, after its renewal number has been
//     seen unchanged for its whole TTL on the watcher's own clock, with good reads
//     throughout and with the watcher's own renewals good for a TTL. So setting the
//     store's clock, or an outage of the store, condemns nobody.
//   - A condemned incarnation never comes back: Condemned is closed, and Trusted is
//     false for ever.
//   - A name in use is waited for while the old lease runs out; if it is renewed
//     meanwhile Join ends with a *NameError and nobody is disturbed.
//
// A store may turn out not to be what it was: a standby without the last commits took
// over, or a backup was put back. Then who lives may hold what the store knows nothing of,
// and the store may give again what it gave. So it begins a new Timeline, in which all who
// lived are gone and every number is above those of before; a renewal that meets it ends
// with ErrTimeline, and who joins holds its claims back for as long as others may trust
// themselves.
//
// A node without a cluster uses Alone: a lease without end (TTL 0), always trusted, no
// renewals, no watching.
//
// Renewals also bring the store's time, see Lease.Now: times inside the states of
// processes are told by it, so they agree whichever node a process runs on.
//
// A dead node is condemned TTL and one look after its last renewal at the latest, while
// the store answers; Figures says what it was.
package lease

import "time"

// The numbers. Together they let survivors take over within the 5 s promised: TTL,
// one or two looks, and the claims.
const (
	// TTL is how long a renewal lasts. Shorter condemns nodes for a hiccup of the
	// store, longer leaves lobbies frozen for longer.
	TTL = 3 * time.Second
	// Margin ends trust before the lease runs out. It pays for clocks that drift and
	// for the time between looking at trust and acting, nothing else.
	Margin = 750 * time.Millisecond
	// RenewEvery leaves three tries within the trusted time. Each try is limited to
	// one interval and there is no back-off, or the most patient node would be the
	// one that is condemned after an outage.
	RenewEvery = 750 * time.Millisecond
	// LookEvery is how often the other rows are read; it adds to the detection time.
	LookEvery = 500 * time.Millisecond
)

// Timing replaces the numbers, for tests. A zero field keeps the default.
type Timing struct {
	TTL, Margin, RenewEvery, LookEvery time.Duration
}

func (t Timing) orDefault() Timing {
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	set(&t.TTL, TTL)
	set(&t.Margin, Margin)
	set(&t.RenewEvery, RenewEvery)
	set(&t.LookEvery, LookEvery)
	return t
}
