package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"teiserver/internal/account"
	"teiserver/internal/moderation"
	"teiserver/internal/ops"
	"teiserver/internal/passwordpage"
	"teiserver/internal/setting"
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
	api := s.api()
	s.run("end reports", api.Run) //nolint:contextcheck // it lives longer than the start
	srv := ops.New(ops.Options{Address: s.cfg.HTTPListen, Ready: s.notReady, API: api, Pages: s.pages(), Metrics: metrics, Log: s.log})
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

// pages are those for users.
func (s *Server) pages() map[string]http.Handler {
	return map[string]http.Handler{account.ResetPath: passwordpage.New(passwordpage.Options{
		Accounts: s.accounts, Action: moderation.PasswordReset, Proxies: s.cfg.ProxyFrom(), Log: s.log,
		Name: func(ctx context.Context) string { return setting.SiteName.Get(ctx, s.settings) },
	})}
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
