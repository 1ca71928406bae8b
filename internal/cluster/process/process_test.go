package process_test

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

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
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
		OpenFeed: func(topic string, epoch, run int64, view feed.ViewFunc, _ bool) process.Publisher {
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

func TestEventsBeforeIndexBeforeReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p, err := r.host.Start(context.Background(), r.claim(), &process.Call{Body: add{V: 1}, ID: r.id()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.First(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.must(p, add{V: 2}, 1, 2)
		if _, err := r.call(p, clustertest.Refuse{}); !refusal.Is(err, refusal.Forbidden) {
			t.Errorf("refused with %v", err)
		}
		r.must(p, clustertest.Close{}, 1, 2)
		<-p.Done()
		if _, err := r.call(p, add{V: 3}); !errors.Is(err, process.ErrEnded) {
			t.Errorf("after the end: %v", err)
		}
		entry := func(seq int64, n int) process.Indexed {
			return process.Indexed{ID: "1", Epoch: 1, Run: 1, Seq: seq, Summary: clustertest.Length{N: n}}
		}
		topic, index := "tally/1", "tally.index"
		want := []said{
			{topic, feed.Version{Epoch: 1, Run: 1, Seq: 1}, clustertest.Added{V: 1}},
			{index, feed.Version{Epoch: 1, Run: 1, Seq: 1}, entry(1, 1)},
			{topic, feed.Version{Epoch: 1, Run: 1, Seq: 2}, clustertest.Added{V: 2}},
			{index, feed.Version{Epoch: 1, Run: 1, Seq: 2}, entry(2, 2)},
			{topic, feed.Version{Epoch: 1, Run: 1, Seq: 3}, clustertest.Closed{}},
			{index, feed.Version{Epoch: 1, Run: 1, Seq: 3}, process.Indexed{ID: "1", Epoch: 1, Run: 1, Seq: 3, Closed: true}},
			{topic, feed.Version{Epoch: 1, Run: 1, Seq: 3}, closing{}},
		}
		if diff := cmp.Diff(want, r.voice.said, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
		if o, _, _ := r.store.Lookup(context.Background(), key); o.State != registry.Closed {
			t.Errorf("the key is %s", o.State)
		}
	})
}

// TestRefusedFirstCommandIsSeenByNobody: the process never was.
func TestRefusedFirstCommandIsSeenByNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p, err := r.host.Start(context.Background(), r.claim(), &process.Call{Body: clustertest.Refuse{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.First(context.Background()); !refusal.Is(err, refusal.Forbidden) {
			t.Errorf("got %v", err)
		}
		<-p.Done()
		if len(r.voice.said) != 0 {
			t.Errorf("said %v", r.voice.said)
		}
		if o, _, _ := r.store.Lookup(context.Background(), key); o.State != registry.Closed {
			t.Errorf("the key is %s", o.State)
		}
	})
}

// TestRule02_FrozenWhileNotTrusted: commands are refused, effects are held back, and
// both go on when trust is back.
func TestRule02_FrozenWhileNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		r = newRig(t, clustertest.NewStore(), func(k *process.Kind, _ *process.Options) {
			write := k.Write
			k.Write = func(ctx context.Context, f registry.Fence, record any) error {
				err := write(ctx, f, record)
				r.distrust.Store(true) // the lease runs out during the write
				return err
			}
		})
		p := r.start()
		r.must(p, add{V: 1}, 1)
		r.distrust.Store(true)
		if _, err := r.call(p, add{V: 2}); !errors.Is(err, process.ErrUnavailable) {
			t.Errorf("in doubt: %v, want unavailable", err)
		}
		r.distrust.Store(false)
		held := make(chan error, 1)
		go func() { _, err := r.call(p, add{V: 3, Durable: true}); held <- err }()
		pass(10 * time.Second)
		select {
		case err := <-held:
			if !errors.Is(err, context.DeadlineExceeded) { // the caller may lose patience
				t.Errorf("answered in doubt: %v", err)
			}
		default:
			t.Error("the caller waits longer than its patience")
		}
		if got := r.voice.of("tally/1"); len(got) != 1 {
			t.Errorf("published in doubt: %v", got)
		}
		if _, err := r.call(p, add{V: 4}); !errors.Is(err, process.ErrUnavailable) {
			t.Errorf("while effects are held back: %v, want unavailable", err)
		}
		r.distrust.Store(false)
		pass(time.Second)
		r.must(p, add{V: 5}, 1, 3, 5)
		if diff := cmp.Diff([]any{clustertest.Added{V: 1}, clustertest.Added{V: 3}, clustertest.Added{V: 5}}, r.voice.of("tally/1")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestRule02_ContinueGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), func(k *process.Kind, _ *process.Options) { k.Doubt = process.Continue })
		p := r.start()
		r.distrust.Store(true)
		r.must(p, add{V: 1}, 1)
	})
}

