package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/match"
	"teiserver/internal/rating"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

var _ rating.Store = (*Store)(nil)

type (
	ratingRow struct {
		UserID             int64
		Type               string
		Season             int
		Skill, Uncertainty float64
		Matches, Wins      int
		Updated            int64
	}
	ratingArgs struct {
		ratingRow
		Value, Leaderboard float64
	}
	ratingsArgs struct {
		User   int64
		Season int
	}
	seasonArgs struct{ Season int }
)

const ratingColumns = `user_id, type, season, skill, uncertainty, matches, wins, updated`

var (
	ratingsOf = statement.Define[ratingsArgs, ratingRow]("ratings", `
		SELECT `+ratingColumns+` FROM rating WHERE user_id = @user AND season = @season ORDER BY type`)

	// A row that is missing is made, a row that is there is locked.
	lockRating = statement.Define[ratingArgs, ratingRow]("lock rating", `
		INSERT INTO rating (`+ratingColumns+`, value, leaderboard)
		VALUES (@user_id, @type, @season, @skill, @uncertainty, @matches, @wins, @updated, @value, @leaderboard)
		ON CONFLICT (user_id, type, season) DO UPDATE SET matches = rating.matches
		RETURNING `+ratingColumns)

	lockRatings = statement.Define[userArgs, ratingRow]("lock ratings", `
		UPDATE rating SET matches = matches WHERE user_id = @user RETURNING `+ratingColumns)

	allRatings = statement.Define[userArgs, ratingRow]("all ratings", `
		SELECT `+ratingColumns+` FROM rating WHERE user_id = @user`)

	setRating = statement.Define[ratingArgs, statement.None]("set rating", `
		UPDATE rating SET skill = @skill, uncertainty = @uncertainty, value = @value, leaderboard = @leaderboard,
			matches = @matches, wins = @wins, updated = @updated
		WHERE user_id = @user_id AND type = @type AND season = @season`)

	ratedUsers = statement.Define[pageArgs, struct{ UserID int64 }]("rated users", `
		SELECT DISTINCT user_id FROM rating WHERE user_id > @after ORDER BY user_id LIMIT @most`)

	ratingBoard = statement.Define[boardArgs, boardRow]("leaderboard", `
		SELECT r.user_id, u.name, r.leaderboard FROM rating r JOIN users u ON u.id = r.user_id
		WHERE r.season = @season AND r.type = @type AND r.updated >= @since
		ORDER BY r.leaderboard DESC, r.user_id LIMIT @most`)

	lastRated = statement.Define[seasonArgs, struct{ Updated int64 }]("last rated", `
		SELECT CAST(COALESCE(MAX(updated), 0) AS BIGINT) AS updated FROM rating WHERE season = @season`)

	setMatchRated = statement.Define[matchRatedArgs, statement.None]("set match rated", `
		UPDATE matches SET rating_type = @type, unrated = '' WHERE id = @match`)

	wallClock = statement.Define[statement.None, struct{ Now int64 }]("wall clock",
		`SELECT CAST(@@wall AS BIGINT) AS now`)
)

type (
	boardArgs struct {
		Season int
		Type   string
		Since  int64
		Most   int
	}
	boardRow struct {
		UserID      int64
		Name        string
		Leaderboard float64
	}
	matchRatedArgs struct {
		Match int64
		Type  string
	}
)

func (r ratingRow) rating() rating.Rating {
	return rating.Rating{
		Key:   rating.Key{User: r.UserID, Type: rating.Type(r.Type), Season: r.Season},
		Skill: r.Skill, Uncertainty: r.Uncertainty, Matches: r.Matches, Wins: r.Wins, Updated: fromMillis(r.Updated),
	}
}

func ratingArgsOf(r rating.Rating) ratingArgs {
	return ratingArgs{ratingRow{
		UserID: r.User, Type: string(r.Type), Season: r.Season, Skill: r.Skill, Uncertainty: r.Uncertainty,
		Matches: r.Matches, Wins: r.Wins, Updated: millis(r.Updated),
	}, r.Value(), r.Leaderboard()}
}

