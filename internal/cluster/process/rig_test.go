package process_test

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

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

type (
	add    = clustertest.Add
	repeat = clustertest.Repeat
	list   = clustertest.List
)

// said is what one publisher said.
type said struct {
	topic string
	v     feed.Version
	event any // closing{} at the end
}

type closing struct{}

// voice records all publishers of a host in one order.
type voice struct {
	mu   sync.Mutex
	said []said
}

func (w *voice) note(s said) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, s)
}

// of lists what was said on one topic.
func (w *voice) of(topic string) (events []any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.said {
		if s.topic == topic {
			events = append(events, s.event)
		}
	}
	return events
}

type publisher struct {
	w     *voice
	topic string
	mu    sync.Mutex
	v     feed.Version
	view  feed.ViewFunc
}

func (p *publisher) Publish(event any) feed.Version {
	p.mu.Lock()
	p.v.Seq++
	v := p.v
	p.mu.Unlock()
	p.w.note(said{p.topic, v, event})
	return v
}

func (p *publisher) Restart() feed.Version {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.v.Run, p.v.Seq = p.v.Run+1, 0
	return p.v
}

func (p *publisher) Base(any) {}

func (p *publisher) Version() feed.Version { p.mu.Lock(); defer p.mu.Unlock(); return p.v }
func (p *publisher) Close()                { p.w.note(said{p.topic, p.Version(), closing{}}) }

// rig is one host with everything around it in memory.
type rig struct {
	*testing.T
	store       *clustertest.Store
	host        *process.Host
	voice       *voice
	incarnation int64
	distrust    atomic.Bool
	rebuilt     atomic.Int64
	last        sync.Map // topic -> *publisher
	ids         atomic.Int64
}

func newRig(t *testing.T, s *clustertest.Store, change func(k *process.Kind, o *process.Options)) *rig {
	t.Helper()
	r := &rig{T: t, store: s, voice: &voice{}}
	m, err := s.Join(context.Background(), lease.Candidate{Name: fmt.Sprintf("n%p", r), TTL: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r.incarnation = m.Incarnation
	k := clustertest.Tally("tally", s)
	o := process.Options{
		Incarnation: m.Incarnation,
		Kinds:       map[string]*process.Kind{"tally": &k},
		Store:       s,
		Trusted:     func() bool { return !r.distrust.Load() },
		OpenFeed: func(topic string, epoch, run int64, view feed.ViewFunc, _ ...feed.OpenOption) process.Publisher {
			p := &publisher{w: r.voice, topic: topic, v: feed.Version{Epoch: epoch, Run: run}, view: view}
			r.last.Store(topic, p)
			return p
		},
		IndexTopic: func(kind string) string { return kind + ".index" },
		Rebuilt:    func(registry.Key, int64) { r.rebuilt.Add(1) },
		Log:        slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&k, &o)
	}
	r.host = process.NewHost(o)
	t.Cleanup(r.host.DropAll)
	return r
}

var key = registry.NewKey("tally", 1)

func (r *rig) claim() registry.Ownership {
	r.Helper()
	own, err := r.store.Claim(context.Background(), key, r.incarnation)
	if err != nil {
		r.Fatal(err)
	}
	return own
}

func (r *rig) start() *process.Process {
	r.Helper()
	p, err := r.host.Start(context.Background(), r.claim(), nil)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func (r *rig) id() process.ID { return process.ID{Incarnation: r.incarnation, N: r.ids.Add(1)} }

func (r *rig) call(p *process.Process, body any) ([]int, error) {
	reply, err := p.Call(context.Background(), process.Call{Body: body, ID: r.id()})
	l, _ := reply.(list)
	return l.Values, err
}

func (r *rig) must(p *process.Process, body any, want ...int) {
	r.Helper()
	got, err := r.call(p, body)
	if err != nil || !slices.Equal(got, want) {
		r.Errorf("%T: got %v, %v, want %v", body, got, err, want)
	}
}

func (r *rig) version() feed.Version {
	p, _ := r.last.Load(key.String())
	return p.(*publisher).Version()
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
