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

// serveHTTP starts the operators' listener, before all that may take long: a node that
// starts is alive, but not ready. It ends after all that, too.
func (s *Server) serveHTTP(context.Context) error {
	ln := s.listeners["http-listen"]
	if ln == nil {
		return nil
	}
	s.http = ops.New(ops.Options{Address: s.cfg.HTTPListen, Ready: s.notReady, Log: s.log})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.http.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("--http-listen: %w", err))
		}
	}()
	s.started("http", func(ctx context.Context) error {
		err := s.http.Shutdown(ctx)
		if err != nil {
			_ = s.http.Close()
		}
		<-done
		return err
	})
	return nil
}

// openHTTP adds what the parts of the node tell, for as long as they are there.
func (s *Server) openHTTP(context.Context) error {
	if s.http == nil {
		return nil
	}
	metrics := ops.NewMetrics()
	metrics.Add(s.sources())
	api := s.api()
	s.run("end reports", api.Run) //nolint:contextcheck // it lives longer than the start
	s.http.Open(api, s.pages(), metrics)
	s.started("http pages", func(ctx context.Context) error {
		ctx, cancel := s.half(ctx) // who takes a profile must not keep the lease from being left
		defer cancel()
		return s.http.Shut(ctx)
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
