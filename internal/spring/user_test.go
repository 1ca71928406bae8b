package spring

import (
	"testing"
	"time"
)

// TestManyRelations: the users named in lists are limited as lines are, by the setting as it
// is now.
func TestManyRelations(t *testing.T) {
	serveTest(t, func(t *testing.T, s *Server, store *siteStore, _ func() *peer) {
		c := &conn{srv: s}
		for _, most := range []string{"200", "1000", "3"} {
			store.set("spring.rate_limit_per_minute", most)
			<-time.After(limitsEvery + 2*time.Minute)
			for c.related != nil && c.mayRelate() { // what is left of before
			}
			<-time.After(time.Minute)
			n := 0
			for c.mayRelate() {
				n++
			}
			if want := map[string]int{"200": 200, "1000": 1000, "3": 3}[most]; n != want {
				t.Errorf("%d of %s a minute", n, most)
			}
		}
	})
}
