package job

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/registry"
)

// rows is work whose effect is a row that is committed with the mark.
func rows(m *memory) Work {
	return Work{Once: func(_ context.Context, r Run) error { return m.put(r.Mark, r.Job+" "+r.Period) }}
}

// days is work that is due for each complete day since first.
func days(first time.Time) func(context.Context, time.Time) ([]string, error) {
	return func(_ context.Context, now time.Time) (list []string, err error) {
		for day := Day.Begin(first); Day.Complete(Day.Name(day), now); day = Day.After(day) {
			list = append(list, Day.Name(day))
		}
		return list, nil
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, j := range Table {
		if seen[j.Name] || j.Does == "" || j.Guard == "" || j.Kept == "" || j.Was == "" {
			t.Errorf("%s is twice in the table or incomplete", j.Name)
		}
		seen[j.Name] = true
		if (j.Enabled == nil) != (j.Every.Unit == "") {
			t.Errorf("%s has no switch, or one for nothing", j.Name)
		}
	}
}

// One period is done once, whoever triggers it how often, and the next one again.
func TestOncePerPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		bind := func(n *node) { n.Bind(ServerMinute, rows(r.store)) }
		a, b := r.add("a", nil, bind), r.add("b", nil, bind)
		r.settle()
		pass(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 5*time.Second)))
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if err := []*node{a, b}[i%2].trigger(ServerMinute); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := r.store.done(); len(got) != 1 {
			t.Errorf("done: %v", got)
		}
		pass(time.Minute)
		if err := b.trigger(ServerMinute); err != nil {
			t.Error(err)
		}
		if got := r.store.done(); len(got) != 2 || got[0] == got[1] {
			t.Errorf("done: %v", got)
		}
	})
}

// Days that were missed are caught up in order, over the end of a month and of a year.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // begins on 2000-01-01
		r := newRig(t)
		r.ahead = 363*24*time.Hour + 10*time.Hour // 2000-12-29, a leap year
		first := r.now()
		n := r.add("a", nil, func(n *node) {
			w := rows(r.store)
			w.Due = days(first)
			n.Bind(ServerDay, w)
		})
		r.settle()
		if err := n.trigger(ServerDay); err != nil || len(r.store.done()) != 0 {
			t.Fatalf("on the day itself: %v, %v", r.store.done(), err)
		}
		r.ahead += 5 * 24 * time.Hour // nobody triggers
		if err := n.trigger(ServerDay); err != nil {
			t.Fatal(err)
		}
		want := []string{"server-day 2000-12-29", "server-day 2000-12-30", "server-day 2000-12-31", "server-day 2001-01-01", "server-day 2001-01-02"}
		if diff := cmp.Diff(want, r.store.done()); diff != "" {
			t.Error(diff)
		}
	})
}

// A node that does not serve, or whose lease is in doubt, gives a trigger back.
func TestNotReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := r.add("a", nil, func(n *node) { n.Bind(ServerMinute, rows(r.store)) })
		r.settle()
		a.ready.Store(false)
		if err := a.trigger(ServerMinute); !errors.Is(err, errBack) {
			t.Errorf("a node that is not ready: %v", err)
		}
		a.ready.Store(true)
		a.clock.ahead.Add(int64(time.Hour)) // it stood still
		if err := a.trigger(ServerMinute); !errors.Is(err, errBack) {
			t.Errorf("a node in doubt: %v", err)
		}
		if err := a.trigger("of a newer release"); !errors.Is(err, errBack) {
			t.Errorf("an unknown job: %v", err)
		}
		if got := r.store.done(); len(got) > 0 {
			t.Errorf("done: %v", got)
		}
	})
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := r.add("a", map[string]string{"job." + ServerMinute: "false", "job." + EventCleanup: "off"}, func(n *node) {
			n.Bind(ServerMinute, rows(r.store))
			n.Bind(EventCleanup, Work{Next: func(context.Context, Run) (Step, error) { return Step{}, nil }})
		})
		r.settle()
		for _, name := range []string{ServerMinute, EventCleanup} {
			if err := a.trigger(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		pass(time.Minute)
		if got := r.store.done(); len(got) > 0 {
			t.Errorf("done: %v", got)
		}
	})
}

