package store

import (
	"context"
	"fmt"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type reserveArgs struct {
	Name string
	Size int64
}

var reserve = statement.Define[reserveArgs, struct{ First int64 }]("reserve", `
	INSERT INTO sequence (name, next)
	SELECT @name, 1 + CAST(@size AS BIGINT) + COALESCE((SELECT MAX(number_floor) FROM timeline), 0) WHERE `+present+`
	ON CONFLICT (name) DO UPDATE SET next = sequence.next + @size
	RETURNING next - @size AS first`)

// Reserve implements sequence.Store.
func (s *Store) Reserve(ctx context.Context, name string, n int) (first int64, err error) {
	if n < 1 {
		return 0, fmt.Errorf("reserve %d numbers of %s: at least one", n, name)
	}
	reserved := reserve.With(reserveArgs{name, int64(n)})
	if err := s.db.Run(ctx, engine.Durable, reserved); err != nil {
		return 0, fmt.Errorf("reserve %d numbers of %s: %w", n, name, err)
	}
	row, ok := reserved.One()
	if !ok {
		return 0, fmt.Errorf("reserve %d numbers of %s: %w", n, name, lease.ErrTimeline)
	}
	return row.First, nil
}
