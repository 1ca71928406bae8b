package store

import (
	"context"
	"fmt"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/setting"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	settingKeyArgs struct{ Key string }
	settingRow     struct {
		Key, Text string
		Version   int64
	}
	settingArgs struct{ Key, Text string }
)

var (
	oneSetting = statement.Define[settingKeyArgs, settingRow]("setting",
		`SELECT key, text, version FROM setting WHERE key = @key`)

	allSettings = statement.Define[statement.None, settingRow]("settings",
		`SELECT key, text, version FROM setting ORDER BY key`)

	putSetting = statement.Define[settingArgs, struct{ Key string }]("put setting", `
		INSERT INTO setting (key, text, version) VALUES (@key, @text, 0)
		ON CONFLICT (key) DO UPDATE SET text = excluded.text RETURNING key`)

	newSetting = statement.Define[settingArgs, struct{ Key string }]("new setting", `
		INSERT INTO setting (key, text, version) VALUES (@key, @text, 0)
		ON CONFLICT (key) DO NOTHING RETURNING key`)

	raiseSetting = statement.Define[struct {
		Key     string
		Version int64
	}, statement.None]("raise setting", `UPDATE setting SET version = @version WHERE key = @key`)

	dropSetting = statement.Define[settingKeyArgs, struct{ Key string }]("drop setting",
		`DELETE FROM setting WHERE key = @key RETURNING key`)

	secretBody = statement.Define[nameArgs, bodyRow]("secret",
		`SELECT body FROM secret WHERE name = @name`)

	newSecret = statement.Define[secretArgs, statement.None]("new secret", `
		INSERT INTO secret (name, body) VALUES (@name, @body) ON CONFLICT (name) DO NOTHING`)
)

// Setting implements setting.Store.
func (s *Store) Setting(ctx context.Context, key string) (v setting.Value, ok bool, err error) {
	found := oneSetting.With(settingKeyArgs{key})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return v, false, fmt.Errorf("setting %s: %w", key, err)
	}
	row, ok := found.One()
	return setting.Value{Text: row.Text, Version: row.Version}, ok, nil
}

// Settings implements setting.Store.
func (s *Store) Settings(ctx context.Context) (map[string]setting.Value, error) {
	found := allSettings.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	all := make(map[string]setting.Value, len(found.Rows()))
	for _, row := range found.Rows() {
		all[row.Key] = setting.Value{Text: row.Text, Version: row.Version}
	}
	return all, nil
}

// PutSetting implements setting.Store.
func (s *Store) PutSetting(ctx context.Context, key, text string, insertOnly bool) ([]cache.Change, error) {
	put := putSetting
	if insertOnly {
		put = newSetting
	}
	logged, err := s.changeSetting(ctx, key, put.With(settingArgs{key, text}))
	if err != nil {
		return nil, fmt.Errorf("put setting %s: %w", key, err)
	}
	return logged, nil
}

// DeleteSetting implements setting.Store.
func (s *Store) DeleteSetting(ctx context.Context, key string) ([]cache.Change, error) {
	logged, err := s.changeSetting(ctx, key, dropSetting.With(settingKeyArgs{key}))
	if err != nil {
		return nil, fmt.Errorf("delete setting %s: %w", key, err)
	}
	return logged, nil
}

// changeSetting takes the row before it takes a version: in the other order two
// writers could leave the older version with the newer text.
func (s *Store) changeSetting(ctx context.Context, key string, write *statement.Query[struct{ Key string }]) (logged []cache.Change, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		if err := tx.Run(ctx, write); err != nil {
			return err
		}
		if _, ok := write.One(); !ok {
			return nil
		}
		var err error
		if logged, err = log(ctx, tx, changeArgs{setting.Table, key}); err != nil {
			return err
		}
		return tx.Run(ctx, raiseSetting.With(struct {
			Key     string
			Version int64
		}{key, logged[0].Version}))
	})
	if err != nil {
		return nil, err
	}
	return logged, nil
}

// Secret implements setting.Store. It is stored in its own transaction: create may
// take its time, and of several creators the first to store wins.
func (s *Store) Secret(ctx context.Context, name string, create func() ([]byte, error)) ([]byte, error) {
	found := secretBody.With(nameArgs{name})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	if row, ok := found.One(); ok {
		return row.Body, nil
	}
	body, err := create()
	if err != nil {
		return nil, fmt.Errorf("make secret %s: %w", name, err)
	}
	stored := secretBody.With(nameArgs{name})
	if err := s.db.Run(ctx, engine.Durable, newSecret.With(secretArgs{name, notNil(body)}), stored); err != nil {
		return nil, fmt.Errorf("store secret %s: %w", name, err)
	}
	row, _ := stored.One()
	return row.Body, nil
}
