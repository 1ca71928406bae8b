package spring

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/limit"
	"teiserver/internal/spring/wire"
)

// Reasons for which a connection is turned down.
const (
	endConnects = "Too many connections from your address, please wait a minute"
	endCrowd    = "Too many connections from your address"
)

// crowdedLogin is how long a stranger may stay when there are many, see
// setting.Strangers. Programs log in within seconds, people who type within a minute.
const crowdedLogin = time.Minute

// standing is what a connection is.
type standing int

const (
	stranger standing = iota // has not logged in
	guest                    // waits for its turn to do so
	player
	host // a bot: machines have many of them
)

// DoorCounters count who was turned down since the start.
type DoorCounters struct {
	Connects  atomic.Int64 // too many a minute from an address
	Address   atomic.Int64 // too many open from an address
	Strangers atomic.Int64 // too many that have not logged in, on the node
	Headers   atomic.Int64 // without the PROXY header that was due, or with one that nobody may send
}

// visitors are the connections of an address.
type visitors struct{ all, strangers int }

// doors count the connections of this node by address.
type doors struct {
	connects limit.Meter
	mu       sync.Mutex
	from     map[string]visitors
	all      int // strangers
}

// enter lets a stranger in, or says why not. Whose address is not limited, or not known,
// has no key.
func (d *doors) enter(key string, l *limits, c *DoorCounters, now time.Time) (refused string) {
	if key != "" && !d.connects.Take(key, l.connects, now) {
		c.Connects.Add(1)
		return endConnects
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if v := d.from[key]; key != "" {
		if over(v.all, l.perAddress) || over(v.strangers, l.strangersEach) {
			c.Address.Add(1)
			return endCrowd
		}
		if over(d.all, l.strangers) {
			c.Strangers.Add(1)
			return endUnavailable
		}
	}
	d.count(key, stranger, 1)
	return ""
}

func over(n, most int) bool { return most > 0 && n >= most }

// move notes what a connection has become.
func (d *doors) move(key string, from, to standing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count(key, from, -1)
	d.count(key, to, 1)
}

func (d *doors) leave(key string, was standing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count(key, was, -1)
}

// count needs the lock.
func (d *doors) count(key string, s standing, n int) {
	if s == stranger {
		d.all += n
	}
	if key == "" {
		return
	}
	v := d.from[key]
	if s == stranger {
		v.strangers += n
	}
	if s != host {
		v.all += n
	}
	if v == (visitors{}) {
		delete(d.from, key)
		return
	}
	if d.from == nil {
		d.from = map[string]visitors{}
	}
	d.from[key] = v
}

// crowded reports whether there are so many strangers that they must hurry.
func (d *doors) crowded(most int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return most > 0 && 2*d.all >= most
}

// strangers is how many connections have not logged in.
func (d *doors) strangers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}

// Strangers is how many connections have not logged in, and do not wait for it.
func (s *Server) Strangers() int { return s.doors.strangers() }

// knock asks the doors for a connection whose address is known now.
func (c *conn) knock() (refused string) {
	l := c.srv.limits()
	if !c.srv.Unlimited && !limit.Within(c.ip, l.unlimited) {
		c.door = limit.Key(c.ip)
	}
	if refused = c.srv.doors.enter(c.door, l, &c.srv.Doors, time.Now()); refused == "" {
		c.inside = true
	}
	return refused
}

// stand notes at the doors what the connection is now.
func (c *conn) stand() {
	now := stranger
	switch {
	case c.client != nil && c.client.User().IsBot():
		now = host
	case c.client != nil:
		now = player
	case c.place != nil:
		now = guest
	}
	if c.inside && now != c.standing {
		c.srv.doors.move(c.door, c.standing, now)
		c.standing = now
	}
}

// depart is the last that the doors hear of a connection.
func (c *conn) depart() {
	if c.inside {
		c.srv.doors.leave(c.door, c.standing)
		c.inside = false
	}
}

// turnDown tells who has just connected why it may not stay, as far as that costs nothing:
// nothing is waited for.
func turnDown(nc net.Conn, secure bool, reason string) {
	if secure {
		return
	}
	_ = nc.SetWriteDeadline(time.Now().Add(time.Second)) // what is first written is taken at once
	_, _ = nc.Write(wire.AppendDisconnect(slices.Clone(wire.Greeting), reason))
}

// seldom lets something through no more than once in a while.
type seldom struct{ last atomic.Int64 }

// sayEvery is how often the log tells of what others can make happen as often as they like.
const sayEvery = 10 * time.Second

func (s *seldom) may(now time.Time) bool {
	last := s.last.Load()
	return now.UnixNano()-last >= int64(sayEvery) && s.last.CompareAndSwap(last, now.UnixNano())
}
