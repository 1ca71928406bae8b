package spring

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/client"
	"teiserver/internal/login"
	"teiserver/internal/spring/wire"
)

// queued is the part of a connection that waits for its turn to log in. The turn comes
// from another goroutine; everything else is the reader's.
type queued struct {
	place   *login.Place
	guest   *account.User
	proved  bool   // its password was right
	loginID string // message id of the LOGIN, until it is answered

	calling sync.Mutex // held while turn and the read deadline are set
	turn    atomic.Bool
}

// admit takes a place for a user. Who need not wait is a client when the reader comes
// back to its loop. proved says that the password was right; else it is checked when
// the turn has come.
func (c *conn) admit(ctx context.Context, id string, u *account.User, proved bool) bool {
	if c.srv.Queue == nil {
		return c.arrive(ctx, id, u, proved, false)
	}
	if c.place != nil && c.guest.ID == u.ID && c.proved == proved {
		c.guest = u // a second LOGIN keeps the place
		c.reply(id, wire.Queued)
		return true
	}
	c.leaveQueue()
	place, err := c.srv.Queue.Enter(u, proved, c.call, func() { c.End(client.EndLoggedOut) })
	if err != nil {
		return c.loginFailed(id, err)
	}
	if place == nil {
		return c.arrive(ctx, id, u, proved, false)
	}
	c.place, c.guest, c.proved, c.loginID = place, u, proved, id
	c.stand()
	c.touched = time.Time{} // the deadline of the login does not hold for who waits
	c.touch(time.Now())
	if !place.Decided(ctx) {
		c.loginID = ""
		c.reply(id, wire.Queued)
	}
	return true
}

// call calls the reader away from where it waits for a line: its user's turn has come.
// It is called once for each place, while the connection cannot change to TLS.
func (c *conn) call() {
	c.calling.Lock()
	defer c.calling.Unlock()
	c.turn.Store(true)
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

// called reports that the turn has come; the read deadline is what it should be again.
func (c *conn) called() bool {
	if !c.turn.Load() {
		return false
	}
	c.calling.Lock()
	c.turn.Store(false)
	c.calling.Unlock()
	c.touched = time.Time{}
	c.touch(time.Now())
	return true
}

// comeIn makes the one who has waited a client. What has become of the account
// meanwhile counts.
func (c *conn) comeIn(ctx context.Context) (goOn bool) {
	defer c.caught("LOGIN", &goOn)
	place, u, proved, id := c.place, c.guest, c.proved, c.loginID
	if place == nil || !place.In() { // it was the turn of a place that was given up meanwhile
		return true
	}
	defer place.Done()
	c.place, c.guest, c.proved, c.loginID = nil, nil, false, ""
	c.stand()
	now, err := c.srv.Accounts.UserByID(ctx, u.ID)
	if err == nil && proved && u.Outdated(now) {
		c.End(client.EndLoggedOut)
		return false
	}
	if err == nil && now != nil {
		u = now
	}
	return c.arrive(ctx, id, u, proved, place.Permitted())
}

// arrive makes a user a client, if the password is right.
func (c *conn) arrive(ctx context.Context, id string, u *account.User, proved, permitted bool) bool {
	if !proved {
		known, err := c.prove(ctx, u)
		if err != nil {
			return c.notLoggedIn(ctx, id, known, err)
		}
		u = known
	}
	return c.enter(ctx, id, u, permitted)
}

func (c *conn) leaveQueue() {
	if c.place != nil {
		c.place.Leave()
		c.place, c.guest, c.proved = nil, nil, false
		c.stand()
	}
}

// queueHeartbeat is answered while the user waits.
func (c *conn) queueHeartbeat(_ context.Context, id string, _ wire.LoginQueueHeartbeat) {
	if c.place != nil {
		c.reply(id, wire.Queued)
	}
}

// refuse refuses a login that is not worth the work on its password.
func (c *conn) refuse(u *account.User) error {
	if c.srv.Queue == nil {
		return nil
	}
	return c.srv.Queue.Refuse(u)
}
