package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"teiserver/internal/achievement"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// ErrAchievement says that there is a type of achievement of this name, or that there is
// none.
var ErrAchievement = errors.New("store: achievement")

type (
	addAchievementArgs struct {
		Name, Category, Icon, Color, Description string
		Rarity                                   int
		Event, Scenario, Difficulty              string
		Goal                                     int
	}
	achievementRow struct {
		ID int64
		addAchievementArgs
		Retired bool
	}
	afterEventArgs struct {
		After int64
		Most  int
	}
	wantedEventRow struct {
		ID     int64
		Name   string
		UserID int64
		Value  string
	}
	progressArgs struct{ User, Type, Event int64 }
	progressRow  struct {
		Name           string
		Progress, Goal int
		AchievedAt     int64
	}
)

var (
	achievementTypes = statement.Define[statement.None, achievementRow]("achievement types", `
		SELECT id, name, category, icon, color, description, rarity, event, scenario, difficulty, goal, retired
		FROM achievement_type ORDER BY name`)

	addAchievement = statement.Define[addAchievementArgs, statement.None]("add achievement type", `
		INSERT INTO achievement_type (name, category, icon, color, description, rarity, event, scenario, difficulty, goal)
		VALUES (@name, @category, @icon, @color, @description, @rarity, @event, @scenario, @difficulty, @goal)`)

	retireAchievement = statement.Define[retireArgs, struct{ ID int64 }]("retire achievement type",
		`UPDATE achievement_type SET retired = @retired WHERE name = @name RETURNING id`)

	// lastEvent is read before the page: what comes between is in the page, and read again.
	lastEvent = statement.Define[statement.None, struct{ Last int64 }]("last event",
		`SELECT COALESCE(MAX(id), 0) AS last FROM telemetry_event`)

	wantedEvents = statement.Define[afterEventArgs, wantedEventRow]("events for achievements", `
		SELECT e.id, e.name, e.user_id, e.value FROM telemetry_event e
		WHERE e.id > @after AND e.user_id > 0 AND e.family IN ('client', 'match')
			AND EXISTS (SELECT 1 FROM achievement_type t WHERE t.event = e.name AND NOT t.retired)
			AND NOT EXISTS (SELECT 1 FROM achievement_event c WHERE c.event_id = e.id)
		ORDER BY e.id LIMIT @most`)

	addProgress = statement.Define[progressArgs, statement.None]("add progress", `
		INSERT INTO user_achievement (user_id, type_id, progress, achieved_at)
		SELECT CAST(@user AS BIGINT), t.id, 1, CASE WHEN t.goal <= 1 THEN CAST(@@wall AS BIGINT) ELSE 0 END
		FROM achievement_type t
		WHERE t.id = @type AND NOT EXISTS (SELECT 1 FROM achievement_event c WHERE c.event_id = @event)
		ON CONFLICT (user_id, type_id) DO UPDATE SET
			progress = CASE WHEN user_achievement.achieved_at > 0 THEN user_achievement.progress ELSE user_achievement.progress + 1 END,
			achieved_at = CASE WHEN user_achievement.achieved_at = 0
				AND user_achievement.progress + 1 >= (SELECT g.goal FROM achievement_type g WHERE g.id = user_achievement.type_id)
				THEN CAST(@@wall AS BIGINT) ELSE user_achievement.achieved_at END`)

	markEvent = statement.Define[struct{ Event int64 }, statement.None]("mark event",
		`INSERT INTO achievement_event (event_id) VALUES (@event) ON CONFLICT (event_id) DO NOTHING`)

	trimEvents = statement.Define[struct{ Settled int64 }, statement.None]("trim marks of events",
		`DELETE FROM achievement_event WHERE event_id <= @settled`)

	achievementsOf = statement.Define[userArgs, progressRow]("achievements of a user", `
		SELECT t.name, u.progress, t.goal, u.achieved_at
		FROM user_achievement u JOIN achievement_type t ON t.id = u.type_id WHERE u.user_id = @user ORDER BY t.name`)
)

