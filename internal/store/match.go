package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// ErrNoMatch says that there is no match with this id.
var ErrNoMatch = errors.New("store: no such match")

// madeRow is a match as its lobby makes it.
type madeRow struct {
	ID               int64
	UUID, ServerUUID string
	Founder, Lobby   int64
	Map              string
	Created          int64
}

// startedRow is a match as its lobby starts it.
type startedRow struct {
	madeRow
	Started             int64
	GameType            string
	TeamCount, TeamSize int
	Passworded          bool
	Tags, Bots          string
	Queue               int64
	EngineVersion       string
	GameVersion         string
	PlayerCount         int
}

// matchRow is a whole match.
type matchRow struct {
	startedRow
	Finished            int64
	EndData             string
	EndAt               int64
	GameID              string
	GameDuration        int64
	WinningTeam         *int
	RatingType, Unrated string
	Processed           int64
	Attempts            int
}

const (
	startedColumns = `id, uuid, server_uuid, founder, lobby, map, created, started, game_type, team_count, team_size,
		passworded, tags, bots, queue, engine_version, game_version, player_count`
	matchColumns = startedColumns + `, finished, end_data, end_at, game_id, game_duration, winning_team, rating_type,
		unrated, processed, attempts`
)

type (
	matchArgs      struct{ Match int64 }
	membershipArgs struct {
		Match, User int64
		Team        int
		Party       string
	}
	membershipRow struct {
		UserID    int64
		Name      string
		Team      int
		Party     string
		Win       bool
		LeftAfter *int64
	}
	finishArgs struct{ ID, At int64 }
	founderArg struct{ Founder, Since int64 }
	endArgs    struct {
		ID      int64
		UUID    string
		Founder int64
		EndData string
	}
	messageRow struct {
		UserID int64
		Text   string
		At     int64
	}
	messageArgs struct {
		Match, User int64
		Text        string
		Once        string
	}
)

var (
	insertMatch = statement.Define[madeRow, statement.None]("insert match", `
		INSERT INTO matches (id, uuid, server_uuid, founder, lobby, map, created)
		VALUES (@id, @uuid, @server_uuid, @founder, @lobby, @map, @created)
		ON CONFLICT (id) DO NOTHING`)

	// The row is there, unless the clean-up was faster than a lobby that waited for months.
	startMatch = statement.Define[startedRow, statement.None]("start match", `
		INSERT INTO matches (`+startedColumns+`)
		VALUES (@id, @uuid, @server_uuid, @founder, @lobby, @map, @created, @started, @game_type, @team_count, @team_size,
			@passworded, @tags, @bots, @queue, @engine_version, @game_version, @player_count)
		ON CONFLICT (id) DO UPDATE SET map = excluded.map, started = excluded.started, game_type = excluded.game_type,
			team_count = excluded.team_count, team_size = excluded.team_size, passworded = excluded.passworded,
			tags = excluded.tags, bots = excluded.bots, queue = excluded.queue, player_count = excluded.player_count,
			engine_version = excluded.engine_version, game_version = excluded.game_version
		WHERE matches.finished = 0 AND matches.processed = 0`)

	// Of a match that has ended nobody is a member anew.
	clearMembers = statement.Define[matchArgs, statement.None]("clear memberships", `
		DELETE FROM match_membership WHERE match_id = @match
			AND EXISTS (SELECT 1 FROM matches m WHERE m.id = @match AND m.finished = 0 AND m.processed = 0)`)

	addMember = statement.Define[membershipArgs, statement.None]("add membership", `
		INSERT INTO match_membership (match_id, user_id, team, party)
		SELECT m.id, CAST(@user AS BIGINT), CAST(@team AS BIGINT), CAST(@party AS TEXT)
		FROM matches m WHERE m.id = @match AND m.finished = 0 AND m.processed = 0
		ON CONFLICT (match_id, user_id) DO NOTHING`)

	finishMatch = statement.Define[finishArgs, struct{ ID int64 }]("finish match", `
		UPDATE matches SET finished = @at WHERE id = @id AND finished = 0 AND started > 0 RETURNING id`)

	matchByID = statement.Define[idArgs, matchRow]("match by id",
		`SELECT `+matchColumns+` FROM matches WHERE id = @id`)

	lastStarted = statement.Define[founderArg, matchRow]("last started match", `
		SELECT `+matchColumns+` FROM matches WHERE founder = @founder AND started > @since
		ORDER BY started DESC, id DESC LIMIT 1`)

	members = statement.Define[matchArgs, membershipRow]("memberships", `
		SELECT mm.user_id, COALESCE(u.name, '') AS name, mm.team, mm.party, mm.win, mm.left_after
		FROM match_membership mm LEFT JOIN users u ON u.id = mm.user_id
		WHERE mm.match_id = @match ORDER BY mm.user_id`)

	// A match that was processed for want of data was not rated: it may be processed again.
	saveEnd = statement.Define[endArgs, struct{ ID int64 }]("save end data", `
		UPDATE matches SET end_data = @end_data, end_at = @@wall, processed = 0, told = 0, retry_at = 0, attempts = 0
		WHERE (id = @id OR @id = 0 AND uuid = @uuid) AND founder = @founder AND started > 0 AND end_at = 0 AND rating_type = ''
		RETURNING id`)

	addLobbyMessage = statement.Define[messageArgs, statement.None]("add lobby message", `
		INSERT INTO lobby_message (match_id, user_id, text, at, once) VALUES (@match, @user, @text, @@wall, NULLIF(@once, ''))
		ON CONFLICT (once) DO NOTHING`)

	lobbyMessages = statement.Define[matchArgs, messageRow]("lobby messages",
		`SELECT user_id, text, at FROM lobby_message WHERE match_id = @match ORDER BY id`)
)

