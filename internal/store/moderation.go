package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/moderation"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

var _ moderation.Store = (*Store)(nil)

type (
	actionRow struct {
		ID, UserID           int64
		Reason, Restrictions string
		Notes                string
		Hidden               bool
		Author               int64
		Created, Expires     int64
		Ended, EndedBy       int64
		EndReason            string
	}
	newActionArgs struct {
		User                        int64
		Reason, Restrictions, Notes string
		Hidden                      bool
		Author, Expires             int64
	}
	endActionArgs struct {
		ID, By int64
		Reason string
	}
	actionsArgs struct {
		User int64
		All  bool
		Most int
	}
	markRow struct {
		Shadowbanned  bool
		AltOf, AltBan int64
	}
	putMarkArgs struct {
		User         int64
		Shadowbanned *bool
		Alt          *int64
		AltBan       int64
	}
	entryArgs struct {
		Action         string
		User           int64
		Actor, Details string
		Once           *string
	}
	entryRow struct {
		ID             int64
		Action         string
		UserID         int64
		Actor, Details string
		At             int64
		Once           *string
	}
	entriesArgs struct {
		User   int64
		Action string
		Most   int
	}
)

const actionColumns = `id, user_id, reason, restrictions, notes, hidden, author, created, expires, ended, ended_by, end_reason`

// counts is what holds for an action that counts.
const counts = `ended = 0 AND (expires = 0 OR expires > @@wall)`

var (
	standingActions = statement.Define[userArgs, actionRow]("actions that count", `
		SELECT `+actionColumns+` FROM moderation_action WHERE user_id = @user AND `+counts+` ORDER BY id`)

	standingMark = statement.Define[userArgs, markRow]("mark",
		`SELECT shadowbanned, alt_of, alt_ban FROM moderation_mark WHERE user_id = @user`)

	addAction = statement.Define[newActionArgs, actionRow]("add action", `
		INSERT INTO moderation_action (user_id, reason, restrictions, notes, hidden, author, created, expires)
		VALUES (@user, @reason, @restrictions, @notes, @hidden, @author, @@wall, @expires)
		RETURNING `+actionColumns)

	endAction = statement.Define[endActionArgs, actionRow]("end action", `
		UPDATE moderation_action SET ended = @@wall, ended_by = @by, end_reason = @reason
		WHERE id = @id AND `+counts+` RETURNING `+actionColumns)

	oneAction = statement.Define[idArgs, actionRow]("action",
		`SELECT `+actionColumns+` FROM moderation_action WHERE id = @id`)

	// A row that has ended is passed over, whoever came first.
	endExpired = statement.Define[struct {
		Most   int
		Reason string
	}, actionRow]("end expired actions", `
		UPDATE moderation_action SET ended = @@wall, end_reason = @reason WHERE ended = 0 AND id IN (
			SELECT id FROM moderation_action WHERE ended = 0 AND expires > 0 AND expires <= @@wall ORDER BY expires LIMIT @most)
		RETURNING `+actionColumns)

	listActions = statement.Define[actionsArgs, actionRow]("list actions", `
		SELECT `+actionColumns+` FROM moderation_action
		WHERE (CAST(@user AS BIGINT) = 0 OR user_id = CAST(@user AS BIGINT)) AND (CAST(@all AS BOOLEAN) OR `+counts+`)
		ORDER BY id DESC LIMIT @most`)

	putMark = statement.Define[putMarkArgs, statement.None]("put mark", `
		INSERT INTO moderation_mark (user_id, shadowbanned, alt_of, alt_ban)
		VALUES (@user, COALESCE(CAST(@shadowbanned AS BOOLEAN), FALSE), COALESCE(CAST(@alt AS BIGINT), 0), CAST(@alt_ban AS BIGINT))
		ON CONFLICT (user_id) DO UPDATE SET
			shadowbanned = COALESCE(CAST(@shadowbanned AS BOOLEAN), moderation_mark.shadowbanned),
			alt_of = COALESCE(CAST(@alt AS BIGINT), moderation_mark.alt_of),
			alt_ban = CASE WHEN CAST(@alt AS BIGINT) IS NULL THEN moderation_mark.alt_ban ELSE CAST(@alt_ban AS BIGINT) END`)

	addEntry = statement.Define[entryArgs, statement.None]("add entry", `
		INSERT INTO audit_log (action, user_id, actor, details, at, once)
		VALUES (@action, @user, @actor, @details, @@wall, @once)`)

	listEntries = statement.Define[entriesArgs, entryRow]("list entries", `
		SELECT id, action, user_id, actor, details, at, once FROM audit_log
		WHERE (CAST(@user AS BIGINT) = 0 OR user_id = CAST(@user AS BIGINT))
			AND (CAST(@action AS TEXT) = '' OR action = CAST(@action AS TEXT))
		ORDER BY id DESC LIMIT @most`)
)

