package spring

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// ended reports whether the server has ended the connection.
func (p *peer) ended() bool {
	for {
		select {
		case _, open := <-p.lines:
			if !open {
				return true
			}
		default:
			return false
		}
	}
}

func count(peers []*peer) (ended int) {
	for _, p := range peers {
		if p.ended() {
			ended++
		}
	}
	return ended
}

// Clients are closed one after the other, evenly over the time, with a reason.
func TestCloseAllIsSpread(t *testing.T) {
	t.Parallel()
	serveTest(t, func(t *testing.T, s *Server, _ *siteStore, dial func() *peer) {
		var peers []*peer
		for range 11 {
			peers = append(peers, dial())
		}
		for _, p := range peers {
			p.want("TASSERVER")
		}
		done := make(chan error, 1)
		go func() { done <- s.CloseAll(context.Background(), 11*time.Second, "later") }()
		<-time.After(5500 * time.Millisecond)
		synctest.Wait()
		if n := count(peers); n != 6 {
			t.Errorf("%d of 11 are closed at half time", n)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := count(peers); n != 11 {
			t.Errorf("%d of 11 are closed at the end", n)
		}
	})
}

// A drain that is canceled leaves the rest alone, and newcomers are taken again.
func TestCloseAllCanceled(t *testing.T) {
	t.Parallel()
	serveTest(t, func(t *testing.T, s *Server, _ *siteStore, dial func() *peer) {
		var peers []*peer
		for range 10 {
			peers = append(peers, dial())
		}
		s.TurnAway(true)
		ours, theirs := net.Pipe()
		if s.start(context.Background(), ours, false) {
			t.Error("a newcomer is taken")
		}
		_, _ = ours.Close(), theirs.Close()

		ctx, cancel := context.WithTimeout(context.Background(), 3500*time.Millisecond)
		defer cancel()
		if err := s.CloseAll(ctx, 10*time.Second, "later"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		synctest.Wait()
		if n := count(peers); n != 4 {
			t.Errorf("%d of 10 are closed", n)
		}
		s.TurnAway(false)
		p := dial()
		p.want("TASSERVER")
		p.send("PING\n")
		p.want("PONG")
	})
}

// Who is closed while it is being taken reads the greeting first, as every client expects,
// also of a node that was given up and says nothing else.
func TestGreetingComesFirst(t *testing.T) {
	t.Parallel()
	serveTest(t, func(t *testing.T, s *Server, _ *siteStore, dial func() *peer) {
		var asleep atomic.Bool
		s.awake = func() bool { return !asleep.Load() }
		for i := range 20 {
			asleep.Store(i >= 10)
			p := dial()
			for _, c := range s.open() {
				c.End("later")
			}
			p.want("TASSERVER")
			p.want("s.system.disconnect later")
		}
	})
}
