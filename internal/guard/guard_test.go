package guard

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDo: what a part panics over ends with it, is in the log and is counted.
func TestDo(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	g := New(slog.New(slog.NewTextHandler(&b, nil)))
	ran := 0
	hook := Hook(g, "hook", func(_ context.Context, n int) {
		ran += n
		panic("a bug")
	})
	hook(t.Context(), 2)
	hook(t.Context(), 3)
	if ran != 5 || g.Caught.Load() != 2 || strings.Count(b.String(), "add-on panicked") != 2 || !strings.Contains(b.String(), "kind=hook") {
		t.Errorf("ran %d, caught %d, log:\n%s", ran, g.Caught.Load(), b.String())
	}
}

// TestRun: a part that panics is begun again after pauses that grow, until the node
// stops; one that ends has ended.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(slog.New(slog.DiscardHandler))
		began := time.Now()
		var at []time.Duration
		g.Run(t.Context(), "part", func(context.Context) {
			if at = append(at, time.Since(began)); len(at) < 4 {
				panic("a bug")
			}
		})
		if diff := cmp.Diff([]time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}, at); diff != "" {
			t.Errorf("begun at (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		times, ended := 0, make(chan struct{})
		go func() {
			defer close(ended)
			g.Run(ctx, "part", func(context.Context) { times++; panic("a bug") })
		}()
		<-time.After(10 * time.Minute)
		cancel()
		<-ended
		if times < 10 || times > 20 {
			t.Errorf("begun %d times in ten minutes", times)
		}
	})
}

func oops(int) { panic("a bug in oops") }

// TestGroup: one panic does not keep the others from being done, and goes on, with the stack
// of where it was, to who waits.
func TestGroup(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	g := New(slog.New(slog.NewTextHandler(&b, nil)))
	var done atomic.Int64
	g.Do("outside", func() {
		var all Group
		for i := range 5 {
			all.Go(func() {
				if i == 2 {
					oops(i)
				}
				done.Add(1)
			})
		}
		all.Wait()
		t.Error("nobody heard of the panic")
	})
	if done.Load() != 4 || g.Caught.Load() != 1 || !strings.Contains(b.String(), "guard.oops") {
		t.Errorf("done %d, caught %d, log:\n%s", done.Load(), g.Caught.Load(), b.String())
	}
}

// TestEach: the same one after the other.
func TestEach(t *testing.T) {
	t.Parallel()
	g := New(slog.New(slog.DiscardHandler))
	var done []int
	whole := g.Do("outside", func() {
		Each([]int{1, 2, 3, 4}, func(i int) {
			if i%2 == 0 {
				oops(i)
			}
			done = append(done, i)
		})
	})
	if whole || !slices.Equal(done, []int{1, 3}) || g.Caught.Load() != 1 {
		t.Errorf("whole %v, done %v, caught %d", whole, done, g.Caught.Load())
	}
}
