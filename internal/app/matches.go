package app

import (
	"context"

	"teiserver/internal/account"
	"teiserver/internal/coordinator"
	"teiserver/internal/job"
	"teiserver/internal/lobby"
	"teiserver/internal/match"
	"teiserver/internal/monitor"
	"teiserver/internal/setting"
	"teiserver/internal/store"
	"teiserver/internal/telemetry"
)

// matches are the parts of the node that follow battles.
type matches struct {
	processor *match.Processor
	cleaner   *match.Cleaner
	ended     chan struct{} // has room for one signal: there may be a match to process
}

// buildMatches makes them and gives the match monitor's process what it works with.
func (s *Server) buildMatches() {
	tell := func(ctx context.Context, host int64, line string) bool {
		return s.clients.Reach(ctx, s.residents[coordinator.Kind], host, line)
	}
	s.matches = matches{
		processor: match.NewProcessor(match.Options{
			Store: s.store, Rater: s.ratings.rater, TellHost: tell, Over: s.overs(),
			On: s.mayProcess, Wait: s.settings.MatchWait, Now: s.node.Now, Log: s.log,
		}),
		cleaner: &match.Cleaner{
			Store: s.store, UnplayedAge: s.settings.UnplayedAge, UnratedAge: s.settings.UnratedAge, DataAge: s.settings.MatchDataAge, Log: s.log,
		},
		ended: make(chan struct{}, 1),
	}
	s.late.reports.Store(&monitor.Desk{
		Processes: s.node, Self: func() int64 { return s.node.Self().Incarnation }, Now: s.node.Now,
		Matches: s.store, Users: s.accounts, Stats: account.NewStats(s.store), Events: matchEvents{s.store, s.settings, s.nudger.Event},
		Teller: s.clients, Coordinator: s.residents[coordinator.Kind], Disconnect: s.clients.Disconnect,
		Started: func(m lobby.MatchState) { s.guard.Do("match started", func() { s.matchStarted(m) }) }, Ended: s.matches.signal, Hardware: s.feeder.Hardware, Settings: s.settings, Log: s.log,
	})
	s.runAddon("matches", s.processEnded)
}

// mayProcess reports whether ended matches are processed now: not while all matches of a
// type are rated again.
func (s *Server) mayProcess(ctx context.Context) bool {
	if !s.settings.ProcessMatches(ctx) {
		return false
	}
	h, err := s.store.RatingHold(ctx)
	if err != nil {
		s.log.Warn("matches not processed", "err", err)
		return false
	}
	if h.Held() {
		s.log.Info("matches wait until ratings have been made again", "kind", string(h.Type), "rated", h.Rated)
	}
	return !h.Held()
}

// signal has matches processed soon. It does not block.
func (m *matches) signal() {
	select {
	case m.ended <- struct{}{}:
	default:
	}
}

// processEnded processes matches when one has ended here, so that hosts need not wait for
// the job that does so every minute for all nodes. While that is off, or this node is in
// doubt, nor does this.
func (s *Server) processEnded(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.matches.ended:
		}
		if err := s.jobs.Hurry(ctx, job.MatchProcessing); err != nil && ctx.Err() == nil {
			s.log.Warn("matches not processed", "err", err)
		}
	}
}

// overs are told of every match that was processed.
func (s *Server) overs() []func(ctx context.Context, m match.Match, members []match.Membership) error {
	return []func(ctx context.Context, m match.Match, members []match.Membership) error{s.rerank, s.late.thanks.Load().Told}
}

// matchEvents keeps what hosts report as events of telemetry. They are written at once:
// the host was told that its report is kept, and the monitor forgets it then.
type matchEvents struct {
	store    *store.Store
	settings *setting.Service
	told     func() // there is an event
}

// families are those of telemetry, by what an event is about.
var families = map[string]string{
	monitor.ScopeMatch: telemetry.FamilyMatch, monitor.ScopeLobby: telemetry.FamilyLobby, monitor.ScopeServer: telemetry.FamilyServer,
}

// KeepEvent implements monitor.Events.
func (e matchEvents) KeepEvent(ctx context.Context, h monitor.Happened) error {
	value := string(h.Value)
	if !setting.Telemetry.Get(ctx, e.settings) || len(value) > telemetry.MaxComplex {
		return nil
	}
	err := e.store.PutEvents(ctx, []telemetry.Event{{
		Family: families[h.Scope], Name: h.Type, User: h.User, Match: h.Match, GameTime: h.Seconds,
		Value: value, Once: h.Key, At: h.At,
	}})
	if err == nil && h.Scope == monitor.ScopeMatch {
		e.told()
	}
	return err
}
