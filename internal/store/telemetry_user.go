package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
	"teiserver/internal/telemetry"
)

type (
	activityArgs struct {
		Day                            string
		User                           int64
		Menu, Lobby, Spectator, Player int64
	}
	dayUserArgs struct {
		Day  string
		User int64
	}
	minutesArgs struct{ User, Player, Spectator int64 }
	eventArgs   struct {
		Family, Name    string
		User            int64
		Hash            string
		Match, GameTime int64
		Value           string
		At              int64
		Once            *string
	}
	propertyArgs struct {
		User              int64
		Hash, Name, Value string
		At                int64
	}
	infologArgs struct {
		ID, User                          int64
		Hash, LogType, Metadata, Contents string
		Size, At                          int64
	}
	ageArgs struct{ Age int64 }
	oldArgs struct {
		Age  int64
		Most int
	}
	someRow struct{ Some bool }
)

var (
	putActivity = statement.Define[activityArgs, statement.None]("put activity", `
		INSERT INTO activity (day, user_id, menu, lobby, spectator, player)
		VALUES (@day, @user, @menu, @lobby, @spectator, @player) ON CONFLICT (day, user_id) DO NOTHING`)

	lastActivity = statement.Define[struct{ Day string }, struct{ UserID int64 }]("last activity",
		`SELECT COALESCE(MAX(user_id), 0) AS user_id FROM activity WHERE day = @day`)

	activeUsers = statement.Define[struct{ From, Before string }, struct{ Users, Players int64 }]("active users", `
		SELECT count(DISTINCT user_id) AS users, count(DISTINCT CASE WHEN player > 0 THEN user_id END) AS players
		FROM activity WHERE day >= @from AND day < @before`)

	dueActivity = statement.Define[struct {
		Before string
		Most   int
	}, struct {
		Day                            string
		UserID                         int64
		Menu, Lobby, Spectator, Player int64
	}]("due activity", `
		SELECT day, user_id, menu, lobby, spectator, player FROM activity
		WHERE NOT counted AND day < @before ORDER BY day, user_id LIMIT @most`)

	noteCounted = statement.Define[dayUserArgs, statement.None]("note activity",
		`UPDATE activity SET counted = TRUE WHERE day = @day AND user_id = @user`)

	// The version of the account is that of the change that is logged with it: caches
	// drop what is older, and nobody writes an old copy of the account over it.
	addMinutesSQLite = statement.Define[minutesArgs, statement.None]("add minutes in sqlite", `
		UPDATE users SET play_minutes = play_minutes + @player, spectate_minutes = spectate_minutes + @spectator,
			version = last_insert_rowid() WHERE id = @user`, statement.SQLite)

	logMinutesSQLite = statement.Define[struct{ Tbl, Key string }, statement.None]("log minutes in sqlite",
		`INSERT INTO change (tbl, key, at) VALUES (@tbl, @key, @@wall)`, statement.SQLite)

	addMinutesPostgres = statement.Define[struct {
		minutesArgs
		Tbl, Key string
	}, statement.None]("add minutes in postgres", `
		WITH logged AS (INSERT INTO change (tbl, key, at) VALUES (@tbl, @key, @@wall) RETURNING version)
		UPDATE users SET play_minutes = play_minutes + @player, spectate_minutes = spectate_minutes + @spectator,
			version = logged.version FROM logged WHERE id = @user`, statement.Postgres)

	putEvent = statement.Define[eventArgs, statement.None]("put event", `
		INSERT INTO telemetry_event (family, name, user_id, hash, match_id, game_time, value, at, once)
		SELECT CAST(@family AS TEXT), CAST(@name AS TEXT), CAST(@user AS BIGINT), CAST(@hash AS TEXT), CAST(@match AS BIGINT),
			CAST(@game_time AS BIGINT), CAST(@value AS TEXT), CAST(@at AS BIGINT), CAST(@once AS TEXT)
		WHERE `+notForgotten+` ON CONFLICT (once) DO NOTHING`)

	putProperty = statement.Define[propertyArgs, statement.None]("put property", `
		INSERT INTO telemetry_property (user_id, hash, name, value, at)
		SELECT CAST(@user AS BIGINT), CAST(@hash AS TEXT), CAST(@name AS TEXT), CAST(@value AS TEXT), CAST(@at AS BIGINT) WHERE `+notForgotten+`
		ON CONFLICT (user_id, hash, name) DO UPDATE SET value = excluded.value, at = excluded.at
		WHERE telemetry_property.at <= excluded.at`)

	putInfolog = statement.Define[infologArgs, statement.None]("put infolog", `
		INSERT INTO infolog (id, user_id, user_hash, log_type, metadata, contents, size, at)
		SELECT CAST(@id AS BIGINT), CAST(@user AS BIGINT), CAST(@hash AS TEXT), CAST(@log_type AS TEXT), CAST(@metadata AS TEXT),
			CAST(@contents AS TEXT), CAST(@size AS BIGINT), CAST(@at AS BIGINT)
		WHERE `+notForgotten+` ON CONFLICT (id) DO NOTHING`)
)

