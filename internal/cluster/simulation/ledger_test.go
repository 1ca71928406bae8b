package simulation

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// A ledger keeps the numbers that it was given, in order. It knows in which life it
// runs, and so under which epoch it answers.

type (
	// put adds V, which is put nowhere else and never again.
	put struct {
		V       int  `json:"v"`
		Durable bool `json:"durable,omitempty"`
	}
	// get answers with all.
	get struct{}
	// shut closes.
	shut struct{}

	// answer is the reply to all of them.
	answer struct {
		Epoch  int64 `json:"epoch"`
		Values []int `json:"values,omitempty"` // of a get
	}
	// added is the event of a put.
	added struct {
		V int `json:"v"`
	}
	// values is view and snapshot.
	values struct {
		Values []int `json:"values"`
	}
	// length is the summary.
	length struct {
		N int `json:"n"`
	}
)

var (
	_ = message.Register[put]("simulation.put")
	_ = message.Register[get]("simulation.get")
	_ = message.Register[shut]("simulation.shut")
	_ = message.Register[answer]("simulation.answer")
	_ = message.Register[added]("simulation.added")
	_ = message.Register[values]("simulation.values")
	_ = message.Register[length]("simulation.length")
)

type ledger struct {
	l    *life
	key  cluster.Key
	list []int
}

// Apply implements process.Machine.
func (m *ledger) Apply(c process.Command) (out process.Outcome, err error) {
	a := answer{Epoch: m.l.epoch(m.key)}
	switch b := c.Body.(type) {
	case put:
		if slices.Contains(m.list, b.V) {
			m.l.w.bad("%s: %d was applied twice, on %s under epoch %d", m.key, b.V, m.l.host.name, a.Epoch)
		}
		m.list = append(m.list, b.V)
		out.Events = []any{added{b.V}}
		if b.Durable {
			out.Record = b.V
		}
	case get:
		a.Values = slices.Clone(m.list)
	case shut:
		out.Close = true
	}
	out.Reply = a
	return out, nil
}

// View implements process.Machine.
func (m *ledger) View() any { return values{slices.Clone(m.list)} }

// Snapshot implements process.Machine.
func (m *ledger) Snapshot() ([]byte, error) { return json.Marshal(values{m.list}) }

// Resume implements process.Machine.
func (m *ledger) Resume() []process.Timer { return nil }

// Summary implements process.Summarizer.
func (m *ledger) Summary() any { return length{len(m.list)} }

// SummaryChanged implements process.Summarizer.
func (m *ledger) SummaryChanged(events []any) bool { return len(events) > 0 }

// kinds are those of a life: rooms like lobbies, notes that are put away when nobody
// uses them, talks like channels, and a boss.
func (l *life) kinds() []process.Kind {
	of := func(name string, start process.Start) process.Kind {
		return process.Kind{
			Name: name, Scope: process.PerID, Start: start, Doubt: process.Freeze, Persist: true, Purpose: "tests",
			Open: func(_ context.Context, id string, snapshot []byte) (process.Machine, error) {
				m := &ledger{l: l, key: cluster.Key{Kind: name, ID: id}}
				if snapshot == nil {
					return m, nil
				}
				var v values
				err := json.Unmarshal(snapshot, &v)
				m.list = v.Values
				return m, err
			},
			Write: func(ctx context.Context, f registry.Fence, record any) error {
				return way{l}.write(ctx, f, strconv.Itoa(record.(int)))
			},
		}
	}
	room, note := of("room", process.Explicit), of("note", process.OnDemand)
	talk, boss := of("talk", process.OnDemand), of("boss", process.Ensured)
	room.Indexed, room.Tells, room.Settle = true, true, 300*time.Millisecond
	note.Idle = 3 * time.Second
	talk.Persist, talk.Doubt, talk.Tells = false, process.Continue, true
	boss.Scope = process.PerCluster
	return []process.Kind{room, note, talk, boss}
}

// freezes reports whether a kind answers only while it is trusted.
func freezes(key cluster.Key) bool { return key.Kind != "talk" }

// follower keeps a copy of a ledger.
type follower struct {
	l     *life
	key   cluster.Key
	stop  func()
	mu    sync.Mutex
	list  []int
	v     feed.Version
	reset bool
	ended bool
}

// Reset implements feed.Follower.
func (f *follower) Reset(v feed.Version, view any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reset && v.Less(f.v) {
		f.l.w.bad("%s on %s: the view of %v came after %v", f.key, f.l.host.name, v, f.v)
	}
	got, _ := view.(values)
	f.list, f.v, f.reset = slices.Clone(got.Values), v, true
}

// Event implements feed.Follower.
func (f *follower) Event(v feed.Version, event any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v.Seq != f.v.Seq+1 || v.Epoch != f.v.Epoch || v.Run != f.v.Run {
		f.l.w.bad("%s on %s: the event %v came after %v", f.key, f.l.host.name, v, f.v)
	}
	f.v = v
	if a, ok := event.(added); ok {
		f.list = append(f.list, a.V)
	}
}

func (f *follower) closed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
}

// state is what it holds, and whether it has been told of the end.
func (f *follower) state() (list []int, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list), f.ended
}

// follow keeps a copy of a process in this life, if it has none yet.
func (l *life) follow(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.follows[id]; f != nil {
		if _, ended := f.state(); !ended {
			return
		}
	}
	f := &follower{l: l, key: keyOf(id)}
	l.follows[id] = f
	f.stop = l.node.Follow(f.key, f, f.closed)
}

func (l *life) copies() map[string]*follower {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := map[string]*follower{}
	for id, f := range l.follows {
		m[id] = f
	}
	return m
}
