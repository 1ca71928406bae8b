package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
)

// added is the event of the test feed, world its view: the numbers added so far.
type added struct {
	N int `json:"n"`
}

type world struct {
	Numbers []int `json:"numbers"`
}

var (
	_ = message.Register[added]("feed.test.added")
	_ = message.Register[world]("feed.test.world")
)

// owner publishes the numbers it is given.
type owner struct {
	mu      sync.Mutex
	numbers []int
	p       *Publisher
}

func own(h *Hub, topic string, epoch, run int64, numbers []int, opts ...OpenOption) *owner {
	o := &owner{numbers: slices.Clone(numbers)}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.p = h.Open(topic, epoch, run, o.view, opts...)
	return o
}

func (o *owner) view(_ context.Context, then func(Version, any)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	then(o.p.Version(), world{slices.Clone(o.numbers)})
	return nil
}

func (o *owner) add(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.numbers = append(o.numbers, n)
	o.p.Publish(added{n})
}

// rebuild begins again from what a snapshot had.
func (o *owner) rebuild(numbers []int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.numbers = slices.Clone(numbers)
	o.p.Restart()
}

func (o *owner) state() []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.numbers)
}

// copyOf is a follower that checks the promises about order.
type copyOf struct {
	t       *testing.T
	name    string
	mu      sync.Mutex
	begun   bool
	version Version
	numbers []int
	resets  int
	ended   int
	stopped bool
}

func (c *copyOf) Reset(v Version, view any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun && !c.version.Less(v) {
		c.t.Errorf("%s: reset from %v to %v", c.name, c.version, v)
	}
	if c.stopped {
		c.t.Errorf("%s: reset after stop", c.name)
	}
	c.begun, c.version, c.numbers = true, v, slices.Clone(view.(world).Numbers)
	c.resets++
}

func (c *copyOf) Event(v Version, event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want := c.version
	want.Seq++
	if !c.begun || v != want {
		c.t.Errorf("%s: event %v after %v", c.name, v, c.version)
	}
	if c.stopped {
		c.t.Errorf("%s: event after stop", c.name)
	}
	c.version, c.numbers = v, append(c.numbers, event.(added).N)
}

func (c *copyOf) Ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended++
}

func (c *copyOf) stop(s *Subscription) {
	s.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
}

func (c *copyOf) state() (Version, []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version, slices.Clone(c.numbers)
}

func (c *copyOf) check(t *testing.T, o *owner) {
	t.Helper()
	v, got := c.state()
	if want := o.state(); !slices.Equal(got, want) || v != o.p.Version() {
		t.Errorf("%s has %v at %v, owner %v at %v", c.name, got, v, want, o.p.Version())
	}
}

// cluster is a memory network with a hub on each node and a directory.
type cluster struct {
	t     *testing.T
	net   *bus.Network
	buses map[string]bus.Bus
	hubs  map[string]*Hub

	mu      sync.Mutex
	where   string              // the owner's node; "" for none, "?" for unknown
	epoch   int64               // under which it owns; 0: not told
	stale   map[string]string   // what a node believes instead
	gone    map[bus.Origin]bool // incarnations
	trusted map[string]bool     // nodes; missing is true
	located map[string]int      // how often a node asked
}

var errUnknown = errors.New("the directory does not know")

func newCluster(t *testing.T, names ...string) *cluster {
	c := &cluster{
		t: t, net: bus.NewNetwork(), buses: map[string]bus.Bus{}, hubs: map[string]*Hub{},
		stale: map[string]string{}, gone: map[bus.Origin]bool{}, trusted: map[string]bool{}, located: map[string]int{},
	}
	for i, name := range names {
		c.join(name, int64(i+1))
	}
	synctest.Wait()
	return c
}

func (c *cluster) join(name string, incarnation int64) {
	b := c.net.Join(bus.Origin{Node: name, Incarnation: incarnation})
	h := NewHub(b, HubOptions{
		Trusted: func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			trusted, set := c.trusted[name]
			return trusted || !set
		},
		Gone: func(o bus.Origin) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.gone[o]
		},
	})
	c.buses[name], c.hubs[name] = b, h
	c.t.Cleanup(func() {
		h.Close()
		b.Close()
	})
}

func (c *cluster) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *cluster) locate(on string) Locate {
	return func(context.Context) (string, int64, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.located[on]++
		where := c.where
		if stale, ok := c.stale[on]; ok {
			where = stale
		}
		switch where {
		case "":
			return "", 0, ErrNone
		case "?":
			return "", 0, errUnknown
		}
		return where, c.epoch, nil
	}
}

func (c *cluster) follow(on, topic string) (*copyOf, *Subscription) {
	f := &copyOf{t: c.t, name: fmt.Sprintf("replica on %s", on)}
	return f, c.hubs[on].Follow(topic, c.locate(on), f)
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
