package client

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowBound: while its peer takes nothing, an outbox takes what its bound says to the byte,
// and the next byte ends the connection at once. What the writer has in its hands is not counted.
func TestSlowBound(t *testing.T) {
	for name, tc := range map[string]struct{ limit, set int }{
		"player": {PlayerBytes, 0},
		"host":   {PlayerBytes, HostBytes},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer theirs.Close()
				o := NewOutbox(ours, tc.limit, nil)
				bound := tc.limit
				if tc.set > 0 {
					o.SetLimit(tc.set)
					bound = tc.set
				}
				o.Send([]byte("in the writer's hands\n"))
				synctest.Wait()
				piece := make([]byte, 1<<16)
				for n := 0; n < bound; n += len(piece) {
					if !o.Send(piece) {
						t.Fatalf("took %d bytes only", n)
					}
				}
				if got := o.Queued(); got != bound {
					t.Errorf("%d bytes wait, want %d", got, bound)
				}
				began := time.Now()
				if o.Send([]byte("x")) {
					t.Error("took more than its bound")
				}
				<-o.Done()
				if took := time.Since(began); took != 0 || !errors.Is(o.Err(), ErrSlow) {
					t.Errorf("ended after %v with %v", took, o.Err())
				}
			})
		})
	}
}

// TestStalledBound: a peer that takes nothing is given so long, whatever waits; one that takes
// something now and then is not ended.
func TestStalledBound(t *testing.T) {
	t.Run("takes nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			o := NewOutbox(ours, PlayerBytes, nil)
			began := time.Now()
			o.Send([]byte("x"))
			<-o.Done()
			if took := time.Since(began); took != writeTimeout || !errors.Is(o.Err(), os.ErrDeadlineExceeded) {
				t.Errorf("ended after %v with %v, want after %v", took, o.Err(), writeTimeout)
			}
		})
	})
	t.Run("takes a line now and then", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			o := NewOutbox(ours, PlayerBytes, nil)
			buf := make([]byte, 8)
			for range 5 {
				o.Send([]byte("a line\n"))
				<-time.After(writeTimeout - time.Second)
				if _, err := theirs.Read(buf); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			o.Close(nil)
			<-o.Done()
			if err := o.Err(); err != nil {
				t.Error(err)
			}
		})
	})
}
