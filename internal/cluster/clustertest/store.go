// Package clustertest keeps leases, owners and sequences in memory, with faults on
// demand, and holds the suites that every store must pass.
//
// The store has a clock of its own that tests may set. A fault can fail an access
// before it happens, delay it, or lose its answer after it has happened; a delayed
// access whose caller has given up still happens, as in a real store.
package clustertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/cluster/sequence"
)

var (
	_ lease.Store    = (*Store)(nil)
	_ registry.Store = (*Store)(nil)
	_ sequence.Store = (*Store)(nil)
)

// Access is one use of the store, as a fault sees it.
type Access struct {
	Op          string // join renew nodes condemn leave claim takeover release close lookup orphans owners save reserve write
	Incarnation int64  // of the caller, if the access says
	Key         registry.Key
}

// Fault is what happens to an access.
type Fault struct {
	Fail  error         // returned instead, nothing happens
	Delay time.Duration // before it happens; the caller may give up meanwhile
	Late  time.Duration // after it has happened, before it is answered
	Lose  error         // returned although it has happened
}

// ErrLost is a fitting error for a lost answer.
var ErrLost = errors.New("clustertest: connection lost")

// Store is all stores of a cluster in memory.
type Store struct {
	mu        sync.Mutex
	began     time.Time
	now       func() time.Duration
	step      time.Duration
	fault     func(Access) Fault
	clusterID string
	last      int64
	nodes     map[int64]*node
	owners    map[registry.Key]*owner
	sequences map[string]int64
	facts     []Fact
	locked    map[registry.Key]bool
	place     int // which database this is, see Copy
	lines     []line
	weak      map[string]bool
}

// Fact is what a fenced durable write of a test stores.
type Fact struct {
	Key   registry.Key
	Epoch int64
	Value string
}

type node struct {
	lease.Node
	bootID     string
	expires    time.Duration
	superseded bool
	drain      bool
	timeline   int64
	mark       int64
}

type owner struct {
	registry.Owner
	writes   int64
	snapshot []byte
}

// NewStore makes an empty store whose clock is time.Now, virtual inside a bubble.
func NewStore() *Store {
	began := time.Now()
	return &Store{
		began:     began,
		now:       func() time.Duration { return time.Since(began) },
		fault:     func(Access) Fault { return Fault{} },
		clusterID: "test",
		nodes:     map[int64]*node{}, owners: map[registry.Key]*owner{}, sequences: map[string]int64{},
		locked: map[registry.Key]bool{},
	}
}

// Lock holds the row of a key, as a transaction that does not end: a take-over skips it.
func (s *Store) Lock(key registry.Key) (unlock func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked[key] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.locked, key)
	}
}

// Step sets the store's clock forward, or back.
func (s *Store) Step(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step += d
}

// OnAccess makes faults; nil makes none. f is called for every access.
func (s *Store) OnAccess(f func(Access) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		f = func(Access) Fault { return Fault{} }
	}
	s.fault = f
}

// Facts lists what was written durably, in order.
func (s *Store) Facts() []Fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.facts)
}

func (s *Store) clock() time.Duration { return s.now() + s.step }

// wall is the time of day by the store's clock.
func (s *Store) wall() time.Time { return s.began.Add(s.clock()) }

// after runs f in d: a timer of no time at all can crash the race detector in a bubble.
func after(d time.Duration, f func()) {
	if d <= 0 {
		f()
		return
	}
	time.AfterFunc(d, f)
}

