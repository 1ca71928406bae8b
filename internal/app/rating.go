package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"teiserver/internal/account"
	"teiserver/internal/balance"
	"teiserver/internal/client"
	"teiserver/internal/cluster"
	"teiserver/internal/consul"
	"teiserver/internal/coordinator"
	"teiserver/internal/lobby"
	"teiserver/internal/match"
	"teiserver/internal/rating"
	"teiserver/internal/spadsapi"
)

// statAdjust is the stat by which moderators move somebody's rating for balance.
const statAdjust = "os_global_adjust"

// ratings are the services of ratings, as the other parts of the node ask them.
type ratings struct {
	service *rating.Service
	rater   *rating.Rater
	stats   *account.Stats
}

var (
	_ client.Ratings      = ratings{}
	_ coordinator.Ratings = ratings{}
)

// buildRatings makes them, once there are caches and settings.
func (s *Server) buildRatings() {
	s.ratings = ratings{
		service: rating.NewService(s.store, s.caches, s.settings, s.node.Now),
		rater:   rating.NewRater(s.store, s.caches, s.settings, s.log),
		stats:   account.NewStats(s.store),
	}
}

// followRatings has lobbies know new ratings of who is in them, as soon as a match has
// moved them on any node.
func (s *Server) followRatings() {
	s.caches.OnChange(rating.Table, func(key string) {
		if owner, err := rating.ParseOwner(key); err == nil {
			s.clients.Changed(owner.User)
		}
	})
}

// rerank gives those who have played the rank that they have now. It implements an entry
// of match.Options.Over.
func (s *Server) rerank(ctx context.Context, _ match.Match, members []match.Membership) error {
	for _, u := range members {
		if err := s.accounts.Rerank(ctx, u.User); err != nil {
			return fmt.Errorf("rank of user %d: %w", u.User, err)
		}
	}
	return nil
}

// Ratings implements client.Ratings.
func (r ratings) Ratings(ctx context.Context, user int64) (by map[string]consul.Rating, adjust int, err error) {
	set, err := r.service.Of(ctx, user)
	if err != nil {
		return nil, 0, err
	}
	text, _, err := r.stats.Stat(ctx, user, statAdjust)
	if err != nil {
		return nil, 0, fmt.Errorf("read what is added to the rating of user %d: %w", user, err)
	}
	adjust, _ = strconv.Atoi(text) // none, or no number: 0
	return spadsapi.Known(set), adjust, nil
}

// Skills implements coordinator.Ratings.
func (r ratings) Skills(ctx context.Context, user int64) ([]coordinator.Skill, error) {
	set, err := r.service.Of(ctx, user)
	if err != nil {
		return nil, err
	}
	list := make([]coordinator.Skill, 0, len(set.All()))
	for _, x := range set.All() {
		list = append(list, coordinator.Skill{Type: string(x.Type), Game: x.Value(), Leaderboard: x.Leaderboard()})
	}
	return list, nil
}

// Skill implements account.Options.Skill.
func (r ratings) Skill(ctx context.Context, user int64) (leaderboard, uncertainty float64, ok bool, err error) {
	set, err := r.service.Of(ctx, user)
	if err != nil {
		return 0, 0, false, err
	}
	for i, x := range set.All() {
		leaderboard = max(leaderboard, x.Leaderboard())
		if i == 0 || x.Uncertainty < uncertainty {
			uncertainty = x.Uncertainty
		}
		ok = true
	}
	return leaderboard, uncertainty, ok, nil
}

// api is what hosts and the public ask over HTTP.
func (s *Server) api() *spadsapi.API {
	return spadsapi.New(spadsapi.Options{
		Check: s.accounts.CheckHost, IDs: s.accounts.IDs, Ratings: s.ratings.service, LobbyOf: s.roster.LobbyOf,
		Balance: s.balance, SaveEnd: s.saveEnd, Settings: s.settings, Log: s.log,
	})
}

func (s *Server) saveEnd(ctx context.Context, e match.End) (bool, error) {
	saved, err := s.store.SaveEnd(ctx, e)
	if saved {
		s.matches.signal()
	}
	return saved, err
}

// balance asks the owner of a lobby for teams. If it has none it says of whom they are to
// be made, and they are made here: a lobby's loop has no time for that.
func (s *Server) balance(ctx context.Context, lobbyID int64, b lobby.Balance) (none lobby.Balanced, err error) {
	key := cluster.NewKey(lobby.Kind, lobbyID)
	reply, err := s.node.Call(ctx, key, b)
	if err != nil {
		return none, fmt.Errorf("ask lobby %d for teams: %w", lobbyID, err)
	}
	if task, ok := reply.(lobby.BalanceTask); ok {
		made, err := balance.Make(ctx, task.Input)
		if errors.Is(err, balance.ErrInput) {
			return none, nil // nobody plays
		}
		if err != nil {
			return none, fmt.Errorf("balance lobby %d: %w", lobbyID, err)
		}
		if reply, err = s.node.Call(ctx, key, lobby.KeepBalance{Input: task.Input, Result: *made}); err != nil {
			return none, fmt.Errorf("tell lobby %d its teams: %w", lobbyID, err)
		}
	}
	known, ok := reply.(lobby.Balanced)
	if !ok {
		return none, fmt.Errorf("lobby %d answered %T", lobbyID, reply)
	}
	return known, nil
}