// CreateMatch implements match.Store.
func (s *Store) CreateMatch(ctx context.Context, f registry.Fence, m match.Match) error {
	if err := s.fenced(ctx, f, insertMatch.With(made(m))); err != nil {
		return fmt.Errorf("create match %d: %w", m.ID, err)
	}
	return nil
}

// StartMatch implements match.Store.
func (s *Store) StartMatch(ctx context.Context, f registry.Fence, start match.Start) error {
	row, err := started(start.Match)
	if err != nil {
		return fmt.Errorf("start match %d: %w", row.ID, err)
	}
	calls := []statement.Call{startMatch.With(row), clearMembers.With(matchArgs{row.ID})}
	for _, p := range start.Players {
		calls = append(calls,
			addMember.With(membershipArgs{row.ID, p.User, p.Team, p.Party}),
			putStat.With(statArgs{p.User, match.StatLastMatch, strconv.FormatInt(row.ID, 10)}))
	}
	if err := s.fenced(ctx, f, calls...); err != nil {
		return fmt.Errorf("start match %d: %w", row.ID, err)
	}
	return nil
}

// StopMatch implements match.Store.
func (s *Store) StopMatch(ctx context.Context, f registry.Fence, stop match.Stop) error {
	err := s.fenced(ctx, f, finishMatch.With(finishArgs{stop.ID, millis(stop.At)}), insertMatch.With(made(stop.Next)))
	if err != nil {
		return fmt.Errorf("stop match %d: %w", stop.ID, err)
	}
	return nil
}

// FinishMatch implements match.Store.
func (s *Store) FinishMatch(ctx context.Context, id int64, at time.Time) (bool, error) {
	finish := finishMatch.With(finishArgs{id, millis(at)})
	if err := s.db.Run(ctx, engine.Durable, finish); err != nil {
		return false, fmt.Errorf("finish match %d: %w", id, err)
	}
	_, ok := finish.One()
	return ok, nil
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
	return r.match()
}

// LastStarted implements match.Store.
func (s *Store) LastStarted(ctx context.Context, founder int64, since time.Time) (*match.Match, error) {
	found := lastStarted.With(founderArg{founder, millis(since)})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("last match of %d: %w", founder, err)
	}
	r, ok := found.One()
	if !ok {
		return nil, nil
	}
	return r.match()
}

// Memberships implements match.Store.
func (s *Store) Memberships(ctx context.Context, id int64) ([]match.Membership, error) {
	found := members.With(matchArgs{id})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("memberships of match %d: %w", id, err)
	}
	return membershipsOf(found.Rows()), nil
}

func membershipsOf(rows []membershipRow) []match.Membership {
	list := make([]match.Membership, len(rows))
	for i, r := range rows {
		list[i] = match.Membership{User: r.UserID, Name: r.Name, Team: r.Team, Party: r.Party, Win: r.Win, LeftAfter: r.LeftAfter}
	}
	return list
}