// A job that fails, or panics, is counted and rests; others go on.
func TestFailuresAreTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var broken atomic.Bool
		broken.Store(true)
		var tries atomic.Int64
		a := r.add("a", nil, func(n *node) {
			n.Bind(ServerMinute, Work{Once: func(context.Context, Run) error { panic("a mistake") }})
			n.Bind(Maintenance, Work{Next: func(context.Context, Run) (Step, error) {
				tries.Add(1)
				if broken.Load() {
					return Step{}, errors.New("broken")
				}
				return Step{}, nil
			}})
			n.Bind(EventCleanup, Work{Next: func(context.Context, Run) (Step, error) { return Step{}, nil }})
		})
		r.settle()
		if err := a.trigger(ServerMinute); err == nil || errors.Is(err, errBack) {
			t.Errorf("a panic: %v", err)
		}
		_ = a.trigger(Maintenance)
		r.until("the other job of the class", func() bool { return len(r.store.done()) == 1 })
		for range 20 { // triggers keep coming
			_ = a.trigger(Maintenance)
			pass(time.Second)
		}
		if n := tries.Load(); n > 3 {
			t.Errorf("%d tries in 20 s", n)
		}
		broken.Store(false)
		pass(time.Minute)
		_ = a.trigger(Maintenance)
		r.until("the job itself", func() bool { return len(r.store.done()) == 2 })
		known, _ := r.store.JobStatuses(context.Background())
		for _, k := range known {
			if k.Job == Maintenance && k.Failures != 0 || k.Job == ServerMinute && k.Failures != 1 {
				t.Errorf("%+v", k)
			}
		}
	})
}

// steps is long work: n steps, each a durable write, found by what is stored.
func steps(m *memory, n int, at func(ctx context.Context, node string, step int)) func(node string) Work {
	return func(node string) Work {
		return Work{Next: func(ctx context.Context, r Run) (Step, error) {
			done := 0
			for _, f := range m.fences.Facts() {
				if f.Value == "step "+r.Period {
					done++
				}
			}
			if done == n {
				return Step{}, nil
			}
			return Step{Pause: time.Second, Write: func(ctx context.Context, f registry.Fence) error {
				if at != nil {
					at(ctx, node, done+1)
				}
				return m.fences.Write(ctx, f, "step "+r.Period)
			}}, nil
		}}
	}
}

func (r *rig) facts(value string) (n int) {
	for _, f := range r.store.fences.Facts() {
		if f.Value == value {
			n++
		}
	}
	return n
}

// A node that dies in the middle of a long job: another one finishes it, once.
func TestKilledHalfWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		died := make(chan string, 1)
		var once atomic.Bool
		work := steps(r.store, 6, func(ctx context.Context, node string, step int) {
			if step == 3 {
				if once.CompareAndSwap(false, true) {
					died <- node
					<-ctx.Done()
				}
			}
		})
		for _, name := range []string{"a", "b", "c"} {
			r.add(name, nil, func(n *node) { n.Bind(InfologCleanup, work(name)) })
		}
		r.settle()
		day := latest(InfologCleanup)
		if err := r.nodes[0].trigger(InfologCleanup); !errors.Is(err, errStay) {
			t.Fatal(err)
		}
		r.kill(r.named(<-died))
		r.until("the job is done", func() bool { return len(r.store.done()) == 1 })
		pass(time.Minute)
		if n := r.facts("step " + day); n != 6 {
			t.Errorf("%d steps, want 6", n)
		}
		if n := r.facts("mark " + day); n != 1 {
			t.Errorf("%d marks", n)
		}
	})
}

