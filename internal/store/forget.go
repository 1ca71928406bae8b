package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"teiserver/internal/account"
	"teiserver/internal/moderation"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// ErrUsed says that others remember a user, as from a match: it can be forgotten, not deleted.
var ErrUsed = errors.New("store: the user is in matches or in the records of moderators")

// notForgotten keeps what was on its way away from a forgotten user.
const notForgotten = `NOT EXISTS (SELECT 1 FROM users WHERE id = @user AND roles LIKE '%"forgotten"%')`

// What is deleted with a person. What others have part in stays: matches, ratings, what
// moderators did, and what was said in lobbies, which goes by its age.
var forgets = func() (list []statement.Statement[userArgs, statement.None]) {
	for _, from := range []string{
		"user_stat WHERE user_id = @user",
		"user_key WHERE user_id = @user",
		"telemetry_property WHERE user_id = @user",
		"telemetry_event WHERE user_id = @user AND family = 'client'",
		"infolog WHERE user_id = @user",
		"activity WHERE user_id = @user",
		"former_name WHERE user_id = @user",
		"letter WHERE user_id = @user",
		"password_reset WHERE user_id = @user",
		"user_achievement WHERE user_id = @user",
		"accolade WHERE giver_id = @user OR recipient_id = @user",
		"accolade_question WHERE giver_id = @user OR recipient_id = @user",
		"relation WHERE from_id = @user OR to_id = @user",
	} {
		list = append(list, statement.Define[userArgs, statement.None]("forget "+from, `DELETE FROM `+from))
	}
	return list
}()

var (
	relatedTo = statement.Define[userArgs, struct{ Other int64 }]("related to", `
		SELECT DISTINCT CASE WHEN from_id = @user THEN to_id ELSE from_id END AS other FROM relation
		WHERE from_id = @user OR to_id = @user ORDER BY other`)

	isUsed = statement.Define[userArgs, someRow]("is used", `
		SELECT EXISTS (SELECT 1 FROM match_membership WHERE user_id = @user)
			OR EXISTS (SELECT 1 FROM matches WHERE founder = @user)
			OR EXISTS (SELECT 1 FROM rating_log WHERE user_id = @user)
			OR EXISTS (SELECT 1 FROM moderation_action WHERE user_id = @user OR author = @user)
			OR EXISTS (SELECT 1 FROM moderation_report WHERE target = @user OR reporter = @user)
			OR EXISTS (SELECT 1 FROM moderation_ban WHERE source = @user OR author = @user)
			OR EXISTS (SELECT 1 FROM moderation_mark WHERE alt_of = @user) AS some`)

	// What the audit log says of the person: that it was done stays.
	forgetActs = statement.Define[forgetActsArgs, statement.None]("forget what acts say", `
		UPDATE audit_log SET details = @left
		WHERE action IN ('`+moderation.EmailChanged+`', '`+moderation.NameChanged+`', '`+moderation.UserCreated+`')
				AND (details LIKE CAST(@middle AS TEXT) OR details LIKE CAST(@last AS TEXT))
			OR action = '`+moderation.PasswordReset+`' AND user_id = @user`)

	forgetAuthor = statement.Define[formerArgs, statement.None]("forget an author",
		`UPDATE channel SET author_name = @name WHERE author = @id`)

	wipeLogin = statement.Define[userArgs, statement.None]("wipe login", `
		UPDATE users SET last_login = 0, last_ip = '', client = '', lobby_hash = '' WHERE id = @user`)

	deleteMark = statement.Define[userArgs, statement.None]("delete mark", `DELETE FROM moderation_mark WHERE user_id = @user`)

	deleteUser = statement.Define[struct{ ID, Version int64 }, struct{ ID int64 }]("delete user",
		`DELETE FROM users WHERE id = @id AND version = @version RETURNING id`)
)

