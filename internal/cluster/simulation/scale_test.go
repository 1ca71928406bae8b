//go:build scale

package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// TestScale measures clusters of SCALE_NODES nodes with SCALE_KEYS keys, both lists, and
// writes a line for each to SCALE_OUT: at rest, and at the death of one node.
func TestScale(t *testing.T) {
	nodes, keys := numbers(t, "SCALE_NODES", "3,5,10,20,50"), numbers(t, "SCALE_KEYS", "1000,10000,100000")
	out := os.Stdout
	if path := os.Getenv("SCALE_OUT"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		out = f
	}
	fmt.Fprintln(out, strings.Join(columns, "\t"))
	for _, k := range keys {
		for _, n := range nodes {
			synctest.Test(t, func(t *testing.T) {
				m := newScale(t, n, k)
				m.measure()
				fmt.Fprintln(out, m.line())
				t.Logf("%d nodes, %d keys: %s", n, k, m.line())
			})
			runtime.GC()
		}
	}
}

func numbers(t *testing.T, name, standard string) (list []int) {
	text := os.Getenv(name)
	if text == "" {
		text = standard
	}
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// columns of a line. Rates are a second of virtual time, of the whole cluster.
var columns = []string{
	"nodes", "keys", "messages", "bytes", "statements", "renewals", "looks", "sweeps", "rows", "cpu_ms",
	"detected_s", "half_s", "most_s", "all_s", "death_messages", "death_bytes", "death_statements", "death_rows", "death_cpu_ms",
	"key_bytes",
}

// restFor and settledAfter are virtual time.
const (
	settledAfter = 5 * time.Second
	restFor      = 10 * time.Second
)

// scale is a cluster that is measured.
type scale struct {
	*testing.T
	store       *clustertest.Store
	net         *bus.Network
	nodes, keys int
	members     []*member
	tally       tally
	values      map[string]float64
	back        atomic.Int64 // processes that went on from a snapshot
}

// tally counts what the store was asked.
type tally struct {
	statements, renewals, looks, sweeps, rows atomic.Int64
}

type member struct {
	s    *scale
	node *cluster.Node
	bus  bus.Bus
	dead atomic.Bool
}

func newScale(t *testing.T, nodes, keys int) *scale {
	return &scale{T: t, store: clustertest.NewStore(), net: bus.NewNetwork(), nodes: nodes, keys: keys, values: map[string]float64{}}
}

// hall is a process that says little, about as large as a small room.
type hall struct{ State string }

type hallSummary struct {
	Title string `json:"title"`
}

var (
	_ = message.Register[hall]("simulation.hall")
	_ = message.Register[hallSummary]("simulation.hall_summary")
)

func (h *hall) Apply(process.Command) (process.Outcome, error) { return process.Outcome{}, nil }
func (h *hall) View() any                                      { return *h }
func (h *hall) Snapshot() ([]byte, error)                      { return json.Marshal(h) }
func (h *hall) Resume() []process.Timer                        { return nil }
func (h *hall) Summary() any                                   { return hallSummary{"a room for the evening"} }
func (h *hall) SummaryChanged(events []any) bool               { return len(events) > 0 }

var hallState = strings.Repeat("seat ", 40)

func (m *member) kind() process.Kind {
	return process.Kind{
		Name: "hall", Scope: process.PerID, Start: process.Explicit, Doubt: process.Freeze, Persist: true, Indexed: true,
		Settle: 300 * time.Millisecond, Tells: true, Purpose: "tests",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			if snapshot != nil {
				m.s.back.Add(1)
			}
			return &hall{hallState}, nil
		},
	}
}

func (s *scale) begin(i int) {
	m := &member{s: s}
	m.node = cluster.New(cluster.Options{
		Name: fmt.Sprintf("node-%02d", i), BootID: strconv.Itoa(i), Clock: &clock{began: time.Now().Add(-time.Hour), rate: 1},
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
			m.bus = s.net.Join(self)
			return m.bus, nil
		},
		Leases: counted{m}, Owners: counted{m}, Sequences: s.store,
	})
	m.node.Register(m.kind())
	if err := m.node.Start(context.Background()); err != nil {
		s.Fatal(err)
	}
	s.members = append(s.members, m)
}

type deaf struct{}

func (deaf) Reset(feed.Version, any) {}
func (deaf) Event(feed.Version, any) {}