// TestDroppedWhileHeldSaysNothing: a node that is condemned while it holds effects back
// must not let them out.
func TestDroppedWhileHeldSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		r = newRig(t, clustertest.NewStore(), func(k *process.Kind, _ *process.Options) {
			k.Write = func(context.Context, registry.Fence, any) error { r.distrust.Store(true); return nil }
		})
		p := r.start()
		answered := make(chan error, 1)
		go func() { _, err := r.call(p, add{V: 1, Durable: true}); answered <- err }()
		pass(time.Second)
		p.Drop()
		if err := <-answered; !errors.Is(err, process.ErrEnded) {
			t.Errorf("answered %v, want ended", err)
		}
		r.distrust.Store(false)
		pass(time.Second)
		for _, e := range r.voice.of("tally/1") {
			if e != (closing{}) {
				t.Errorf("published %v", e)
			}
		}
	})
}

// TestRule06_DelayedWriteIsRefused: a durable write that hangs past the claim and load
// of another owner must not land.
func TestRule06_DelayedWriteIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := newRig(t, s, nil), newRig(t, s, nil)
		p := a.start()
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "write" && x.Incarnation == a.incarnation {
				return clustertest.Fault{Delay: time.Second}
			}
			return clustertest.Fault{}
		})
		answered := make(chan error, 1)
		go func() { _, err := a.call(p, add{V: 1, Durable: true}); answered <- err }()
		pass(500 * time.Millisecond)
		if err := s.Leave(context.Background(), a.incarnation); err != nil { // stands for: condemned
			t.Fatal(err)
		}
		q := b.start()
		b.must(q, add{V: 2, Durable: true}, 2)
		if err := <-answered; !errors.Is(err, process.ErrEnded) {
			t.Errorf("the old owner's caller heard %v, want ended", err)
		}
		<-p.Done()
		if diff := cmp.Diff([]clustertest.Fact{{Key: key, Epoch: 2, Value: "2"}}, s.Facts()); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
	})
}

// TestRule06_WriteGivenUpOnIsRefused: the write of a command given up on runs later
// still, after the process has been loaded again: the count refuses it.
func TestRule06_WriteGivenUpOnIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		p := r.start()
		r.must(p, add{V: 1}, 1)
		pass(time.Second) // a snapshot
		var hang atomic.Bool
		hang.Store(true)
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "write" && hang.Load() {
				return clustertest.Fault{Delay: 10 * time.Second}
			}
			return clustertest.Fault{}
		})
		id := r.id()
		body := add{V: 2, Durable: true}
		_, err := p.Call(context.Background(), process.Call{Body: body, ID: id})
		if !errors.Is(err, process.ErrInDoubt) {
			t.Errorf("no answer of the store: %v, want in doubt", err)
		}
		hang.Store(false)
		if _, err := p.Call(context.Background(), process.Call{Body: body, ID: id}); !errors.Is(err, process.ErrInDoubt) {
			t.Errorf("sent again: %v, want in doubt", err)
		}
		r.must(p, add{V: 3, Durable: true}, 1, 3)
		pass(time.Minute) // the first one runs now
		if diff := cmp.Diff([]clustertest.Fact{{Key: key, Epoch: 2, Value: "3"}}, s.Facts()); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
		if v := r.version(); v.Epoch != 2 {
			t.Errorf("version %+v: the key was not claimed again", v)
		}
	})
}

