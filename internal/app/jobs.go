package app

import (
	"context"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
	"teiserver/internal/match"
	"teiserver/internal/store"
	"teiserver/internal/telemetry"
)

// buildTelemetry makes what counts, and binds the work of the jobs.
func (s *Server) buildTelemetry() {
	sessions, lines := &s.clients.Counters, &s.spring.Counters
	s.telemetry = telemetry.New(telemetry.Options{
		Store: s.store, Runtime: s.node, Settings: s.settings,
		Counters: map[string]func() int64{
			telemetry.MatchesStarted: s.played.started.Load, telemetry.MatchesStopped: s.played.stopped.Load,
			telemetry.UsersIn: sessions.UsersIn.Load, telemetry.UsersOut: sessions.UsersOut.Load,
			telemetry.BotsIn: sessions.BotsIn.Load, telemetry.BotsOut: sessions.BotsOut.Load,
			telemetry.LinesIn: lines.LinesIn.Load, telemetry.BytesOut: lines.BytesOut.Load, telemetry.Refused: lines.Refused.Load,
		},
		Players: s.roster.Players, Census: s.census, Marked: s.store.DonePeriods, OnEvent: func(e telemetry.Event) { s.guard.Do("event", func() { s.happened(e) }) }, Now: s.node.Now, Log: s.log,
	})
	s.spring.Telemetry, s.spring.Properties = s.telemetry, properties{s}
	s.telemetry.Bind(s.jobs)
	s.jobs.BindHourly(s.telemetry.CleanChat, s.post.Clean, s.cleanResets)
	s.jobs.Bind(job.Maintenance, job.Work{Call: s.store.Maintain})
	s.jobs.Bind(job.MatchProcessing, job.Work{Call: s.matches.processor.ProcessMatches})
	s.jobs.Bind(job.MatchCleanup, job.Work{Call: s.matches.cleaner.CleanBattles})
	s.jobs.Open(job.Options{
		Store: s.store, Settings: s.settings, Runtime: s.node, Node: s.cfg.NodeName, Incarnation: s.incarnation,
		Ready: func() bool { return s.ready.get() == "" }, Now: s.node.Now, Log: s.log,
	})
	s.runAddon("telemetry", s.telemetry.Run)
	s.started("counters", s.leaveCounters)
}

// played counts the matches whose start and end this node has written.
type played struct{ started, stopped atomic.Int64 }

// countedStore is the store of processes, which counts matches.
type countedStore struct {
	*store.Store
	*played
}

// StartMatch implements match.Store.
func (c countedStore) StartMatch(ctx context.Context, f registry.Fence, start match.Start) error {
	err := c.Store.StartMatch(ctx, f, start)
	if err == nil {
		c.started.Add(1)
	}
	return err
}

// StopMatch implements match.Store.
func (c countedStore) StopMatch(ctx context.Context, f registry.Fence, stop match.Stop) error {
	err := c.Store.StopMatch(ctx, f, stop)
	if err == nil {
		c.stopped.Add(1)
	}
	return err
}

// FinishMatch implements match.Store.
func (c countedStore) FinishMatch(ctx context.Context, id int64, at time.Time) (bool, error) {
	finished, err := c.Store.FinishMatch(ctx, id, at)
	if finished {
		c.stopped.Add(1)
	}
	return finished, err
}

// leaveCounters notes what this node has counted, when its clients are gone.
func (s *Server) leaveCounters(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return s.telemetry.Leave(ctx)
}

// runJobs takes part in the jobs of the cluster, now that the node serves.
func (s *Server) runJobs(context.Context) error {
	s.run("jobs", func(ctx context.Context) { //nolint:contextcheck // it lives longer than the start
		if err := s.jobs.Run(ctx); err != nil {
			s.fail(err)
		}
	})
	return nil
}

// census is who is online, as this node sees it.
func (s *Server) census() telemetry.Census {
	online, lobbies, inProgress := s.roster.Census()
	c := telemetry.Census{Lobbies: lobbies, InProgress: inProgress, People: make([]telemetry.Person, len(online))}
	for i, o := range online {
		c.People[i] = telemetry.Person(o)
	}
	return c
}

// properties keeps what programs tell of themselves.
type properties struct{ s *Server }

// Property implements spring.Properties.
func (p properties) Property(ctx context.Context, user int64, hash, name, value string) {
	p.s.feeder.Property(user, name, value)
	err := p.s.telemetry.SetProperty(ctx, telemetry.Property{User: user, Hash: hash, Name: name, Value: value})
	if err != nil {
		p.s.log.Debug("property not kept", "user", user, "err", err)
	}
}
