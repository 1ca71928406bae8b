package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"teiserver/internal/job"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
	"teiserver/internal/telemetry"
)

type (
	countedRow struct {
		Life           int64
		Counted, Final string
		Version, At    int64
	}
	countArgs struct {
		Life, Version int64
		Counted       string
	}
	firstArgs struct {
		Life    int64
		Counted string
	}
	countedArgs struct{ Life, Version int64 }
	lifeRow     struct{ Life int64 }
	finalArgs   struct {
		Life  int64
		Final string
	}
	logArgs  struct{ Unit, Period, Data string }
	spanArgs struct{ Unit, From, Before string }
	timeArgs struct{ From, Before int64 }
	countRow struct{ Count int64 }
)

var (
	counted = statement.Define[statement.None, countedRow]("counted",
		`SELECT life, counted, final, version, at FROM telemetry_node ORDER BY life`)

	// These say nothing if somebody else has counted meanwhile.
	firstCount = statement.Define[firstArgs, lifeRow]("first count", `
		INSERT INTO telemetry_node (life, counted, version, at) VALUES (@life, @counted, 1, @@wall)
		ON CONFLICT (life) DO NOTHING RETURNING life`)
	nextCount = statement.Define[countArgs, lifeRow]("next count", `
		UPDATE telemetry_node SET counted = @counted, version = version + 1, at = @@wall
		WHERE life = @life AND version = @version RETURNING life`)
	lastCount = statement.Define[countedArgs, lifeRow]("last count", `
		DELETE FROM telemetry_node WHERE life = @life AND version = @version RETURNING life`)

	putFinal = statement.Define[finalArgs, statement.None]("put final counters", `
		INSERT INTO telemetry_node (life, counted, final, version, at) VALUES (@life, '{}', @final, 1, @@wall)
		ON CONFLICT (life) DO UPDATE SET final = excluded.final, version = telemetry_node.version + 1, at = excluded.at`)

	putLog = statement.Define[logArgs, statement.None]("put log row", `
		INSERT INTO telemetry_log (unit, period, data) VALUES (@unit, @period, @data)
		ON CONFLICT (unit, period) DO UPDATE SET data = excluded.data`)

	trimLog = statement.Define[struct{ Unit, Before string }, statement.None]("trim log rows",
		`DELETE FROM telemetry_log WHERE unit = @unit AND period < @before`)

	logPeriods = statement.Define[spanArgs, struct{ Period string }]("log periods", `
		SELECT period FROM telemetry_log WHERE unit = @unit AND period >= @from AND period < @before ORDER BY period`)

	logRows = statement.Define[spanArgs, struct{ Period, Data string }]("log rows", `
		SELECT period, data FROM telemetry_log WHERE unit = @unit AND period >= @from AND period < @before ORDER BY period`)

	// minuteDays goes from day to day: there are thousands of minutes and few days. A
	// day sorts before its minutes, and the next day after the letter behind.
	minuteDays = statement.Define[statement.None, struct{ Day string }]("days with minutes", `
		WITH RECURSIVE days (day) AS (
			SELECT substr(MIN(period), 1, 10) FROM telemetry_log WHERE unit = 'minute'
			UNION ALL
			SELECT (SELECT substr(MIN(l.period), 1, 10) FROM telemetry_log l WHERE l.unit = 'minute' AND l.period > days.day || 'U')
			FROM days WHERE days.day IS NOT NULL
		)
		SELECT day FROM days WHERE day IS NOT NULL ORDER BY day`)

	createdUsers = statement.Define[timeArgs, countRow]("users created", `
		SELECT count(*) AS count FROM users WHERE created >= @from AND created < @before`)

	endedMatches = statement.Define[timeArgs, struct {
		GameType, Map              string
		Players, Started, Finished int64
	}]("ended matches", `
		SELECT game_type, map, player_count AS players, started, finished FROM matches
		WHERE finished >= @from AND finished < @before ORDER BY id`)

	firstEnded = statement.Define[statement.None, struct{ Finished int64 }]("first ended match", `
		SELECT COALESCE(MIN(finished), 0) AS finished FROM matches WHERE finished > 0`)
)

