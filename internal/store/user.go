package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/moderation"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// userRow is a row of users, as arguments and as a result.
type userRow struct {
	ID                           int64
	Name, NameKey                string
	Email                        string
	EmailKey                     *string
	Password                     string
	Roles                        string
	Country                      string
	HideFlag                     bool
	Rank                         int
	Code                         string
	NewEmail, NewCode            string
	PlayMinutes, SpectateMinutes int64
	Created, LastLogin           int64
	LastIP, LobbyHash, Client    string
	Renames                      string
	Version                      int64

	CodeAt, CodeSent, CodeTries int64
	NewCodeAt                   int64
	Agreed                      int64
	Suspect                     bool
	SignOuts                    int64
	FixedCountry                string
	FixedRank                   int
}

// updateArgs is a row with the version that it replaces.
type updateArgs struct {
	userRow
	Before int64
}

type idArgs struct{ ID int64 }

const userColumns = `id, name, name_key, email, email_key, password, roles, country, hide_flag, rank, code,
	new_email, new_code, play_minutes, spectate_minutes, created, last_login, last_ip, lobby_hash, client,
	renames, version, code_at, code_sent, code_tries, new_code_at, agreed, suspect, sign_outs, fixed_country, fixed_rank`

var (
	userByID = statement.Define[idArgs, userRow]("user by id",
		`SELECT `+userColumns+` FROM users WHERE id = @id`)

	userByName = statement.Define[struct{ NameKey string }, struct{ ID int64 }]("user by name",
		`SELECT id FROM users WHERE name_key = @name_key`)

	userByEmail = statement.Define[struct{ EmailKey string }, struct{ ID int64 }]("user by e-mail",
		`SELECT id FROM users WHERE email_key = @email_key`)

	userKeys = statement.Define[idArgs, struct {
		NameKey  string
		EmailKey *string
		Password string
		Version  int64
	}]("keys of a user", `SELECT name_key, email_key, password, version FROM users WHERE id = @id`)

	insertUser = statement.Define[userRow, statement.None]("insert user", `
		INSERT INTO users (`+userColumns+`) VALUES (@id, @name, @name_key, @email, @email_key, @password, @roles,
			@country, @hide_flag, @rank, @code, @new_email, @new_code, @play_minutes, @spectate_minutes, @created,
			@last_login, @last_ip, @lobby_hash, @client, @renames, @version, @code_at, @code_sent, @code_tries, @new_code_at,
			@agreed, @suspect, @sign_outs, @fixed_country, @fixed_rank)`)

	countUsers = statement.Define[statement.None, struct{ Count int64 }]("count users",
		`SELECT count(*) AS count FROM users`)
)

// updateUser leaves the facts of a login alone that is newer than the caller's
// copy: logins do not raise the version.
var updateUser = statement.Define[updateArgs, struct{ ID int64 }]("update user", `
	UPDATE users SET name = @name, name_key = @name_key, email = @email, email_key = @email_key,
		password = @password, roles = @roles, country = @country, hide_flag = @hide_flag, rank = @rank,
		code = @code, new_email = @new_email, new_code = @new_code, play_minutes = @play_minutes,
		spectate_minutes = @spectate_minutes, created = @created, renames = @renames, version = @version,
		code_at = @code_at, code_sent = @code_sent, code_tries = @code_tries, new_code_at = @new_code_at, agreed = @agreed,
		suspect = @suspect, sign_outs = @sign_outs, fixed_country = @fixed_country, fixed_rank = @fixed_rank,
		last_ip    = CASE WHEN last_login > @last_login THEN last_ip    ELSE @last_ip    END,
		lobby_hash = CASE WHEN last_login > @last_login THEN lobby_hash ELSE @lobby_hash END,
		client     = CASE WHEN last_login > @last_login THEN client     ELSE @client     END,
		last_login = CASE WHEN last_login > @last_login THEN last_login ELSE @last_login END
	WHERE id = @id AND version = @before
	RETURNING id`)

type loginArgs struct {
	ID                        int64
	LastLogin                 int64
	LastIP, Client, LobbyHash string
}

var noteLogin = statement.Define[loginArgs, struct{ ID int64 }]("note login", `
	UPDATE users SET last_login = @last_login, last_ip = @last_ip, client = @client, lobby_hash = @lobby_hash
	WHERE id = @id AND roles NOT LIKE '%"forgotten"%' RETURNING id`)

// UserByID implements account.Store.
func (s *Store) UserByID(ctx context.Context, id int64) (*account.User, error) {
	found := userByID.With(idArgs{id})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("user %d: %w", id, err)
	}
	row, ok := found.One()
	if !ok {
		return nil, account.ErrNotFound
	}
	u, err := row.user()
	if err != nil {
		return nil, fmt.Errorf("user %d: %w", id, err)
	}
	return u, nil
}

