package app

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestGuard: what an add-on panics over ends with it, and is in the log.
func TestGuard(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	ran := 0
	hook := guarded(log, "hook", func(_ context.Context, n int) {
		ran += n
		panic("a bug")
	})
	hook(t.Context(), 2)
	hook(t.Context(), 3)
	if ran != 5 || strings.Count(b.String(), "add-on panicked") != 2 || !strings.Contains(b.String(), "kind=hook") {
		t.Errorf("ran %d, log:\n%s", ran, b.String())
	}
}

// TestRunAddon: a part that panics is begun again after pauses that grow, until the node
// stops; one that ends has ended.
func TestRunAddon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		began := time.Now()
		var at []time.Duration
		runAddon(t.Context(), log, "part", func(context.Context) {
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
			runAddon(ctx, log, "part", func(context.Context) { times++; panic("a bug") })
		}()
		<-time.After(10 * time.Minute)
		cancel()
		<-ended
		if times < 10 || times > 20 {
			t.Errorf("begun %d times in ten minutes", times)
		}
	})
}