// follow keeps on each node the index of every other one, as the roster does, and
// replicas of one process in ten on one node that is not its own.
func (s *scale) follow() {
	for i, m := range s.members {
		for _, o := range s.members {
			if o != m {
				m.node.FollowNode(cluster.IndexTopic("hall"), o.node.Self(), deaf{})
			}
		}
		for k := i; k < s.keys; k += 10 * s.nodes {
			s.members[(i+1)%s.nodes].node.Follow(cluster.NewKey("hall", k), deaf{}, nil)
		}
	}
}

// open starts the processes, each node its share.
func (s *scale) open() {
	var all sync.WaitGroup
	for i, m := range s.members {
		todo := make(chan int)
		all.Go(func() {
			defer close(todo)
			for k := i; k < s.keys; k += s.nodes {
				todo <- k
			}
		})
		for range 32 {
			all.Go(func() {
				for k := range todo {
					ctx, cancel := within(time.Minute)
					if _, err := m.node.Own(ctx, cluster.NewKey("hall", k), put{}); err != nil {
						s.Errorf("own %d: %v", k, err)
					}
					cancel()
				}
			})
		}
	}
	all.Wait()
}

// figures are what is counted at a moment.
type figures struct {
	at                                                  time.Time
	messages, bytes                                     int64
	statements, renewals, looks, sweeps, rows, cpuNanos int64
}

func (s *scale) now() figures {
	f := figures{
		at: time.Now(), statements: s.tally.statements.Load(), renewals: s.tally.renewals.Load(),
		looks: s.tally.looks.Load(), sweeps: s.tally.sweeps.Load(), rows: s.tally.rows.Load(), cpuNanos: cpu(),
	}
	for _, m := range s.members {
		b := m.bus.(interface{ Stats() bus.Stats }).Stats()
		f.messages += b.Received
		f.bytes += b.ReceivedBytes
	}
	return f
}

// cpu is the processor time of this program so far.
func cpu() int64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

func memory() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func (s *scale) measure() {
	for i := range s.nodes {
		s.begin(i)
	}
	for _, m := range s.members {
		<-m.node.Ready()
	}
	<-time.After(2 * time.Second)
	empty := memory()
	s.open()
	s.follow()
	<-time.After(settledAfter)
	synctest.Wait()
	s.values["key_bytes"] = (memory() - empty) / float64(s.keys)

	from := s.now()
	<-time.After(restFor)
	synctest.Wait()
	to := s.now()
	rate := func(name string, a, b int64) { s.values[name] = float64(b-a) / to.at.Sub(from.at).Seconds() }
	rate("messages", from.messages, to.messages)
	rate("bytes", from.bytes, to.bytes)
	rate("statements", from.statements, to.statements)
	rate("renewals", from.renewals, to.renewals)
	rate("looks", from.looks, to.looks)
	rate("sweeps", from.sweeps, to.sweeps)
	rate("rows", from.rows, to.rows)
	rate("cpu_ms", from.cpuNanos/1e6, to.cpuNanos/1e6)
	s.die()
	s.end()
}

// die kills the last node, and looks how its keys come back.
func (s *scale) die() {
	victim := s.members[len(s.members)-1]
	rest := s.members[:len(s.members)-1]
	incarnation := victim.node.Self().Incarnation
	noticed := make(chan time.Time, 1)
	var once sync.Once
	rest[0].node.OnMembers(func(list []cluster.Member) {
		for _, m := range list {
			if m.Incarnation == incarnation {
				return
			}
		}
		once.Do(func() { noticed <- time.Now() })
	})
	from := s.now()
	s.net.Crash(victim.node.Self())
	victim.dead.Store(true)
	died := time.Now()
	lost := int64(len(victim.node.Processes()))
	share := map[string]int64{"half_s": lost / 2, "most_s": lost * 99 / 100, "all_s": lost}
	for len(share) > 0 && time.Since(died) < time.Minute {
		<-time.After(20 * time.Millisecond)
		for name, n := range share {
			if s.back.Load() >= n {
				s.values[name] = time.Since(died).Seconds()
				delete(share, name)
			}
		}
	}
	if len(share) > 0 {
		s.Errorf("%d nodes, %d keys: only %d of %d came back", s.nodes, s.keys, s.back.Load(), lost)
	}
	s.values["detected_s"] = (<-noticed).Sub(died).Seconds()
	to := s.now()
	quiet := to.at.Sub(from.at).Seconds() // what would have been anyway
	extra := func(name, rest string, a, b int64) { s.values[name] = float64(b-a) - quiet*s.values[rest] }
	extra("death_messages", "messages", from.messages, to.messages)
	extra("death_bytes", "bytes", from.bytes, to.bytes)
	extra("death_statements", "statements", from.statements, to.statements)
	extra("death_rows", "rows", from.rows, to.rows)
	extra("death_cpu_ms", "cpu_ms", from.cpuNanos/1e6, to.cpuNanos/1e6)
}

