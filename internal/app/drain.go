package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/coordinator"
	"teiserver/internal/guard"
	"teiserver/internal/lobby"
)

// The numbers of a drain.
const (
	// closePace is the longest pause between two clients that are closed.
	closePace = 250 * time.Millisecond
	// drainRetry is how long until a drain that was not possible is tried again.
	drainRetry = 5 * time.Second
)

// What a client reads whose node is drained, or stops.
const (
	endDrain = "Server is restarting, please reconnect"
	endStop  = "Server is stopping"
)

// textFarewell is what the Coordinator says in lobbies that close with this node.
const textFarewell = "Teiserver update taking place, game rooms will reappear after the update has taken place."

// drainer carries out what the operator wants of this node. The wish comes with the
// renewals of the lease, see cluster drain and undrain.
type drainer struct {
	mu     sync.Mutex
	wanted bool
	change chan struct{}
}

func newDrainer() *drainer { return &drainer{change: make(chan struct{}, 1)} }

// want notes the wish. It does not block.
func (d *drainer) want(drain bool) {
	d.mu.Lock()
	d.wanted = drain
	d.mu.Unlock()
	select {
	case d.change <- struct{}{}:
	default:
	}
}

func (d *drainer) wants() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wanted
}

// runDrains drains the node and returns it to service as the operator wants, until ctx
// ends. A wish that changes while the node drains ends the drain where it is.
func (s *Server) runDrains(ctx context.Context) {
	for {
		select {
		case <-s.drains.change:
		case <-ctx.Done():
			return
		}
		for s.drains.wants() {
			if !s.drainUntilUnwanted(ctx) {
				return
			}
		}
	}
}

// drainUntilUnwanted drains and waits until that is not wanted any more. False when
// ctx has ended.
func (s *Server) drainUntilUnwanted(ctx context.Context) bool {
	draining, cancel := context.WithCancel(ctx)
	var drained error
	var work sync.WaitGroup
	work.Go(func() { drained = s.drain(draining, s.cfg.DrainTimeout, endDrain) })
	ended := make(chan struct{})
	go func() { work.Wait(); close(ended) }()

	var again <-chan time.Time
	for {
		select {
		case <-ended:
			ended = nil
			if errors.Is(drained, cluster.ErrNobodyElse) {
				s.log.Error("not drained: no other node serves")
				s.serveAgain()
				again = time.After(drainRetry)
			} else if drained == nil {
				s.log.Info("drained")
			}
			continue
		case <-again:
			cancel()
			return true
		case <-s.drains.change:
			if s.drains.wants() {
				continue
			}
			cancel()
			work.Wait()
			s.serveAgain()
			s.log.Info("in service again")
			return true
		case <-ctx.Done():
			cancel()
			work.Wait()
			return false
		}
	}
}

// drain takes this node out of service: not ready, no new clients, every process
// handed to the other nodes, and then the clients closed within d, one after the
// other, so that they do not come back elsewhere all at once.
func (s *Server) drain(ctx context.Context, d time.Duration, reason string) error {
	deadline := time.Now().Add(d)
	s.ready.set(draining)
	s.spring.TurnAway(true)
	s.log.Info("draining", "clients", s.countClients())
	if err := s.node.Drain(ctx); err != nil {
		return err
	}
	n := s.countClients()
	s.log.Info("processes handed over", "clients", n)
	s.sayFarewell(ctx)
	return s.spring.CloseAll(ctx, min(time.Until(deadline), time.Duration(n)*closePace), reason)
}

func (s *Server) serveAgain() {
	s.node.Undrain()
	s.spring.TurnAway(false)
	s.ready.set("")
}

// handOver is a drain before the node stops, in at most half of the time that is left.
// A node that is given up has nothing to hand over, and a single one nobody.
func (s *Server) handOver(ctx context.Context) {
	if s.givenUp.Load() {
		return
	}
	if !s.cfg.Clustered() {
		s.sayFarewell(ctx)
		return
	}
	ctx, cancel := s.half(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := s.drain(ctx, time.Until(deadline), endStop); err != nil {
		if !errors.Is(err, cluster.ErrNobodyElse) {
			s.log.Warn("not everything was handed over", "err", err)
		}
		s.sayFarewell(ctx)
	}
}

// half is a context with half of the time that a stop has left.
func (s *Server) half(ctx context.Context) (context.Context, context.CancelFunc) {
	left := s.cfg.StopTimeout
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	return context.WithTimeout(ctx, left/2)
}

// farewellLimit is how long clients may have to wait for the farewell; farewells is in how
// many lobbies it is said at once.
const (
	farewellLimit = 5 * time.Second
	farewells     = 16
)

// sayFarewell tells the lobbies that go with the clients of this node, wherever their members
// are, why: those whose host is connected here. Others stay, and hear nothing.
func (s *Server) sayFarewell(ctx context.Context) {
	if !s.node.Trusted() {
		return // nobody could say it now
	}
	ctx, cancel := context.WithTimeout(ctx, farewellLimit)
	defer cancel()
	var all guard.Group
	slots := make(chan struct{}, farewells)
	for _, x := range s.roster.Summaries() {
		if !s.clients.Has(x.Info.Founder.User) {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			say := lobby.Announce{Who: lobby.Who{User: s.residents[coordinator.Kind]}, Text: textFarewell}
			if _, err := s.node.Call(ctx, cluster.NewKey(lobby.Kind, x.Info.ID), say); err != nil {
				s.log.Debug("farewell not said", "key", x.Info.ID, "err", err)
			}
		})
	}
	s.guard.Do("farewell", all.Wait)
}
