package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"teiserver/internal/store/engine"
)

// connectTimeout is how long a server may take to answer a new connection.
const connectTimeout = 4 * time.Second

// leaseConnections: one for renewals, and one so that looking at the others does
// not stand in front of them. After a broken link there are more for a while, as those
// that broke, and those to a server that does not answer, keep their places until they
// are cleared away.
const (
	leaseConnections    = 2
	leaseConnectionsMax = 8
)

// session is what every connection sets. idle_in_transaction_session_timeout is
// not above the margin of a lease: a node that stops inside a transaction must not
// hold up those who take over from it.
var session = map[string]string{
	"application_name":                    "teiserver",
	"synchronous_commit":                  "on",
	"default_transaction_isolation":       "read committed",
	"lock_timeout":                        "2s",
	"statement_timeout":                   "5s",
	"idle_in_transaction_session_timeout": "750ms",
	// A host that vanished must not keep its locks until the server's system
	// notices, which by default takes two hours.
	"tcp_keepalives_idle":     "10",
	"tcp_keepalives_interval": "5",
	"tcp_keepalives_count":    "3",
}

// patient are the settings of connections that wait for an advisory lock.
var patient = map[string]string{"lock_timeout": "0", "statement_timeout": "0"}

// Options of Open.
type Options struct {
	Use engine.Use
	Log *slog.Logger
}

// DB is an open database. It implements engine.DB.
type DB struct {
	name   string
	leases *pgxpool.Pool
	pool   *pgxpool.Pool
	hold   *hold // of a node
}

// Open connects, takes the right to use the database, and migrates.
func Open(ctx context.Context, url string, opts Options) (db *DB, err error) {
	whole := ctx
	ctx, cancel := engine.Bound(whole)
	defer func() { cancel() }()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database: read its address: %w", err) // pgx hides the password
	}
	prepare(config.ConnConfig)
	db = &DB{name: describe(config.ConnConfig)}
	defer func() {
		if err != nil {
			_ = db.Close()
			db, err = nil, fmt.Errorf("database %s: %w", db.name, err)
		}
	}()
	if opts.Use.Node() {
		if db.hold, err = takeHold(ctx, config.ConnConfig, opts); err != nil {
			return db, err
		}
	}
	if err := migrate(whole, config.ConnConfig, opts.Use); err != nil {
		return db, err
	}
	cancel()
	ctx, cancel = engine.Bound(whole)
	config.MaxConnLifetimeJitter = config.MaxConnLifetime / 10
	config.AfterConnect = nameSystem
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return db, err
	}
	leases := config.Copy()
	leases.MaxConns, leases.MinConns = leaseConnectionsMax, leaseConnections
	if db.leases, err = pgxpool.NewWithConfig(ctx, leases); err != nil {
		return db, err
	}
	return db, db.Ping(ctx)
}

// prepare sets what all connections share.
func prepare(config *pgx.ConnConfig) {
	for key, value := range session {
		config.RuntimeParams[key] = value
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTimeout {
		config.ConnectTimeout = connectTimeout
	}
	config.DialFunc = hurry(config.DialFunc)
	// Statements are prepared once per connection and then named: a batch must not
	// need a second round trip to learn its types.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	config.StatementCacheCapacity = 512
}

// nameSystem notes for the function store_timeline which system this connection is to:
// that takes a reading of a file, too much for each renewal and claim.
func nameSystem(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('teiserver.system', (SELECT system_identifier::text FROM pg_control_system()), FALSE)`)
	return err
}

// single connects outside the pools, for work that waits.
func single(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config = config.Copy()
	for key, value := range patient {
		config.RuntimeParams[key] = value
	}
	return pgx.ConnectConfig(ctx, config)
}

// describe names all hosts of an address that has several.
func describe(c *pgx.ConnConfig) string {
	hosts := []string{place(c.Host, c.Port)}
	for _, other := range c.Fallbacks {
		if at := place(other.Host, other.Port); !slices.Contains(hosts, at) {
			hosts = append(hosts, at)
		}
	}
	return fmt.Sprintf("postgres %s@%s/%s", c.User, strings.Join(hosts, ","), c.Database)
}

func place(host string, port uint16) string {
	if host != "" && host[0] == '/' {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// Describe implements engine.DB.
func (db *DB) Describe() string { return db.name }

// Ping implements engine.DB.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := engine.Bound(ctx)
	defer cancel()
	return db.pool.Ping(ctx)
}

// Queue is the pool that the queue of jobs takes its connections from.
func (db *DB) Queue() *pgxpool.Pool { return db.pool }

// Lost implements engine.DB.
func (db *DB) Lost() <-chan error {
	if db.hold == nil {
		return nil
	}
	return db.hold.lost
}

// Close implements engine.DB. The right to use the database is given up last.
func (db *DB) Close() error {
	if db.leases != nil {
		db.leases.Close()
	}
	if db.pool != nil {
		db.pool.Close()
	}
	if db.hold != nil {
		db.hold.end()
	}
	return nil
}

// Violated implements engine.DB: unique constraints are named table.column.
func (db *DB) Violated(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == uniqueViolation {
		return e.ConstraintName
	}
	return ""
}

// SQLSTATE codes that mean something here.
const (
	uniqueViolation = "23505"
	fenced          = "TS001" // raised by the function fence
)
