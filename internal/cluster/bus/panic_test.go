package bus

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// TestPanicOfAServer: a request over which a server panics is answered with an error, from
// another node and from here; the next is served.
func TestPanicOfAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := joined(t, NewNetwork(), "a", "b")
		nodes[1].Serve("halve", func(_ context.Context, _ Origin, body any) (any, error) {
			return word{100 / body.(word).N}, nil
		})
		for i, from := range nodes {
			_, err := from.Request(t.Context(), "b", "halve", word{0})
			if err == nil || !strings.Contains(err.Error(), ErrPanicked.Error()) || (i == 1) != errors.Is(err, ErrPanicked) {
				t.Errorf("%s is answered: %v", from.self.Node, err)
			}
			if reply, err := from.Request(t.Context(), "b", "halve", word{4}); err != nil || reply != any(word{25}) {
				t.Errorf("%s is answered: %v, %v", from.self.Node, reply, err)
			}
		}
		if got := nodes[1].Stats().Panics; got != 2 {
			t.Errorf("%d panics counted, want 2", got)
		}
	})
}

// TestPanicOfAHandler: a message over which one handler panics comes to the others, and
// that one gets the next.
func TestPanicOfAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := joined(t, NewNetwork(), "a", "b")
		var bad, good []int
		nodes[1].Subscribe("words", func(m Message) {
			bad = append(bad, m.Body.(word).N)
			if len(bad) == 1 {
				panic("a bug in a handler")
			}
		})
		nodes[1].Subscribe("words", func(m Message) { good = append(good, m.Body.(word).N) })
		synctest.Wait()
		for _, from := range nodes {
			if err := from.Publish("words", word{1}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // one after the other
		}
		if len(bad) != 2 || len(good) != 2 || nodes[1].Stats().Panics != 1 {
			t.Errorf("heard %v and %v, %d panics counted", bad, good, nodes[1].Stats().Panics)
		}
	})
}