// Counted implements telemetry.Store.
func (s *Store) Counted(ctx context.Context) ([]telemetry.Counted, error) {
	found := counted.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("what was counted: %w", err)
	}
	list := make([]telemetry.Counted, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		c := telemetry.Counted{Life: r.Life, Version: r.Version, At: fromMillis(r.At)}
		if err := json.Unmarshal([]byte(r.Counted), &c.Counters); err != nil {
			return nil, fmt.Errorf("what was counted of %d: %w", r.Life, err)
		}
		if r.Final != "" {
			if err := json.Unmarshal([]byte(r.Final), &c.Final); err != nil {
				return nil, fmt.Errorf("last counters of %d: %w", r.Life, err)
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// PutMinute implements telemetry.Store.
func (s *Store) PutMinute(ctx context.Context, m job.Mark, data []byte, now, gone []telemetry.Counted) error {
	var changes []*statement.Query[lifeRow]
	for _, c := range now {
		text, err := json.Marshal(c.Counters)
		if err != nil {
			return fmt.Errorf("counters of %d: %w", c.Life, err)
		}
		if c.Version == 0 {
			changes = append(changes, firstCount.With(firstArgs{c.Life, string(text)}))
			continue
		}
		changes = append(changes, nextCount.With(countArgs{c.Life, c.Version, string(text)}))
	}
	for _, c := range gone {
		changes = append(changes, lastCount.With(countedArgs{c.Life, c.Version}))
	}
	calls := make([]statement.Call, 0, len(changes)+1)
	for _, c := range changes {
		calls = append(calls, c)
	}
	calls = append(calls, putLog.With(logArgs{string(job.Minute), m.Period, string(data)}))
	err := s.transactMarked(ctx, m, func(ctx context.Context, tx engine.Tx) error {
		if err := tx.Run(ctx, calls...); err != nil {
			return err
		}
		for _, c := range changes {
			if _, ok := c.One(); !ok {
				return telemetry.ErrStale
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("put the minute %s: %w", m.Period, err)
	}
	return nil
}

// PutFinal implements telemetry.Store.
func (s *Store) PutFinal(ctx context.Context, life int64, counters map[string]int64) error {
	text, err := json.Marshal(counters)
	if err != nil {
		return fmt.Errorf("last counters of %d: %w", life, err)
	}
	if err := s.db.Run(ctx, engine.Durable, putFinal.With(finalArgs{life, string(text)})); err != nil {
		return fmt.Errorf("put the last counters of %d: %w", life, err)
	}
	return nil
}

// Periods implements telemetry.Store.
func (s *Store) Periods(ctx context.Context, unit, from, before string) ([]string, error) {
	found := logPeriods.With(spanArgs{unit, from, before})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("periods of %s: %w", unit, err)
	}
	list := make([]string, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, r.Period)
	}
	return list, nil
}

// Rows implements telemetry.Store.
func (s *Store) Rows(ctx context.Context, unit, from, before string) ([]telemetry.Row, error) {
	found := logRows.With(spanArgs{unit, from, before})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("rows of %s: %w", unit, err)
	}
	list := make([]telemetry.Row, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, telemetry.Row{Period: r.Period, Data: []byte(r.Data)})
	}
	return list, nil
}

// MinuteDays implements telemetry.Store.
func (s *Store) MinuteDays(ctx context.Context) ([]string, error) {
	found := minuteDays.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("days with minutes: %w", err)
	}
	list := make([]string, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, r.Day)
	}
	return list, nil
}

// PutRow implements telemetry.Store.
func (s *Store) PutRow(ctx context.Context, m job.Mark, unit string, data []byte, trim, before string) error {
	calls := []statement.Call{putLog.With(logArgs{unit, m.Period, string(data)})}
	if trim != "" && before != "" {
		calls = append(calls, trimLog.With(struct{ Unit, Before string }{trim, before}))
	}
	if err := s.marked(ctx, m, calls...); err != nil {
		return fmt.Errorf("put the %s %s: %w", unit, m.Period, err)
	}
	return nil
}

// Created implements telemetry.Store.
func (s *Store) Created(ctx context.Context, from, before time.Time) (int64, error) {
	found := createdUsers.With(timeArgs{millis(from), millis(before)})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return 0, fmt.Errorf("count users created: %w", err)
	}
	row, _ := found.One()
	return row.Count, nil
}

// Matches implements telemetry.Store.
func (s *Store) Matches(ctx context.Context, from, before time.Time) ([]telemetry.Match, error) {
	found := endedMatches.With(timeArgs{millis(from), millis(before)})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("ended matches: %w", err)
	}
	list := make([]telemetry.Match, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, telemetry.Match{
			Type: r.GameType, Map: r.Map, Players: r.Players, Started: fromMillis(r.Started), Finished: fromMillis(r.Finished),
		})
	}
	return list, nil
}

// FirstMatch implements telemetry.Store.
func (s *Store) FirstMatch(ctx context.Context) (time.Time, error) {
	found := firstEnded.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return time.Time{}, fmt.Errorf("first ended match: %w", err)
	}
	row, _ := found.One()
	return fromMillis(row.Finished), nil
}
