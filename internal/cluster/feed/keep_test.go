package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
)

// line is an event that no view shows.
type line struct {
	N int `json:"n"`
}

var _ = message.Register[line]("feed.test.line")

// talk publishes lines; its view is how many there were.
type talk struct {
	mu   sync.Mutex
	said []int
	p    *Publisher
}

func talkAt(h *Hub, epoch int64) *talk {
	o := &talk{}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.p = h.Open(topic, epoch, 1, o.view, Keep())
	o.p.Base(world{})
	return o
}

func (o *talk) view(_ context.Context, then func(Version, any)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	then(o.p.Version(), world{slices.Clone(o.said)})
	return nil
}

func (o *talk) say(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = append(o.said, n)
	o.p.Publish(line{n})
}

func (o *talk) rebuild() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = nil
	o.p.Restart()
	o.p.Base(world{})
}

// ear hears lines and checks the promises about order.
type ear struct {
	t       *testing.T
	name    string
	mu      sync.Mutex
	begun   bool
	version Version
	heard   []int
	resets  int
}

func (e *ear) Reset(v Version, _ any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.begun && !e.version.Less(v) {
		e.t.Errorf("%s: reset from %v to %v", e.name, e.version, v)
	}
	e.begun, e.version = true, v
	e.resets++
}

func (e *ear) Event(v Version, event any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	want := e.version
	want.Seq++
	if !e.begun || v != want {
		e.t.Errorf("%s: event %v after %v", e.name, v, e.version)
	}
	e.version, e.heard = v, append(e.heard, event.(line).N)
}

func (e *ear) check(want []int) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Equal(e.heard, want) {
		e.t.Errorf("%s heard %v, want %v", e.name, e.heard, want)
	}
}

func (c *cluster) listen(on string) *ear {
	e := &ear{t: c.t, name: "ear on " + on}
	c.hubs[on].Follow(topic, c.locate(on), e)
	return e
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// TestNoLineIsLost: of a talk that restarts and moves, each message is lost, held and
// doubled in turn. Who was there hears each line once and in order.
func TestNoLineIsLost(t *testing.T) {
	const (
		count = iota
		lose
		double
		hold
	)
	life := func(t *testing.T, fault, at int) (messages int) {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, "a", "b")
			o := talkAt(c.hubs["a"], 7)
			c.where = "a"
			ears := []*ear{c.listen("a"), c.listen("b"), c.listen("b")}
			pass(400 * time.Millisecond)
			switch fault {
			case count:
				c.net.Drop(func(_, _, _ string) bool { messages++; return false })
			case lose:
				c.net.Drop(func(_, _, _ string) bool { messages++; return messages-1 == at })
			case double:
				c.net.Drop(func(_, _, _ string) bool { messages++; return false })
				c.net.Copies(func(_, _, _ string) int {
					if messages-1 == at {
						return 1
					}
					return 0
				})
			case hold:
				c.net.Delay(func(_, _ string) time.Duration {
					messages++
					if messages-1 == at {
						return 700 * time.Millisecond
					}
					return 0
				})
			}
			n := 0
			say := func(lines int) {
				for range lines {
					o.say(n)
					n++
				}
				synctest.Wait()
			}
			say(1)
			say(3)
			pass(1500 * time.Millisecond)
			o.rebuild() // and nobody has come back yet:
			say(2)
			pass(100 * time.Millisecond)
			say(1)
			late := c.listen("b") // hears none of what was before
			pass(1500 * time.Millisecond)
			before := n
			c.set(func() { c.where = "b" })
			o.p.Close()
			o = talkAt(c.hubs["b"], 8)
			say(3)
			pass(100 * time.Millisecond)
			say(1)
			c.net.Drop(nil)
			c.net.Copies(nil)
			c.net.Delay(nil)
			pass(2500 * time.Millisecond)
			for _, e := range ears {
				e.check(upTo(n))
			}
			late.check(upTo(n)[before:])
		})
		return messages
	}
	total := life(t, count, -1)
	if total < 20 {
		t.Fatalf("only %d messages", total)
	}
	for fault, name := range map[int]string{lose: "lost", double: "doubled", hold: "held"} {
		for at := range total {
			t.Run(fmt.Sprintf("%s %d", name, at), func(t *testing.T) { life(t, fault, at) })
		}
	}
}

