package store

import (
	"context"
	"fmt"

	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type formerArgs struct {
	ID   int64
	Name string
}

var (
	keepName = statement.Define[formerArgs, statement.None]("keep name", `
		INSERT INTO former_name (user_id, name, at) SELECT id, name, @@wall FROM users WHERE id = @id AND name <> @name
		ON CONFLICT (user_id, name) DO UPDATE SET at = excluded.at`)

	formerNames = statement.Define[formerArgs, struct{ Name string }]("former names", `
		SELECT name FROM former_name WHERE user_id = @id AND name <> @name ORDER BY at, name`)
)

// FormerNames returns the names that a user has had besides this one, the oldest first.
func (s *Store) FormerNames(ctx context.Context, user int64, now string) ([]string, error) {
	found := formerNames.With(formerArgs{user, now})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("former names of user %d: %w", user, err)
	}
	var names []string
	for _, row := range found.Rows() {
		names = append(names, row.Name)
	}
	return names, nil
}
