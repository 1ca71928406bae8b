package login

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/setting"
)

// rig is a cluster of nodes with queues, in virtual time.
type rig struct {
	*testing.T
	store *clustertest.Store
	net   *bus.Network
	nodes []*rigNode

	mu      sync.Mutex
	began   time.Time
	entered []entry // in the order in which they came in
	people  atomic.Int64
}

type entry struct {
	user int64
	node string
	at   time.Duration
}

type rigNode struct {
	*cluster.Node
	queue *Queue
	rest  func() // ends the queue
	end   func() // leaves the cluster in order
}

// site keeps the settings of a test.
type site struct {
	setting.Store
	mu    sync.Mutex
	texts map[string]string
}

func (s *site) Setting(_ context.Context, key string) (setting.Value, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.texts[key]
	return setting.Value{Text: text}, ok, nil
}

func (s *site) set(key, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[key] = text
}

// inCluster runs a test in a bubble with this many nodes that have been up for a while.
func inCluster(t *testing.T, nodes int, settings map[string]string, test func(r *rig, s *site)) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{texts: map[string]string{"login.throttle": "true"}}
		for key, text := range settings {
			s.texts[key] = text
		}
		r := &rig{T: t, store: clustertest.NewStore(), net: bus.NewNetwork()}
		for i := range nodes {
			r.nodes = append(r.nodes, r.add(string(rune('a'+i)), s))
		}
		pass(20 * time.Second)
		r.began = time.Now()
		test(r, s)
	})
}

func (r *rig) add(name string, s *site) *rigNode {
	r.Helper()
	log := slog.New(slog.NewTextHandler(r.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	n := &rigNode{Node: cluster.New(cluster.Options{
		Name: name, BootID: "boot-" + name,
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
			return r.net.Join(self), nil
		},
		Leases: r.store, Owners: r.store, Sequences: r.store, Clock: &clock{time.Now()}, Log: log,
	})}
	n.Register(NewKind((&clock{time.Now()}).Boot))
	if err := n.Start(context.Background()); err != nil {
		r.Fatal(err)
	}
	n.queue = New(Options{
		Runtime: n, Settings: setting.NewService(s, nil, log), Log: log,
		People: func() int { return int(r.people.Load()) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { n.queue.Run(ctx) })
	n.rest = func() { cancel(); all.Wait() }
	n.end = sync.OnceFunc(func() {
		n.rest()
		stop, done := context.WithTimeout(context.Background(), time.Minute)
		defer done()
		_ = n.Stop(stop)
	})
	r.Cleanup(n.end)
	return n
}

// die is the end of a node of which nobody hears a word anymore.
func (r *rig) die(n *rigNode) {
	n.rest()
	r.store.OnAccess(func(a clustertest.Access) clustertest.Fault {
		if a.Incarnation == n.Self().Incarnation {
			return clustertest.Fault{Fail: clustertest.ErrLost}
		}
		return clustertest.Fault{}
	})
	for _, other := range r.nodes {
		if other != n {
			r.net.Cut(other.Self().Node, n.Self().Node)
		}
	}
}

// clock is virtual time as the lease reads it.
type clock struct{ began time.Time }

func (c *clock) Boot() time.Duration { return time.Since(c.began) }
func (c *clock) Wall() int64         { return time.Now().UnixNano() }

// pass lets virtual time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func user(id int64, roles ...account.Role) *account.User {
	return &account.User{ID: id, Name: fmt.Sprint("u", id), Roles: roles}
}

// enter takes a place whose user is noted when it comes in.
func (r *rig) enter(n *rigNode, id int64) *Place {
	r.Helper()
	p, err := n.queue.Enter(user(id), true, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.entered = append(r.entered, entry{id, n.Self().Node, time.Since(r.began)})
	}, func() {})
	if err != nil || p == nil {
		r.Fatalf("user %d: %v, %v", id, p, err)
	}
	return p
}

func (r *rig) in() []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entered)
}

func (r *rig) users() (ids []int64) {
	for _, e := range r.in() {
		ids = append(ids, e.user)
	}
	return ids
}

// owner is the node that runs the owner of the rate, and one that does not.
func (r *rig) owner() (runs, other *rigNode) {
	r.Helper()
	for _, n := range r.nodes {
		here := false
		n.Local(Kind, func(cluster.Key) { here = true })
		if here {
			runs = n
		} else {
			other = n
		}
	}
	if runs == nil {
		r.Fatal("no owner")
	}
	return runs, other
}

// within counts who came in between two moments.
func (r *rig) within(from, to time.Duration) (n int) {
	for _, e := range r.in() {
		if e.at >= from && e.at < to {
			n++
		}
	}
	return n
}
