package process_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
)

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