// TestRule28_PausedInALongJob: a node stands still in the middle of a step, past the
// moment at which the cluster gives it up and another goes on, and comes back: its step
// is not done a second time, and it does no more of them.
func TestRule28_PausedInALongJob(t *testing.T) {
	t.Parallel()
	for step := 1; step <= 4; step++ { // the fourth is the mark
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			paused := make(chan string, 1)
			resume := make(chan struct{})
			release := sync.OnceFunc(func() { close(resume) })
			defer release()
			var once atomic.Bool
			work := steps(r.store, 4, func(_ context.Context, node string, at int) {
				if at == step {
					if once.CompareAndSwap(false, true) {
						paused <- node
						<-resume
					}
				}
			})
			for _, name := range []string{"a", "b", "c"} {
				r.add(name, nil, func(n *node) { n.Bind(InfologCleanup, work(name)) })
			}
			r.settle()
			day := latest(InfologCleanup)
			asked := make(chan error, 1)
			go func() { asked <- r.nodes[0].trigger(InfologCleanup) }() // may be answered late
			n := r.named(<-paused)
			awake := r.pause(n)
			r.until("another node has done the job", func() bool { return len(r.store.done()) == 1 })
			awake()
			release()
			pass(time.Minute)
			<-asked
			if got := r.facts("step " + day); got != 4 {
				t.Errorf("paused in step %d: %d steps, want 4", step, got)
			}
			if got := r.store.done(); len(got) != 1 {
				t.Errorf("paused in step %d: done %v", step, got)
			}
		})
	}
}

// TestRule28_PausedInOneTransaction: a node stands still with the effect of a period in
// its hands, before it commits; the trigger is given back and another does the period.
// When the first comes back its transaction finds the mark, and changes nothing.
func TestRule28_PausedInOneTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		inside, resume := make(chan struct{}), make(chan struct{})
		a := r.add("a", nil, func(n *node) {
			n.Bind(ServerMinute, Work{Once: func(_ context.Context, run Run) error {
				close(inside)
				<-resume
				return r.store.put(run.Mark, "by a")
			}})
		})
		b := r.add("b", nil, func(n *node) {
			n.Bind(ServerMinute, Work{Once: func(_ context.Context, run Run) error { return r.store.put(run.Mark, "by b") }})
		})
		r.settle()
		pass(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 5*time.Second)))
		late := make(chan error, 1)
		go func() { late <- a.trigger(ServerMinute) }()
		<-inside
		awake := r.pause(a)
		r.until("a is given up", func() bool { return len(b.cluster.Members()) == 1 })
		if err := b.trigger(ServerMinute); err != nil {
			t.Fatal(err)
		}
		awake()
		close(resume)
		if err := <-late; err != nil {
			t.Errorf("who comes late: %v", err)
		}
		if diff := cmp.Diff([]string{"by b"}, r.store.done()); diff != "" {
			t.Error(diff)
		}
		if n := a.Counters.Late.Load(); n != 1 {
			t.Errorf("late %d times", n)
		}
	})
}

// A call to other packages' work does not overlap with itself, ends when the lease is
// lost, and does not mark what did not come to its end.
func TestCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var running, most, ended atomic.Int64
		where := make(chan string, 1)
		var once atomic.Bool
		for _, name := range []string{"a", "b", "c"} {
			r.add(name, nil, func(n *node) {
				n.Bind(MatchProcessing, Work{Call: func(ctx context.Context) error {
					if now := running.Add(1); now > most.Load() {
						most.Store(now)
					}
					defer running.Add(-1)
					if !once.CompareAndSwap(false, true) {
						return nil
					}
					where <- name
					<-ctx.Done()
					ended.Add(1)
					return ctx.Err()
				}})
			})
		}
		r.settle()
		pass(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 15*time.Second)))
		for _, n := range r.nodes {
			if err := n.trigger(MatchProcessing); !errors.Is(err, errStay) {
				t.Fatal(err)
			}
		}
		first := r.named(<-where)
		awake := r.pause(first)
		r.until("it is in doubt", func() bool { return !first.cluster.Trusted() })
		pass(2 * trustEvery)
		if ended.Load() != 1 || len(r.nodes[0].cluster.Members()) != 3 {
			t.Error("the call goes on without the lease")
		}
		r.until("another node has done it", func() bool { return len(r.store.done()) == 1 })
		awake()
		pass(time.Minute)
		if n := most.Load(); n != 1 {
			t.Errorf("%d calls at once", n)
		}
		if got := r.store.done(); len(got) != 1 {
			t.Errorf("done %v", got)
		}
	})
}

