package store

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/moderation"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	reportRow struct {
		ID, Reporter, Target                int64
		Place, PlaceID                      string
		MatchID                             int64
		Body                                string
		Created, Closed, ClosedBy, ActionID int64
	}
	newReportArgs struct {
		Reporter, Target int64
		Place, PlaceID   string
		Match            int64
		Body             string
	}
	closeReportArgs struct{ ID, By, Action int64 }
	sinceArgs       struct{ Reporter, Age int64 }
	reportsArgs     struct {
		Target int64
		All    bool
		Most   int
	}
	banRow struct {
		ID, Source         int64
		Reason             string
		Author, Created    int64
		Removed, RemovedBy int64
	}
	newBanArgs struct {
		Source int64
		Reason string
		Author int64
	}
	banValueArgs struct {
		Ban         int64
		Kind, Value string
	}
	banValueRow struct {
		BanID       int64
		Kind, Value string
	}
	addressRow struct {
		BanID   int64
		Value   string
		Created int64
	}
	userKeyArgs struct {
		User        int64
		Kind, Value string
		Fresh       int64
	}
	userKeyRow struct {
		Kind, Value string
		At          int64
	}
	kinArgs struct {
		User int64
		Most int
	}
)

const (
	reportColumns = `id, reporter, target, place, place_id, match_id, body, created, closed, closed_by, action_id`
	banColumns    = `id, source, reason, author, created, removed, removed_by`

	valueKey     = "key"
	valueAddress = "address"
)

// freshFor is how long a key that was seen is not written again.
const freshFor = time.Hour