// ForgetUser replaces an account by what is left of it, u, and deletes what is known of the
// person, with the entry. account.ErrConflict if the account was changed meanwhile.
func (s *Store) ForgetUser(ctx context.Context, u *account.User, e moderation.Entry) error {
	row, err := rowOf(u)
	if err != nil {
		return fmt.Errorf("forget user %d: %w", u.ID, err)
	}
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		found := userKeys.With(idArgs{u.ID})
		if err := tx.Run(ctx, found); err != nil {
			return e, err
		}
		old, ok := found.One()
		if !ok || old.Version != u.Version {
			return e, account.ErrConflict
		}
		before := userRow{ID: u.ID, NameKey: old.NameKey, EmailKey: old.EmailKey}
		logged, err := log(ctx, tx, keysOfBoth(before, row)...)
		if err != nil {
			return e, err
		}
		row.Version = logged[0].Version
		updated := updateUser.With(updateArgs{row, u.Version})
		if err := tx.Run(ctx, updated); err != nil {
			return e, err
		}
		if _, ok := updated.One(); !ok {
			return e, account.ErrConflict
		}
		// The facts of the last login are those that an update leaves alone.
		if err := tx.Run(ctx, wipeLogin.With(userArgs{u.ID}), forgetAuthor.With(formerArgs{u.ID, u.Name})); err != nil {
			return e, err
		}
		return e, forgetRest(ctx, tx, u.ID)
	})
	if err != nil {
		return s.userError("forget", u.ID, err)
	}
	return nil
}

// DeleteUser deletes an account that nobody else has to do with: ErrUsed,
// account.ErrConflict.
func (s *Store) DeleteUser(ctx context.Context, id, version int64, e moderation.Entry) error {
	err := s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		used, found := isUsed.With(userArgs{id}), userKeys.With(idArgs{id})
		if err := tx.Run(ctx, used, found); err != nil {
			return e, err
		}
		old, ok := found.One()
		row, _ := used.One()
		switch {
		case !ok || old.Version != version:
			return e, account.ErrConflict
		case row.Some:
			return e, ErrUsed
		}
		gone := userRow{ID: id, NameKey: old.NameKey, EmailKey: old.EmailKey}
		if _, err := log(ctx, tx, gone.keys()...); err != nil {
			return e, err
		}
		deleted := deleteUser.With(struct{ ID, Version int64 }{id, version})
		if err := tx.Run(ctx, deleted); err != nil {
			return e, err
		}
		if _, ok := deleted.One(); !ok {
			return e, account.ErrConflict
		}
		if err := tx.Run(ctx, deleteMark.With(userArgs{id}), forgetAuthor.With(formerArgs{id, ""})); err != nil {
			return e, err
		}
		return e, forgetRest(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("delete user %d: %w", id, err)
	}
	return nil
}

// forgetRest deletes what is known of a user beside the account. Who has become related to
// it meanwhile is account.ErrConflict.
func forgetRest(ctx context.Context, tx engine.Tx, id int64) error {
	users, err := related(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, user := range users { // in order, as every change of relations: two at once do not wait for each other
		if err := tx.Run(ctx, lockRelations.With(userArgs{user})); err != nil {
			return err
		}
	}
	// Now that nobody changes them: who came before that has not been locked.
	locked, err := related(ctx, tx, id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(locked, func(user int64) bool { return !slices.Contains(users, user) }) {
		return account.ErrConflict
	}
	text := strconv.FormatInt(id, 10)
	calls := []statement.Call{forgetActs.With(forgetActsArgs{
		User: id, Middle: `%"user_id":` + text + `,%`, Last: `%"user_id":` + text + `}`, Left: `{"user_id":` + text + `}`,
	})}
	for _, f := range forgets {
		calls = append(calls, f.With(userArgs{id}))
	}
	if err := tx.Run(ctx, calls...); err != nil {
		return err
	}
	for _, user := range users {
		logged, err := log(ctx, tx, changeArgs{account.TableRelations, strconv.FormatInt(user, 10)})
		if err != nil {
			return err
		}
		if err := tx.Run(ctx, raiseRelations.With(versionArgs{user, logged[0].Version})); err != nil {
			return err
		}
	}
	return nil
}

// related are a user and those who have to do with it, in order.
func related(ctx context.Context, tx engine.Tx, id int64) ([]int64, error) {
	found := relatedTo.With(userArgs{id})
	if err := tx.Run(ctx, found); err != nil {
		return nil, err
	}
	users := []int64{id}
	for _, r := range found.Rows() {
		users = append(users, r.Other)
	}
	slices.Sort(users)
	return slices.Compact(users), nil
}

type forgetActsArgs struct {
	User               int64
	Middle, Last, Left string
}
