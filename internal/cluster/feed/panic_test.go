package feed

import (
	"slices"
	"testing"
	"testing/synctest"
)

// fragile panics over one number, and over views as often as it is told to.
type fragile struct {
	copyOf
	over  int
	views int
}

func (f *fragile) Event(v Version, event any) {
	if event.(added).N == f.over {
		panic("a bug over an event")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version, f.numbers = v, append(f.numbers, event.(added).N)
}

func (f *fragile) Reset(v Version, view any) {
	if f.views > 0 {
		f.views--
		panic("a bug over a view")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun, f.version, f.numbers = true, v, slices.Clone(view.(world).Numbers)
	f.resets++
}

// TestPanicOfAFollower: one that panics over an event begins again with the view, on the
// node of the owner and elsewhere; the owner and the other followers do not notice. One that
// panics over the view as well is left with what it has until there is another.
func TestPanicOfAFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, "a", "b")
		o := own(c.hubs["a"], topic, 7, 0, []int{1, 2})
		c.where = "a"
		var good []*copyOf
		var bad []*fragile
		for _, on := range []string{"a", "b"} {
			f := &fragile{copyOf: copyOf{t: t, name: "fragile on " + on}, over: 5}
			bad = append(bad, f)
			c.hubs[on].Follow(topic, c.locate(on), f)
			whole, _ := c.follow(on, topic)
			good = append(good, whole)
		}
		synctest.Wait()
		for i := 3; i < 8; i++ {
			o.add(i)
		}
		synctest.Wait()
		for i := range bad {
			good[i].check(t, o)
			bad[i].check(t, o)
			if bad[i].resets != 2 || good[i].resets != 1 {
				t.Errorf("%s: %d resets, the other %d; want 2 and 1", bad[i].name, bad[i].resets, good[i].resets)
			}
		}
		for _, f := range bad {
			f.over, f.views = 9, 1
		}
		for i := 8; i < 12; i++ {
			o.add(i)
			synctest.Wait()
		}
		for i, f := range bad {
			good[i].check(t, o)
			if v, numbers := f.state(); !slices.Contains(numbers, 11) || f.resets != 2 {
				t.Errorf("%s: at %v with %v after %d resets", f.name, v, numbers, f.resets)
			}
		}
		if here, there := c.hubs["a"].Figures().Panics, c.hubs["b"].Figures().Panics; here != 3 || there != 3 {
			t.Errorf("%d and %d panics counted, want 3 each", here, there)
		}
		o.rebuild([]int{20})
		synctest.Wait()
		for _, f := range bad {
			f.check(t, o)
		}
	})
}