var (
	addReport = statement.Define[newReportArgs, reportRow]("add report", `
		INSERT INTO moderation_report (reporter, target, place, place_id, match_id, body, created)
		VALUES (@reporter, @target, @place, @place_id, @match, @body, @@wall) RETURNING `+reportColumns)

	reportsSince = statement.Define[sinceArgs, countRow]("reports since", `
		SELECT count(*) AS count FROM moderation_report WHERE reporter = @reporter AND created > @@wall - CAST(@age AS BIGINT)`)

	closeReport = statement.Define[closeReportArgs, reportRow]("close report", `
		UPDATE moderation_report SET closed = @@wall, closed_by = @by, action_id = @action
		WHERE id = @id AND closed = 0 RETURNING `+reportColumns)

	listReports = statement.Define[reportsArgs, reportRow]("list reports", `
		SELECT `+reportColumns+` FROM moderation_report
		WHERE (CAST(@target AS BIGINT) = 0 OR target = CAST(@target AS BIGINT)) AND (CAST(@all AS BOOLEAN) OR closed = 0)
		ORDER BY id DESC LIMIT @most`)

	oneReport = statement.Define[idArgs, idArgs]("report", `SELECT id FROM moderation_report WHERE id = @id`)

	addBan = statement.Define[newBanArgs, banRow]("add ban", `
		INSERT INTO moderation_ban (source, reason, author, created) VALUES (@source, @reason, @author, @@wall)
		RETURNING `+banColumns)

	addBanValue = statement.Define[banValueArgs, statement.None]("add value of a ban", `
		INSERT INTO moderation_ban_value (ban_id, kind, value) VALUES (@ban, @kind, @value)`)

	removeBan = statement.Define[struct{ ID, By int64 }, banRow]("remove ban", `
		UPDATE moderation_ban SET removed = @@wall, removed_by = @by WHERE id = @id AND removed = 0 RETURNING `+banColumns)

	oneBan = statement.Define[idArgs, idArgs]("ban", `SELECT id FROM moderation_ban WHERE id = @id`)

	listBans = statement.Define[struct{ All bool }, banRow]("list bans", `
		SELECT `+banColumns+` FROM moderation_ban WHERE CAST(@all AS BOOLEAN) OR removed = 0 ORDER BY id DESC`)

	listBanValues = statement.Define[struct{ All bool }, banValueRow]("list values of bans", `
		SELECT ban_id, kind, value FROM moderation_ban_value
		WHERE CAST(@all AS BOOLEAN) OR ban_id IN (SELECT id FROM moderation_ban WHERE removed = 0) ORDER BY ban_id, kind, value`)

	bannedAddresses = statement.Define[struct{ Kind string }, addressRow]("banned addresses", `
		SELECT v.ban_id, v.value, b.created FROM moderation_ban b JOIN moderation_ban_value v ON v.ban_id = b.id
		WHERE b.removed = 0 AND v.kind = @kind ORDER BY v.ban_id, v.value`)

	bannedKeys = statement.Define[struct{ Kind string }, countRow]("banned keys", `
		SELECT count(*) AS count FROM moderation_ban b JOIN moderation_ban_value v ON v.ban_id = b.id
		WHERE b.removed = 0 AND v.kind = @kind`)

	putUserKey = statement.Define[userKeyArgs, statement.None]("put key of a user", `
		INSERT INTO user_key (user_id, kind, value, at)
		SELECT CAST(@user AS BIGINT), CAST(@kind AS TEXT), CAST(@value AS TEXT), @@wall WHERE `+notForgotten+`
		ON CONFLICT (user_id, kind, value) DO UPDATE SET at = excluded.at WHERE user_key.at < excluded.at - CAST(@fresh AS BIGINT)`)

	userKeysOf = statement.Define[userArgs, userKeyRow]("keys of an owner",
		`SELECT kind, value, at FROM user_key WHERE user_id = @user ORDER BY kind, value`)

	// Those who share only an address may live in one house.
	kinOf = statement.Define[kinArgs, struct{ Name string }]("kin", `
		SELECT name FROM users WHERE id <> @user AND id IN (
			SELECT o.user_id FROM user_key k JOIN user_key o ON o.value = k.value AND o.kind = k.kind
				WHERE k.user_id = @user AND k.kind <> 'ip'
			UNION SELECT user_id FROM moderation_mark WHERE alt_of = @user
			UNION SELECT alt_of FROM moderation_mark WHERE user_id = @user
			UNION SELECT m.user_id FROM moderation_mark m JOIN moderation_mark me ON me.alt_of = m.alt_of
				WHERE me.user_id = @user AND me.alt_of > 0
		) ORDER BY name_key LIMIT @most`)

	// Only accounts that are younger than the ban, and once.
	matchBan = statement.Define[userArgs, banRow]("match ban", `
		SELECT b.id, b.source, b.reason, b.author, b.created, b.removed, b.removed_by
		FROM user_key k
			JOIN moderation_ban_value v ON v.kind = 'key' AND v.value = k.value
			JOIN moderation_ban b ON b.id = v.ban_id
			JOIN users u ON u.id = k.user_id
		WHERE k.user_id = @user AND b.removed = 0 AND b.source <> k.user_id AND u.created > b.created
			AND NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.once = 'ban ' || b.id || ' of user ' || k.user_id)
		ORDER BY b.id LIMIT 1`)
)

func (r reportRow) report() moderation.Report {
	return moderation.Report{
		ID: r.ID, Reporter: r.Reporter, Target: r.Target, Place: r.Place, PlaceID: r.PlaceID, Match: r.MatchID, Text: r.Body,
		Created: fromMillis(r.Created), Closed: fromMillis(r.Closed), ClosedBy: r.ClosedBy, Action: r.ActionID,
	}
}

func (r banRow) ban() moderation.Ban {
	return moderation.Ban{
		ID: r.ID, Source: r.Source, Reason: r.Reason, Author: r.Author, Created: fromMillis(r.Created),
		Removed: fromMillis(r.Removed), RemovedBy: r.RemovedBy,
	}
}

// AddReport implements moderation.Store.
func (s *Store) AddReport(ctx context.Context, r moderation.Report) (moderation.Report, error) {
	add := addReport.With(newReportArgs{r.Reporter, r.Target, plainText(r.Place), plainText(r.PlaceID), r.Match, plainText(r.Text)})
	if err := s.db.Run(ctx, engine.Durable, add); err != nil {
		return r, fmt.Errorf("add a report about user %d: %w", r.Target, err)
	}
	row, _ := add.One()
	return row.report(), nil
}

