package store

import (
	"context"
	"fmt"

	"teiserver/internal/chat"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	channelArgs struct {
		Name       string
		Author     int64
		AuthorName string
	}
	channelRow struct {
		Name       string
		Author     int64
		AuthorName string
		Topic      string
	}
)

var (
	newChannel = statement.Define[channelArgs, statement.None]("new channel", `
		INSERT INTO channel (name, author, author_name) VALUES (@name, @author, @author_name)
		ON CONFLICT (name) DO NOTHING`)

	oneChannel = statement.Define[nameArgs, channelRow]("channel",
		`SELECT name, author, author_name, topic FROM channel WHERE name = @name`)

	allChannels = statement.Define[statement.None, channelRow]("channels",
		`SELECT name, author, author_name, topic FROM channel ORDER BY name`)
)

// Channel implements chat.Store.
func (s *Store) Channel(ctx context.Context, name string, author int64, authorName string) (chat.Channel, error) {
	c, ok, err := s.FindChannel(ctx, name)
	if ok || err != nil {
		return c, err
	}
	stored := oneChannel.With(nameArgs{name})
	if err := s.db.Run(ctx, engine.Durable, newChannel.With(channelArgs{name, author, authorName}), stored); err != nil {
		return chat.Channel{}, fmt.Errorf("make channel %s: %w", name, err)
	}
	row, _ := stored.One()
	return chat.Channel(row), nil
}

// NewChannel implements chat.Store.
func (s *Store) NewChannel(ctx context.Context, f registry.Fence, c chat.Channel) error {
	if err := s.fenced(ctx, f, newChannel.With(channelArgs{c.Name, c.Author, c.AuthorName})); err != nil {
		return fmt.Errorf("make channel %s: %w", c.Name, err)
	}
	return nil
}

// FindChannel implements chat.Store.
func (s *Store) FindChannel(ctx context.Context, name string) (c chat.Channel, ok bool, err error) {
	found := oneChannel.With(nameArgs{name})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return chat.Channel{}, false, fmt.Errorf("find channel %s: %w", name, err)
	}
	row, ok := found.One()
	return chat.Channel(row), ok, nil
}

// Channels implements chat.Store.
func (s *Store) Channels(ctx context.Context) ([]chat.Channel, error) {
	found := allChannels.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list channels: %w", err)
	}
	list := make([]chat.Channel, 0, len(found.Rows()))
	for _, row := range found.Rows() {
		list = append(list, chat.Channel(row))
	}
	return list, nil
}
