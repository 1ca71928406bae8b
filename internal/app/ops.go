package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	srv := ops.New(ops.Options{Address: s.cfg.HTTPListen, Ready: s.notReady, API: s.api(), Metrics: metrics, Log: s.log})
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
