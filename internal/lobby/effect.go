package lobby

import (
	"context"
	"math/rand/v2"
	"reflect"
	"strconv"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/consul"
)

// The effects of a lobby beside consul.Summon, consul.Seek and Observation.
type (
	// readRules reads the site's rules; they come back if they are not those.
	readRules struct{ Have consul.Rules }
	// stumble says that the consul panicked.
	stumble struct {
		Lobby      int64
		Err, Stack string
	}
)

// do carries an effect out. Doing one twice does no harm: who was moved is there, rules
// and destinations are looked up again.
func do(ctx context.Context, world World, key registry.Key, effect any) (next any) {
	if world == nil {
		return nil
	}
	switch e := effect.(type) {
	case readRules:
		if rules := world.Rules(ctx); !reflect.DeepEqual(rules, e.Have) {
			return rules
		}
	case consul.Summon:
		world.Summon(ctx, e.User, e.Lobby)
	case consul.Seek:
		return consul.SplitTo{Split: e.Split, Lobby: destination(ctx, world, key, e)}
	case Observation:
		world.Observe(ctx, e)
	case stumble:
		world.Stumbled(e.Lobby, e.Err, e.Stack)
	}
	return nil
}

// destination is where a split goes: after the starter if it has left for another lobby,
// else to an empty one that takes it.
func destination(ctx context.Context, world World, key registry.Key, e consul.Seek) int64 {
	own, _ := strconv.ParseInt(key.ID, 10, 64)
	if !e.Stays {
		if there := world.Where(e.Starter); there != 0 && there != own {
			return there
		}
	}
	var empty []int64
	for _, x := range world.Lobbies() {
		if i := &x.Info; i.ID != own && len(x.Seats) == 0 && i.EngineVersion == e.Engine && !i.Passworded && !i.Locked && !i.Replay {
			empty = append(empty, i.ID)
		}
	}
	r := rand.New(rand.NewPCG(e.Seed, uint64(e.Split))) //nolint:gosec // any will do
	r.Shuffle(len(empty), func(i, j int) { empty[i], empty[j] = empty[j], empty[i] })
	for _, id := range empty {
		// Two splits at once may want the same one: it takes the first.
		if _, err := world.Call(ctx, registry.NewKey(Kind, id), Reserve{For: own}); err == nil {
			return id
		}
	}
	return 0
}
