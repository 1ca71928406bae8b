package store

import (
	"context"
	"fmt"

	"teiserver/internal/rating"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	ratingLogRow struct {
		UserID                         int64
		MatchID                        *int64
		Type                           string
		Season                         int
		Party                          string
		At                             int64
		Reason                         string
		Skill, Uncertainty             float64
		SkillChange                    float64
		UncertaintyChange, ValueChange float64
		Matches, Wins                  int
	}
	ratingLogArgs struct {
		ratingLogRow
		Value float64
	}
	userLogArgs struct {
		User int64
		Most int
	}
)

const ratingLogColumns = `user_id, match_id, type, season, party, at, reason, skill, uncertainty, skill_change,
	uncertainty_change, value_change, matches, wins`

var (
	addRatingLog = statement.Define[ratingLogArgs, statement.None]("add rating log", `
		INSERT INTO rating_log (`+ratingLogColumns+`, value)
		VALUES (@user_id, @match_id, @type, @season, @party, @at, @reason, @skill, @uncertainty, @skill_change,
			@uncertainty_change, @value_change, @matches, @wins, @value)`)

	matchRatingLog = statement.Define[matchArgs, ratingLogRow]("rating log of a match", `
		SELECT `+ratingLogColumns+` FROM rating_log WHERE match_id = @match ORDER BY user_id`)

	userRatingLog = statement.Define[userLogArgs, ratingLogRow]("rating log of a user", `
		SELECT `+ratingLogColumns+` FROM rating_log WHERE user_id = @user ORDER BY at DESC, id DESC LIMIT @most`)

	dropMatchLog = statement.Define[matchArgs, ratingLogRow]("drop rating log", `
		DELETE FROM rating_log WHERE match_id = @match RETURNING `+ratingLogColumns)
)

func ratingLogOf(e rating.Entry) ratingLogArgs {
	row := ratingLogRow{
		UserID: e.User, Type: string(e.Type), Season: e.Season, Party: e.Party, At: millis(e.At), Reason: e.Reason,
		Skill: e.Skill, Uncertainty: e.Uncertainty, SkillChange: e.SkillChange, UncertaintyChange: e.UncertaintyChange,
		ValueChange: e.ValueChange, Matches: e.Matches, Wins: e.Wins,
	}
	if e.Match != 0 {
		row.MatchID = &e.Match
	}
	return ratingLogArgs{row, e.Value()}
}

func (r ratingLogRow) entry() rating.Entry {
	e := rating.Entry{
		Rating: rating.Rating{
			Key:   rating.Key{User: r.UserID, Type: rating.Type(r.Type), Season: r.Season},
			Skill: r.Skill, Uncertainty: r.Uncertainty, Matches: r.Matches, Wins: r.Wins,
		},
		Party: r.Party, At: fromMillis(r.At), Reason: r.Reason,
		SkillChange: r.SkillChange, UncertaintyChange: r.UncertaintyChange, ValueChange: r.ValueChange,
	}
	if r.MatchID != nil {
		e.Match = *r.MatchID
	}
	return e
}

func logOf(ctx context.Context, tx engine.Tx, match int64) ([]ratingLogRow, error) {
	found := matchRatingLog.With(matchArgs{match})
	if err := tx.Run(ctx, found); err != nil {
		return nil, err
	}
	return found.Rows(), nil
}

// Log implements rating.Store.
func (s *Store) Log(ctx context.Context, match, user int64, most int) ([]rating.Entry, error) {
	found := matchRatingLog.With(matchArgs{match})
	if match == 0 {
		found = userRatingLog.With(userLogArgs{user, most})
	}
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("rating log: %w", err)
	}
	var list []rating.Entry
	for _, row := range found.Rows() {
		list = append(list, row.entry())
	}
	return list, nil
}
