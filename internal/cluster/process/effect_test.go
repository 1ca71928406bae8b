package process_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// asker is a tally whose commands have effects: each number is to be told outside.
type asker struct{ process.Machine }

func (a asker) Apply(c process.Command) (process.Outcome, error) {
	out, err := a.Machine.Apply(c)
	switch b := c.Body.(type) {
	case add:
		out.Effects = []any{b.V}
	case clustertest.Close:
		out.Effects = []any{-1}
	}
	return out, err
}

// outside records the effects that were done.
type outside struct {
	mu   sync.Mutex
	done []int
}

func (x *outside) add(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.done = append(x.done, n)
}

func (x *outside) list() []int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.done)
}

func withEffects(do func(ctx context.Context, effect int) any) func(k *process.Kind, o *process.Options) {
	return func(k *process.Kind, _ *process.Options) {
		open := k.Open
		k.Open = func(ctx context.Context, id string, snapshot []byte) (process.Machine, error) {
			m, err := open(ctx, id, snapshot)
			return asker{m}, err
		}
		k.Do = func(ctx context.Context, _ registry.Key, effect any) any { return do(ctx, effect.(int)) }
	}
}

func (r *rig) read(p *process.Process) []int {
	r.Helper()
	got, err := r.call(p, clustertest.Read{})
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// TestEffectsInOrderAndTheirOutcome: beside the process, one after the other, and what
// they return is its next command.
func TestEffectsInOrderAndTheirOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out outside
		r := newRig(t, clustertest.NewStore(), withEffects(func(_ context.Context, n int) any {
			if n == 1 {
				<-time.After(time.Second) // the others wait, the process does not
			}
			out.add(n)
			if n == 2 {
				return repeat{V: 20}
			}
			return nil
		}))
		p := r.start()
		for n := 1; n <= 3; n++ {
			if _, err := r.call(p, add{V: n}); err != nil {
				t.Fatal(err)
			}
		}
		if got := out.list(); len(got) != 0 {
			t.Errorf("done %v before the first was", got)
		}
		pass(2 * time.Second)
		if got := out.list(); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("done %v", got)
		}
		if got := r.read(p); !slices.Equal(got, []int{1, 2, 3, 20}) {
			t.Errorf("the state is %v", got)
		}
	})
}

// TestEffectPanics: the process and the effects behind it go on.
func TestEffectPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out outside
		r := newRig(t, clustertest.NewStore(), withEffects(func(_ context.Context, n int) any {
			if n == 1 {
				panic("asked to")
			}
			out.add(n)
			return nil
		}))
		p := r.start()
		r.must(p, add{V: 1}, 1)
		r.must(p, add{V: 2}, 1, 2)
		synctest.Wait()
		if got := out.list(); !slices.Equal(got, []int{2}) {
			t.Errorf("done %v", got)
		}
	})
}

// TestRule02_NoEffectInDoubt: it waits until the node is trusted again.
func TestRule02_NoEffectInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out outside
		begun := make(chan struct{})
		r := newRig(t, clustertest.NewStore(), withEffects(func(_ context.Context, n int) any {
			<-begun
			out.add(n)
			return nil
		}))
		p := r.start()
		r.must(p, add{V: 1}, 1)
		r.must(p, add{V: 2}, 1, 2)
		synctest.Wait() // the first is under way
		r.distrust.Store(true)
		close(begun)
		pass(time.Second)
		if got := out.list(); !slices.Equal(got, []int{1}) {
			t.Errorf("done in doubt: %v", got)
		}
		r.distrust.Store(false)
		pass(time.Second)
		if got := out.list(); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("done after it: %v", got)
		}
	})
}

// TestEffectsOfTheLastCommand: a process that closes has said what it wants done; one
// that is dropped does nothing more, and its end waits for the effect under way.
func TestEffectsOfTheLastCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out outside
		r := newRig(t, clustertest.NewStore(), withEffects(func(ctx context.Context, n int) any {
			select {
			case <-time.After(time.Second):
				out.add(n)
			case <-ctx.Done():
				out.add(100 + n)
			}
			return nil
		}))
		p := r.start()
		r.must(p, add{V: 1}, 1)
		r.must(p, clustertest.Close{}, 1)
		<-p.Done()
		if got := out.list(); !slices.Equal(got, []int{1, -1}) {
			t.Errorf("done %v", got)
		}
		p = r.start()
		r.must(p, add{V: 2}, 2)
		r.must(p, add{V: 3}, 2, 3)
		synctest.Wait()
		p.Drop()
		<-p.Done()
		if got := out.list(); !slices.Equal(got, []int{1, -1, 102}) {
			t.Errorf("done %v", got)
		}
		if n := r.host.Counters().NotActed.Load(); n != 1 {
			t.Errorf("%d given up", n)
		}
		if _, err := r.call(p, add{V: 4}); !errors.Is(err, process.ErrEnded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestEffectsAreBounded: a machine that asks for ever is not stored for ever.
func TestEffectsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		more := make(chan struct{})
		r := newRig(t, clustertest.NewStore(), withEffects(func(context.Context, int) any { <-more; return nil }))
		p := r.start()
		for range process.EffectsMost + 11 {
			if _, err := r.call(p, add{V: 0}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := r.host.Counters().NotActed.Load(); n != 10 {
			t.Errorf("%d given up, want 10 beside the one under way", n)
		}
		close(more)
	})
}
