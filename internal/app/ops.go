package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"teiserver/internal/ops"
)

// serveHTTP starts the operators' listener, early: a node that starts is alive, but
// not ready.
func (s *Server) serveHTTP(context.Context) error {
	ln := s.listeners["http-listen"]
	if ln == nil {
		return nil
	}
	metrics := ops.NewMetrics()
	metrics.Add(s.sources())
	srv := ops.New(ops.Options{Address: s.cfg.HTTPListen, Ready: s.notReady, Metrics: metrics, Log: s.log})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("--http-listen: %w", err))
		}
	}()
	s.started("http", func(ctx context.Context) error {
		err := srv.Shutdown(ctx)
		<-done
		return err
	})
	return nil
}

// notReady lists why this node should get no clients now.
func (s *Server) notReady() []string {
	var reasons []string
	if why := s.ready.get(); why != "" {
		reasons = append(reasons, why)
	}
	if !s.node.Trusted() {
		reasons = append(reasons, "the lease is not trusted: the database has not been reached in time")
	}
	return reasons
}

func (s *Server) sources() ops.Sources {
	c := &s.spring.Counters
	number := func(n *atomic.Int64) func() float64 { return func() float64 { return float64(n.Load()) } }
	return ops.Sources{
		Connections:       number(&c.Connections),
		Clients:           func() float64 { return float64(s.clients.Count()) },
		Logins:            number(&c.Logins),
		LoginsRefused:     number(&c.Refused),
		LinesIn:           number(&c.LinesIn),
		OutQueueBytes:     func() float64 { return float64(s.spring.QueuedBytes()) },
		LeaseTrustSeconds: func() float64 { return s.node.TrustLeft().Seconds() },
		SlowCloses:        number(&c.Slow),
		FloodCloses:       number(&c.Floods),
		Panics:            number(&c.Panics),
		RosterUsers:       func() float64 { users, _ := s.roster.Count(); return float64(users) },
		RosterLobbies:     func() float64 { _, lobbies := s.roster.Count(); return float64(lobbies) },
		Members:           func() float64 { return float64(len(s.node.Members())) },
	}
}
