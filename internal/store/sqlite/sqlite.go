package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

// checkpointEvery is how often the write-ahead log is moved into the database. At
// a few hundred writes a second the log stays below some megabytes.
const checkpointEvery = 2 * time.Second

// readers is how many reads may run at once: more than processors is of no use.
const readers = 4

// Options of Open.
type Options struct {
	Use   engine.Use
	Log   *slog.Logger
	Clock Clock // nil: the host's
}

// DB is an open database file. It implements engine.DB.
type DB struct {
	path  string
	log   *slog.Logger
	clock Clock
	lock  *os.File
	gate  *gate

	fingerprint string // of the file, see @@timeline

	lease, durable, relaxed, read *pool

	stop context.CancelFunc // of the checkpointer
	done chan struct{}      // closed when it has ended
}

// Open opens the file at path. A node and engine.Setup create it if it is missing.
func Open(ctx context.Context, path string, opts Options) (db *DB, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("database %s: %w", path, explain(err))
		}
	}()
	file, err := place(path)
	if err != nil {
		return nil, err
	}
	if opts.Clock == nil {
		if opts.Clock, err = newHostClock(); err != nil {
			return nil, err
		}
	}
	db = &DB{path: file, log: opts.Log, clock: opts.Clock, gate: newGate(), done: make(chan struct{})}
	if db.lock, err = lockFile(file, opts.Use); err != nil {
		return nil, err
	}
	if err := db.connect(ctx, opts.Use); err != nil {
		_ = db.closeAll()
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	db.stop = stop
	go db.checkpoint(background)
	return db, nil
}

func (db *DB) connect(ctx context.Context, use engine.Use) (err error) {
	if use.Node() || use == engine.Setup {
		err = create(db.path)
	} else if _, err = os.Stat(db.path); errors.Is(err, fs.ErrNotExist) {
		err = engine.ErrMissing
	}
	if err != nil {
		return err
	}
	if db.fingerprint, err = fingerprint(db.path); err != nil {
		return err
	}
	current := false
	if !use.Node() {
		if current, err = db.current(ctx, use); err != nil {
			return err
		}
	}
	if !current {
		if err = db.migrate(ctx); err != nil {
			return err
		}
	}
	if db.lease, err = newPool(db.path, 1, "synchronous(FULL)"); err != nil {
		return err
	}
	if db.durable, err = newPool(db.path, 1, "synchronous(FULL)"); err != nil {
		return err
	}
	if db.relaxed, err = newPool(db.path, 1, "synchronous(NORMAL)"); err != nil {
		return err
	}
	db.read, err = newPool(db.path, readers, "query_only(1)")
	return err
}

// instant reads the clock.
func (db *DB) instant() statement.Instant {
	now := db.clock.Instant()
	now.Timeline = db.fingerprint
	return now
}

// checkpoint is the one checkpointer. It is passive: it waits for nobody and
// nobody waits for it.
func (db *DB) checkpoint(ctx context.Context) {
	defer close(db.done)
	conn, err := connect(db.path, 1)
	if err != nil {
		db.log.Error("checkpointer has no connection", "err", err)
		return
	}
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := conn.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil && ctx.Err() == nil {
			db.log.Warn("checkpoint did not run", "err", err)
		}
	}
}

// Close implements engine.DB. The lock goes last.
func (db *DB) Close() error {
	db.stop()
	<-db.done
	return db.closeAll()
}

func (db *DB) closeAll() error {
	var errs []error
	for _, p := range []*pool{db.read, db.relaxed, db.durable, db.lease} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close())
	}
	return errors.Join(errs...)
}

// Ping implements engine.DB.
func (db *DB) Ping(ctx context.Context) error {
	var n int64
	return db.read.QueryRowContext(ctx, "SELECT count(*) FROM schema_version").Scan(&n)
}

// Describe implements engine.DB.
func (db *DB) Describe() string { return "sqlite " + db.path }

// Lost implements engine.DB: the lock on a local file cannot be lost.
func (db *DB) Lost() <-chan error { return nil }

// code is SQLite's number for an error, 0 if it is another's.
func code(err error) int {
	var e *driver.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code()
}

// explain says what an error of opening means to the operator.
func explain(err error) error {
	switch code(err) & 0xff {
	case lib.SQLITE_NOTADB:
		return errors.New("it is not a SQLite database")
	case lib.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged: %w", err)
	case lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return fmt.Errorf("it cannot be opened for writing: %w", err)
	}
	return err
}
