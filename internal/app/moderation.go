package app

import (
	"context"

	"teiserver/internal/account"
	"teiserver/internal/automod"
	"teiserver/internal/client"
	"teiserver/internal/coordinator"
	"teiserver/internal/job"
	"teiserver/internal/moderation"
)

var _ client.Moderation = (*moderation.Service)(nil)

// verdicts are what the Coordinator knows of moderation.
type verdicts struct{ *moderation.Service }

var _ coordinator.Moderation = verdicts{}

// Actions implements coordinator.Moderation.
func (v verdicts) Actions(ctx context.Context, user int64) ([]coordinator.Action, error) {
	actions, err := v.Service.Actions(ctx, user)
	if err != nil {
		return nil, err
	}
	list := make([]coordinator.Action, len(actions))
	for i, a := range actions {
		list[i] = coordinator.Action{Reason: a.Reason, Restrictions: a.Restrictions, Expires: a.Expires}
	}
	return list, nil
}

// buildModeration makes the service, once there are caches; accounts ask it.
func (s *Server) buildModeration() {
	s.moderation = moderation.NewService(s.store, s.caches, s.node.Now, s.log)
	s.jobs.Bind(job.Restrictions, job.Work{Call: s.moderation.EndExpired})
}

// buildAutomod gives automod what it works with.
func (s *Server) buildAutomod() {
	s.late.automod.Store(&automod.Desk{
		Store: s.store, Judge: s.moderation, Users: s.accounts, Settings: s.settings,
		Coordinator: s.residents[coordinator.Kind], Log: s.log,
	})
	s.feeder = automod.NewFeeder(automod.Options{
		Runtime: s.node, Keep: s.store.PutKeys, Stats: account.NewStats(s.store).All,
		Delay: s.settings.AutomodDelay, Now: s.node.Now, Log: s.log,
	})
	s.runAddon("automod", s.feeder.Run)
}

// loggedIn notes by what the owner of an account may be known. Bots are nobody.
func (s *Server) loggedIn(u *account.User, p client.Presence) {
	if !u.IsBot() {
		s.feeder.LoggedIn(u.ID, p.IP, p.LobbyHash)
	}
}

// restrictions are those of a user that are in force.
func restrictions(ctx context.Context, m *moderation.Service, user int64) ([]string, error) {
	st, err := m.Standing(ctx, user)
	if err != nil {
		return nil, err
	}
	return st.Restrictions(m.Now()), nil
}