// ReportsSince implements moderation.Store.
func (s *Store) ReportsSince(ctx context.Context, reporter int64, age time.Duration) (int, error) {
	found := reportsSince.With(sinceArgs{reporter, age.Milliseconds()})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return 0, fmt.Errorf("count reports of user %d: %w", reporter, err)
	}
	row, _ := found.One()
	return int(row.Count), nil
}

// CloseReport implements moderation.Store.
func (s *Store) CloseReport(ctx context.Context, id, by, action int64, e moderation.Entry) (r moderation.Report, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		end := closeReport.With(closeReportArgs{id, by, action})
		if err := tx.Run(ctx, end); err != nil {
			return e, err
		}
		row, ok := end.One()
		if !ok {
			return e, notThere(ctx, tx, oneReport.With(idArgs{id}))
		}
		r = row.report()
		return with(e, "target_user_id", r.Target), nil
	})
	if err != nil {
		return r, fmt.Errorf("close report %d: %w", id, err)
	}
	return r, nil
}

// notThere says whether a row is missing or was over already.
func notThere(ctx context.Context, tx engine.Tx, found *statement.Query[idArgs]) error {
	if err := tx.Run(ctx, found); err != nil {
		return err
	}
	if _, ok := found.One(); ok {
		return moderation.ErrOver
	}
	return moderation.ErrNotFound
}

// Reports implements moderation.Store.
func (s *Store) Reports(ctx context.Context, q moderation.ReportQuery) ([]moderation.Report, error) {
	found := listReports.With(reportsArgs(q))
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	var list []moderation.Report
	for _, r := range found.Rows() {
		list = append(list, r.report())
	}
	return list, nil
}

// bansKey is the key of the bans in the change log.
var bansKey = changeArgs{moderation.TableBans, moderation.KeyBans}

// AddBan implements moderation.Store.
func (s *Store) AddBan(ctx context.Context, b moderation.Ban, source *moderation.Action, e moderation.Entry) (done moderation.Ban, changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		add := addBan.With(newBanArgs{b.Source, plainText(b.Reason), b.Author})
		if err := tx.Run(ctx, add); err != nil {
			return e, err
		}
		row, _ := add.One()
		done = row.ban()
		done.Keys, done.Addresses = b.Keys, b.Addresses
		var calls []statement.Call
		for _, v := range b.Keys {
			calls = append(calls, addBanValue.With(banValueArgs{done.ID, valueKey, plainText(v)}))
		}
		for _, v := range b.Addresses {
			calls = append(calls, addBanValue.With(banValueArgs{done.ID, valueAddress, v}))
		}
		if len(calls) > 0 {
			if err := tx.Run(ctx, calls...); err != nil {
				return e, err
			}
		}
		keys, out := []changeArgs{bansKey}, with(e, "ban_id", done.ID)
		if source != nil {
			a, err := insertAction(ctx, tx, *source)
			if err != nil {
				return e, err
			}
			keys, out = append(keys, standingOf(source.User)), with(out, "action_id", a.ID)
		}
		var err error
		changed, err = log(ctx, tx, keys...)
		return out, err
	})
	if err != nil {
		return done, nil, fmt.Errorf("add a ban: %w", err)
	}
	return done, changed, nil
}

// RemoveBan implements moderation.Store.
func (s *Store) RemoveBan(ctx context.Context, id, by int64, e moderation.Entry) (b moderation.Ban, changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		end := removeBan.With(struct{ ID, By int64 }{id, by})
		if err := tx.Run(ctx, end); err != nil {
			return e, err
		}
		row, ok := end.One()
		if !ok {
			return e, notThere(ctx, tx, oneBan.With(idArgs{id}))
		}
		b = row.ban()
		var err error
		changed, err = log(ctx, tx, bansKey)
		return e, err
	})
	if err != nil {
		return b, nil, fmt.Errorf("remove ban %d: %w", id, err)
	}
	return b, changed, nil
}

