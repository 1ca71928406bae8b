package app

import (
	"context"

	"teiserver/internal/accolade"
	"teiserver/internal/account"
	"teiserver/internal/achievement"
	"teiserver/internal/cluster"
	"teiserver/internal/coordinator"
	"teiserver/internal/store"
	"teiserver/internal/telemetry"
)

// buildAccolades gives the processes of accolades and achievements what they work with.
func (s *Server) buildAccolades() {
	s.late.thanks.Store(&accolade.Desk{
		Store: s.store, Matches: s.store, Processes: s.node, Stats: account.NewStats(s.store),
		Teller: s.clients, Bot: s.residents[accolade.Kind],
		Restrictions: func(ctx context.Context, user int64) ([]string, error) { return restrictions(ctx, s.moderation, user) },
		Settings:     s.settings, Log: s.log,
	})
	s.late.deeds.Store(&achievement.Counter{Store: s.store, Settings: s.settings, Log: s.log})
	s.nudger.Cast = func(n achievement.Nudge) { s.node.Cast(cluster.SingletonKey(achievement.Kind), n) }
}

// off says what who writes to a resident is told while that is switched off.
func (s *Server) off(kind string) func(ctx context.Context) string {
	if kind != accolade.Kind {
		return nil
	}
	return func(ctx context.Context) string { return s.late.thanks.Load().Off(ctx) }
}

// happened is told of events of clients that were taken here.
func (s *Server) happened(e telemetry.Event) {
	if e.Family == telemetry.FamilyClient {
		s.nudger.Event()
	}
}

// badges are the accolades of users, for the Coordinator.
type badges struct{ store *store.Store }

var _ coordinator.Accolades = badges{}

// Accolades implements coordinator.Accolades.
func (b badges) Accolades(ctx context.Context, user int64) ([]coordinator.Badge, error) {
	counts, err := b.store.AccoladesOf(ctx, user)
	if err != nil {
		return nil, err
	}
	list := make([]coordinator.Badge, len(counts))
	for i, c := range counts {
		list[i] = coordinator.Badge(c)
	}
	return list, nil
}