// old is what is asked of a sort of old rows: whether there are some, and to delete the
// oldest of them.
type old struct {
	has  statement.Statement[ageArgs, someRow]
	drop statement.Statement[oldArgs, statement.None]
}

// olds defines the statements of all sorts. Rows are found by an index on their age.
var olds = map[telemetry.Old]old{
	telemetry.OldEvents:     defineOld("telemetry_event", "id", "at", "family IN ('client', 'anon', 'server')"),
	telemetry.OldProperties: defineOldKeys(),
	telemetry.OldInfologs:   defineOld("infolog", "id", "at", "TRUE"),
	telemetry.OldChat:       defineOld("lobby_message", "id", "at", "TRUE"),
	telemetry.OldUnverified: defineOld("users", "id", "created", "code <> '' AND last_login = 0"),
}

func defineOld(table, id, at, where string) old {
	which := ` FROM ` + table + ` WHERE ` + where + ` AND ` + at + ` < @@wall - CAST(@age AS BIGINT)`
	return old{
		statement.Define[ageArgs, someRow]("has old "+table, `SELECT EXISTS (SELECT 1`+which+`) AS some`),
		statement.Define[oldArgs, statement.None]("drop old "+table,
			`DELETE FROM `+table+` WHERE `+id+` IN (SELECT `+id+which+` ORDER BY `+at+` LIMIT @most)`),
	}
}

func defineOldKeys() old {
	which := ` FROM telemetry_property WHERE user_id = 0 AND at < @@wall - CAST(@age AS BIGINT)`
	return old{
		statement.Define[ageArgs, someRow]("has old properties", `SELECT EXISTS (SELECT 1`+which+`) AS some`),
		statement.Define[oldArgs, statement.None]("drop old properties", `
			DELETE FROM telemetry_property WHERE user_id = 0 AND (hash, name) IN (SELECT hash, name`+which+` ORDER BY at LIMIT @most)`),
	}
}

// logUnverified logs the accounts that are about to go, for the caches.
var logUnverified = func() (list []statement.Statement[oldUserArgs, statement.None]) {
	for _, key := range []string{"CAST(id AS TEXT)", "name_key", "email_key"} {
		list = append(list, statement.Define[oldUserArgs, statement.None]("log unverified "+key, `
			INSERT INTO change (tbl, key, at) SELECT @tbl, `+key+`, @@wall FROM users
			WHERE `+key+` IS NOT NULL AND id IN (SELECT id FROM users WHERE code <> '' AND last_login = 0
				AND created < @@wall - CAST(@age AS BIGINT) ORDER BY created LIMIT @most)`))
	}
	return list
}()

type oldUserArgs struct {
	Tbl  string
	Age  int64
	Most int
}

// PutActivity implements telemetry.Store.
func (s *Store) PutActivity(ctx context.Context, f registry.Fence, day string, rows []telemetry.Activity) error {
	calls := make([]statement.Call, 0, len(rows))
	for _, a := range rows {
		calls = append(calls, putActivity.With(activityArgs{day, a.User, a.Menu, a.Lobby, a.Spectator, a.Player}))
	}
	if err := s.fenced(ctx, f, calls...); err != nil {
		return fmt.Errorf("put %d rows of activity on %s: %w", len(rows), day, err)
	}
	return nil
}

// LastActivity implements telemetry.Store.
func (s *Store) LastActivity(ctx context.Context, day string) (int64, error) {
	found := lastActivity.With(struct{ Day string }{day})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return 0, fmt.Errorf("last activity on %s: %w", day, err)
	}
	row, _ := found.One()
	return row.UserID, nil
}

// Active implements telemetry.Store.
func (s *Store) Active(ctx context.Context, from, before string) (users, players int64, err error) {
	found := activeUsers.With(struct{ From, Before string }{from, before})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return 0, 0, fmt.Errorf("active users from %s: %w", from, err)
	}
	row, _ := found.One()
	return row.Users, row.Players, nil
}

