package account

import (
	"context"
	"math"

	"teiserver/internal/setting"
)

// Ranks that do not come from playing, where roles count.
const (
	rankContributor = 6
	highestRank     = 7
)

// What must be reached for rank 1 and each one above it.
var (
	rankHours     = []float64{5, 15, 100, 250, 1000} // where roles count, they have the highest ranks
	playtimeHours = []float64{5, 15, 30, 100, 300, 1000, 3000}
	leaderboards  = []float64{3, 7, 12, 21, 26, 35, 1000}
)

// RankOf computes a user's rank, 0 to 7, from roles and hours.
func RankOf(u *User) int {
	switch {
	case u.Has(Winner):
		return highestRank
	case u.Has(Contributor):
		return rankContributor
	}
	return reached(rankHours, float64(u.Hours()))
}

func reached(steps []float64, v float64) int {
	n := 0
	for n < len(steps) && v >= steps[n] {
		n++
	}
	return n
}

// rank computes a user's rank in the way of the site. Without a rating, or while it
// cannot be read, ways that need one leave the rank as it is.
func (s *Service) rank(ctx context.Context, u *User) int {
	if u.FixedRank > 0 {
		return u.FixedRank - 1
	}
	method := setting.RankMethod.Get(ctx, s.settings)
	switch method {
	case setting.RankByRole:
		return RankOf(u)
	case setting.RankByPlaytime:
		return reached(playtimeHours, float64(u.Hours()))
	}
	if s.opts.Skill == nil {
		return u.Rank
	}
	leaderboard, uncertainty, rated, err := s.opts.Skill(ctx, u.ID)
	switch {
	case err != nil:
		s.log.WarnContext(ctx, "rank not computed", "user", u.ID, "err", err)
		return u.Rank
	case !rated:
		return 0
	case method == setting.RankByLeaderboard:
		return reached(leaderboards, leaderboard)
	}
	return min(max(highestRank+1-int(math.Ceil(uncertainty)), 0), highestRank)
}

// Rerank computes the rank again, such as after a match, and stores it if it differs. All
// nodes show the new one.
func (s *Service) Rerank(ctx context.Context, id int64) error {
	u, err := s.lookup.user(ctx, id)
	if err != nil || u == nil || s.rank(ctx, u) == u.Rank {
		return err
	}
	_, err = s.change(ctx, id, func(u *User) error {
		u.Rank = s.rank(ctx, u)
		return nil
	})
	return err
}