// Old marks go, but for those of days; what was trimmed does not come up again.
func TestMarksAreTrimmed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := r.add("a", nil, func(n *node) {
			n.Bind(ServerMinute, rows(r.store))
			n.BindHourly()
		})
		r.settle()
		if err := a.trigger(ServerMinute); err != nil {
			t.Fatal(err)
		}
		old := Mark{Job: ServerDay, Period: "1999-12-31"}
		if err := r.store.put(old, "day"); err != nil {
			t.Fatal(err)
		}
		r.ahead += 31 * 24 * time.Hour
		_ = a.trigger(HourlyCleanup)
		r.until("the hour is done", func() bool { return len(r.store.done()) == 3 })
		if list, _ := r.store.DonePeriods(t.Context(), ServerMinute, ""); len(list) > 0 {
			t.Errorf("minutes: %v", list)
		}
		if list, _ := r.store.DonePeriods(t.Context(), ServerDay, ""); len(list) != 1 {
			t.Errorf("days: %v", list)
		}
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	want := []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
	for i, d := range want {
		if got := pause(i + 1); got != d {
			t.Errorf("after %d failures %s, want %s", i+1, got, d)
		}
	}
	if got := pause(1000); got != againMax {
		t.Error(got)
	}
}

// TestHurry: work is done at once only where and when the job itself might do it, and ends
// with the lease.
func TestHurry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		settings map[string]string
		change   func(r *rig, n *node)
		want     int64
	}{
		"done":      {want: 1},
		"off":       {settings: map[string]string{"job.match-processing": "false"}},
		"not ready": {change: func(_ *rig, n *node) { n.ready.Store(false) }},
		"in doubt": {change: func(r *rig, n *node) {
			r.pause(n)
			r.until("it is in doubt", func() bool { return !n.cluster.Trusted() })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				var calls atomic.Int64
				n := r.add("a", tc.settings, func(n *node) {
					n.Bind(MatchProcessing, Work{Call: func(ctx context.Context) error {
						calls.Add(1)
						r.pause(n)
						<-ctx.Done()
						return ctx.Err()
					}})
				})
				<-n.cluster.Ready()
				pass(100 * time.Millisecond)
				if tc.change != nil {
					tc.change(r, n)
				}
				calls.Store(0)
				err := n.Hurry(t.Context(), MatchProcessing)
				if got := calls.Load(); got != tc.want || (err != nil) != (tc.want > 0) {
					t.Errorf("%d calls, %v", got, err)
				}
				r.store.fences.OnAccess(nil)
			})
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New().Hurry(ended, MatchProcessing); err != nil {
		t.Error(err)
	}
}

// TestHostClockIsOff: what a trigger is of goes by the store's time. One that a host inserts
// whose clock is some seconds ahead waits until its tick has come there, and is not taken for
// the one before.
func TestHostClockIsOff(t *testing.T) {
	t.Parallel()
	for _, name := range []string{ServerMinute, EventCleanup} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			j, _ := Find(name)
			r.ahead = -5 * time.Second // as of the host
			var did atomic.Int64
			n := r.add("a", nil, func(n *node) {
				if j.Class == "" {
					n.Bind(name, rows(r.store))
					return
				}
				n.Bind(name, Work{Next: func(context.Context, Run) (Step, error) { did.Add(1); return Step{}, nil }})
			})
			r.settle()
			at := j.Every.Next(time.Now().Add(time.Hour)) // by the host
			pass(time.Until(at))
			tick := n.tick(j)
			if before := j.Every.Latest(r.now()); tick <= before || tick != j.Every.Latest(time.Now()) {
				t.Fatalf("%s: the tick is %s, the store is at %s", name, tick, before)
			}
			look := func() error {
				ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
				defer cancel()
				return n.look(ctx, Trigger{Job: name, Tick: tick})
			}
			if err := look(); !errors.Is(err, errBack) {
				t.Errorf("%s before its time: %v", name, err)
			}
			pass(6 * time.Second)
			r.until("the period is done", func() bool {
				err := look()
				if err != nil && !errors.Is(err, errStay) {
					t.Fatal(err)
				}
				return err == nil
			})
			if _, there := r.store.marks[name+" "+tick]; !there {
				t.Errorf("%s: no mark of %s among %v", name, tick, r.store.done())
			}
		})
	}
}