// TestRule07_MemoryIsNotAheadOfTheStore: after a failed write the state is the one
// before the command, in a new epoch, and edges are asked to repeat.
func TestRule07_MemoryIsNotAheadOfTheStore(t *testing.T) {
	for name, tc := range map[string]struct {
		fault clustertest.Fault
		facts int
	}{
		"failed":      {clustertest.Fault{Fail: clustertest.ErrLost}, 0},
		"answer lost": {clustertest.Fault{Lose: clustertest.ErrLost}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				p := r.start()
				r.must(p, add{V: 1}, 1)
				pass(time.Second)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "write" {
						return tc.fault
					}
					return clustertest.Fault{}
				})
				if _, err := r.call(p, add{V: 2, Durable: true}); !errors.Is(err, process.ErrInDoubt) {
					t.Errorf("got %v, want in doubt", err)
				}
				s.OnAccess(nil)
				r.must(p, clustertest.Read{}, 1)
				if len(s.Facts()) != tc.facts || r.rebuilt.Load() != 1 || r.version().Epoch != 2 {
					t.Errorf("facts %v, rebuilt %d, version %+v", s.Facts(), r.rebuilt.Load(), r.version())
				}
				if got := r.voice.of("tally/1"); slices.Contains(got, any(clustertest.Added{V: 2})) {
					t.Error("an event was published without its record")
				}
			})
		})
	}
}

// TestRule07_SnapshotOfUnknownOutcome: a snapshot whose answer was lost has counted. The
// next write finds that out, and nothing of the state is lost over it.
func TestRule07_SnapshotOfUnknownOutcome(t *testing.T) {
	for name, next := range map[string]any{"then a snapshot": add{V: 2}, "then a durable write": add{V: 2, Durable: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				p := r.start()
				lost := 0
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "save" && lost == 0 {
						lost++
						return clustertest.Fault{Lose: clustertest.ErrLost}
					}
					return clustertest.Fault{}
				})
				r.must(p, add{V: 1}, 1)
				pass(510 * time.Millisecond)
				r.must(p, add{V: 5}, 1, 5) // acknowledged since the snapshot: must not be lost
				_, err := r.call(p, next)
				for i := 0; errors.Is(err, process.ErrUnavailable) && i < 3; i++ {
					_, err = r.call(p, next)
				}
				if err != nil {
					t.Fatal(err)
				}
				pass(3 * time.Second)
				r.must(p, clustertest.Read{}, 1, 5, 2)
				if p.Epoch() != 2 {
					t.Errorf("epoch %d, want 2: claimed again once", p.Epoch())
				}
				pass(time.Second)
				own := r.claim()
				if !slices.Contains([]string{`[1,5,2]`}, values(own.Snapshot)) {
					t.Errorf("stored %s", own.Snapshot)
				}
			})
		})
	}
}

// values cuts the list out of a stored snapshot.
func values(snapshot []byte) string {
	s := string(snapshot)
	i, j := slices.Index(snapshot, '['), slices.Index(snapshot, ']')
	if i < 0 || j < i {
		return s
	}
	return s[i : j+1]
}

// TestSnapshotsAreAtMostASecondOld and written in batches, one write for all.
func TestSnapshotsAreAtMostASecondOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		const n = 50
		for i := range n {
			own, err := s.Claim(context.Background(), registry.NewKey("tally", i), r.incarnation)
			if err != nil {
				t.Fatal(err)
			}
			p, err := r.host.Start(context.Background(), own, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.must(p, add{V: i}, i)
		}
		saves := 0
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "save" {
				saves++
			}
			return clustertest.Fault{}
		})
		pass(time.Second)
		if saves != 1 || r.host.Counters().Saved.Load() != n {
			t.Errorf("%d snapshots in %d writes", r.host.Counters().Saved.Load(), saves)
		}
		for i := range n {
			own, err := s.Claim(context.Background(), registry.NewKey("tally", i), r.incarnation)
			if err != nil || values(own.Snapshot) != fmt.Sprintf("[%d]", i) {
				t.Fatalf("%d: stored %s, %v", i, own.Snapshot, err)
			}
		}
	})
}