// TestShortGapIsNoReset: a repair sends what was missed, and no view.
func TestShortGapIsNoReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "a", "b")
		o := talkAt(c.hubs["a"], 1)
		c.where = "a"
		e := c.listen("b")
		pass(time.Second)
		faults := rand.New(rand.NewPCG(3, 4))
		c.net.Drop(func(_, _, on string) bool { return on == topic && faults.IntN(3) > 0 })
		for n := range 300 {
			o.say(n)
			pass(20 * time.Millisecond)
		}
		pass(2 * time.Second)
		e.check(upTo(300))
		if e.resets != 1 {
			t.Errorf("%d resets", e.resets)
		}
	})
}

// TestAheadOfTheOthers: those who share a question may be at different versions. Each
// takes what is new for it.
func TestAheadOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "a", "b")
		c.where = "?"
		e := &ear{t: t, name: "ear"}
		s := c.hubs["b"].Follow(topic, c.locate("b"), e)
		defer s.Stop()
		synctest.Wait()
		at := func(seq int64) Version { return Version{1, 1, seq} }
		tail := func(from, to int64) (list []Numbered) {
			for seq := from; seq <= to; seq++ {
				list = append(list, Numbered{at(seq), line{int(seq)}})
			}
			return list
		}
		for _, from := range []start{
			{version: at(2), onward: true, tail: tail(3, 4)}, // it has nothing
			{version: at(3), view: world{}},
			{version: at(1), onward: true, tail: tail(2, 5)},
			{version: at(5), onward: true},
			{version: at(9), onward: true, tail: tail(10, 11)}, // it has not so much
			{version: at(4), onward: true, tail: tail(5, 6)},
		} {
			s.mu.Lock()
			s.need()
			s.mu.Unlock()
			s.begin(s.asked, nil, from)
		}
		e.check([]int{4, 5, 6})
	})
}

// TestKeptIsBounded: beyond what is kept the view has to do, and nothing is said twice.
func TestKeptIsBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		lines int
		every time.Duration
		heard int
	}{
		"few":      {keepMost, 0, keepMost},
		"too many": {keepMost + 1, 0, 0},
		"too old":  {2, keepFor + 2*time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, "a", "b")
				o := talkAt(c.hubs["a"], 1)
				c.where = "a"
				e := c.listen("b")
				pass(time.Second)
				c.net.Cut("a", "b")
				for n := range tc.lines {
					o.say(n)
					pass(tc.every)
				}
				if n := o.p.kept.count; n > keepMost {
					t.Errorf("%d kept", n)
				}
				c.net.Heal()
				pass(3 * time.Second)
				e.check(upTo(tc.heard))
				if want := 2; tc.heard == 0 && e.resets != want {
					t.Errorf("%d resets, want %d", e.resets, want)
				}
				for n := range 5 * keepMost {
					o.say(-n)
				}
				pass(2 * keepFor)
				if k := o.p.kept; k.count != 0 || len(k.ring) > keepRoom || k.based {
					t.Errorf("%d events in room for %d, view %v, after a long silence", k.count, len(k.ring), k.based)
				}
			})
		})
	}
}

// TestUnknownEventNeedsTheView: what this release cannot read is not asked for again.
func TestUnknownEventNeedsTheView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "a", "b")
		o := talkAt(c.hubs["a"], 1)
		c.where = "a"
		e := c.listen("b")
		pass(time.Second)
		asked := 0
		c.net.Drop(func(_, _, on string) bool {
			if on == viewService {
				asked++
			}
			return false
		})
		o.say(0)
		o.mu.Lock()
		o.p.Publish(unreadable{})
		o.mu.Unlock()
		o.say(1)
		pass(2 * time.Second)
		if e.resets != 2 || asked > 2 {
			t.Errorf("%d resets, asked %d times", e.resets, asked)
		}
		o.say(2)
		synctest.Wait()
		e.check([]int{0, 2})
	})
}

// unreadable arrives as an event that is not known.
type unreadable struct{}

var _ = message.Register[unreadable]("feed.test.unreadable")

// UnmarshalJSON fails, as that of a newer release would be missing.
func (*unreadable) UnmarshalJSON([]byte) error { return errUnknown }

func BenchmarkPublishKept(b *testing.B) {
	c := context.Background()
	alone, err := bus.OpenNATS(c, bus.Options{Self: bus.Origin{Node: "a", Incarnation: 1}})
	if err != nil {
		b.Fatal(err)
	}
	defer alone.Close()
	h := NewHub(alone, HubOptions{})
	defer h.Close()
	p := h.Open(topic, 1, 0, func(context.Context, func(Version, any)) error { return nil }, Keep())
	var event any = line{1}
	b.ReportAllocs()
	for b.Loop() {
		p.Publish(event)
	}
}
