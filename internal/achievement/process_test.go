package achievement

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/setting"
)

// memory is the store of a cluster: events as nodes write them, and what was counted.
// Durable writes go through the fences of clustertest.Store.
type memory struct {
	fences *clustertest.Store

	mu       sync.Mutex
	events   []Event
	hidden   map[int64]bool // written, but not there for others yet
	once     map[string]bool
	marks    map[int64]bool
	progress map[string]int // by user and type
	writes   int
	dead     map[int64]bool
	fault    func(clustertest.Access) clustertest.Fault
}

func newMemory() *memory {
	m := &memory{
		fences: clustertest.NewStore(), hidden: map[int64]bool{}, once: map[string]bool{}, marks: map[int64]bool{},
		progress: map[string]int{}, dead: map[int64]bool{},
	}
	m.fences.OnAccess(func(x clustertest.Access) clustertest.Fault {
		m.mu.Lock()
		dead, fault := m.dead[x.Incarnation], m.fault
		m.mu.Unlock()
		switch {
		case dead:
			return clustertest.Fault{Fail: clustertest.ErrLost}
		case fault != nil:
			return fault(x)
		}
		return clustertest.Fault{}
	})
	return m
}

// put writes an event as any node does: one of a name that is known changes nothing.
func (m *memory) put(name string, user int64, value, once string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.once[once] {
		return 0
	}
	m.once[once] = true
	id := int64(len(m.events) + 1)
	m.events = append(m.events, Event{ID: id, Name: name, User: user, Value: value})
	return id
}

func (m *memory) hide(id int64, hidden bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hidden[id] = hidden
}

func (m *memory) Types(context.Context) ([]Type, error) { return types, nil }

func (m *memory) EventsAfter(_ context.Context, after int64, most int) (p Page, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if m.hidden[e.ID] {
			continue
		}
		p.Last = e.ID
		if e.ID > after && !m.marks[e.ID] && len(p.Events) < most {
			p.Events = append(p.Events, e)
		}
	}
	p.More = len(p.Events) == most
	return p, nil
}

func (m *memory) CountEvents(ctx context.Context, f registry.Fence, c Counted) error {
	err := m.fences.Write(ctx, f, fmt.Sprint(c))
	if err != nil && !errors.Is(err, errAnswerLost) {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range c.Awards {
		if m.marks[a.Event] {
			continue
		}
		for _, t := range a.Types {
			m.progress[fmt.Sprint(a.User, "/", t)]++
		}
	}
	for _, id := range c.Events {
		m.marks[id] = true
	}
	for id := range m.marks {
		if id <= c.Settled {
			delete(m.marks, id)
		}
	}
	m.writes++
	return err
}

func (m *memory) AchievementsOf(context.Context, int64) ([]Progress, error) { return nil, nil }

func (m *memory) of(user, kind int64) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.progress[fmt.Sprint(user, "/", kind)]
}

func (m *memory) breakIt(fault func(clustertest.Access) clustertest.Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// errAnswerLost is what a writer gets whose write has happened.
var errAnswerLost = errors.New("the answer is lost")

type clock struct{ began time.Time }

func (c *clock) Boot() time.Duration { return time.Since(c.began) }
func (c *clock) Wall() int64         { return time.Now().UnixNano() }

// rig is a cluster in a bubble of virtual time.
type rig struct {
	*testing.T
	store *memory
	net   *bus.Network
	nodes []*cluster.Node
}

func newRig(t *testing.T, names string, settings map[string]string) *rig {
	r := &rig{T: t, store: newMemory(), net: bus.NewNetwork()}
	for _, letter := range names {
		name := string(letter)
		n := cluster.New(cluster.Options{
			Name: name, BootID: "boot-" + name, Clock: &clock{time.Now()},
			Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
				return r.net.Join(self), nil
			},
			Leases: r.store.fences, Owners: r.store.fences, Sequences: r.store.fences,
			Log: slog.New(slog.DiscardHandler),
		})
		c := &Counter{Store: r.store, Settings: setting.Fixed(settings), Log: slog.New(slog.DiscardHandler)}
		n.Register(NewKind(r.store, func() *Counter { return c }))
		if err := n.Start(context.Background()); err != nil {
			r.Fatalf("start %s: %v", name, err)
		}
		r.Cleanup(func() { _ = n.Stop(context.Background()) })
		r.nodes = append(r.nodes, n)
	}
	for _, n := range r.nodes {
		<-n.Ready()
	}
	pass(3 * time.Second)
	return r
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for range 1800 {
		if ok() {
			return
		}
		pass(100 * time.Millisecond)
	}
	r.Fatalf("not within three minutes: %s", what)
}

