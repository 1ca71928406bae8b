package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/achievement"
	"teiserver/internal/automod"
	"teiserver/internal/client"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/config"
	"teiserver/internal/friend"
	"teiserver/internal/guard"
	"teiserver/internal/job"
	"teiserver/internal/login"
	"teiserver/internal/mail"
	"teiserver/internal/moderation"
	"teiserver/internal/ops"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
	"teiserver/internal/spring"
	"teiserver/internal/store"
	"teiserver/internal/telemetry"
)

// Version is the release, set by the linker.
var Version = "dev"

// ErrCondemned says that the cluster has given this node up. Start again: the new
// incarnation is a new node to the others.
var ErrCondemned = errors.New("the cluster has given this node up")

// ErrCutOff says that this node does not hear the nodes that stay, or they not it.
var ErrCutOff = errors.New("this node is cut off from the others")

// Server is one running node.
type Server struct {
	cfg   config.Config
	log   *slog.Logger
	guard *guard.Guard // of what runs beside
	began time.Time

	store    *store.Store
	node     *cluster.Node
	bus      bus.Bus
	caches   *cache.Caches
	settings *setting.Service
	accounts *account.Service
	friends  *friend.Service
	ratings  ratings
	matches  matches
	roster   *roster.Roster
	clients  *client.Service
	counted  atomic.Pointer[client.Service] // clients, for who asks before they are there
	logins   *login.Queue
	spring   *spring.Server
	http     *ops.Server // nil: no listener
	jobs     *job.Service

	moderation *moderation.Service
	post       *mail.Post
	feeder     *automod.Feeder
	telemetry  *telemetry.Service
	played     played
	nudger     achievement.Nudger // of events for achievements

	clusterID   string
	place       string           // of the data folder, see placeOf
	residents   map[string]int64 // ids of their accounts, by kind
	late        late             // services, for the processes of this node
	errands     chan func(context.Context)
	listeners   map[string]net.Listener // by flag
	tls         *tls.Config
	fingerprint string
	country     func(ip string) string // nil: none is known
	first       bool                   // nobody has used the database before
	out         io.Writer              // where the password of a new administrator is printed, once

	timeline  chan struct{} // the store came to another one
	memory    remembered
	tried     chan struct{} // closed when nobody was there of those whom this node was told to join
	hearFirst time.Duration // how long the others must be heard before this node serves
	drains    *drainer
	givenUp   atomic.Bool // by the cluster: nothing of this life counts any more

	steps []step     // what has been started, in order
	fatal chan error // what ends the node
	ready readiness
	reach reach
}

// step is something that was started and has to be stopped.
type step struct {
	name string
	stop func(ctx context.Context) error
}

// started notes what Stop has to stop.
func (s *Server) started(name string, stop func(ctx context.Context) error) {
	s.steps = append(s.steps, step{name, stop})
}

// Start starts a node. When it returns the node is ready: it takes logins. On an
// error everything that had been started is stopped again.
func Start(ctx context.Context, cfg config.Config, log *slog.Logger) (*Server, error) {
	return startAfter(ctx, cfg, log, io.Discard, 0)
}

// startAfter starts a node that serves only when it has heard the others for hearFirst.
// On out it prints the password of an administrator that it makes.
func startAfter(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer, hearFirst time.Duration) (*Server, error) {
	s := &Server{
		cfg: cfg, log: log, began: time.Now(), fatal: make(chan error, 1), listeners: map[string]net.Listener{},
		out: out, guard: guard.New(log), tried: make(chan struct{}), hearFirst: hearFirst, drains: newDrainer(), jobs: job.New(), timeline: make(chan struct{}, 1),
	}
	s.ready.set(starting)
	for _, f := range []func(context.Context) error{
		s.lockFolder, s.listen, s.serveHTTP, s.readCountries, s.openStore, s.loadCertificate, s.joinCluster, s.buildDomain, s.fillStore, s.openHTTP, s.fillRoster, s.serveSpring, s.runJobs, s.announceLife,
	} {
		if err := f(ctx); err != nil {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.StopTimeout)
			defer cancel()
			_ = s.Stop(stop)
			return nil, err
		}
	}
	s.ready.set("")
	log.Info("ready", "seconds", time.Since(s.began).Seconds(), "version", Version, "database", s.store.Describe())
	return s, nil
}

// Failed gets the error that ends the node.
func (s *Server) Failed() <-chan error { return s.fatal }

// fail ends the node; only the first reason counts.
func (s *Server) fail(err error) {
	select {
	case s.fatal <- err:
	default:
	}
}

// Stop stops everything in the reverse order of starting. Each step has what is
// left of the deadline; a step that fails does not keep the next from stopping.
func (s *Server) Stop(ctx context.Context) error {
	s.ready.set(stopping)
	var errs []error
	for i := len(s.steps) - 1; i >= 0; i-- {
		began := time.Now()
		if err := s.steps[i].stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.steps[i].name, err))
		}
		s.log.Debug("stopped", "step", s.steps[i].name, "seconds", time.Since(began).Seconds())
	}
	s.steps = nil
	return errors.Join(errs...)
}

// Addresses returns where the node listens, by flag without dashes.
func (s *Server) Addresses() map[string]string {
	all := map[string]string{}
	for flag, ln := range s.listeners {
		all[flag] = ln.Addr().String()
	}
	return all
}

// runAddon is run for a part of an add-on: its panics are not the node's.
func (s *Server) runAddon(name string, f func(ctx context.Context)) {
	s.run(name, func(ctx context.Context) { s.guard.Run(ctx, name, f) })
}

// run starts a goroutine that Stop ends and waits for.
func (s *Server) run(name string, f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { f(ctx) })
	s.started(name, func(context.Context) error {
		cancel()
		wg.Wait()
		return nil
	})
}
