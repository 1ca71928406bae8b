// Package ops is the operators' listener: is the node alive, is it ready, how much
// does it do. It knows nobody: all it tells comes from callbacks.
//
//	GET /livez     200 while the process works; a supervisor restarts it otherwise
//	GET /readyz    200, or 503 with the reasons; a balancer looks here
//	GET /metrics   Prometheus text, names begin with teiserver_
//	GET /debug/pprof/   only if the listener is on loopback
//	/teiserver/api/     what hosts and the public ask, package spadsapi
//
// Anything else is 404, another method 405. Apart from the last there is no
// authentication: put the listener on loopback or behind a firewall, and let a proxy pass
// on the last alone.
package ops

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"teiserver/internal/config"
)

// Time-outs of the listener. A slow or silent peer must not hold a goroutine for
// ever; a profile takes half a minute by default, so writing may take longer.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 90 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 256 << 10 // hosts ask for a balance with all players in the address
)

// APIPrefix is under which hosts and the public ask.
const APIPrefix = "/teiserver/api/"

// Options of the listener.
type Options struct {
	// Address is where it will listen; it decides whether pprof is served.
	Address string
	// Ready returns why the node should get no clients now; nothing if it should.
	// It must not block. nil is always ready.
	Ready func() (reasons []string)
	// API is served under APIPrefix; nil: nothing is.
	API http.Handler
	// Pages are for users, by the path that they begin with.
	Pages map[string]http.Handler
	// Metrics are served on /metrics; nil serves those of the process alone.
	Metrics *Metrics
	Log     *slog.Logger
}

// Server is the listener. From Serve on it says whether the process is alive and ready;
// what needs the parts of a node is there between Open and Shut.
type Server struct {
	*http.Server
	about Options
	early http.Handler

	mu   sync.Mutex
	full *shift // nil: early
}

// shift is a handler and how many requests are at it.
type shift struct {
	http.Handler
	requests int
	over     chan struct{} // closed when the last one has ended after Shut
}

// New returns the server; the caller gives it a listener and shuts it down. Without API
// and Pages they are answered with 503 until Open.
func New(o Options) *Server {
	s := &Server{about: o}
	if o.API == nil {
		o.API = http.HandlerFunc(s.notYet)
	}
	s.early = handler(o)
	s.Server = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	if o.Log != nil {
		s.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	}
	return s
}

// Open serves what the parts of a node tell as well.
func (s *Server) Open(api http.Handler, pages map[string]http.Handler, m *Metrics) {
	o := s.about
	o.API, o.Pages, o.Metrics = api, pages, m
	s.mu.Lock()
	s.full = &shift{Handler: handler(o), over: make(chan struct{})}
	s.mu.Unlock()
}

// Shut goes back to what is served before Open, and waits for the requests that are under
// way, until ctx ends.
func (s *Server) Shut(ctx context.Context) error {
	s.mu.Lock()
	full := s.full
	s.full = nil
	if full == nil || full.requests == 0 {
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	select {
	case <-full.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	full := s.full
	if full != nil {
		full.requests++
	}
	s.mu.Unlock()
	if full == nil {
		s.early.ServeHTTP(w, r)
		return
	}
	defer s.leave(full)
	full.ServeHTTP(w, r)
}

func (s *Server) leave(full *shift) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if full.requests--; full.requests == 0 && s.full != full {
		close(full.over)
	}
}

// notYet answers what needs a node that is not there yet, or not any more.
func (s *Server) notYet(w http.ResponseWriter, r *http.Request) {
	ready(w, r, func() []string {
		if s.about.Ready != nil {
			if reasons := s.about.Ready(); len(reasons) > 0 {
				return reasons
			}
		}
		return []string{"not in service"}
	})
}

func handler(o Options) http.Handler {
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, o.Ready) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics.registry, promhttp.HandlerOpts{}))
	if o.API != nil {
		mux.Handle(APIPrefix, o.API)
	}
	for path, page := range o.Pages {
		mux.Handle(path, page)
		mux.Handle(path+"/", page)
	}
	if config.Loopback(o.Address) {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// readiness is the JSON form of the answer.
type readiness struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
}

func ready(w http.ResponseWriter, r *http.Request, check func() []string) {
	reasons := []string{}
	if check != nil {
		reasons = append(reasons, check()...)
	}
	status := http.StatusOK
	if len(reasons) > 0 {
		status = http.StatusServiceUnavailable
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		header(w, "application/json", status)
		_ = json.NewEncoder(w).Encode(readiness{len(reasons) == 0, reasons}) // the peer may be gone
		return
	}
	if len(reasons) == 0 {
		reasons = append(reasons, "ready")
	}
	text(w, status, strings.Join(reasons, "\n"))
}

func text(w http.ResponseWriter, status int, body string) {
	header(w, "text/plain; charset=utf-8", status)
	_, _ = io.WriteString(w, body+"\n") // the peer may be gone
}

func header(w http.ResponseWriter, kind string, status int) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
}
