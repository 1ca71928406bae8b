package setting

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Float is a number in a range.
func Float(low, high float64) Form[float64] {
	return Form[float64]{
		Name: fmt.Sprintf("a number from %g to %g", low, high),
		Parse: func(text string) (float64, error) {
			f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil || math.IsNaN(f) || f < low || f > high {
				return 0, fmt.Errorf("%q is not a number from %g to %g", text, low, high)
			}
			return f, nil
		},
		Print: func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) },
	}
}

// How games are rated and balanced.
var (
	Season = Define("rating.season", 1, Int(1, 1000),
		"The active season: ratings begin anew in each.")
	Tau = Define("rating.tau", 1.0/3, Float(0, 10),
		"What is added to the uncertainty of a rating before each match. 0: ratings settle for ever.")
	ShortestRated = Define("rating.min_seconds", 90, Int(0, 86400),
		"Seconds that a game must last to be rated.")
	ShownUncertainty = Define("rating.shown_uncertainty", 10.0, Float(0, 100),
		"A rating that is less certain than this is hidden, and counts as 0 where a lobby asks for a rating.")
	Balance = Define("balance.enabled", true, Bool,
		"The server balances lobbies for their hosts. Off: hosts balance by themselves.")
	BalanceAlgorithm = Define("balance.algorithm", "loser_picks", Word("loser_picks", "auto"),
		"How lobbies are balanced that have not chosen.")
	MaxDeviation = Define("balance.max_deviation", 10, Int(0, 1000),
		"Percent by which teams may differ with parties kept together; beyond it parties are taken apart.")
	SmallTeam = Define("lobby.small_team", 5, Int(1, 100),
		"Players of a team up to which a game of two teams is a Small Team game.")
	AvoidHours = Define("lobby.avoid_hours", 2, Int(0, 8760),
		"Hours after which an avoid counts for balance.")
)

// Season is the active one.
func (s *Service) Season(ctx context.Context) int { return Season.Get(ctx, s) }

// ShortestRated is how long a game must last to be rated.
func (s *Service) ShortestRated(ctx context.Context) time.Duration {
	return time.Duration(ShortestRated.Get(ctx, s)) * time.Second
}