// living is the node with an incarnation.
func (r *rig) living(incarnation int64) *cluster.Node {
	r.Helper()
	i := slices.IndexFunc(r.nodes, func(n *cluster.Node) bool { return n.Self().Incarnation == incarnation })
	if i < 0 {
		r.Fatalf("no node has the incarnation %d", incarnation)
	}
	return r.nodes[i]
}

func (r *rig) kill(n *cluster.Node) {
	r.net.Crash(n.Self())
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.dead[n.Self().Incarnation] = true
}

const won = `{"scenarioid":"a","difficulty":"Brutal","won":true}`

// TestWhicheverNode: events of one user from every node, some delivered twice, count once
// each: within seconds when a node has nudged, else within a minute.
func TestWhicheverNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "abc", nil)
		nudgers := make([]*Nudger, len(r.nodes))
		for i, n := range r.nodes {
			nudgers[i] = &Nudger{Cast: func(x Nudge) { n.Cast(cluster.SingletonKey(Kind), x) }}
		}
		for i := range r.nodes {
			for range 2 { // each is told twice, the second time by another node
				r.store.put("line", 1, "", fmt.Sprint("line", i))
				nudgers[i].Event()
			}
		}
		r.store.put(ending, 2, won, "x")
		r.store.put(ending, 2, won, "x")
		pass(5 * time.Second)
		got := []int{r.store.of(1, 5), r.store.of(2, 1), r.store.of(2, 2)}
		if diff := cmp.Diff([]int{3, 1, 1}, got); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
		r.store.put("line", 7, "", "unheard")
		pass(lookEvery + time.Second)
		if n := r.store.of(7, 5); n != 1 {
			t.Errorf("without a nudge it counts %d times", n)
		}
		pass(5 * time.Minute)
		if n := r.store.of(1, 5); n != 3 {
			t.Errorf("read again it counts %d times", n)
		}
	})
}

// TestOwnerKilled: the node that counts is killed while it writes: before anything is in
// the store, or when all is and it has not heard so. The events count once.
func TestOwnerKilled(t *testing.T) {
	for name, fault := range map[string]clustertest.Fault{
		"before the write": {Fail: clustertest.ErrLost},
		"after the write":  {Lose: errAnswerLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "abc", nil)
				var victim atomic.Int64 // the node that writes first
				r.store.breakIt(func(x clustertest.Access) clustertest.Fault {
					if x.Op != "write" || !victim.CompareAndSwap(0, x.Incarnation) && victim.Load() != x.Incarnation {
						return clustertest.Fault{}
					}
					return fault
				})
				for i := range 5 {
					r.store.put("line", int64(i), "", fmt.Sprint(i))
				}
				r.until("a write", func() bool { return victim.Load() != 0 })
				r.kill(r.living(victim.Load()))
				r.until("another node counts", func() bool {
					n := 0
					for user := range int64(5) {
						n += r.store.of(user, 5)
					}
					return n >= 5
				})
				pass(5 * time.Minute)
				for user := range int64(5) {
					if n := r.store.of(user, 5); n != 1 {
						t.Errorf("event of user %d counts %d times", user, n)
					}
				}
			})
		})
	}
}

// TestLate: an event that is there for others only after later ones is counted, once.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "a", nil)
		late := r.store.put("line", 1, "", "late")
		r.store.hide(late, true)
		r.store.put("line", 2, "", "early")
		r.until("the early one counts", func() bool { return r.store.of(2, 5) == 1 })
		r.store.hide(late, false)
		r.until("the late one counts", func() bool { return r.store.of(1, 5) == 1 })
		pass(5 * time.Minute)
		if a, b := r.store.of(1, 5), r.store.of(2, 5); a != 1 || b != 1 {
			t.Errorf("counted %d and %d times", a, b)
		}
	})
}

// TestMany: more than a page.
func TestMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "a", nil)
		const events = 2*mostPage + 7
		for i := range events {
			r.store.put("line", 1, "", fmt.Sprint(i))
		}
		r.until("all count", func() bool { return r.store.of(1, 5) == events })
		pass(5 * time.Minute)
		if n := r.store.of(1, 5); n != events {
			t.Errorf("counted %d of %d", n, events)
		}
	})
}

// TestOff: what happens while achievements are switched off counts for nothing.
func TestOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "a", map[string]string{"addon.achievements": "off"})
		r.store.put("line", 1, "", "x")
		pass(5 * time.Minute)
		if n := r.store.of(1, 5); n != 0 {
			t.Errorf("counted %d", n)
		}
		if c := (*Counter)(nil); c.read(t.Context(), read{}) == nil {
			t.Error("a node without a counter says nothing")
		}
	})
}
