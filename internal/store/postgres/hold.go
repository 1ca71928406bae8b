package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"teiserver/internal/store/engine"
)

// useLock is the number of the advisory lock that says how a database is used,
// migrateLock that of the one for migrations. They are per database.
const (
	useLock     = 7461_0001
	migrateLock = 7461_0002
)

// dyingFor is how long a program that starts waits for one that has just died: its
// session ends a moment after it.
const dyingFor = 500 * time.Millisecond

// The connection of the lock is asked every lookEvery whether it lives, and while
// the server is away the lock is tried again as often. An answer may take lookFor.
const (
	lookEvery = 500 * time.Millisecond
	lookFor   = 3 * time.Second
)

// hold is the right to use a database: an advisory lock of a session, exclusive
// for a single node, shared among the nodes of a cluster. When its connection
// breaks it takes the lock again; if somebody else has it by then, it is lost.
type hold struct {
	config *pgx.ConnConfig
	shared bool
	log    *slog.Logger
	lost   chan error
	stop   context.CancelFunc
	done   chan struct{}

	// The session that had the lock last: it may outlive its connection on the
	// server and is then in the way of its own successor.
	pid     int64
	started string
}

func takeHold(ctx context.Context, config *pgx.ConnConfig, opts Options) (*hold, error) {
	h := &hold{
		config: config, shared: opts.Use == engine.Clustered, log: opts.Log,
		lost: make(chan error, 1), done: make(chan struct{}),
	}
	conn, err := h.take(ctx)
	for deadline := time.Now().Add(dyingFor); errors.Is(err, engine.ErrInUse) && time.Now().Before(deadline); {
		select {
		case <-time.After(dyingFor / 10):
		case <-ctx.Done():
			return nil, err
		}
		conn, err = h.take(ctx)
	}
	if err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	go h.keep(background, conn)
	return h, nil
}

// take connects and takes the lock, or returns engine.ErrInUse.
func (h *hold) take(ctx context.Context) (*pgx.Conn, error) {
	conn, err := single(ctx, h.config)
	if err != nil {
		return nil, err
	}
	if err := h.lock(ctx, conn); err != nil {
		closeSoon(ctx, conn)
		return nil, err
	}
	return conn, nil
}

func (h *hold) lock(ctx context.Context, conn *pgx.Conn) error {
	try := "pg_try_advisory_lock"
	if h.shared {
		try = "pg_try_advisory_lock_shared"
	}
	var (
		ok      bool
		pid     int64
		started string
	)
	err := conn.QueryRow(ctx, `SELECT `+try+`($1), pid, backend_start::text
		FROM pg_stat_activity WHERE pid = pg_backend_pid()`, useLock).Scan(&ok, &pid, &started)
	if err != nil {
		return err
	}
	if ok {
		h.pid, h.started = pid, started
		return nil
	}
	// Is it our own session of before? Then end it and try again later.
	ended, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE pid = $1 AND backend_start::text = $2`, h.pid, h.started)
	if err != nil {
		return err
	}
	if ended.RowsAffected() > 0 {
		return errors.New("the session of before still has the lock")
	}
	return engine.ErrInUse
}

// keep watches the connection until the hold ends or is lost.
func (h *hold) keep(ctx context.Context, conn *pgx.Conn) {
	defer close(h.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if conn != nil {
				release(ctx, conn)
			}
			return
		case <-tick.C:
		}
		var lost bool
		if conn, lost = h.look(ctx, conn); lost {
			h.lost <- fmt.Errorf("the database %w, which took it during an outage", engine.ErrInUse)
			return
		}
	}
}

// look asks the connection, or takes the lock anew if there is none.
func (h *hold) look(ctx context.Context, conn *pgx.Conn) (_ *pgx.Conn, lost bool) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	if conn != nil {
		err := conn.Ping(ctx)
		if err == nil {
			return conn, false
		}
		closeSoon(ctx, conn)
		h.log.Warn("connection that holds the database broke", "err", err)
		return nil, false
	}
	conn, err := h.take(ctx)
	if err == nil {
		h.log.Info("database held again")
	}
	return conn, errors.Is(err, engine.ErrInUse)
}

func (h *hold) end() {
	h.stop()
	<-h.done
}

// release unlocks before it closes: whoever starts next must not find a session
// that is about to end.
func release(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock_all()") // closing does it, too
	_ = conn.Close(ctx)
}

// closeSoon closes also after ctx has ended, and does not wait long for a server that
// may be away.
func closeSoon(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