// Types implements achievement.Store.
func (s *Store) Types(ctx context.Context) ([]achievement.Type, error) {
	found := achievementTypes.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("types of achievements: %w", err)
	}
	list := make([]achievement.Type, len(found.Rows()))
	for i, r := range found.Rows() {
		list[i] = achievement.Type{
			ID: r.ID, Name: r.Name, Category: r.Category, Icon: r.Icon, Color: r.Color, Description: r.Description,
			Rarity: r.Rarity, Event: r.Event, Scenario: r.Scenario, Difficulty: r.Difficulty, Goal: r.Goal, Retired: r.Retired,
		}
	}
	return list, nil
}

// AddAchievement adds a type of achievement, or ErrAchievement if there is one of its name.
func (s *Store) AddAchievement(ctx context.Context, t achievement.Type) error {
	err := s.db.Run(ctx, engine.Durable, addAchievement.With(addAchievementArgs{
		t.Name, t.Category, t.Icon, t.Color, t.Description, t.Rarity, t.Event, t.Scenario, t.Difficulty, t.Goal,
	}))
	if err != nil && strings.HasPrefix(s.db.Violated(err), "achievement_type.") {
		return fmt.Errorf("%w: there is one called %q", ErrAchievement, t.Name)
	}
	if err != nil {
		return fmt.Errorf("add achievement %q: %w", t.Name, err)
	}
	return nil
}

// RetireAchievement has a type of achievement not counted anymore, or again;
// ErrAchievement if there is none.
func (s *Store) RetireAchievement(ctx context.Context, name string, retired bool) error {
	retire := retireAchievement.With(retireArgs{name, retired})
	if err := s.db.Run(ctx, engine.Durable, retire); err != nil {
		return fmt.Errorf("retire achievement %q: %w", name, err)
	}
	if _, ok := retire.One(); !ok {
		return fmt.Errorf("%w: there is none called %q", ErrAchievement, name)
	}
	return nil
}

// EventsAfter implements achievement.Store.
func (s *Store) EventsAfter(ctx context.Context, after int64, most int) (p achievement.Page, err error) {
	last, found := lastEvent.With(statement.None{}), wantedEvents.With(afterEventArgs{after, most})
	if err := s.db.Run(ctx, engine.Read, last, found); err != nil {
		return p, fmt.Errorf("events after %d: %w", after, err)
	}
	row, _ := last.One()
	p.Last, p.More = row.Last, len(found.Rows()) == most
	for _, r := range found.Rows() {
		p.Events = append(p.Events, achievement.Event{ID: r.ID, Name: r.Name, User: r.UserID, Value: r.Value})
	}
	return p, nil
}

// CountEvents implements achievement.Store.
func (s *Store) CountEvents(ctx context.Context, f registry.Fence, c achievement.Counted) error {
	var calls []statement.Call
	for _, a := range c.Awards { // before the marks, which say that an event counts no more
		for _, t := range a.Types {
			calls = append(calls, addProgress.With(progressArgs{a.User, t, a.Event}))
		}
	}
	for _, id := range c.Events {
		calls = append(calls, markEvent.With(struct{ Event int64 }{id}))
	}
	calls = append(calls, trimEvents.With(struct{ Settled int64 }{c.Settled}))
	if err := s.fenced(ctx, f, calls...); err != nil {
		return fmt.Errorf("count %d events: %w", len(c.Events), err)
	}
	return nil
}

// AchievementsOf implements achievement.Store.
func (s *Store) AchievementsOf(ctx context.Context, user int64) ([]achievement.Progress, error) {
	found := achievementsOf.With(userArgs{user})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("achievements of user %d: %w", user, err)
	}
	var list []achievement.Progress
	for _, r := range found.Rows() {
		list = append(list, achievement.Progress{Type: r.Name, Progress: r.Progress, Goal: r.Goal, Achieved: fromMillis(r.AchievedAt)})
	}
	return list, nil
}