func (r actionRow) action() (moderation.Action, error) {
	a := moderation.Action{
		ID: r.ID, User: r.UserID, Reason: r.Reason, Notes: r.Notes, Hidden: r.Hidden, Author: r.Author,
		Created: fromMillis(r.Created), Expires: fromMillis(r.Expires), Ended: fromMillis(r.Ended), EndedBy: r.EndedBy, EndReason: r.EndReason,
	}
	if err := readList(r.Restrictions, &a.Restrictions); err != nil {
		return a, fmt.Errorf("restrictions of action %d: %w", r.ID, err)
	}
	return a, nil
}

func actionsOf(rows []actionRow) (list []moderation.Action, err error) {
	for _, r := range rows {
		a, err := r.action()
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// Standing implements moderation.Store.
func (s *Store) Standing(ctx context.Context, user int64) (*moderation.Standing, error) {
	actions, mark := standingActions.With(userArgs{user}), standingMark.With(userArgs{user})
	if err := s.db.Run(ctx, engine.Read, actions, mark); err != nil {
		return nil, fmt.Errorf("standing of user %d: %w", user, err)
	}
	list, err := actionsOf(actions.Rows())
	if err != nil {
		return nil, err
	}
	m, _ := mark.One()
	return &moderation.Standing{User: user, Actions: list, Shadowbanned: m.Shadowbanned, Alt: m.AltOf, AltBan: m.AltBan}, nil
}

// standingOf is the key of a user's standing in the change log.
func standingOf(user int64) changeArgs {
	return changeArgs{moderation.TableStanding, strconv.FormatInt(user, 10)}
}

// audited runs work in a transaction with the entry that it returns.
func (s *Store) audited(ctx context.Context, work func(ctx context.Context, tx engine.Tx) (moderation.Entry, error)) error {
	err := s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		e, err := work(ctx, tx)
		if err != nil {
			return err
		}
		call, err := entryCall(e)
		if err != nil {
			return err
		}
		return tx.Run(ctx, call)
	})
	if err != nil && s.db.Violated(err) == "audit_log.once" {
		return moderation.ErrDone
	}
	return err
}

func entryCall(e moderation.Entry) (statement.Call, error) {
	details, err := json.Marshal(e.Details)
	if err != nil {
		return nil, fmt.Errorf("details of %q: %w", e.Action, err)
	}
	if e.Details == nil {
		details = []byte("{}")
	}
	args := entryArgs{Action: e.Action, User: e.User, Actor: plainText(e.By), Details: string(details)}
	if e.Once != "" {
		args.Once = &e.Once
	}
	return addEntry.With(args), nil
}

// with adds a detail to an entry, whose own stay as they are.
func with(e moderation.Entry, key string, value any) moderation.Entry {
	details := map[string]any{key: value}
	for k, v := range e.Details {
		details[k] = v
	}
	e.Details = details
	return e
}

// AddAction implements moderation.Store.
func (s *Store) AddAction(ctx context.Context, a moderation.Action, e moderation.Entry) (done moderation.Action, changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		var err error
		if done, err = insertAction(ctx, tx, a); err != nil {
			return e, err
		}
		changed, err = log(ctx, tx, standingOf(a.User))
		return with(e, "action_id", done.ID), err
	})
	if err != nil {
		return done, nil, fmt.Errorf("add an action about user %d: %w", a.User, err)
	}
	return done, changed, nil
}

