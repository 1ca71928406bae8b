package account

import (
	"context"
	"errors"
	"testing"

	"teiserver/internal/setting"
)

func TestRankMethods(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method      string
		user        User
		leaderboard float64
		uncertainty float64
		unrated     bool
		broken      bool
		want        int
	}{
		"hours and roles":           {"role", User{PlayMinutes: 100 * 60}, 40, 1, false, false, 3},
		"a contributor":             {"role", User{Roles: []Role{Contributor}}, 0, 0, true, false, 6},
		"who won a tournament":      {"role", User{Roles: []Role{Contributor, Winner}}, 0, 0, true, false, 7},
		"hours only":                {"playtime", User{PlayMinutes: 100 * 60, Roles: []Role{Contributor}}, 0, 0, true, false, 4},
		"three thousand hours":      {"playtime", User{PlayMinutes: 3000 * 60}, 0, 0, true, false, 7},
		"not quite":                 {"playtime", User{PlayMinutes: 3000*60 - 1}, 0, 0, true, false, 6},
		"leaderboard":               {"leaderboard", User{}, 21, 8, false, false, 4},
		"leaderboard, top":          {"leaderboard", User{}, 1000, 8, false, false, 7},
		"leaderboard, below all":    {"leaderboard", User{Rank: 3}, -5, 8, false, false, 0},
		"leaderboard, not rated":    {"leaderboard", User{Rank: 3}, 0, 0, true, false, 0},
		"leaderboard, not readable": {"leaderboard", User{Rank: 3}, 0, 0, false, true, 3},
		"uncertain":                 {"uncertainty", User{}, 0, 8.33, false, false, 0},
		"rather certain":            {"uncertainty", User{}, 0, 2.1, false, false, 5},
		"certain":                   {"uncertainty", User{}, 0, 0.5, false, false, 7},
		"more than certain":         {"uncertainty", User{}, 0, 0, false, false, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewService(nil, nil, nil, setting.Fixed(map[string]string{"profile.rank_method": tc.method}), Options{
				Skill: func(context.Context, int64) (float64, float64, bool, error) {
					if tc.broken {
						return 0, 0, false, errors.New("no store")
					}
					return tc.leaderboard, tc.uncertainty, !tc.unrated, nil
				},
			})
			if got := s.rank(t.Context(), &tc.user); got != tc.want {
				t.Errorf("rank %d, want %d", got, tc.want)
			}
		})
	}
}
