package simulation

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// replays is how often one seed is played, until it fails: the order of goroutines that
// are ready at the same moment is not the seed's.
const replays = 30

// TestSchedules plays schedules: SIM_SEED one, SIM_DURATION as many as fit, from a seed
// that is new each time.
func TestSchedules(t *testing.T) {
	if text := os.Getenv("SIM_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		var w *world
		for try := 0; try < replays && !t.Failed(); try++ {
			w = run(t, draw(seed), nil)
		}
		for _, line := range w.trace {
			t.Log(line)
		}
		return
	}
	first, most, enough := uint64(1), int64(few), time.Hour
	if d, err := time.ParseDuration(os.Getenv("SIM_DURATION")); err == nil {
		first, most, enough = uint64(time.Now().Unix()), 1<<40, d
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // much garbage, little that stays
	began := time.Now()
	var played, calls, served, worst atomic.Int64
	t.Run("all", func(t *testing.T) {
		workers := runtime.GOMAXPROCS(0) // one bubble uses hardly more than one
		for i := range workers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for n := int64(i); n < most && time.Since(began) < enough && !t.Failed(); n += int64(workers) {
					w := run(t, draw(first+uint64(n)), nil)
					played.Add(1)
					calls.Add(int64(w.calls[answered]))
					served.Add(int64(w.served))
					for old := worst.Load(); int64(w.served) > old && !worst.CompareAndSwap(old, int64(w.served)); old = worst.Load() {
					}
				}
			})
		}
	})
	if n := played.Load(); n > 0 {
		t.Logf("%d schedules from seed %d, %.0f a minute; %d commands answered; all served again %v after the faults, %v at worst",
			n, first, float64(n)/time.Since(began).Minutes(), calls.Load(),
			time.Duration(served.Load()/n).Round(time.Millisecond), time.Duration(worst.Load()))
	}
}

// TestPairs plays schedules for clusters of two nodes: with every fault, and with those alone
// after which each of the two hears nobody.
func TestPairs(t *testing.T) {
	alone := []string{"cut", "cut for long", "cut one way", "cut off", "cut and away"}
	for name, only := range map[string][]string{"all": nil, "cuts": alone, "kills": {"kill"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= few/15 && !t.Failed(); seed++ {
				run(t, drawPair(seed, only...), nil)
			}
		})
	}
}

// run plays a schedule in a bubble of its own.
func run(t *testing.T, p plan, change func(*world)) (w *world) {
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, p)
		if change != nil {
			change(w)
		}
		simulate(w)
		if change == nil {
			w.verdict()
		}
	})
	return w
}
