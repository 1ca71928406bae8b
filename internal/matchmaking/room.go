package matchmaking

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/guard"
	"teiserver/internal/lobby"
	"teiserver/internal/refusal"
)

// The script tags by which a match is found again.
const (
	tagMatch = "server/match/match_id"
	tagQueue = "server/match/queue_id"
)

func lobbyKey(id int64) registry.Key { return registry.NewKey(lobby.Kind, id) }

// rooms are the lobbies that a match may be set up in, as this node sees them.
func rooms(w World, s *Site) (list []lobby.Summary) {
	for _, x := range w.Lobbies() {
		i := &x.Info
		if len(x.Seats) == 0 && !i.Passworded && !i.Locked && !i.Replay && titled(i.Title, s.Rooms) {
			list = append(list, x)
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) //nolint:gosec // any will do
	return list
}

func titled(title string, beginnings []string) bool {
	for _, b := range beginnings {
		if strings.HasPrefix(title, b) {
			return true
		}
	}
	return len(beginnings) == 0
}

// doSeek finds an empty room. Several matches may want the same one: it takes the first.
func doSeek(ctx context.Context, w World, e seek) sought {
	ctx, cancel := context.WithTimeout(ctx, enterLimit)
	defer cancel()
	s := w.Site(ctx)
	for _, x := range rooms(w, &s) {
		if ask(ctx, w, lobbyKey(x.Info.ID), lobby.Reserve{Match: e.Begin.ID}) != nil {
			continue
		}
		found := sought{Lobby: x.Info.ID, Host: x.Info.Founder.User}
		if maps := e.Begin.Spec.Maps; len(maps) > 0 {
			found.Map = maps[rand.IntN(len(maps))] //nolint:gosec // any will do
		}
		return found
	}
	return sought{}
}

// doFurnish tells the host what is to be played, brings the players in and seats them. It
// is done when all sit as players and have the map.
func doFurnish(ctx context.Context, w World, e furnish) furnished {
	ctx, cancel := context.WithTimeout(ctx, enterLimit)
	defer cancel()
	if err := ask(ctx, w, lobbyKey(e.Lobby), lobby.Reserve{Match: e.Begin.ID}); gone(err) {
		return furnished{NoRoom: true}
	}
	if !e.Briefed {
		w.Order(ctx, e.Host, briefing(e)...)
	}
	state, err := seat(ctx, w, e)
	if err == nil && len(state.Missing) > 0 {
		enter(ctx, w, e, state.Missing)
		state, err = seat(ctx, w, e)
	}
	if err != nil {
		return furnished{NoRoom: gone(err)}
	}
	lacking := append(state.Missing, state.Unready...)
	return furnished{Lacking: lacking, Done: e.Briefed && len(lacking) == 0}
}

// gone reports that a room is not there any more, or is another one's.
func gone(err error) bool {
	_, refused := refusal.As(err)
	return refused || errors.Is(err, cluster.ErrNone)
}

// briefing is what hosts are told, as they know it.
func briefing(e furnish) []string {
	preset := "!preset team"
	switch s := e.Begin.Spec; {
	case s.TeamCount == 2 && s.TeamSize == 1:
		preset = "!preset duel"
	case s.TeamCount > 2:
		preset = "!preset ffa"
	}
	lines := []string{preset, "!bset startpostype 2", "!autobalance off"}
	if e.Map != "" {
		lines = append(lines, "!map "+e.Map)
	}
	return lines
}

// seat puts those who are in the room where they play.
func seat(ctx context.Context, w World, e furnish) (lobby.Furnished, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	f := lobby.Furnish{
		Match: e.Begin.ID, Text: "This room is for a match of the queue " + e.Begin.Spec.Name,
		Tags: map[string]string{tagMatch: e.Begin.ID, tagQueue: strconv.Itoa(e.Begin.Spec.ID)},
	}
	player, number := true, 0
	for ally, team := range e.Begin.Teams {
		for _, p := range team {
			for _, user := range p.Users {
				team, ally := number, ally
				f.Places = append(f.Places, lobby.Place{User: user, Player: &player, Team: &team, Ally: &ally})
				number++
			}
		}
	}
	reply, err := w.Call(ctx, lobbyKey(e.Lobby), f)
	state, _ := reply.(lobby.Furnished)
	return state, err
}

// enter brings players in, side by side. Who cannot come is missing then.
func enter(ctx context.Context, w World, e furnish, users []int64) {
	ctx, cancel := context.WithTimeout(ctx, 2*askLimit)
	defer cancel()
	var all guard.Group
	for _, user := range users {
		all.Go(func() { _ = w.Enter(ctx, user, e.Begin.ID, e.Lobby) })
	}
	all.Wait()
}
