package setting

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Word is one of a few words.
func Word(words ...string) Form[string] {
	return Form[string]{
		Name: strings.Join(words, ", "),
		Parse: func(text string) (string, error) {
			text = strings.ToLower(strings.TrimSpace(text))
			if !slices.Contains(words, text) {
				return "", fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
			}
			return text, nil
		},
		Print: func(v string) string { return v },
	}
}

// Text is one line, which may be empty.
var Text = Form[string]{
	Name: "one line of text",
	Parse: func(text string) (string, error) {
		if len(text) > maxText {
			return "", fmt.Errorf("the text has %d bytes; %d are allowed", len(text), maxText)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			return "", fmt.Errorf("the text has control characters")
		}
		return strings.TrimSpace(text), nil
	},
	Print: func(v string) string { return v },
}

// What people are shown, and what of theirs is shown.
var (
	LoginMessage = Define("coordinator.login_message", nil, Lines,
		"What the Coordinator tells everybody who logs in, a while after the login. Empty: nothing.")
	LoginDelay = Define("coordinator.login_delay_ms", 2500, Int(0, 600000),
		"Milliseconds after a login until the Coordinator speaks to the user.")
	WarningPrompt = Define("coordinator.warning_prompt", "Acknowledge this by typing 'I acknowledge this' to resume play", Text,
		"The last line of a warning that must be acknowledged.")
	WarningResponse = Define("coordinator.warning_response", "I acknowledge this", Text,
		"What a user tells the Coordinator to acknowledge a warning; upper and lower case are the same.")
	DiscordLink = Define("discord.link", "", Text,
		"Address at which people join the site's Discord, shown by $discord.")
	RankMethod = Define("profile.rank_method", RankByRole, Word(RankByRole, RankByPlaytime, RankByLeaderboard, RankByUncertainty),
		"What a player's rank (chevrons) comes from: roles and hours played, hours only, the highest leaderboard rating, or how certain the ratings are.")
	TeamsInfo = Define("lobby.broadcast_teams", false, Bool,
		"Every client is told the number and size of teams of every lobby (s.battle.teams).")
)

// The ways to compute a rank.
const (
	RankByRole        = "role"
	RankByPlaytime    = "playtime"
	RankByLeaderboard = "leaderboard"
	RankByUncertainty = "uncertainty"
)

// LoginDelay is how long after a login the Coordinator speaks to the user.
func (s *Service) LoginDelay(ctx context.Context) time.Duration {
	return time.Duration(LoginDelay.Get(ctx, s)) * time.Millisecond
}

// TeamsInfo reports whether everybody is told of the teams of every lobby.
func (s *Service) TeamsInfo(ctx context.Context) bool { return TeamsInfo.Get(ctx, s) }
