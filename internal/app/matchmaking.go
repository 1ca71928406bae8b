package app

import (
	"context"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/lobby"
	"teiserver/internal/matchmaking"
)

// matchWorld is what queues and matches ask of the cluster around them. Before there
// are services of the node it is not Known.
type matchWorld struct{ *late }

var _ matchmaking.World = matchWorld{}

// Site implements matchmaking.World.
func (w matchWorld) Site(ctx context.Context) matchmaking.Site {
	return w.clients.Load().Site(ctx)
}

// Known implements matchmaking.World.
func (w matchWorld) Known() bool { return w.clients.Load() != nil }

// Claim implements matchmaking.World.
func (w matchWorld) Claim(ctx context.Context, c matchmaking.Claim) matchmaking.Answer {
	return w.clients.Load().Claim(ctx, c)
}

// Enter implements matchmaking.World.
func (w matchWorld) Enter(ctx context.Context, user int64, match string, lobbyID int64) error {
	return w.clients.Load().EnterMatch(ctx, user, match, lobbyID)
}

// Lobbies implements matchmaking.World.
func (w matchWorld) Lobbies() []lobby.Summary { return w.clients.Load().Roster.Summaries() }

// Order implements matchmaking.World.
func (w matchWorld) Order(ctx context.Context, host int64, lines ...string) {
	c := w.clients.Load()
	c.Tell(ctx, c.Coordinator, host, lines...)
}

// Call implements matchmaking.World.
func (w matchWorld) Call(ctx context.Context, key registry.Key, body any) (any, error) {
	return w.clients.Load().Runtime.Call(ctx, key, body)
}

// Own implements matchmaking.World.
func (w matchWorld) Own(ctx context.Context, key registry.Key, first any) error {
	_, err := w.clients.Load().Runtime.Own(ctx, key, first)
	return err
}
