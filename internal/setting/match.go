package setting

import (
	"context"
	"time"
)

// The settings of matches and of the match monitor.
var (
	MatchMonitor = Define("addon.match_monitor", true, Bool,
		"Hosts report their games to AutohostMonitor. Off: what they report is not recorded.")
	ProcessMatches = Define("match.process", true, Bool,
		"Ended matches are processed: who played to the end, who won, ratings.")
	MatchWait = Define("match.wait_minutes", 10, Int(0, 1440),
		"Minutes for which an ended match waits for its host's data before it is processed without.")
	UnratedDays = Define("match.unrated_days", 365, Int(36, 36500),
		"Days after which matches go that were not rated.")
	MatchDataDays = Define("match.data_days", 35, Int(2, 36500),
		"Days after which the script tags and the host's data of a processed match are emptied.")
	NewPlayerHours = Define("account.new_player_hours", 30, Int(0, 10000),
		"Hours of play up to which an account is a new player's.")
)

// MatchMonitor reports whether what hosts report of games is recorded.
func (s *Service) MatchMonitor(ctx context.Context) bool { return MatchMonitor.Get(ctx, s) }

// ProcessMatches reports whether ended matches are processed.
func (s *Service) ProcessMatches(ctx context.Context) bool { return ProcessMatches.Get(ctx, s) }

// MatchWait is how long an ended match waits for its host's data.
func (s *Service) MatchWait(ctx context.Context) time.Duration {
	return time.Duration(MatchWait.Get(ctx, s)) * time.Minute
}

const day = 24 * time.Hour

// UnplayedAge is how old records of matches become that were never played to their end:
// a day more than what was said in their lobbies.
func (s *Service) UnplayedAge(ctx context.Context) time.Duration {
	return time.Duration(LobbyChatDays.Get(ctx, s)+1) * day
}

// UnratedAge is how old matches become that were not rated.
func (s *Service) UnratedAge(ctx context.Context) time.Duration {
	return time.Duration(UnratedDays.Get(ctx, s)) * day
}

// MatchDataAge is how old a finished match becomes before its tags and data are emptied.
func (s *Service) MatchDataAge(ctx context.Context) time.Duration {
	return time.Duration(MatchDataDays.Get(ctx, s)) * day
}

// NewPlayer is how much somebody has played who is no new player anymore.
func (s *Service) NewPlayer(ctx context.Context) time.Duration {
	return time.Duration(NewPlayerHours.Get(ctx, s)) * time.Hour
}
