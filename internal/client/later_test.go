package client

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// heardWrites is the other end of an outbox: what came with each write, and when.
type heardWrites struct {
	t     *testing.T
	out   *Outbox
	began time.Time
	got   chan string
}

// written runs a test with an outbox whose peer reads at once.
func written(t *testing.T, test func(h *heardWrites)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		h := &heardWrites{t: t, out: NewOutbox(ours, 1<<20, NewPace()), began: time.Now(), got: make(chan string, 10_000)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			buf := make([]byte, gatherBytes)
			for {
				n, err := theirs.Read(buf)
				if err != nil {
					return
				}
				h.got <- string(buf[:n])
			}
		}()
		test(h)
		h.out.Close(nil)
		<-ended
		<-h.out.Done()
	})
}

// take returns what has come until now.
func (h *heardWrites) take() (writes []string) {
	synctest.Wait()
	for {
		select {
		case w := <-h.got:
			writes = append(writes, w)
		default:
			return writes
		}
	}
}

// TestLaterOnACalmDay: a few at once, and some each second, are written as they come.
func TestLaterOnACalmDay(t *testing.T) {
	t.Parallel()
	written(t, func(h *heardWrites) {
		for i := range laterAtOnce {
			h.out.SendLater([]byte("x"))
			if n := len(h.take()); n != 1 {
				t.Fatalf("%d: %d writes", i, n)
			}
		}
		for i := range 100 {
			<-time.After(laterEvery + turnEvery)
			h.out.SendLater([]byte("x"))
			if n := len(h.take()); n != 1 {
				t.Fatalf("later %d: %d writes", i, n)
			}
		}
	})
}

// TestLaterInAStorm: many pieces a second make few writes, nothing waits for long, and
// all is in order.
func TestLaterInAStorm(t *testing.T) {
	t.Parallel()
	written(t, func(h *heardWrites) {
		var want, got strings.Builder
		writes := 0
		for i := range 2000 {
			piece := fmt.Sprint(i, " ")
			want.WriteString(piece)
			h.out.SendLater([]byte(piece))
			<-time.After(5 * time.Millisecond)
			for _, w := range h.take() {
				writes++
				got.WriteString(w)
			}
			if old := want.Len() - got.Len(); old > 5*int((laterEvery+turnEvery)/(5*time.Millisecond)+1) {
				t.Fatalf("%d bytes wait after %d", old, i)
			}
		}
		<-time.After(laterEvery + turnEvery)
		for _, w := range h.take() {
			got.WriteString(w)
		}
		if got.String() != want.String() {
			t.Error("not all came, or not in order")
		}
		if most := laterAtOnce + int(10*time.Second/laterEvery) + 1; writes > most {
			t.Errorf("%d writes in ten seconds, want %d at most", writes, most)
		}
	})
}

// TestLaterGoesWithUrgent: what cannot wait is written at once, behind what came before
// it; so is the end, and a flush.
func TestLaterGoesWithUrgent(t *testing.T) {
	t.Parallel()
	for name, now := range map[string]func(o *Outbox){
		"urgent": func(o *Outbox) { o.Send([]byte("!")) },
		"shared": func(o *Outbox) { o.SendShared([][]byte{[]byte("!")}) },
		"close":  func(o *Outbox) { o.Close([]byte("!")) },
		"flush": func(o *Outbox) {
			_ = o.Flush(context.Background())
			o.Send([]byte("!"))
		},
	} {
		written(t, func(h *heardWrites) {
			for range laterAtOnce {
				h.out.SendLater([]byte("x"))
				h.take()
			}
			for i := range 3 {
				h.out.SendLater([]byte{byte('a' + i)})
			}
			if w := h.take(); len(w) != 0 {
				t.Errorf("%s: %q is written", name, w)
			}
			now(h.out)
			if w := strings.Join(h.take(), ""); w != "abc!" || time.Since(h.began) != 0 {
				t.Errorf("%s: %q after %v", name, w, time.Since(h.began))
			}
			if name == "close" {
				return
			}
			h.out.SendLater([]byte("d")) // the time of the others is not its own
			<-time.After(laterEvery + turnEvery)
			if w := strings.Join(h.take(), ""); w != "d" {
				t.Errorf("%s: %q after that", name, w)
			}
		})
	}
}

// TestTurnsOfMany: in a storm very many connections are written to one after the other,
// a few at once; none waits for longer than laterMost, and some turns more.
func TestTurnsOfMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 300, 2000} {
		synctest.Test(t, func(t *testing.T) {
			pace := NewPace()
			var writes atomic.Int64
			var outs []*Outbox
			for range n {
				outs = append(outs, NewOutbox(countingSink{writes: &writes}, 1<<20, pace))
			}
			for range laterAtOnce {
				for _, o := range outs {
					o.SendLater([]byte("x"))
				}
				synctest.Wait()
			}
			writes.Store(0)
			before := int64(0)
			most := max(20, n/80)
			for i := range 500 { // five seconds
				for _, o := range outs[i%5*n/5 : (i%5+1)*n/5] {
					o.SendLater([]byte("x"))
				}
				<-time.After(turnEvery)
				synctest.Wait()
				if got := writes.Load() - before; got > int64(2*most) { // two turns may be seen as one
					t.Fatalf("%d: %d writes in %v, after %d turns", n, got, turnEvery, i)
				}
				before = writes.Load()
			}
			if least := int64(n) * int64(4*time.Second/laterMost); before < least {
				t.Errorf("%d: %d writes in five seconds, want %d", n, before, least)
			}
			for _, o := range outs {
				o.Close(nil)
				<-o.Done()
			}
		})
	}
}

// countingSink is a sink that counts.
type countingSink struct {
	sink
	writes *atomic.Int64
}

func (s countingSink) Write(b []byte) (int, error) { s.writes.Add(1); return len(b), nil }
