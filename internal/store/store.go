package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"teiserver/internal/accolade"
	"teiserver/internal/account"
	"teiserver/internal/achievement"
	"teiserver/internal/chat"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/cluster/sequence"
	"teiserver/internal/friend"
	"teiserver/internal/match"
	"teiserver/internal/setting"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/postgres"
	"teiserver/internal/store/sqlite"
)

// What the store is for the rest of the program.
var (
	_ lease.Store          = (*Store)(nil)
	_ registry.Store       = (*Store)(nil)
	_ sequence.Store       = (*Store)(nil)
	_ cache.Log            = (*Store)(nil)
	_ account.Store        = (*Store)(nil)
	_ account.SessionStore = (*Store)(nil)
	_ friend.Store         = (*Store)(nil)
	_ setting.Store        = (*Store)(nil)
	_ match.Store          = (*Store)(nil)
	_ account.StatStore    = (*Store)(nil)
	_ chat.Store           = (*Store)(nil)
	_ accolade.Store       = (*Store)(nil)
	_ achievement.Store    = (*Store)(nil)
)

// How a program uses the database beside others.
const (
	Single    = engine.Single    // a node without a cluster: no other node may use it
	Clustered = engine.Clustered // a node of a cluster
	Admin     = engine.Admin     // a command of the operator: beside any node
	Setup     = engine.Setup     // as Admin, and makes what is not there yet
	Look      = engine.Look      // as Admin, and changes nothing, not even the schema
)

// ErrMissing says that nobody has made the database yet.
var ErrMissing = engine.ErrMissing

// ErrInUse says that another teiserver uses the database in a way that excludes this one.
var ErrInUse = engine.ErrInUse

// Options say how to open a store. The zero value is for a single node.
type Options struct {
	Use engine.Use
	Log *slog.Logger

	// Clock replaces the clock of leases in tests; SQLite only, as PostgreSQL has its own.
	Clock sqlite.Clock
}

// Store is the system of record. Its methods may be called by many goroutines.
type Store struct {
	db   *measured
	use  engine.Use
	kind string
}

// Open opens the database at url, "sqlite:PATH" or "postgres://…", and brings its
// schema up to date: a node always, a command of the operator only while no node runs,
// and never to Look. Only a node and Setup make a database that is not there. Its error
// is one line for the operator.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	scheme, rest, ok := strings.Cut(url, ":")
	var (
		db  engine.DB
		err error
	)
	switch {
	case ok && scheme == "sqlite":
		db, err = sqlite.Open(ctx, rest, sqlite.Options{Use: opts.Use, Log: opts.Log, Clock: opts.Clock})
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		scheme = "postgres"
		db, err = postgres.Open(ctx, url, postgres.Options{Use: opts.Use, Log: opts.Log})
	case ok:
		// The rest may hold a password.
		return nil, fmt.Errorf("database %q: it should be sqlite:PATH or postgres://USER@HOST/NAME", scheme+":…")
	default:
		return nil, errors.New("database: it should be sqlite:PATH or postgres://USER@HOST/NAME")
	}
	if err != nil {
		return nil, oneLine(err)
	}
	return &Store{db: measure(db), use: opts.Use, kind: scheme}, nil
}

// Close ends all work and gives the database free for others.
func (s *Store) Close() error { return s.db.Close() }

// Ping asks whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Kind is "sqlite" or "postgres".
func (s *Store) Kind() string { return s.kind }

// Describe names the database without a password.
func (s *Store) Describe() string { return s.db.Describe() }

// Lost gets an error when another teiserver took a database over that this one had
// for itself, which can happen after an outage. The node must stop.
func (s *Store) Lost() <-chan error { return s.db.Lost() }

// lined is an error whose text is one line.
type lined struct{ error }

func (e lined) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e lined) Unwrap() error { return e.error }

func oneLine(err error) error { return lined{err} }