// end ends all nodes as crashes do.
func (s *scale) end() {
	for _, m := range s.members {
		s.net.Crash(m.node.Self())
		m.dead.Store(true)
	}
	for _, m := range s.members {
		<-m.node.Done()
	}
}

func (s *scale) line() string {
	s.values["nodes"], s.values["keys"] = float64(s.nodes), float64(s.keys)
	var b []string
	for _, c := range columns {
		b = append(b, strconv.FormatFloat(s.values[c], 'f', -1, 64))
	}
	return strings.Join(b, "\t")
}

// What an access of the store takes: PostgreSQL on another host, see performance.md.
const (
	accessTakes = time.Millisecond
	keyTakes    = 50 * time.Microsecond // of a take-over
	rowTakes    = 2 * time.Microsecond  // of a read
)

// counted is a node's way to the store.
type counted struct{ m *member }

func (c counted) took(rows int, per time.Duration) {
	c.m.s.tally.statements.Add(1)
	c.m.s.tally.rows.Add(int64(rows))
	<-time.After(accessTakes + time.Duration(rows)*per)
}

func (c counted) Join(ctx context.Context, k lease.Candidate) (lease.Membership, error) {
	return c.m.s.store.Join(ctx, k)
}

func (c counted) Renew(ctx context.Context, incarnation int64, r lease.Report) (lease.Renewed, error) {
	if c.m.dead.Load() {
		return lease.Renewed{}, lease.ErrCondemned
	}
	c.took(1, 0)
	c.m.s.tally.renewals.Add(1)
	return c.m.s.store.Renew(ctx, incarnation, r)
}

func (c counted) SetDrain(ctx context.Context, name string, drain bool) error {
	return c.m.s.store.SetDrain(ctx, name, drain)
}

func (c counted) Nodes(ctx context.Context) ([]lease.Node, error) {
	rows, err := c.m.s.store.Nodes(ctx)
	c.took(len(rows), rowTakes)
	c.m.s.tally.looks.Add(1)
	return rows, err
}

func (c counted) Condemn(ctx context.Context, self, victim, renewal int64) error {
	if c.m.dead.Load() {
		return errDead
	}
	c.took(1, 0)
	return c.m.s.store.Condemn(ctx, self, victim, renewal)
}

func (c counted) Leave(context.Context, int64) error { return errDead }

func (c counted) Claim(ctx context.Context, key registry.Key, incarnation int64) (registry.Ownership, error) {
	if c.m.dead.Load() {
		return registry.Ownership{}, errDead
	}
	c.took(1, 0)
	return c.m.s.store.Claim(ctx, key, incarnation)
}

func (c counted) TakeOver(ctx context.Context, keys []registry.Key, incarnation int64) (registry.Taken, error) {
	if c.m.dead.Load() {
		return registry.Taken{}, errDead
	}
	c.took(len(keys), keyTakes)
	return c.m.s.store.TakeOver(ctx, keys, incarnation)
}

func (c counted) Release(context.Context, registry.Fence, []byte) error { return errDead }

func (c counted) CloseKey(context.Context, registry.Fence) error { return errDead }

func (c counted) Lookup(ctx context.Context, key registry.Key) (registry.Owner, bool, error) {
	c.took(1, 0)
	return c.m.s.store.Lookup(ctx, key)
}

func (c counted) Orphans(ctx context.Context, incarnation int64, limit int) ([]registry.Owner, error) {
	if c.m.dead.Load() {
		return nil, errDead
	}
	rows, err := c.m.s.store.Orphans(ctx, incarnation, limit)
	c.took(len(rows), rowTakes)
	c.m.s.tally.sweeps.Add(1)
	return rows, err
}

func (c counted) Owners(ctx context.Context) ([]registry.Owner, error) {
	return c.m.s.store.Owners(ctx)
}

func (c counted) Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	if c.m.dead.Load() {
		return nil, errDead
	}
	c.took(len(batch), keyTakes)
	return c.m.s.store.Save(ctx, batch)
}