func insertAction(ctx context.Context, tx engine.Tx, a moderation.Action) (moderation.Action, error) {
	restrictions, err := listText(a.Restrictions)
	if err != nil {
		return a, err
	}
	add := addAction.With(newActionArgs{
		User: a.User, Reason: plainText(a.Reason), Restrictions: restrictions, Notes: plainText(a.Notes),
		Hidden: a.Hidden, Author: a.Author, Expires: millis(a.Expires),
	})
	if err := tx.Run(ctx, add); err != nil {
		return a, err
	}
	row, _ := add.One()
	return row.action()
}

// EndAction implements moderation.Store.
func (s *Store) EndAction(ctx context.Context, id, by int64, reason string, e moderation.Entry) (done moderation.Action, changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		end := endAction.With(endActionArgs{id, by, plainText(reason)})
		if err := tx.Run(ctx, end); err != nil {
			return e, err
		}
		row, ok := end.One()
		if !ok {
			return e, s.absent(ctx, tx, id)
		}
		var err error
		if done, err = row.action(); err != nil {
			return e, err
		}
		changed, err = log(ctx, tx, standingOf(done.User))
		return with(e, "target_user_id", done.User), err
	})
	if err != nil {
		return done, nil, fmt.Errorf("end action %d: %w", id, err)
	}
	return done, changed, nil
}

// absent says why an action cannot be ended.
func (s *Store) absent(ctx context.Context, tx engine.Tx, id int64) error {
	found := oneAction.With(idArgs{id})
	if err := tx.Run(ctx, found); err != nil {
		return err
	}
	if _, ok := found.One(); ok {
		return moderation.ErrOver
	}
	return moderation.ErrNotFound
}

// EndExpired implements moderation.Store.
func (s *Store) EndExpired(ctx context.Context, most int) (ended []moderation.Action, changed []cache.Change, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		end := endExpired.With(struct {
			Most   int
			Reason string
		}{most, moderation.Expired})
		if err := tx.Run(ctx, end); err != nil {
			return err
		}
		var err error
		if ended, err = actionsOf(end.Rows()); err != nil {
			return err
		}
		var keys []changeArgs
		for _, a := range ended {
			keys = append(keys, standingOf(a.User))
		}
		if len(keys) == 0 {
			changed = nil
			return nil
		}
		changed, err = log(ctx, tx, keys...)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("end expired actions: %w", err)
	}
	return ended, changed, nil
}

// Actions implements moderation.Store.
func (s *Store) Actions(ctx context.Context, q moderation.ActionQuery) ([]moderation.Action, error) {
	found := listActions.With(actionsArgs(q))
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list actions: %w", err)
	}
	return actionsOf(found.Rows())
}

// MarkUser implements moderation.Store.
func (s *Store) MarkUser(ctx context.Context, user int64, m moderation.Mark, e moderation.Entry) (changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		if err := tx.Run(ctx, putMark.With(putMarkArgs{user, m.Shadowbanned, m.Alt, m.AltBan})); err != nil {
			return e, err
		}
		var err error
		changed, err = log(ctx, tx, standingOf(user))
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("mark user %d: %w", user, err)
	}
	return changed, nil
}

// AddEntry implements moderation.Store.
func (s *Store) AddEntry(ctx context.Context, e moderation.Entry) error {
	err := s.audited(ctx, func(context.Context, engine.Tx) (moderation.Entry, error) { return e, nil })
	if err != nil {
		return fmt.Errorf("add entry %q: %w", e.Action, err)
	}
	return nil
}

// Entries implements moderation.Store.
func (s *Store) Entries(ctx context.Context, q moderation.EntryQuery) ([]moderation.Entry, error) {
	found := listEntries.With(entriesArgs{q.User, q.Action, q.Most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list entries of the audit log: %w", err)
	}
	var list []moderation.Entry
	for _, r := range found.Rows() {
		e := moderation.Entry{ID: r.ID, Action: r.Action, User: r.UserID, By: r.Actor, At: time.UnixMilli(r.At).UTC(), Once: deref(r.Once)}
		if err := json.Unmarshal([]byte(r.Details), &e.Details); err != nil {
			return nil, fmt.Errorf("details of entry %d: %w", r.ID, err)
		}
		list = append(list, e)
	}
	return list, nil
}
