package cache

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRule10_Void: the store went back, and its log does not tell. What was kept is
// forgotten, and a read that began before is not kept either; changes are seen as ever.
func TestRule10_Void(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, nodes := cluster(t, "a", "b")
		a := nodes[0]
		s.write(1, "lost")
		s.write(2, "lost")
		pass(2 * time.Second)
		a.read(t, 1)
		release := make(chan struct{})
		s.set(func() { s.afterRead = func(int) { <-release } })
		got := make(chan string)
		go func() { got <- a.read(t, 2) }()
		synctest.Wait()
		s.set(func() {
			s.afterRead = nil
			s.rows[1], s.rows[2] = "kept", "kept"
		})
		if text := a.read(t, 1); text != "lost" {
			t.Errorf("%q before anybody says that the store went back: nothing was tried", text)
		}
		a.Void()
		close(release)
		<-got
		for key := 1; key <= 2; key++ {
			if text := a.read(t, key); text != "kept" {
				t.Errorf("%d is %q", key, text)
			}
		}
		s.write(1, "new")
		pass(2 * time.Second)
		if text := a.read(t, 1); text != "new" {
			t.Errorf("after a change: %q", text)
		}
	})
}
