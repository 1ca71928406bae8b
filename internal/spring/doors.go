package spring

import (
	"container/list"
	"errors"
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

// errCrowd ends a connection that makes room for another.
var errCrowd = errors.New("spring: it made room for another stranger")

// crowdedLogin is how long a stranger may stay when there are many, see
// setting.Strangers. Programs log in within seconds, people who type within a minute.
const crowdedLogin = time.Minute

// standing is what a connection is.
type standing int

const (
	stranger standing = iota // has not logged in
	guest                    // has said who it is, and waits for its turn or its code
	player
	host // a bot: machines have many of them
)

// DoorCounters count who was turned down since the start.
type DoorCounters struct {
	Connects  atomic.Int64 // too many a minute from an address
	Address   atomic.Int64 // too many open from an address
	Strangers atomic.Int64 // too many that have not logged in, on the node; who came, or who went for it
	Headers   atomic.Int64 // without the PROXY header that was due, or with one that nobody may send
}

// visitor is a connection that was let in. What it is belongs to the doors.
type visitor struct {
	key    string // under what its address is counted; empty: it is not limited
	wide   string // the same of its wide network, empty for IPv4
	is     standing
	inside bool
	place  *list.Element // among the strangers that are limited
	end    func()        // makes the connection end, without waiting
}

func newVisitor(key string, end func()) *visitor {
	return &visitor{key: key, wide: limit.Wide(key), end: end}
}

// network is the widest that it is counted by.
func (v *visitor) network() string {
	if v.wide != "" {
		return v.wide
	}
	return v.key
}

// visitors are the connections of an address or a wide network.
type visitors struct{ all, strangers int }

// doors count the connections of this node by address.
type doors struct {
	connects limit.Addresses
	mu       sync.Mutex
	from     map[string]visitors
	crowd    crowd // strangers that are limited
	free     int   // strangers that are not
}

// enter lets a stranger in, or says why not. When the node is full of strangers it may be
// that one of them goes instead: the network that has most makes room for the others.
func (d *doors) enter(v *visitor, l *limits, c *DoorCounters, now time.Time) (refused string) {
	if !d.connects.Take(v.key, l.connects, now) {
		c.Connects.Add(1)
		return endConnects
	}
	goes, refused := d.admit(v, l, c)
	if goes != nil {
		goes.end()
	}
	return refused
}

func (d *doors) admit(v *visitor, l *limits, c *DoorCounters) (goes *visitor, refused string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.key != "" {
		if d.crowdedFrom(v.key, l, 1) || v.wide != "" && d.crowdedFrom(v.wide, l, limit.WideTimes) {
			c.Address.Add(1)
			return nil, endCrowd
		}
		if over(d.crowd.size(), l.strangers) {
			c.Strangers.Add(1)
			if goes = d.crowd.oldest(v.network()); goes == nil {
				return nil, endUnavailable
			}
			d.out(goes)
		}
	}
	v.is, v.inside = stranger, true
	d.count(v, 1)
	return goes, ""
}

// crowdedFrom reports whether an address or network has as many as it may, of which a wide
// one may have more.
func (d *doors) crowdedFrom(key string, l *limits, times int) bool {
	v := d.from[key]
	return over(v.all, times*l.perAddress) || over(v.strangers, times*l.strangersEach)
}

func over(n, most int) bool { return most > 0 && n >= most }

// move notes what a connection has become.
func (d *doors) move(v *visitor, to standing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.inside && v.is != to {
		d.count(v, -1)
		v.is = to
		d.count(v, 1)
	}
}

func (d *doors) leave(v *visitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out(v)
}

// out needs the lock, as count does.
func (d *doors) out(v *visitor) {
	if v.inside {
		d.count(v, -1)
		v.inside = false
	}
}

func (d *doors) count(v *visitor, n int) {
	switch {
	case v.is != stranger:
	case v.key == "":
		d.free += n
	case n > 0:
		d.crowd.add(v)
	default:
		d.crowd.remove(v)
	}
	for _, key := range []string{v.key, v.wide} {
		if key != "" {
			d.countFrom(key, v.is, n)
		}
	}
}

func (d *doors) countFrom(key string, is standing, n int) {
	v := d.from[key]
	if is == stranger {
		v.strangers += n
	}
	if is != host {
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

// crowded reports whether there are so many strangers that they must hurry. Who is not
// limited makes nobody hurry.
func (d *doors) crowded(most int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return most > 0 && 2*d.crowd.size() >= most
}

// strangers is how many connections have not logged in.
func (d *doors) strangers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.crowd.size() + d.free
}

// Strangers is how many connections have not logged in, and do not wait for it.
func (s *Server) Strangers() int { return s.doors.strangers() }

// knock asks the doors for a connection whose address is known now.
func (c *conn) knock() (refused string) {
	l, key := c.srv.limits(), ""
	if !c.srv.Unlimited && !limit.Within(c.ip, l.unlimited) {
		key = limit.Key(c.ip)
	}
	v := newVisitor(key, func() { c.End(endUnavailable) })
	if c.secure {
		v.end = func() { c.out.Abort(errCrowd) } // a handshake is not waited for
	}
	if refused = c.srv.doors.enter(v, l, &c.srv.Doors, time.Now()); refused == "" {
		c.visit = v
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
	case c.place != nil, c.waiting != nil:
		now = guest
	}
	if c.visit != nil {
		c.srv.doors.move(c.visit, now)
	}
}

// depart is the last that the doors hear of a connection.
func (c *conn) depart() {
	if c.visit != nil {
		c.srv.doors.leave(c.visit)
		c.visit = nil
	}
}

// hurries reports whether the connection must log in soon, or go.
func (c *conn) hurries(l *limits) bool {
	return c.waiting == nil && c.visit != nil && c.visit.key != "" && c.srv.doors.crowded(l.strangers)
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
