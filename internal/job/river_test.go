package job_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/job"
	"teiserver/internal/setting"
	"teiserver/internal/store"
	"teiserver/internal/store/pgtest"
)

// members is a cluster as far as triggers need one: who lives.
type members struct {
	mu    sync.Mutex
	list  []cluster.Member
	hooks []func([]cluster.Member)
}

func (m *members) Call(context.Context, cluster.Key, any) (any, error) { return nil, nil }
func (m *members) Trusted() bool                                       { return true }

func (m *members) Members() []cluster.Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list
}

func (m *members) OnMembers(f func([]cluster.Member)) {
	m.mu.Lock()
	m.hooks = append(m.hooks, f)
	m.mu.Unlock()
	f(m.Members())
}

func (m *members) set(incarnations ...int64) {
	m.mu.Lock()
	m.list = nil
	for _, i := range incarnations {
		m.list = append(m.list, cluster.Member{Origin: bus.Origin{Node: "n", Incarnation: i}})
	}
	hooks := m.hooks
	m.mu.Unlock()
	for _, f := range hooks {
		f(m.Members())
	}
}

// start runs a service over a store until the test ends.
func start(t *testing.T, st *store.Store, m *members, incarnation int64, bind func(s *job.Service)) *job.Service {
	t.Helper()
	s := job.New()
	bind(s)
	s.Open(job.Options{
		Store: st, Settings: setting.Fixed(nil), Runtime: m, Node: "n", Incarnation: func() int64 { return incarnation },
		Intervals: job.Intervals{Poll: 50 * time.Millisecond, Refresh: 50 * time.Millisecond}, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return s
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatal("not within a minute: " + what)
		}
	}
}

// TestRule28_Triggers: real triggers on both engines, three nodes over one database. The
// node that has taken one stands still with the effect in its hands and is given up; the
// trigger is given back, another node does the period, and when the first comes back it
// finds the mark. The row is there once.
func TestRule28_Triggers(t *testing.T) {
	t.Parallel()
	for engine, url := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "test.db"), "postgres": pgtest.URL(t),
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			m := &members{}
			m.set(1, 2, 3)
			var writers atomic.Int64
			taken, resume, back := make(chan int64, 1), make(chan struct{}), make(chan error, 1)
			var first atomic.Bool
			var services []*job.Service
			for i := int64(1); i <= 3; i++ {
				st, err := store.Open(t.Context(), url, store.Options{Use: store.Clustered})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { st.Close() })
				services = append(services, start(t, st, m, i, func(s *job.Service) {
					s.Bind(job.ServerMonth, job.Work{
						Due: func(context.Context, time.Time) ([]string, error) { return []string{"2026-09"}, nil },
						Once: func(ctx context.Context, r job.Run) error {
							stands := first.CompareAndSwap(false, true)
							if stands {
								taken <- i
								<-resume
								ctx = context.WithoutCancel(ctx)
							}
							err := st.PutRow(ctx, r.Mark, "month", []byte("1"), "", "")
							if err == nil {
								writers.Add(1)
							}
							if stands {
								back <- err
							}
							return err
						},
					})
				}))
			}
			gone := <-taken
			living := []int64{1, 2, 3}
			living = append(living[:gone-1], living[gone:]...)
			m.set(living...)
			within(t, "another node does the period", func() bool { return writers.Load() == 1 })
			close(resume)
			if err := <-back; err == nil {
				t.Error("the first one has come back and written")
			}
			if n := writers.Load(); n != 1 {
				t.Errorf("written %d times", n)
			}
			within(t, "everybody knows how the job stands", func() bool {
				for _, s := range services {
					known := s.Statuses()
					if len(known) != 1 || known[0].Period != "2026-09" || known[0].Failures != 0 {
						return false
					}
				}
				return true
			})
		})
	}
}
