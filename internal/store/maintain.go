package store

import (
	"context"
	"fmt"

	"teiserver/internal/store/postgres"
	"teiserver/internal/store/sqlite"
)

// Maintain has the database look after its tables. It may take long, and does no harm
// when it is ended, or done twice.
func (s *Store) Maintain(ctx context.Context) error {
	var err error
	switch db := s.db.DB.(type) {
	case *sqlite.DB:
		err = db.Maintain(ctx)
	case *postgres.DB:
		err = db.Maintain(ctx)
	}
	if err != nil {
		return fmt.Errorf("maintain the database: %w", err)
	}
	return nil
}
