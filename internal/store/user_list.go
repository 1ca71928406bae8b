package store

import (
	"context"
	"fmt"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type usersArgs struct {
	Text, Role string
	Unverified bool
	After      int64
	Most       int
}

// listUsers finds users by a part of the name, of an earlier name, of the address, or by an
// address of the net. Its LIKE has no wild cards of the caller's: they are escaped.
var listUsers = statement.Define[usersArgs, userRow]("list users", `
	SELECT `+userColumns+` FROM users
	WHERE id > CAST(@after AS BIGINT)
		AND (CAST(@text AS TEXT) = '' OR name_key LIKE '%' || CAST(@text AS TEXT) || '%' ESCAPE '\'
			OR email_key LIKE '%' || CAST(@text AS TEXT) || '%' ESCAPE '\'
			OR EXISTS (SELECT 1 FROM former_name WHERE user_id = users.id AND LOWER(former_name.name) LIKE '%' || CAST(@text AS TEXT) || '%' ESCAPE '\'))
		AND (CAST(@role AS TEXT) = '' OR roles LIKE '%"' || CAST(@role AS TEXT) || '"%')
		AND (NOT CAST(@unverified AS BOOLEAN) OR code <> '')
	ORDER BY id LIMIT @most`)

// Users lists accounts for operators, by id.
func (s *Store) Users(ctx context.Context, q account.Query) ([]*account.User, error) {
	text := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(plainText(q.Text)))
	found := listUsers.With(usersArgs{text, string(q.Role), q.Unverified, q.After, q.Most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	list := make([]*account.User, 0, len(found.Rows()))
	for _, row := range found.Rows() {
		u, err := row.user()
		if err != nil {
			return nil, fmt.Errorf("user %d: %w", row.ID, err)
		}
		list = append(list, u)
	}
	return list, nil
}
