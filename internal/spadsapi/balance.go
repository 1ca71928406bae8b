package spadsapi

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"

	"teiserver/internal/account"
	"teiserver/internal/balance"
	"teiserver/internal/consul"
	"teiserver/internal/lobby"
	"teiserver/internal/rating"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// mostInGroups is up to how many players parties are kept together.
const mostInGroups = 16

// modeSkill is the mode in which they never are.
const modeSkill = "skill"

type balanceAnswer struct {
	Unbalance int                   `json:"unbalance_indicator"`
	Players   map[string]assignment `json:"player_assign_hash"`
	Bots      struct{}              `json:"bot_assign_hash"`
}

// assignment is the place of a player: the team from 0, and a number that nobody else has.
type assignment struct {
	Team int `json:"team"`
	ID   int `json:"id"`
}

// balanceBattle balances the lobby in which the players are that a host names. Who plays
// there the lobby knows itself.
func (a *API) balanceBattle(r *http.Request, _ *account.User) any {
	ctx := r.Context()
	if !setting.Balance.Get(ctx, a.o.Settings) {
		return nothing
	}
	if err := r.ParseForm(); err != nil {
		return nothing
	}
	teams, err := strconv.Atoi(r.Form.Get("nbTeams"))
	if err != nil || teams < 1 || teams > balance.MaxTeams {
		return nothing
	}
	if bots := r.Form.Get("bots"); bots != "" {
		names, err := parseKeys(bots)
		if err != nil || len(names) > 0 {
			return nothing
		}
	}
	players, err := parseKeys(r.Form.Get("players"))
	if err != nil {
		return nothing
	}
	l, err := a.lobbyOf(ctx, players)
	if err != nil || l == nil {
		a.noBalance(ctx, 0, err)
		return nothing
	}
	groups := r.Form.Get("balanceMode") != modeSkill && len(players) <= mostInGroups
	ratings, err := a.ratings(ctx, l)
	if err != nil {
		a.noBalance(ctx, l.Info.ID, err)
		return nothing
	}
	b, err := a.o.Balance(ctx, l.Info.ID, lobby.Balance{
		Teams: teams, Groups: groups, Ratings: ratings,
		Seed: rand.Uint64(), //nolint:gosec // teams are no secret
	})
	if err != nil || len(b.Input.Players) == 0 {
		a.noBalance(ctx, l.Info.ID, err)
		return nothing
	}
	return balanceAnswer{Unbalance: b.Result.Deviation, Players: assign(b)}
}

func (a *API) noBalance(ctx context.Context, lobbyID int64, err error) {
	if err != nil {
		a.o.Log.WarnContext(ctx, "lobby not balanced", "key", lobbyID, "err", err)
	}
}

// lobbyOf is the lobby of the first of the players who is in one. All are in the same,
// but for those who left while the host asked.
func (a *API) lobbyOf(ctx context.Context, players []string) (*roster.Lobby, error) {
	if len(players) > balance.MaxPlayers {
		return nil, balance.ErrTooMuch
	}
	for _, name := range players {
		ids, err := a.o.IDs(ctx, name)
		if err != nil {
			return nil, err
		}
		if l, ok := a.o.LobbyOf(ids[0]); ids[0] != 0 && ok {
			return l, nil
		}
	}
	return nil, nil
}

// ratings are those of everybody in a lobby as they are stored: whichever node is asked
// after a match asks for the same teams.
func (a *API) ratings(ctx context.Context, l *roster.Lobby) (map[int64]map[string]consul.Rating, error) {
	users := make([]int64, len(l.Members))
	for i, m := range l.Members {
		users[i] = m.ID
	}
	sets, err := a.o.Ratings.Fresh(ctx, users...)
	if err != nil {
		return nil, err
	}
	all := make(map[int64]map[string]consul.Rating, len(users))
	for i, user := range users {
		all[user] = Known(sets[i])
	}
	return all, nil
}

// Known are ratings as a lobby knows them.
func Known(set rating.Set) map[string]consul.Rating {
	byType := map[string]consul.Rating{}
	for _, r := range set.All() {
		byType[string(r.Type)] = consul.Rating{Value: r.Value(), Uncertainty: r.Uncertainty}
	}
	return byType
}

// assign numbers the players: the last team first, in each the best first. Numbers are
// unique over all teams.
func assign(b lobby.Balanced) map[string]assignment {
	type seat struct {
		balance.Player
		team int
	}
	seats := make([]seat, 0, len(b.Input.Players))
	for _, p := range b.Input.Players {
		seats = append(seats, seat{p, b.Result.TeamOf(p.ID)})
	}
	slices.SortFunc(seats, func(x, y seat) int {
		return cmp.Or(cmp.Compare(y.team, x.team), cmp.Compare(y.Rating, x.Rating), cmp.Compare(y.ID, x.ID))
	})
	places := make(map[string]assignment, len(seats))
	for i, s := range seats {
		places[s.Name] = assignment{s.team - 1, i}
	}
	return places
}
