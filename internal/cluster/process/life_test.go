package process_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

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