// access runs f as one instant, with the fault of the access around it.
func access[T any](ctx context.Context, s *Store, a Access, f func() (T, error)) (T, error) {
	var none T
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	w := fault(a)
	if w.Fail != nil {
		return none, w.Fail
	}
	run := func() (T, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return f()
	}
	if w.Delay > 0 || w.Late > 0 {
		type result struct {
			v   T
			err error
		}
		late := make(chan result, 1)
		after(w.Delay, func() {
			v, err := run()
			after(w.Late, func() { late <- result{v, err} })
		})
		select {
		case r := <-late:
			if w.Lose != nil {
				return none, w.Lose
			}
			return r.v, r.err
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	v, err := run()
	if w.Lose != nil {
		return none, w.Lose
	}
	return v, err
}

// Join implements lease.Store.
func (s *Store) Join(ctx context.Context, c lease.Candidate) (lease.Membership, error) {
	return access(ctx, s, Access{Op: "join"}, func() (lease.Membership, error) {
		if c.ClusterID != "" && c.ClusterID != s.clusterID {
			return lease.Membership{}, fmt.Errorf("the store is of cluster %s, not %s", s.clusterID, c.ClusterID)
		}
		line := s.enter(c.Memory)
		if c.Life != 0 && c.TTL > 0 && s.clock() >= s.lines[len(s.lines)-1].since+lease.AwaitLeases*c.TTL {
			return lease.Membership{}, lease.ErrLate
		}
		for _, n := range s.nodes {
			switch {
			case !alive(n):
			case c.TTL == 0: // it has the store for itself
				n.State = lease.Gone
			case n.Name != c.Name || n.superseded:
			case c.Proof && n.bootID == c.BootID || n.TTL == 0 || c.Life != 0 && n.Life == c.Life:
				n.State = lease.Gone
			case n.expires <= s.clock():
				n.superseded = true
			default:
				return lease.Membership{}, lease.ErrNameInUse
			}
		}
		s.last++
		s.nodes[s.last] = &node{
			Node: lease.Node{Name: c.Name, Incarnation: s.last, State: lease.Serving, Address: c.Address,
				Version: c.Version, TTL: c.TTL, Life: cmp.Or(c.Life, s.last)},
			bootID: c.BootID, expires: s.clock() + c.TTL, timeline: line.ID,
		}
		m := lease.Membership{Incarnation: s.last, ClusterID: s.clusterID, Now: s.wall(), Timeline: line}
		if line.ID > 1 && s.clock() < s.lines[len(s.lines)-1].since+10*c.TTL {
			m.Hold = c.TTL
		}
		return m, nil
	})
}

func alive(n *node) bool { return n.State == lease.Serving || n.State == lease.Draining }

func (s *Store) valid(incarnation int64) bool {
	n := s.nodes[incarnation]
	return n != nil && alive(n) && !n.superseded && (n.TTL == 0 || n.expires > s.clock()) && s.present()
}

// Renew implements lease.Store.
func (s *Store) Renew(ctx context.Context, incarnation int64, r lease.Report) (lease.Renewed, error) {
	return access(ctx, s, Access{Op: "renew", Incarnation: incarnation}, func() (lease.Renewed, error) {
		n := s.nodes[incarnation]
		if n == nil || !alive(n) || n.superseded || !s.present() {
			return lease.Renewed{}, s.whyGone(n)
		}
		n.Renewal++
		n.expires = s.clock() + n.TTL
		n.Hears, n.Clients, n.Processes, n.Note = slices.Clone(r.Hears), r.Clients, r.Processes, r.Note
		n.State = lease.Draining
		if r.Serving {
			n.State = lease.Serving
		}
		return lease.Renewed{Now: s.wall(), Drain: n.drain}, nil
	})
}

// SetDrain implements lease.Store.
func (s *Store) SetDrain(ctx context.Context, name string, drain bool) error {
	_, err := access(ctx, s, Access{Op: "drain"}, func() (struct{}, error) {
		newest := int64(0)
		for inc, n := range s.nodes {
			if n.Name == name && alive(n) {
				newest = max(newest, inc)
			}
		}
		if newest == 0 {
			return struct{}{}, fmt.Errorf("%w %q", lease.ErrNoNode, name)
		}
		s.nodes[newest].drain = drain
		return struct{}{}, nil
	})
	return err
}

// Nodes implements lease.Store.
func (s *Store) Nodes(ctx context.Context) ([]lease.Node, error) {
	return access(ctx, s, Access{Op: "nodes"}, func() ([]lease.Node, error) {
		var living, others []lease.Node
		for _, inc := range slices.Sorted(maps.Keys(s.nodes)) {
			n := s.nodes[inc]
			row := n.Node
			if row.TTL > 0 {
				row.Left = n.expires - s.clock()
			}
			if s.present() && len(s.lines) > 0 {
				row.Timeline = s.lines[len(s.lines)-1].ID
			}
			if alive(n) {
				living = append(living, row)
			} else {
				others = append(others, row)
			}
		}
		return append(living, others...), nil
	})
}

// Condemn implements lease.Store.
func (s *Store) Condemn(ctx context.Context, self, victim, renewal int64) error {
	_, err := access(ctx, s, Access{Op: "condemn", Incarnation: self}, func() (struct{}, error) {
		n := s.nodes[victim]
		if n == nil || !alive(n) || !s.weak["condemn"] &&
			(n.TTL == 0 || n.expires > s.clock() || n.Renewal != renewal || !s.valid(self)) {
			return struct{}{}, lease.ErrNotExpired
		}
		n.State = lease.Gone
		return struct{}{}, nil
	})
	return err
}

// Leave implements lease.Store.
func (s *Store) Leave(ctx context.Context, incarnation int64) error {
	_, err := access(ctx, s, Access{Op: "leave", Incarnation: incarnation}, func() (struct{}, error) {
		if n := s.nodes[incarnation]; n != nil && alive(n) {
			n.State = lease.Left
		}
		return struct{}{}, nil
	})
	return err
}

func (s *Store) gone(incarnation int64) bool {
	n := s.nodes[incarnation]
	return n == nil || !alive(n)
}

func (s *Store) row(o *owner) registry.Owner {
	r := o.Owner
	r.Gone = s.gone(o.Incarnation)
	if n := s.nodes[o.Incarnation]; n != nil {
		r.Node = n.Name
	}
	return r
}

// Claim implements registry.Store.
func (s *Store) Claim(ctx context.Context, key registry.Key, incarnation int64) (registry.Ownership, error) {
	return access(ctx, s, Access{"claim", incarnation, key}, func() (registry.Ownership, error) {
		if !s.valid(incarnation) {
			return registry.Ownership{}, registry.ErrLeaseLost
		}
		o := s.owners[key]
		if o == nil {
			o = &owner{Owner: registry.Owner{Key: key}}
			s.owners[key] = o
		}
		if o.State == registry.Owned && o.Incarnation != incarnation && !s.gone(o.Incarnation) && !s.weak["claim"] {
			return registry.Ownership{}, &registry.HeldError{Owner: s.row(o)}
		}
		return s.take(o, incarnation), nil
	})
}

// TakeOver implements registry.Store.
func (s *Store) TakeOver(ctx context.Context, keys []registry.Key, incarnation int64) (registry.Taken, error) {
	return access(ctx, s, Access{Op: "takeover", Incarnation: incarnation}, func() (taken registry.Taken, err error) {
		if len(keys) > 0 && !s.valid(incarnation) {
			return taken, registry.ErrLeaseLost
		}
		for _, key := range keys {
			o := s.owners[key]
			switch {
			case o == nil || o.State == registry.Closed:
			case o.State == registry.Owned && o.Incarnation != incarnation && !s.gone(o.Incarnation):
				taken.Held = append(taken.Held, s.row(o))
			case s.locked[key]:
				taken.Skipped = append(taken.Skipped, key)
			default:
				taken.Owned = append(taken.Owned, s.take(o, incarnation))
			}
		}
		return taken, nil
	})
}

// take gives a row to a new owner.
func (s *Store) take(o *owner, incarnation int64) registry.Ownership {
	fresh := o.Epoch == 0 || o.State == registry.Closed
	o.Epoch = max(o.Epoch, s.floor()) + 1
	o.State, o.Incarnation, o.Since = registry.Owned, incarnation, time.Now().UnixMilli()
	return registry.Ownership{Key: o.Key, Incarnation: incarnation, Epoch: o.Epoch, Writes: o.writes,
		Fresh: fresh, Snapshot: slices.Clone(o.snapshot)}
}

// pass counts a durable write, if the fence holds.
func (s *Store) pass(f registry.Fence) (*owner, error) {
	o := s.owners[f.Key]
	if o != nil && s.weak["fence"] {
		return o, nil
	}
	if o == nil || o.State != registry.Owned || o.Incarnation != f.Incarnation || o.Epoch != f.Epoch || o.writes != f.Writes {
		return nil, registry.ErrFenced
	}
	o.writes++
	return o, nil
}

// Write is a durable write of a test: it stores a fact behind the fence, and the
// snapshot that comes with it.
func (s *Store) Write(ctx context.Context, f registry.Fence, value string) error {
	_, err := access(ctx, s, Access{"write", f.Incarnation, f.Key}, func() (struct{}, error) {
		o, err := s.pass(f)
		if err != nil {
			return struct{}{}, err
		}
		if f.Snapshot != nil {
			o.snapshot = slices.Clone(f.Snapshot)
		}
		s.facts = append(s.facts, Fact{f.Key, f.Epoch, value})
		return struct{}{}, nil
	})
	return err
}

// Release implements registry.Store.
func (s *Store) Release(ctx context.Context, f registry.Fence, snapshot []byte) error {
	_, err := access(ctx, s, Access{"release", f.Incarnation, f.Key}, func() (struct{}, error) {
		o, err := s.pass(f)
		if err != nil {
			return struct{}{}, err
		}
		o.State = registry.Released
		if snapshot != nil {
			o.snapshot = slices.Clone(snapshot)
		}
		return struct{}{}, nil
	})
	return err
}

// CloseKey implements registry.Store.
func (s *Store) CloseKey(ctx context.Context, f registry.Fence) error {
	_, err := access(ctx, s, Access{"close", f.Incarnation, f.Key}, func() (struct{}, error) {
		if s.weak["close"] {
			delete(s.owners, f.Key)
			return struct{}{}, nil
		}
		o, err := s.pass(f)
		if err != nil {
			return struct{}{}, err
		}
		o.State, o.snapshot = registry.Closed, nil
		return struct{}{}, nil
	})
	return err
}

// Lookup implements registry.Store.
func (s *Store) Lookup(ctx context.Context, key registry.Key) (registry.Owner, bool, error) {
	o, err := access(ctx, s, Access{Op: "lookup", Key: key}, func() (*registry.Owner, error) {
		row := s.owners[key]
		if row == nil {
			return nil, nil
		}
		r := s.row(row)
		return &r, nil
	})
	if err != nil || o == nil {
		return registry.Owner{}, false, err
	}
	return *o, true, nil
}

// Orphans implements registry.Store.
func (s *Store) Orphans(ctx context.Context, incarnation int64, limit int) ([]registry.Owner, error) {
	return access(ctx, s, Access{Op: "orphans", Incarnation: incarnation}, func() ([]registry.Owner, error) {
		rows := s.rows(func(o *owner) bool {
			return o.State == registry.Released || o.State == registry.Owned && (o.Incarnation == incarnation || s.gone(o.Incarnation))
		})
		slices.SortStableFunc(rows, func(a, b registry.Owner) int { // the asker's own last
			own := func(o registry.Owner) int {
				if o.Incarnation == incarnation && o.State == registry.Owned {
					return 1
				}
				return 0
			}
			return cmp.Compare(own(a), own(b))
		})
		return rows[:min(limit, len(rows))], nil
	})
}

// Owners implements registry.Store.
func (s *Store) Owners(ctx context.Context) ([]registry.Owner, error) {
	return access(ctx, s, Access{Op: "owners"}, func() ([]registry.Owner, error) {
		return s.rows(func(o *owner) bool { return o.State != registry.Closed }), nil
	})
}

// rows are the rows that are wanted, in order.
func (s *Store) rows(want func(*owner) bool) (rows []registry.Owner) {
	for _, o := range s.owners {
		if want(o) {
			rows = append(rows, s.row(o))
		}
	}
	slices.SortFunc(rows, func(a, b registry.Owner) int {
		return cmp.Or(cmp.Compare(a.Key.Kind, b.Key.Kind), cmp.Compare(a.Key.ID, b.Key.ID))
	})
	return rows
}

// Save implements registry.Store.
func (s *Store) Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error) {
	a := Access{Op: "save"}
	if len(batch) > 0 {
		a.Key, a.Incarnation = batch[0].Fence.Key, batch[0].Fence.Incarnation
	}
	return access(ctx, s, a, func() (map[registry.Key]int64, error) {
		passed := map[registry.Key]int64{}
		for _, b := range batch {
			if o, err := s.pass(b.Fence); err == nil {
				o.snapshot = slices.Clone(b.Body)
				passed[b.Fence.Key] = o.writes
			}
		}
		return passed, nil
	})
}

// Reserve implements sequence.Store.
func (s *Store) Reserve(ctx context.Context, name string, n int) (int64, error) {
	return access(ctx, s, Access{Op: "reserve"}, func() (int64, error) {
		if !s.present() {
			return 0, lease.ErrTimeline
		}
		first := max(s.sequences[name], s.floor()) + 1
		s.sequences[name] = first - 1 + int64(n)
		return first, nil
	})
}