// TestRule08_ReleaseIsOneWrite: the final snapshot is in the release, and the process
// does not go on afterwards, whatever became of it.
func TestRule08_ReleaseIsOneWrite(t *testing.T) {
	for name, fault := range map[string]clustertest.Fault{"fine": {}, "answer lost": {Lose: clustertest.ErrLost}, "failed": {Fail: clustertest.ErrLost}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				p := r.start()
				r.must(p, add{V: 1}, 1)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "release" {
						return fault
					}
					return clustertest.Fault{}
				})
				p.Release(context.Background())
				<-p.Done()
				if _, err := r.call(p, add{V: 2}); !errors.Is(err, process.ErrEnded) {
					t.Errorf("after the release: %v", err)
				}
				s.OnAccess(nil)
				own := r.claim()
				if fault.Fail == nil && values(own.Snapshot) != "[1]" {
					t.Errorf("stored %s", own.Snapshot)
				}
				if r.host.Get(key) != nil {
					t.Error("still in the table")
				}
			})
		})
	}
}

// TestRule12_PanicBeginsANewRun: the state goes back to the snapshot, and its versions
// do not repeat.
func TestRule12_PanicBeginsANewRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		want := []int{}
		for i := range 5 {
			want = append(want, i)
			r.must(p, add{V: i}, want...)
		}
		pass(time.Second) // snapshot at 5
		for i := 5; i < 12; i++ {
			want = append(want, i)
			r.must(p, add{V: i}, want...)
		}
		before := r.version()
		if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
			t.Errorf("got %v", err)
		}
		r.must(p, clustertest.Read{}, 0, 1, 2, 3, 4)
		after := r.version()
		if !before.Less(after) || after.Run != before.Run+1 || after.Epoch != before.Epoch || after.Seq != 0 {
			t.Errorf("version %+v after %+v", after, before)
		}
		if r.rebuilt.Load() != 1 {
			t.Error("edges were not asked to repeat")
		}
	})
}

func TestThreePanicsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		r.must(p, add{V: 1}, 1)
		pass(time.Second)
		for range 2 { // a minute apart they are forgiven
			if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
				t.Fatal(err)
			}
			pass(2 * time.Minute)
		}
		for range 3 {
			if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
				t.Fatal(err)
			}
		}
		<-p.Done()
		if o, _, _ := r.store.Lookup(context.Background(), key); o.State != registry.Closed {
			t.Errorf("the key is %s", o.State)
		}
		if got := r.voice.of("tally.index"); got[len(got)-1].(process.Indexed).Closed != true {
			t.Errorf("last of the index: %+v", got[len(got)-1])
		}
	})
}

// TestRule14_SameCommandTwice: answered from memory, also by the next owner.
func TestRule14_SameCommandTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := newRig(t, s, nil), newRig(t, s, nil)
		p := a.start()
		c := process.Call{Body: add{V: 1}, ID: a.id()}
		for range 3 {
			reply, err := p.Call(context.Background(), c)
			if err != nil || !slices.Equal(reply.(list).Values, []int{1}) {
				t.Fatalf("got %v, %v", reply, err)
			}
		}
		for i := range 100 {
			if _, err := a.call(p, add{V: i}); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		p.Drop()
		<-p.Done()
		if err := s.Leave(context.Background(), a.incarnation); err != nil {
			t.Fatal(err)
		}
		q := b.start()
		reply, err := q.Call(context.Background(), c)
		if err != nil || !slices.Equal(reply.(list).Values, []int{1}) {
			t.Fatalf("after the takeover: %v, %v", reply, err)
		}
		if got, _ := b.call(q, clustertest.Read{}); len(got) != 101 {
			t.Errorf("%d values, want 101", len(got))
		}
	})
}

// TestRule13_NewerEpochIsNotServed: a sender that knows a newer owner makes this one
// doubt itself.
func TestRule13_NewerEpochIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		if _, err := p.Call(context.Background(), process.Call{Body: add{V: 1}, ID: r.id(), Epoch: 2}); !errors.Is(err, process.ErrNewer) {
			t.Errorf("got %v", err)
		}
		r.must(p, clustertest.Read{})
	})
}

// TestRule15_EdgesRepeatFirst: after a takeover others wait, in their order.
func TestRule15_EdgesRepeatFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		settle := func(k *process.Kind, _ *process.Options) { k.Settle = 300 * time.Millisecond }
		a, b := newRig(t, s, settle), newRig(t, s, settle)
		p := a.start()
		a.must(p, add{V: 1}, 1) // a fresh key has nobody to wait for
		p.Release(context.Background())
		q := b.start()
		began := time.Now()
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				if _, err := b.call(q, add{V: 10 + i}); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != 300*time.Millisecond {
					t.Errorf("served after %v", took)
				}
			})
			synctest.Wait()
		}
		b.must(q, repeat{V: 2}, 1, 2)
		if time.Since(began) != 0 {
			t.Error("an edge had to wait")
		}
		all.Wait()
		b.must(q, clustertest.Read{}, 1, 2, 10, 11, 12)
	})
}

func TestTimersAreCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, clustertest.NewStore(), nil)
		p := r.start()
		r.must(p, add{V: 1, After: time.Second}, 1)
		pass(999 * time.Millisecond)
		r.must(p, clustertest.Read{}, 1)
		pass(time.Millisecond)
		r.must(p, clustertest.Read{}, 1, 1)
		// One that is due while the node is not trusted comes back.
		r.must(p, add{V: 2, After: time.Second}, 1, 1, 2)
		pass(900 * time.Millisecond)
		r.distrust.Store(true)
		pass(5 * time.Second)
		r.distrust.Store(false)
		pass(time.Second)
		r.must(p, clustertest.Read{}, 1, 1, 2, 2)
		// Those of a machine that was rebuilt are forgotten.
		r.must(p, add{V: 3, After: 2 * time.Second}, 1, 1, 2, 2, 3)
		pass(time.Second)
		if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		r.must(p, clustertest.Read{}, 1, 1, 2, 2, 3)
	})
}

func TestIdleProcessIsPassivated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, func(k *process.Kind, _ *process.Options) { k.Idle = time.Minute; k.Start = process.OnDemand })
		p := r.start()
		for range 5 {
			r.must(p, repeat{V: 1}, 1)
			pass(50 * time.Second)
		}
		pass(2 * time.Minute)
		select {
		case <-p.Done():
		default:
			t.Fatal("still there")
		}
		if o, _, _ := s.Lookup(context.Background(), key); o.State != registry.Released {
			t.Errorf("the key is %s", o.State)
		}
		q := r.start()
		r.must(q, clustertest.Read{}, 1)
	})
}

// TestFullMailbox: who comes too much hears so at once.
func TestFullMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		r := newRig(t, clustertest.NewStore(), func(k *process.Kind, _ *process.Options) {
			k.Write = func(context.Context, registry.Fence, any) error { <-hold; return nil }
		})
		p := r.start()
		var all sync.WaitGroup
		ctx := context.Background()
		all.Go(func() { _, _ = p.Call(ctx, process.Call{Body: add{V: 0, Durable: true}, ID: r.id()}) })
		synctest.Wait()
		for i := range process.MailboxSize {
			all.Go(func() { _, _ = p.Call(ctx, process.Call{Body: add{V: i}, ID: r.id()}) })
		}
		synctest.Wait()
		if _, err := r.call(p, add{V: 1}); !errors.Is(err, process.ErrUnavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
		close(hold)
		all.Wait()
		if got, _ := r.call(p, clustertest.Read{}); len(got) != 1+process.MailboxSize {
			t.Errorf("%d values", len(got))
		}
	})
}

// TestKeyIsClosedWhenTheStoreIsBack: a process that closes without the store is closed
// for everybody, and its row follows; until then nobody may start it again here.
func TestKeyIsClosedWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		p := r.start()
		s.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
		r.must(p, clustertest.Close{})
		pass(10 * time.Second)
		if r.host.Get(key) != p {
			t.Error("not in the table while its row says that it runs here")
		}
		if _, err := r.call(p, add{V: 1}); !errors.Is(err, process.ErrEnded) {
			t.Errorf("got %v", err)
		}
		s.OnAccess(nil)
		<-p.Done()
		if o, _, _ := s.Lookup(context.Background(), key); o.State != registry.Closed {
			t.Errorf("the key is %s", o.State)
		}
	})
}

// TestVolatile: a node without a cluster keeps snapshots to itself.
func TestVolatile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, func(_ *process.Kind, o *process.Options) { o.Volatile = true })
		p := r.start()
		s.OnAccess(func(x clustertest.Access) clustertest.Fault {
			if x.Op == "save" {
				t.Error("a snapshot was stored")
			}
			return clustertest.Fault{}
		})
		r.must(p, add{V: 1}, 1)
		pass(time.Second)
		if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
			t.Fatal(err)
		}
		r.must(p, clustertest.Read{}, 1)
	})
}
