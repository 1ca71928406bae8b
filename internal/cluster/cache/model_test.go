package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
)

// store is a database in memory with one table of numbers to texts, and the log.
type store struct {
	mu      sync.Mutex
	rows    map[int]string
	version int64
	log     []logged
	loads   int
	down    bool // everything fails
	logDown bool // only the log fails

	afterRead func(key int) // called with a value read, before it is returned
}

type logged struct {
	Change
	at time.Time
}

var errDown = errors.New("the store is away")

func (s *store) change(key int) Change {
	s.version++
	ch := Change{Version: s.version, Table: "texts", Key: strconv.Itoa(key)}
	s.log = append(s.log, logged{ch, time.Now()})
	return ch
}

// write is what another process does: nobody is told.
func (s *store) write(key int, text string) Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[key] = text
	return s.change(key)
}

func (s *store) load(_ context.Context, key int) (string, error) {
	s.mu.Lock()
	s.loads++
	text, ok := s.rows[key]
	down, after := s.down, s.afterRead
	s.mu.Unlock()
	if after != nil {
		after(key)
	}
	switch {
	case down:
		return "", errDown
	case !ok:
		return "", ErrAbsent
	}
	return text, nil
}

func (s *store) save(_ context.Context, key int, text string) ([]Change, error) {
	if s.isDown() {
		return nil, errDown
	}
	return []Change{s.write(key, text)}, nil
}

func (s *store) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

func (s *store) insert(_ context.Context, key int, text string) ([]Change, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.rows[key]; there {
		return nil, false, nil
	}
	s.rows[key] = text
	return []Change{s.change(key)}, true, nil
}

func (s *store) remove(_ context.Context, key int) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, key)
	return []Change{s.change(key)}, nil
}

func (s *store) modify(_ context.Context, key int, f func(string) (string, error)) (string, []Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := f(s.rows[key])
	if err != nil {
		return "", nil, err
	}
	s.rows[key] = text
	return text, []Change{s.change(key)}, nil
}

func (s *store) Changes(_ context.Context, after int64, limit int) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.logDown {
		return nil, errDown
	}
	var list []Change
	for _, l := range s.log {
		if l.Version > after && len(list) < limit {
			list = append(list, l.Change)
		}
	}
	return list, nil
}

func (s *store) LastChange(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.logDown {
		return 0, errDown
	}
	return s.version, nil
}

func (s *store) TrimChanges(_ context.Context, keepMillis int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []logged
	for _, l := range s.log {
		if time.Since(l.at).Milliseconds() <= keepMillis {
			rest = append(rest, l)
		}
	}
	s.log = rest
	return nil
}

func (s *store) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *store) loadCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// node is one of several that share a store.
type node struct {
	*Caches
	texts   *Table[int, string]
	mu      sync.Mutex
	watched []int
}

func (n *node) seen() []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]int(nil), n.watched...)
}

func (n *node) read(t *testing.T, key int) string {
	t.Helper()
	text, err := n.texts.GetOrLoad(t.Context(), key)
	if errors.Is(err, ErrAbsent) {
		return "absent"
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return text
}

// cluster starts nodes on one store and one network. They run until the test ends.
func cluster(t *testing.T, names ...string) (*store, *bus.Network, []*node) {
	t.Helper()
	s, net := &store{rows: map[int]string{}}, bus.NewNetwork()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var nodes []*node
	for i, name := range names {
		b := net.Join(bus.Origin{Node: name, Incarnation: int64(i + 1)})
		n := newNode(b, s, TableOptions[int, string]{})
		nodes = append(nodes, n)
		wg.Go(func() {
			if err := n.Run(ctx); err != nil {
				t.Errorf("run %s: %v", name, err)
			}
		})
		t.Cleanup(func() { b.Close() })
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	synctest.Wait()
	return s, net, nodes
}

func newNode(b bus.Bus, s *store, o TableOptions[int, string]) *node {
	n := &node{Caches: New(b, s, Options{})}
	o.Load, o.Save, o.Insert, o.Remove, o.Modify = s.load, s.save, s.insert, s.remove, s.modify
	o.KeyText = strconv.Itoa
	o.ParseKey = strconv.Atoi
	o.Purpose = "texts for tests"
	o.Watch = func(key int) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.watched = append(n.watched, key)
	}
	n.texts = NewTable(n.Caches, "texts", o)
	return n
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func text(n int) string { return fmt.Sprint("text ", n) }
