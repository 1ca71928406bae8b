package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"teiserver/internal/store/engine"
)

// Examine looks at a database and changes nothing.
func Examine(ctx context.Context, url string) (e engine.Examination, err error) {
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return e, fmt.Errorf("database: read its address: %w", err) // pgx hides the password
	}
	prepare(config)
	e.Name = describe(config)
	defer func() {
		if err != nil {
			err = fmt.Errorf("database %s: %w", e.Name, err)
		}
	}()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return e, err
	}
	defer closeSoon(ctx, conn)
	e.Server = &engine.Server{}
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int,
		pg_is_in_recovery(), current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
		current_setting('synchronous_standby_names')`).
		Scan(&e.Version, &e.Server.Number, &e.Server.Recovery, &e.Server.Fsync, &e.Server.FullPageWrites, &e.Server.Named)
	if err != nil {
		return e, err
	}
	for range 2 { // the first time it is planned, too: the second one is measured
		began := time.Now()
		var now int64
		if err := conn.QueryRow(ctx, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").Scan(&now); err != nil {
			return e, err
		}
		e.RoundTrip = time.Since(began)
		e.Ahead = time.UnixMicro(now).Sub(began.Add(e.RoundTrip / 2))
	}
	if e.Server.Standbys, err = standbys(ctx, conn); err != nil {
		return e, err
	}
	_, e.Schema, err = schemaOf(ctx, conn)
	return e, err
}

// standbys are the servers that follow this one. Their states are for roles with
// pg_monitor; others see that they are there.
func standbys(ctx context.Context, conn *pgx.Conn) ([]engine.Standby, error) {
	rows, err := conn.Query(ctx, `SELECT COALESCE(application_name, ''), COALESCE(state, ''), COALESCE(sync_state, '')
		FROM pg_stat_replication ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s engine.Standby, err error) {
		err = row.Scan(&s.Name, &s.State, &s.Sync)
		return s, err
	})
}