// Ratings implements rating.Store.
func (s *Store) Ratings(ctx context.Context, season int, users ...int64) ([][]rating.Rating, error) {
	found := make([]*statement.Query[ratingRow], len(users))
	calls := make([]statement.Call, len(users))
	for i, user := range users {
		found[i] = ratingsOf.With(ratingsArgs{user, season})
		calls[i] = found[i]
	}
	if len(calls) == 0 {
		return nil, nil
	}
	if err := s.db.Run(ctx, engine.Read, calls...); err != nil {
		return nil, fmt.Errorf("ratings of %d users: %w", len(users), err)
	}
	lists := make([][]rating.Rating, len(users))
	for i, q := range found {
		for _, row := range q.Rows() {
			lists[i] = append(lists[i], row.rating())
		}
	}
	return lists, nil
}

// RateIn implements rating.Store.
func (s *Store) RateIn(ctx context.Context, tx match.Tx, g *rating.Game, r rating.Rules) ([]rating.Entry, []cache.Change, error) {
	t, ok := tx.(engine.Tx)
	if !ok {
		return nil, nil, fmt.Errorf("rate match %d: %T is no transaction of the store", g.Match, tx)
	}
	if err := s.free(ctx, t, g.Type); err != nil {
		return nil, nil, fmt.Errorf("rate match %d: %w", g.Match, err)
	}
	old, err := logOf(ctx, t, g.Match)
	if err != nil {
		return nil, nil, fmt.Errorf("rate match %d: %w", g.Match, err)
	}
	if len(old) > 0 {
		return nil, nil, rating.ErrRated
	}
	entries, changes, err := rate(ctx, t, g, r, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("rate match %d: %w", g.Match, err)
	}
	return entries, changes, nil
}

// Rerate implements rating.Store.
func (s *Store) Rerate(ctx context.Context, g *rating.Game, r rating.Rules) (entries []rating.Entry, changes []cache.Change, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		if err := s.free(ctx, tx, g.Type); err != nil {
			return err
		}
		drop := dropMatchLog.With(matchArgs{g.Match})
		noted := setMatchRated.With(matchRatedArgs{g.Match, string(g.Type)}) // its row first, as when it is processed
		if err := tx.Run(ctx, noted, drop); err != nil {
			return err
		}
		var old []rating.Entry
		for _, row := range drop.Rows() {
			old = append(old, row.entry())
		}
		var err error
		entries, changes, err = rate(ctx, tx, g, r, old)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("rate match %d again: %w", g.Match, err)
	}
	return entries, changes, nil
}

// rate takes back the old entries, rates, and writes it all.
func rate(ctx context.Context, tx engine.Tx, g *rating.Game, r rating.Rules, old []rating.Entry) ([]rating.Entry, []cache.Change, error) {
	var keys []rating.Key
	for _, e := range old {
		keys = append(keys, e.Key)
	}
	for _, p := range g.Players {
		keys = append(keys, rating.Key{User: p.User, Type: g.Type, Season: r.Season})
	}
	rows, err := locked(ctx, tx, keys)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range old {
		rows[e.Key] = e.Undo(rows[e.Key])
	}
	before := make(map[int64]rating.Rating, len(g.Players))
	for _, p := range g.Players {
		before[p.User] = rows[rating.Key{User: p.User, Type: g.Type, Season: r.Season}]
	}
	entries := rating.Rate(g, r, before)
	for _, e := range entries {
		rows[e.Key] = e.Rating
	}
	changes, err := write(ctx, tx, rows, entries)
	return entries, changes, err
}

// locked makes or locks rows in the order of their keys, users first: two transactions
// that have players in common cannot wait for each other.
func locked(ctx context.Context, tx engine.Tx, keys []rating.Key) (map[rating.Key]rating.Rating, error) {
	slices.SortFunc(keys, func(a, b rating.Key) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Season, b.Season))
	})
	keys = slices.Compact(keys)
	queries := make([]*statement.Query[ratingRow], len(keys))
	calls := make([]statement.Call, len(keys))
	for i, key := range keys {
		queries[i] = lockRating.With(ratingArgsOf(rating.Start(key)))
		calls[i] = queries[i]
	}
	if len(calls) == 0 {
		return map[rating.Key]rating.Rating{}, nil
	}
	if err := tx.Run(ctx, calls...); err != nil {
		return nil, err
	}
	rows := make(map[rating.Key]rating.Rating, len(keys))
	for _, q := range queries {
		row, _ := q.One()
		rows[row.rating().Key] = row.rating()
	}
	return rows, nil
}