// SaveEnd implements match.Store.
func (s *Store) SaveEnd(ctx context.Context, e match.End) (bool, error) {
	if e.Match == 0 && e.UUID == "" || len(e.Data) == 0 {
		return false, nil
	}
	save := saveEnd.With(endArgs{e.Match, e.UUID, e.By, string(e.Data)})
	if err := s.db.Run(ctx, engine.Durable, save); err != nil {
		return false, fmt.Errorf("save the end of match %d %s: %w", e.Match, e.UUID, err)
	}
	_, saved := save.One()
	return saved, nil
}

// AddLobbyMessage implements match.Store.
func (s *Store) AddLobbyMessage(ctx context.Context, m match.LobbyMessage, once string) error {
	add := addLobbyMessage.With(messageArgs{m.Match, m.User, plainText(m.Text), once})
	if err := s.db.Run(ctx, engine.Durable, add); err != nil {
		return fmt.Errorf("add a message of match %d: %w", m.Match, err)
	}
	return nil
}

// LobbyMessages implements match.Store.
func (s *Store) LobbyMessages(ctx context.Context, id int64) ([]match.LobbyMessage, error) {
	found := lobbyMessages.With(matchArgs{id})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("messages of match %d: %w", id, err)
	}
	list := make([]match.LobbyMessage, len(found.Rows()))
	for i, r := range found.Rows() {
		list[i] = match.LobbyMessage{Match: id, User: r.UserID, Text: r.Text, At: fromMillis(r.At)}
	}
	return list, nil
}

// KeepState stores the state of a process alone, in its one fenced transaction.
func (s *Store) KeepState(ctx context.Context, f registry.Fence) error {
	if err := s.fenced(ctx, f); err != nil {
		return fmt.Errorf("keep the state of %s: %w", f.Key, err)
	}
	return nil
}

// plainText is a text as PostgreSQL takes it: without zeros and broken characters.
func plainText(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

func made(m match.Match) madeRow {
	return madeRow{m.ID, m.UUID, m.ServerUUID, m.Founder, m.Lobby, m.Map, millis(m.Created)}
}

func started(m match.Match) (startedRow, error) {
	tags, err := json.Marshal(m.Tags)
	if err != nil {
		return startedRow{madeRow: made(m)}, err
	}
	if m.Tags == nil {
		tags = []byte("{}")
	}
	bots, err := listText(m.Bots)
	if err != nil {
		return startedRow{madeRow: made(m)}, err
	}
	return startedRow{
		madeRow: made(m), Started: millis(m.Started), GameType: string(m.GameType), TeamCount: m.TeamCount, TeamSize: m.TeamSize,
		Passworded: m.Passworded, Tags: string(tags), Bots: bots, Queue: m.Queue, EngineVersion: m.EngineVersion,
		GameVersion: m.GameVersion, PlayerCount: m.PlayerCount,
	}, nil
}

func (r matchRow) match() (*match.Match, error) {
	m := &match.Match{
		ID: r.ID, UUID: r.UUID, ServerUUID: r.ServerUUID, Founder: r.Founder, Lobby: r.Lobby, Map: r.Map,
		Created: fromMillis(r.Created), Started: fromMillis(r.Started), GameType: match.GameType(r.GameType),
		TeamCount: r.TeamCount, TeamSize: r.TeamSize, Passworded: r.Passworded, Queue: r.Queue,
		EngineVersion: r.EngineVersion, GameVersion: r.GameVersion, Finished: fromMillis(r.Finished),
		EndAt: fromMillis(r.EndAt), GameID: r.GameID, GameDuration: r.GameDuration, PlayerCount: r.PlayerCount,
		WinningTeam: r.WinningTeam, RatingType: r.RatingType, Unrated: r.Unrated, Processed: fromMillis(r.Processed),
		Attempts: r.Attempts,
	}
	if r.EndData != "" {
		m.End = json.RawMessage(r.EndData)
	}
	if r.Tags != "{}" {
		if err := json.Unmarshal([]byte(r.Tags), &m.Tags); err != nil {
			return nil, fmt.Errorf("tags of match %d: %w", r.ID, err)
		}
	}
	if err := readList(r.Bots, &m.Bots); err != nil {
		return nil, fmt.Errorf("computer players of match %d: %w", r.ID, err)
	}
	return m, nil
}
