package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"teiserver/internal/accolade"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// ErrBadge says that there is a type of accolade of this name, or that there is none.
var ErrBadge = errors.New("store: badge")

type (
	questionArgs    struct{ Match, Giver, Recipient int64 }
	endQuestionArgs struct {
		Match, Giver int64
		Outcome      string
	}
	putAccoladeArgs struct {
		questionArgs
		Badge *int64
	}
	missArgs struct {
		User   int64
		Key    string
		Amount int64
		Most   int64
	}
	givenArgs struct{ Giver, Age int64 }
	badgeRow  struct {
		ID                             int64
		Name, Icon, Color, Description string
		Restriction                    string
		Retired                        bool
	}
	addBadgeArgs struct {
		Name, Icon, Color, Description, Restriction string
	}
	retireArgs struct {
		Name    string
		Retired bool
	}
	questionRow struct {
		GiverID, RecipientID, At int64
		Outcome, Badge           string
	}
)

// clampMisses bounds a number of misses; they are counted by the row.
func clampMisses(n string) string {
	return `CAST(CASE WHEN ` + n + ` < 0 THEN 0 WHEN ` + n + ` > CAST(@most AS BIGINT) THEN CAST(@most AS BIGINT) ELSE ` + n + ` END AS TEXT)`
}

var (
	putQuestion = statement.Define[questionArgs, statement.None]("put accolade question", `
		INSERT INTO accolade_question (match_id, giver_id, recipient_id, at) VALUES (@match, @giver, @recipient, @@wall)
		ON CONFLICT (match_id, giver_id) DO NOTHING`)

	beginQuestion = statement.Define[questionArgs, struct{ GiverID int64 }]("begin accolade question", `
		UPDATE accolade_question SET said_at = @@wall
		WHERE match_id = @match AND giver_id = @giver AND recipient_id = @recipient AND said_at = 0 RETURNING giver_id`)

	endQuestion = statement.Define[endQuestionArgs, statement.None]("end accolade question", `
		UPDATE accolade_question SET outcome = @outcome, answered_at = @@wall
		WHERE match_id = @match AND giver_id = @giver AND outcome = ''`)

	putAccolade = statement.Define[putAccoladeArgs, statement.None]("put accolade", `
		INSERT INTO accolade (match_id, giver_id, recipient_id, badge_type_id, at)
		VALUES (@match, @giver, @recipient, @badge, @@wall)
		ON CONFLICT (match_id, giver_id, recipient_id) DO NOTHING`)

	addMisses = statement.Define[missArgs, statement.None]("add accolade misses", `
		INSERT INTO user_stat (user_id, key, value) VALUES (@user, @key, `+clampMisses(`CAST(@amount AS BIGINT)`)+`)
		ON CONFLICT (user_id, key) DO UPDATE SET value = `+clampMisses(numberOf+` + CAST(@amount AS BIGINT)`))

	badgeTypes = statement.Define[statement.None, badgeRow]("badge types", `
		SELECT id, name, icon, color, description, COALESCE(restriction, '') AS restriction, retired
		FROM badge_type WHERE purpose = 'Accolade' ORDER BY name`)

	addBadge = statement.Define[addBadgeArgs, statement.None]("add badge type", `
		INSERT INTO badge_type (name, icon, color, description, purpose, restriction)
		VALUES (@name, @icon, @color, @description, 'Accolade', NULLIF(@restriction, ''))`)

	retireBadge = statement.Define[retireArgs, struct{ ID int64 }]("retire badge type",
		`UPDATE badge_type SET retired = @retired WHERE name = @name AND purpose = 'Accolade' RETURNING id`)

	givenTo = statement.Define[givenArgs, struct{ RecipientID int64 }]("given accolades", `
		SELECT DISTINCT recipient_id FROM accolade WHERE giver_id = @giver AND at > @@wall - CAST(@age AS BIGINT)
		ORDER BY recipient_id`)

	accoladesOf = statement.Define[userArgs, struct {
		Name string
		Many int
	}]("accolades of a user", `
		SELECT b.name, COUNT(*) AS many FROM accolade a JOIN badge_type b ON b.id = a.badge_type_id
		WHERE a.recipient_id = @user GROUP BY b.name ORDER BY b.name`)

	accoladeQuestions = statement.Define[matchArgs, questionRow]("accolade questions of a match", `
		SELECT q.giver_id, q.recipient_id, q.at, q.outcome, COALESCE(b.name, '') AS badge
		FROM accolade_question q
		LEFT JOIN accolade a ON a.match_id = q.match_id AND a.giver_id = q.giver_id AND a.recipient_id = q.recipient_id
		LEFT JOIN badge_type b ON b.id = a.badge_type_id
		WHERE q.match_id = @match ORDER BY q.giver_id`)
)