// write stores rows that are locked, and what is new in the log.
func write(ctx context.Context, tx engine.Tx, rows map[rating.Key]rating.Rating, entries []rating.Entry) ([]cache.Change, error) {
	var calls []statement.Call
	var changed []changeArgs
	for _, row := range rows {
		calls = append(calls, setRating.With(ratingArgsOf(row)))
		changed = append(changed, changeArgs{rating.Table, rating.Owner{User: row.User, Season: row.Season}.Text()})
	}
	for _, e := range entries {
		calls = append(calls, addRatingLog.With(ratingLogOf(e)))
	}
	if len(calls) == 0 {
		return nil, nil
	}
	if err := tx.Run(ctx, calls...); err != nil {
		return nil, err
	}
	slices.SortFunc(changed, func(a, b changeArgs) int { return cmp.Compare(a.Key, b.Key) })
	return log(ctx, tx, slices.Compact(changed)...)
}

// Board implements rating.Store.
func (s *Store) Board(ctx context.Context, t rating.Type, season int, since time.Time, most int) ([]rating.Place, error) {
	found := ratingBoard.With(boardArgs{season, string(t), millis(since), most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("leaderboard: %w", err)
	}
	list := make([]rating.Place, len(found.Rows()))
	for i, r := range found.Rows() {
		list[i] = rating.Place{User: r.UserID, Name: r.Name, Rating: r.Leaderboard}
	}
	return list, nil
}

// LastPlayed implements rating.Store.
func (s *Store) LastPlayed(ctx context.Context, season int) (time.Time, error) {
	found := lastRated.With(seasonArgs{season})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return time.Time{}, fmt.Errorf("last match of season %d: %w", season, err)
	}
	row, _ := found.One()
	return fromMillis(row.Updated), nil
}

// RatedUsers implements rating.Store.
func (s *Store) RatedUsers(ctx context.Context, after int64, most int) ([]int64, error) {
	found := ratedUsers.With(pageArgs{after, most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("rated users: %w", err)
	}
	ids := make([]int64, len(found.Rows()))
	for i, r := range found.Rows() {
		ids[i] = r.UserID
	}
	return ids, nil
}

// ResetUncertainty implements rating.Store.
func (s *Store) ResetUncertainty(ctx context.Context, users []int64, target float64, dry bool) (entries []rating.Entry, changes []cache.Change, err error) {
	users = slices.Sorted(slices.Values(users))
	if dry {
		entries, err = resets(allRatings, users, target, func(calls ...statement.Call) error {
			return s.db.Run(ctx, engine.Read, calls...)
		})
	} else {
		err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) (err error) {
			if err := s.free(ctx, tx, ""); err != nil {
				return err
			}
			entries, err = resets(lockRatings, users, target, func(calls ...statement.Call) error { return tx.Run(ctx, calls...) })
			if err != nil {
				return err
			}
			rows := make(map[rating.Key]rating.Rating, len(entries))
			for _, e := range entries {
				rows[e.Key] = e.Rating
			}
			changes, err = write(ctx, tx, rows, entries)
			return err
		})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reset uncertainties: %w", err)
	}
	return entries, changes, nil
}

// resets reads the ratings of users and says which of them change.
func resets(read statement.Statement[userArgs, ratingRow], users []int64, target float64, run func(...statement.Call) error) ([]rating.Entry, error) {
	now := wallClock.With(statement.None{})
	calls := []statement.Call{now}
	found := make([]*statement.Query[ratingRow], len(users))
	for i, user := range users {
		found[i] = read.With(userArgs{user})
		calls = append(calls, found[i])
	}
	if err := run(calls...); err != nil {
		return nil, err
	}
	at, _ := now.One()
	var entries []rating.Entry
	for _, q := range found {
		for _, row := range q.Rows() {
			if e, changes := row.rating().Reset(fromMillis(at.Now), target); changes {
				entries = append(entries, e)
			}
		}
	}
	return entries, nil
}