// BanList implements moderation.Store.
func (s *Store) BanList(ctx context.Context, all bool) ([]moderation.Ban, error) {
	found, values := listBans.With(struct{ All bool }{all}), listBanValues.With(struct{ All bool }{all})
	if err := s.db.Run(ctx, engine.Read, found, values); err != nil {
		return nil, fmt.Errorf("list bans: %w", err)
	}
	keys, addresses := map[int64][]string{}, map[int64][]string{}
	for _, v := range values.Rows() {
		if v.Kind == valueAddress {
			addresses[v.BanID] = append(addresses[v.BanID], v.Value)
		} else {
			keys[v.BanID] = append(keys[v.BanID], v.Value)
		}
	}
	var list []moderation.Ban
	for _, r := range found.Rows() {
		b := r.ban()
		b.Keys, b.Addresses = keys[b.ID], addresses[b.ID]
		list = append(list, b)
	}
	return list, nil
}

// Bans implements moderation.Store.
func (s *Store) Bans(ctx context.Context) (*moderation.Bans, error) {
	addresses, keys := bannedAddresses.With(struct{ Kind string }{valueAddress}), bannedKeys.With(struct{ Kind string }{valueKey})
	if err := s.db.Run(ctx, engine.Read, addresses, keys); err != nil {
		return nil, fmt.Errorf("bans: %w", err)
	}
	n, _ := keys.One()
	b := &moderation.Bans{Keys: int(n.Count)}
	for _, r := range addresses.Rows() {
		p, err := netip.ParsePrefix(r.Value)
		if err != nil {
			return nil, fmt.Errorf("address of ban %d: %w", r.BanID, err)
		}
		b.Addresses = append(b.Addresses, moderation.AddressBan{Ban: r.BanID, Prefix: p, Created: fromMillis(r.Created)})
	}
	return b, nil
}

// PutKeys implements moderation.Store.
func (s *Store) PutKeys(ctx context.Context, keys []moderation.Key) error {
	var calls []statement.Call
	for _, k := range keys {
		calls = append(calls, putUserKey.With(userKeyArgs{k.User, k.Kind, plainText(k.Value), freshFor.Milliseconds()}))
	}
	if len(calls) == 0 {
		return nil
	}
	if err := s.db.Run(ctx, engine.Relaxed, calls...); err != nil {
		return fmt.Errorf("put %d keys of users: %w", len(keys), err)
	}
	return nil
}

// Keys implements moderation.Store.
func (s *Store) Keys(ctx context.Context, user int64) ([]moderation.Key, error) {
	found := userKeysOf.With(userArgs{user})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("keys of user %d: %w", user, err)
	}
	var list []moderation.Key
	for _, r := range found.Rows() {
		list = append(list, moderation.Key{User: user, Kind: r.Kind, Value: r.Value, At: fromMillis(r.At)})
	}
	return list, nil
}

// Kin implements moderation.Store.
func (s *Store) Kin(ctx context.Context, user int64, most int) ([]string, error) {
	found := kinOf.With(kinArgs{user, most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("kin of user %d: %w", user, err)
	}
	var names []string
	for _, r := range found.Rows() {
		names = append(names, r.Name)
	}
	return names, nil
}

// Match implements moderation.Store.
func (s *Store) Match(ctx context.Context, users []int64) ([]*moderation.Ban, error) {
	calls := make([]statement.Call, len(users))
	found := make([]*statement.Query[banRow], len(users))
	for i, user := range users {
		found[i] = matchBan.With(userArgs{user})
		calls[i] = found[i]
	}
	if len(calls) == 0 {
		return nil, nil
	}
	if err := s.db.Run(ctx, engine.Read, calls...); err != nil {
		return nil, fmt.Errorf("match %d users with bans: %w", len(users), err)
	}
	list := make([]*moderation.Ban, len(users))
	for i, q := range found {
		if row, ok := q.One(); ok {
			b := row.ban()
			list[i] = &b
		}
	}
	return list, nil
}
