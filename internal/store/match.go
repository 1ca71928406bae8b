package store

import (
	"context"
	"errors"
	"fmt"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// ErrNoMatch says that there is no match with this id.
var ErrNoMatch = errors.New("store: no such match")

type matchRow struct {
	ID               int64
	UUID, ServerUUID string
	Founder, Lobby   int64
	Map              string
	Created          int64
}

var (
	insertMatch = statement.Define[matchRow, statement.None]("insert match", `
		INSERT INTO matches (id, uuid, server_uuid, founder, lobby, map, created)
		VALUES (@id, @uuid, @server_uuid, @founder, @lobby, @map, @created)
		ON CONFLICT (id) DO NOTHING`)

	matchByID = statement.Define[idArgs, matchRow]("match by id", `
		SELECT id, uuid, server_uuid, founder, lobby, map, created FROM matches WHERE id = @id`)
)

// CreateMatch implements match.Store.
func (s *Store) CreateMatch(ctx context.Context, f registry.Fence, m match.Match) error {
	row := matchRow{m.ID, m.UUID, m.ServerUUID, m.Founder, m.Lobby, m.Map, millis(m.Created)}
	if err := s.fenced(ctx, f, insertMatch.With(row)); err != nil {
		return fmt.Errorf("create match %d: %w", m.ID, err)
	}
	return nil
}

// MatchByID implements match.Store. It returns ErrNoMatch if there is none.
func (s *Store) MatchByID(ctx context.Context, id int64) (*match.Match, error) {
	found := matchByID.With(idArgs{id})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("match %d: %w", id, err)
	}
	r, ok := found.One()
	if !ok {
		return nil, fmt.Errorf("match %d: %w", id, ErrNoMatch)
	}
	return &match.Match{
		ID: r.ID, UUID: r.UUID, ServerUUID: r.ServerUUID, Founder: r.Founder, Lobby: r.Lobby,
		Map: r.Map, Created: fromMillis(r.Created),
	}, nil
}