// UserIDByName implements account.Store.
func (s *Store) UserIDByName(ctx context.Context, name string) (int64, error) {
	found := userByName.With(struct{ NameKey string }{strings.ToLower(name)})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return 0, fmt.Errorf("user named %q: %w", name, err)
	}
	if row, ok := found.One(); ok {
		return row.ID, nil
	}
	return 0, account.ErrNotFound
}

// UserIDByEmail implements account.Store.
func (s *Store) UserIDByEmail(ctx context.Context, email string) (int64, error) {
	found := userByEmail.With(struct{ EmailKey string }{strings.ToLower(email)})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return 0, fmt.Errorf("user by e-mail: %w", err)
	}
	if row, ok := found.One(); ok {
		return row.ID, nil
	}
	return 0, account.ErrNotFound
}

// InsertUser implements account.Store.
func (s *Store) InsertUser(ctx context.Context, u *account.User, with ...account.With) (changed []cache.Change, err error) {
	row, err := rowOf(u)
	if err != nil {
		return nil, fmt.Errorf("insert user %d: %w", u.ID, err)
	}
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		var err error
		if changed, err = log(ctx, tx, row.keys()...); err != nil {
			return err
		}
		row.Version = changed[0].Version
		if err := tx.Run(ctx, insertUser.With(row)); err != nil {
			return err
		}
		return storeWith(ctx, tx, u.ID, with)
	})
	if err != nil {
		return nil, s.userError("insert", u.ID, err)
	}
	return changed, nil
}

// UpdateUser implements account.Store.
func (s *Store) UpdateUser(ctx context.Context, u *account.User, with ...account.With) (changed []cache.Change, err error) {
	row, err := rowOf(u)
	if err != nil {
		return nil, fmt.Errorf("update user %d: %w", u.ID, err)
	}
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		found := userKeys.With(idArgs{u.ID})
		if err := tx.Run(ctx, found); err != nil {
			return err
		}
		old, ok := found.One()
		if !ok {
			return account.ErrNotFound
		}
		if old.Version != u.Version {
			return account.ErrConflict
		}
		// These are the keys of the version that the update below demands.
		before := userRow{ID: u.ID, NameKey: old.NameKey, EmailKey: old.EmailKey}
		var err error
		if changed, err = log(ctx, tx, keysOfBoth(before, row)...); err != nil {
			return err
		}
		if row.NameKey != old.NameKey {
			if err := tx.Run(ctx, keepName.With(formerArgs{u.ID, u.Name})); err != nil {
				return err
			}
		}
		row.Version = changed[0].Version
		updated := updateUser.With(updateArgs{row, u.Version})
		if err := tx.Run(ctx, updated); err != nil {
			return err
		}
		if _, ok := updated.One(); !ok {
			return account.ErrConflict
		}
		// After the user, as everybody does who takes both.
		if err := storeWith(ctx, tx, u.ID, with); err != nil {
			return err
		}
		if row.Password != old.Password || deref(row.EmailKey) != deref(old.EmailKey) || u.Has(account.Forgotten) {
			return tx.Run(ctx, dropReset.With(userArgs{u.ID}))
		}
		return nil
	})
	if err != nil {
		return nil, s.userError("update", u.ID, err)
	}
	return changed, nil
}

// userError names what a unique column means.
func (s *Store) userError(verb string, id int64, err error) error {
	switch s.db.Violated(err) {
	case "users.name_key":
		return account.ErrNameTaken
	case "users.email_key":
		return account.ErrEmailTaken
	}
	return fmt.Errorf("%s user %d: %w", verb, id, err)
}

// storeWith stores what comes with the change of a user.
func storeWith(ctx context.Context, tx engine.Tx, user int64, with []account.With) error {
	for _, w := range with {
		if w.Reset != "" {
			take := takeReset.With(takeResetArgs{user, w.Reset})
			if err := tx.Run(ctx, take); err != nil {
				return err
			}
			if _, ok := take.One(); !ok {
				return account.ErrNotFound
			}
		}
		calls := letterCalls(w.Letters)
		if a := w.Act; a != nil {
			call, err := entryCall(moderation.Entry{Action: a.Action, User: a.User, By: a.By, Details: a.Details})
			if err != nil {
				return err
			}
			calls = append(calls, call)
		}
		if len(calls) == 0 {
			continue
		}
		if err := tx.Run(ctx, calls...); err != nil {
			return err
		}
	}
	return nil
}