// DueActivity implements telemetry.Store.
func (s *Store) DueActivity(ctx context.Context, before string, most int) ([]telemetry.Activity, error) {
	found := dueActivity.With(struct {
		Before string
		Most   int
	}{before, most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("due activity: %w", err)
	}
	list := make([]telemetry.Activity, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, telemetry.Activity{Day: r.Day, User: r.UserID, Menu: r.Menu, Lobby: r.Lobby, Spectator: r.Spectator, Player: r.Player})
	}
	return list, nil
}

// CountActivity implements telemetry.Store. Rows are noted as counted in the transaction
// that adds them to the accounts, behind the fence of the one who does that.
func (s *Store) CountActivity(ctx context.Context, f registry.Fence, rows []telemetry.Activity) error {
	var calls []statement.Call
	for _, a := range rows {
		calls = append(calls, noteCounted.With(dayUserArgs{a.Day, a.User}))
		for key, n := range map[string]int64{
			"menu_minutes": a.Menu, "lobby_minutes": a.Lobby, "spectator_minutes": a.Spectator, "player_minutes": a.Player,
			"total_minutes": a.Menu + a.Lobby + a.Spectator + a.Player,
		} {
			if n > 0 {
				calls = append(calls, addStat.With(addStatArgs{a.User, key, n, 0}))
			}
		}
		if a.Player+a.Spectator == 0 {
			continue
		}
		minutes, name := minutesArgs{a.User, a.Player, a.Spectator}, strconv.FormatInt(a.User, 10)
		if s.kind == "postgres" {
			calls = append(calls, addMinutesPostgres.With(struct {
				minutesArgs
				Tbl, Key string
			}{minutes, account.TableUser, name}))
			continue
		}
		calls = append(calls, logMinutesSQLite.With(struct{ Tbl, Key string }{account.TableUser, name}), addMinutesSQLite.With(minutes))
	}
	if err := s.fenced(ctx, f, calls...); err != nil {
		return fmt.Errorf("count %d rows of activity: %w", len(rows), err)
	}
	return nil
}

// PutEvents implements telemetry.Store.
func (s *Store) PutEvents(ctx context.Context, events []telemetry.Event) error {
	calls := make([]statement.Call, 0, len(events))
	for _, e := range events {
		args := eventArgs{e.Family, e.Name, e.User, e.Hash, e.Match, e.GameTime, e.Value, millis(e.At), nil}
		if e.Once != "" {
			args.Once = &e.Once
		}
		calls = append(calls, putEvent.With(args))
	}
	if err := s.db.Run(ctx, engine.Relaxed, calls...); err != nil {
		return fmt.Errorf("put %d events: %w", len(events), err)
	}
	return nil
}

// PutProperties implements telemetry.Store.
func (s *Store) PutProperties(ctx context.Context, properties []telemetry.Property) error {
	calls := make([]statement.Call, 0, len(properties))
	for _, p := range properties {
		calls = append(calls, putProperty.With(propertyArgs{p.User, p.Hash, p.Name, p.Value, millis(p.At)}))
	}
	if err := s.db.Run(ctx, engine.Relaxed, calls...); err != nil {
		return fmt.Errorf("put %d properties: %w", len(properties), err)
	}
	return nil
}

// PutInfolog implements telemetry.Store.
func (s *Store) PutInfolog(ctx context.Context, l telemetry.Infolog) error {
	args := infologArgs{l.ID, l.User, l.Hash, l.Type, l.Metadata, l.Contents, int64(len(l.Contents)), millis(l.At)}
	if err := s.db.Run(ctx, engine.Relaxed, putInfolog.With(args)); err != nil {
		return fmt.Errorf("put infolog %d: %w", l.ID, err)
	}
	return nil
}

// HasOld implements telemetry.Store.
func (s *Store) HasOld(ctx context.Context, sort telemetry.Old, age time.Duration) (bool, error) {
	found := olds[sort].has.With(ageArgs{age.Milliseconds()})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return false, fmt.Errorf("look for old %s: %w", sort, err)
	}
	row, _ := found.One()
	return row.Some, nil
}

// DropOld implements telemetry.Store.
func (s *Store) DropOld(ctx context.Context, f registry.Fence, sort telemetry.Old, age time.Duration, most int) error {
	var calls []statement.Call
	if sort == telemetry.OldUnverified {
		for i, table := range []string{account.TableUser, account.TableName, account.TableEmail} {
			calls = append(calls, logUnverified[i].With(oldUserArgs{table, age.Milliseconds(), most}))
		}
	}
	calls = append(calls, olds[sort].drop.With(oldArgs{age.Milliseconds(), most}))
	if err := s.fenced(ctx, f, calls...); err != nil {
		return fmt.Errorf("drop old %s: %w", sort, err)
	}
	return nil
}
