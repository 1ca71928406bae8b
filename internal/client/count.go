package client

import (
	"sync/atomic"

	"teiserver/internal/account"
)

// Counters count the sessions that have begun and ended on this node.
type Counters struct{ UsersIn, UsersOut, BotsIn, BotsOut atomic.Int64 }

func (c *Counters) in(u *account.User) {
	if u.IsBot() {
		c.BotsIn.Add(1)
		return
	}
	c.UsersIn.Add(1)
}

func (c *Counters) out(u *account.User) {
	if u.IsBot() {
		c.BotsOut.Add(1)
		return
	}
	c.UsersOut.Add(1)
}