// NoteLogin implements account.Store.
func (s *Store) NoteLogin(ctx context.Context, id int64, at time.Time, ip, client, lobbyHash string) error {
	noted := noteLogin.With(loginArgs{id, millis(at), ip, client, lobbyHash})
	if err := s.db.Run(ctx, engine.Relaxed, noted); err != nil {
		return fmt.Errorf("note the login of user %d: %w", id, err)
	}
	if _, ok := noted.One(); !ok {
		return account.ErrNotFound
	}
	return nil
}

// CountUsers implements account.Store.
func (s *Store) CountUsers(ctx context.Context) (int64, error) {
	counted := countUsers.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, counted); err != nil {
		return 0, fmt.Errorf("count users: %w", err)
	}
	row, _ := counted.One()
	return row.Count, nil
}

// keys are the cache keys of a user; that of the user itself is first.
func (r userRow) keys() []changeArgs {
	keys := []changeArgs{
		{account.TableUser, strconv.FormatInt(r.ID, 10)},
		{account.TableName, r.NameKey},
	}
	if r.EmailKey != nil {
		keys = append(keys, changeArgs{account.TableEmail, *r.EmailKey})
	}
	return keys
}

// keysOfBoth are the cache keys that a change touches: the user, and each name and
// address that leads to it now or led to it before, if it is another one.
func keysOfBoth(before, after userRow) []changeArgs {
	keys := after.keys()[:1]
	if before.NameKey != after.NameKey {
		keys = append(keys, changeArgs{account.TableName, before.NameKey}, changeArgs{account.TableName, after.NameKey})
	}
	old, now := deref(before.EmailKey), deref(after.EmailKey)
	if old == now {
		return keys
	}
	for _, key := range []string{old, now} {
		if key != "" {
			keys = append(keys, changeArgs{account.TableEmail, key})
		}
	}
	return keys
}

func rowOf(u *account.User) (userRow, error) {
	roles, err := listText(u.Roles)
	if err != nil {
		return userRow{}, err
	}
	renames, err := listText(u.Renames)
	if err != nil {
		return userRow{}, err
	}
	row := userRow{
		ID: u.ID, Name: u.Name, NameKey: strings.ToLower(u.Name), Email: u.Email, Password: u.Password,
		Roles: roles, Country: u.Country, HideFlag: u.HideFlag, Rank: u.Rank, Code: u.Code,
		NewEmail: u.NewEmail, NewCode: u.NewCode, PlayMinutes: u.PlayMinutes, SpectateMinutes: u.SpectateMinutes,
		Created: millis(u.Created), LastLogin: millis(u.LastLogin), LastIP: u.LastIP, LobbyHash: u.LobbyHash,
		Client: u.Client, Renames: renames, Version: u.Version,
		CodeAt: millis(u.CodeAt), CodeSent: millis(u.CodeSent), CodeTries: u.CodeTries, NewCodeAt: millis(u.NewCodeAt), Agreed: u.Agreed,
		Suspect: u.Suspect, SignOuts: u.SignOuts, FixedCountry: u.FixedCountry, FixedRank: u.FixedRank,
	}
	if u.Email != "" {
		key := strings.ToLower(u.Email)
		row.EmailKey = &key
	}
	return row, nil
}

func (r userRow) user() (*account.User, error) {
	u := &account.User{
		ID: r.ID, Name: r.Name, Email: r.Email, Password: r.Password, Country: r.Country, HideFlag: r.HideFlag,
		Rank: r.Rank, Code: r.Code, NewEmail: r.NewEmail, NewCode: r.NewCode,
		PlayMinutes: r.PlayMinutes, SpectateMinutes: r.SpectateMinutes,
		Created: fromMillis(r.Created), LastLogin: fromMillis(r.LastLogin), LastIP: r.LastIP,
		LobbyHash: r.LobbyHash, Client: r.Client, Version: r.Version,
		CodeAt: fromMillis(r.CodeAt), CodeSent: fromMillis(r.CodeSent), CodeTries: r.CodeTries, NewCodeAt: fromMillis(r.NewCodeAt), Agreed: r.Agreed,
		Suspect: r.Suspect, SignOuts: r.SignOuts, FixedCountry: r.FixedCountry, FixedRank: r.FixedRank,
	}
	if err := readList(r.Roles, &u.Roles); err != nil {
		return nil, fmt.Errorf("roles: %w", err)
	}
	if err := readList(r.Renames, &u.Renames); err != nil {
		return nil, fmt.Errorf("renames: %w", err)
	}
	return u, nil
}

// listText keeps a list as JSON; none and an empty one are the same.
func listText[T any](list []T) (string, error) {
	if len(list) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(list)
	return string(text), err
}

func readList[T any](text string, list *[]T) error {
	if text == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(text), list)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// millis keeps the zero time as 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
