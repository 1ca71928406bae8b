package lobby

import (
	"context"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/consul"
)

// World is what lobbies ask of the cluster around them, from their effects: never in
// the loop of a lobby. It is wired in internal/app.
type World interface {
	// Rules are the site's settings as they are now.
	Rules(ctx context.Context) consul.Rules
	// Summon has a user's session, on whichever node it is, leave the lobby it is in and
	// join this one with Join.Forced. Who is not online is not summoned.
	Summon(ctx context.Context, user, lobby int64)
	// Where is the lobby in which a user is, as far as this node sees; 0 for none.
	Where(user int64) int64
	// Lobbies are those that are open in the cluster, as far as this node sees.
	Lobbies() []Summary
	// Call asks another process, such as another lobby.
	Call(ctx context.Context, key registry.Key, body any) (reply any, err error)
	// Observe counts something that happened for telemetry.
	Observe(ctx context.Context, o Observation)
	// Stumbled reports a panic of a lobby's consul, which was put back to what it was before.
	Stumbled(lobby int64, err, stack string)
}

// Observation is an event of telemetry that a lobby saw.
type Observation struct {
	Lobby int64
	Match int64
	Name  string // such as "consul.lobbykick_command"
	User  int64  // who did it, or to whom it happened
}