// PutQuestion implements accolade.Store.
func (s *Store) PutQuestion(ctx context.Context, f registry.Fence, a accolade.Asked) error {
	if err := s.fenced(ctx, f, putQuestion.With(questionArgs(a))); err != nil {
		return fmt.Errorf("keep the question to user %d: %w", a.Giver, err)
	}
	return nil
}

// BeginQuestion implements accolade.Store.
func (s *Store) BeginQuestion(ctx context.Context, a accolade.Asked) (bool, error) {
	begin := beginQuestion.With(questionArgs(a))
	if err := s.db.Run(ctx, engine.Durable, begin); err != nil {
		return false, fmt.Errorf("begin the question to user %d: %w", a.Giver, err)
	}
	_, first := begin.One()
	return first, nil
}

// PutAnswer implements accolade.Store.
func (s *Store) PutAnswer(ctx context.Context, f registry.Fence, a accolade.Answered) error {
	calls := []statement.Call{endQuestion.With(endQuestionArgs{a.Match, a.Giver, string(a.Outcome)})}
	question := questionArgs{a.Match, a.Giver, a.Recipient}
	switch a.Outcome {
	case accolade.Given:
		calls = append(calls, putAccolade.With(putAccoladeArgs{question, &a.Badge}))
	case accolade.Declined:
		calls = append(calls, putAccolade.With(putAccoladeArgs{question, nil}))
	}
	if a.Miss != 0 {
		calls = append(calls, addMisses.With(missArgs{a.Giver, accolade.StatMisses, int64(a.Miss), accolade.MostMisses}))
	}
	if err := s.fenced(ctx, f, calls...); err != nil {
		return fmt.Errorf("keep the answer of user %d: %w", a.Giver, err)
	}
	return nil
}

// BadgeTypes implements accolade.Store.
func (s *Store) BadgeTypes(ctx context.Context) ([]accolade.BadgeType, error) {
	found := badgeTypes.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("types of accolades: %w", err)
	}
	list := make([]accolade.BadgeType, len(found.Rows()))
	for i, r := range found.Rows() {
		list[i] = accolade.BadgeType{
			Badge: accolade.Badge{ID: r.ID, Name: r.Name, Description: r.Description},
			Icon:  r.Icon, Color: r.Color, Restriction: accolade.Restriction(r.Restriction), Retired: r.Retired,
		}
	}
	return list, nil
}

// AddBadge adds a type of accolade, or ErrBadge if there is one of its name.
func (s *Store) AddBadge(ctx context.Context, b accolade.BadgeType) error {
	err := s.db.Run(ctx, engine.Durable, addBadge.With(addBadgeArgs{b.Name, b.Icon, b.Color, b.Description, string(b.Restriction)}))
	if err != nil && strings.HasPrefix(s.db.Violated(err), "badge_type.") {
		return fmt.Errorf("%w: there is one called %q", ErrBadge, b.Name)
	}
	if err != nil {
		return fmt.Errorf("add badge %q: %w", b.Name, err)
	}
	return nil
}

// RetireBadge has a type of accolade not given anymore, or again; ErrBadge if there is none.
func (s *Store) RetireBadge(ctx context.Context, name string, retired bool) error {
	retire := retireBadge.With(retireArgs{name, retired})
	if err := s.db.Run(ctx, engine.Durable, retire); err != nil {
		return fmt.Errorf("retire badge %q: %w", name, err)
	}
	if _, ok := retire.One(); !ok {
		return fmt.Errorf("%w: there is none called %q", ErrBadge, name)
	}
	return nil
}

// GivenTo implements accolade.Store.
func (s *Store) GivenTo(ctx context.Context, giver int64, age time.Duration) ([]int64, error) {
	found := givenTo.With(givenArgs{giver, age.Milliseconds()})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("accolades given by user %d: %w", giver, err)
	}
	var list []int64
	for _, r := range found.Rows() {
		list = append(list, r.RecipientID)
	}
	return list, nil
}

// AccoladesOf implements accolade.Store.
func (s *Store) AccoladesOf(ctx context.Context, user int64) ([]accolade.Count, error) {
	found := accoladesOf.With(userArgs{user})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("accolades of user %d: %w", user, err)
	}
	var list []accolade.Count
	for _, r := range found.Rows() {
		list = append(list, accolade.Count{Name: r.Name, Count: r.Many})
	}
	return list, nil
}

// Questions implements accolade.Store.
func (s *Store) Questions(ctx context.Context, match int64) ([]accolade.Question, error) {
	found := accoladeQuestions.With(matchArgs{match})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("accolade questions of match %d: %w", match, err)
	}
	var list []accolade.Question
	for _, r := range found.Rows() {
		list = append(list, accolade.Question{
			Giver: r.GiverID, Recipient: r.RecipientID, At: fromMillis(r.At), Outcome: accolade.Outcome(r.Outcome), Badge: r.Badge,
		})
	}
	return list, nil
}
