package rating

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/match"
	"teiserver/internal/setting"
)

// Rater rates matches as they are processed. It implements match.Rater.
type Rater struct {
	store    Store
	caches   *cache.Caches // nil: nobody is told
	settings *setting.Service
	log      *slog.Logger
}

var _ match.Rater = (*Rater)(nil)

// NewRater makes the rater of a node.
func NewRater(store Store, caches *cache.Caches, settings *setting.Service, log *slog.Logger) *Rater {
	return &Rater{store, caches, settings, log}
}

// RulesOf are the rules as they are set now.
func RulesOf(ctx context.Context, s *setting.Service) Rules {
	return Rules{Season: s.Season(ctx), Tau: setting.Tau.Get(ctx, s), Shortest: s.ShortestRated(ctx)}
}

// GameOf is what counts of a match.
func GameOf(m match.Match, members []match.Membership) *Game {
	g := &Game{
		Match: m.ID, Type: Type(m.GameType), Processed: !m.Processed.IsZero(), Won: m.WinningTeam != nil,
		TeamCount: m.TeamCount, TeamSize: m.TeamSize, Duration: time.Duration(m.GameDuration) * time.Second,
		Finished: m.Finished, Unranked: m.Tags[UnrankedTag] == UnrankedValue,
		Cheating: len(m.End) > 0 && match.Cheated(m.End),
	}
	for _, u := range members {
		g.Players = append(g.Players, Player{User: u.User, Team: u.Team, Win: u.Win, Party: u.Party})
	}
	return g
}

// Rate implements match.Rater.
func (r *Rater) Rate(ctx context.Context, tx match.Tx, m match.Match, members []match.Membership) (match.Rated, error) {
	g, rules := GameOf(m, members), RulesOf(ctx, r.settings)
	err := CheckFirst(g, rules, false)
	var changes []cache.Change
	if err == nil {
		_, changes, err = r.store.RateIn(ctx, tx, g, rules)
	}
	if Refused(err) {
		r.log.DebugContext(ctx, "match not rated", "key", m.ID, "reason", err.Error())
		return match.Rated{Why: Reason(err)}, nil
	}
	if err != nil {
		return match.Rated{}, err
	}
	return match.Rated{Type: string(g.Type), Committed: func(context.Context) { r.announce(changes) }}, nil
}

func (r *Rater) announce(changes []cache.Change) {
	if r.caches != nil {
		r.caches.Announce(changes)
	}
}

// ErrGone says that a match was emptied since: whether it may be rated cannot be told.
var ErrGone = errors.New("what the match was like is not kept any more")

// Again rates a match another time, because its record or the rules have changed.
func (r *Rater) Again(ctx context.Context, m match.Match, members []match.Membership) ([]Entry, error) {
	g, rules := GameOf(m, members), RulesOf(ctx, r.settings)
	err := Check(g, rules)
	if err == nil && g.Cheating {
		err = ErrCheating
	}
	if err == nil && m.RatingType == "" && len(m.End) == 0 {
		err = ErrGone // tags and data that kept it from being rated may be gone
	}
	if err != nil {
		return nil, fmt.Errorf("rate match %d again: %w", m.ID, err)
	}
	entries, changes, err := r.store.Rerate(ctx, g, rules)
	if err != nil {
		return nil, err
	}
	r.announce(changes)
	return entries, nil
}
