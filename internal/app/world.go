package app

import (
	"context"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/consul"
	"teiserver/internal/lobby"
	"teiserver/internal/setting"
)

// world is what lobbies ask of the cluster around them.
type world struct{ *late }

var _ lobby.World = world{}

// Rules implements lobby.World.
func (w world) Rules(ctx context.Context) consul.Rules {
	c := w.clients.Load()
	if c == nil {
		return consul.DefaultRules()
	}
	s := c.Settings
	return consul.Rules{
		PlayerLimit:       s.PlayerLimit(ctx),
		Algorithm:         setting.BalanceAlgorithm.Get(ctx, s),
		MaxDeviation:      float64(setting.MaxDeviation.Get(ctx, s)),
		BlockCount:        setting.BlockCount.Get(ctx, s),
		BlockPercent:      setting.BlockPercent.Get(ctx, s),
		HiddenUncertainty: setting.ShownUncertainty.Get(ctx, s),
		SmallTeam:         setting.SmallTeam.Get(ctx, s),
		RequireChobby:     setting.RequireChobby.Get(ctx, s),
		UnrankedBounds:    setting.UnrankedBounds.Get(ctx, s),
		RankByRole:        setting.RankMethod.Get(ctx, s) == setting.RankByRole,
		TitleLength:       setting.TitleLength.Get(ctx, s),
		Flagged:           setting.FlaggedWords.Get(ctx, s),
		RingCount:         setting.RingCount.Get(ctx, s),
		RingSeconds:       setting.RingSeconds.Get(ctx, s),
		AvoidHours:        setting.AvoidHours.Get(ctx, s),
	}
}

// Summon implements lobby.World.
func (w world) Summon(ctx context.Context, user, lobbyID int64) {
	if c := w.clients.Load(); c != nil {
		if err := c.Move(ctx, user, lobbyID); err != nil && ctx.Err() == nil {
			c.Log.Debug("not summoned", "user", user, "key", cluster.NewKey(lobby.Kind, lobbyID).String(), "err", err)
		}
	}
}

// Where implements lobby.World.
func (w world) Where(user int64) int64 {
	c := w.clients.Load()
	if c == nil {
		return 0
	}
	in, inside := c.Roster.LobbyOf(user)
	if !inside {
		return 0
	}
	return in.Info.ID
}

// Lobbies implements lobby.World.
func (w world) Lobbies() []lobby.Summary {
	c := w.clients.Load()
	if c == nil {
		return nil
	}
	return c.Roster.Summaries()
}

// Call implements lobby.World.
func (w world) Call(ctx context.Context, key registry.Key, body any) (any, error) {
	c := w.clients.Load()
	if c == nil {
		return nil, cluster.ErrUnavailable
	}
	return c.Runtime.Call(ctx, key, body)
}

// Observe implements lobby.World.
func (w world) Observe(ctx context.Context, o lobby.Observation) {
	if f := w.observe.Load(); f != nil {
		(*f)(ctx, o)
	}
}

// Stumbled implements lobby.World.
func (w world) Stumbled(id int64, err, stack string) {
	if c := w.clients.Load(); c != nil {
		c.Log.Error("consul panicked, and was put back", "key", cluster.NewKey(lobby.Kind, id).String(), "err", err, "stack", stack)
	}
}
