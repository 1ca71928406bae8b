package feed

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRule13_BeginsAtTheEpochThatIsNamed: the old owner answers and talks, the new one
// is not heard. Who is told the epoch takes nothing older, and looks again.
func TestRule13_BeginsAtTheEpochThatIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "a", "b", "c")
		old := own(c.hubs["a"], topic, 7, 3, []int{1})
		now := own(c.hubs["c"], topic, 8, 0, []int{2})
		c.net.Drop(func(from, _, on string) bool { return from == "c" && (on == topic || on == HeartbeatTopic) })
		c.set(func() { c.where, c.epoch = "a", 8 }) // as when the name is old and the epoch is not
		f, _ := c.follow("b", topic)
		here, _ := c.follow("a", topic)
		for i := range 20 {
			old.add(i)
			pass(100 * time.Millisecond)
		}
		if f.begun || here.begun {
			t.Errorf("began at %v and %v", f.version, here.version)
		}
		c.set(func() { c.where = "c" })
		pass(2 * time.Second)
		old.add(3)
		synctest.Wait()
		for _, x := range []*copyOf{f, here} {
			x.check(t, now)
			if x.resets != 1 {
				t.Errorf("%d resets", x.resets)
			}
		}
	})
}

// TestOneEndsOneStays: two follow one topic of a node, each another life of it.
func TestOneEndsOneStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "a", "b")
		o := own(c.hubs["a"], topic, 2, 0, []int{1})
		for _, goneFirst := range []bool{true, false} {
			c.set(func() { c.where = "?" })
			var gone, stays *copyOf
			if goneFirst {
				gone, _ = c.follow("b", topic)
			}
			stays = &copyOf{t: t, name: "stays"}
			c.hubs["b"].Follow(topic, c.locate("a"), stays)
			if !goneFirst {
				gone, _ = c.follow("b", topic)
			}
			c.set(func() { c.where, c.stale["b"] = "a", "" })
			pass(3 * time.Second)
			stays.check(t, o)
			if stays.ended != 0 || gone.ended != 1 && goneFirst {
				t.Errorf("gone first %v: one ended %d times, the other %d", goneFirst, gone.ended, stays.ended)
			}
		}
	})
}
