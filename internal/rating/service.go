package rating

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/setting"
)

// Owner is whose ratings are cached: those of a user in a season, of all types.
type Owner struct {
	User   int64
	Season int
}

// Text is the owner in the change log.
func (o Owner) Text() string { return fmt.Sprintf("%d/%d", o.User, o.Season) }

// ParseOwner is the reverse of Text.
func ParseOwner(text string) (Owner, error) {
	user, season, ok := strings.Cut(text, "/")
	u, err1 := strconv.ParseInt(user, 10, 64)
	s, err2 := strconv.Atoi(season)
	if !ok || err1 != nil || err2 != nil {
		return Owner{}, fmt.Errorf("%q is not USER/SEASON", text)
	}
	return Owner{u, s}, nil
}

// Set is what a user has in a season. Values are shared and immutable.
type Set struct {
	owner Owner
	list  []Rating // those that there are, by type
}

// Of is the rating of a type; that of who has not played, if there is none.
func (s Set) Of(t Type) Rating {
	for _, r := range s.list {
		if r.Type == t {
			return r
		}
	}
	return Start(Key{s.owner.User, t, s.owner.Season})
}

// All are the ratings that there are, by name of the type.
func (s Set) All() []Rating { return s.list }

const (
	cacheSize  = 20_000 // everybody who is online in a large community
	boardAge   = time.Minute
	boardSize  = 100 // seasons
	boardMost  = 100 // places
	boardSince = 35 * 24 * time.Hour
)

// Service reads ratings. It is safe for concurrent use.
type Service struct {
	store    Store
	settings *setting.Service
	table    *cache.Table[Owner, []Rating]
	boards   *cache.Table[int, []Board]
	now      func() time.Time
}

// NewService returns the service of a node. Without caches each look-up asks the store.
// now is the clock of the cluster.
func NewService(store Store, caches *cache.Caches, settings *setting.Service, now func() time.Time) *Service {
	s := &Service{store: store, settings: settings, now: now}
	if caches == nil {
		return s
	}
	s.table = cache.NewTable(caches, Table, cache.TableOptions[Owner, []Rating]{
		Load:     s.load,
		KeyText:  Owner.Text,
		ParseKey: ParseOwner,
		Size:     cacheSize,
		Purpose:  "ratings of a user in a season; a stale one balances by the rating from before the last match for a second",
	})
	s.boards = cache.NewTable(caches, "leaderboard", cache.TableOptions[int, []Board]{
		Load:     s.loadBoards,
		KeyText:  strconv.Itoa,
		ParseKey: strconv.Atoi,
		Size:     boardSize,
		MaxAge:   boardAge,
		Purpose:  "the best players of a season; a stale one shows the ranks of a minute ago",
	})
	return s
}

func (s *Service) load(ctx context.Context, o Owner) ([]Rating, error) {
	lists, err := s.store.Ratings(ctx, o.Season, o.User)
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// Fresh returns what users have in the active season as the store knows it now, in the
// same order. Who was told of a match asks by it: the news may be on its way to this node
// still. While the store is away it is what this node knows.
func (s *Service) Fresh(ctx context.Context, users ...int64) ([]Set, error) {
	season := s.settings.Season(ctx)
	sets := make([]Set, len(users))
	lists, err := s.store.Ratings(ctx, season, users...)
	for i, user := range users {
		if err == nil {
			sets[i] = Set{Owner{user, season}, lists[i]}
			continue
		}
		var old error
		if sets[i], old = s.Of(ctx, user); old != nil {
			return nil, fmt.Errorf("ratings of %d users: %w", len(users), err)
		}
	}
	return sets, nil
}

// Of returns what a user has in the active season.
func (s *Service) Of(ctx context.Context, user int64) (Set, error) {
	o := Owner{user, s.settings.Season(ctx)}
	load := s.load
	if s.table != nil {
		load = s.table.GetOrLoad
	}
	list, err := load(ctx, o)
	if err != nil {
		return Set{}, fmt.Errorf("ratings of user %d: %w", user, err)
	}
	return Set{o, list}, nil
}

// Board is the ladder of a type.
type Board struct {
	Type   Type
	Places []Place
}

// Season is the active season.
func (s *Service) Season(ctx context.Context) int { return s.settings.Season(ctx) }

// ErrSeason says that there is no such season yet.
var ErrSeason = errors.New("rating: no such season")

// Boards returns the ladders of a season: of the active one those who have played of
// late, of an earlier one those who had when it ended.
func (s *Service) Boards(ctx context.Context, season int) ([]Board, error) {
	if season < 1 || season > s.Season(ctx) {
		return nil, ErrSeason
	}
	if s.boards == nil {
		return s.loadBoards(ctx, season)
	}
	return s.boards.GetOrLoad(ctx, season)
}

func (s *Service) loadBoards(ctx context.Context, season int) ([]Board, error) {
	end := s.now()
	if season != s.Season(ctx) {
		var err error
		if end, err = s.store.LastPlayed(ctx, season); err != nil {
			return nil, fmt.Errorf("leaderboard of season %d: %w", season, err)
		}
	}
	boards := make([]Board, len(BoardTypes))
	for i, t := range BoardTypes {
		places, err := s.store.Board(ctx, t, season, end.Add(-boardSince), boardMost)
		if err != nil {
			return nil, fmt.Errorf("leaderboard of %s in season %d: %w", t, season, err)
		}
		boards[i] = Board{t, places}
	}
	return boards, nil
}
