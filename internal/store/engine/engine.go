// Package engine says what the two databases must do for the store, each in its
// own way. Everything else of the store is written once, above.
//
// Promises of a DB: what Run, Fenced and Transact do is one transaction, durable
// when they return nil (on the Relaxed lane: as far as a crash of the process is
// concerned). An error means that it did not happen or, if the connection was lost
// or the context ended, that the outcome is unknown, also "not yet". No call hangs:
// without a deadline of the caller it ends after Patience.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/statement"
)

// Patience is how long an operation may take if its context says nothing. It is
// longer than any lock or statement time-out of the engines.
const Patience = 15 * time.Second

// ErrInUse says that another teiserver uses the database in a way that excludes this one.
var ErrInUse = errors.New("is used by another teiserver")

// Lane is the connection that a statement takes, and how durable it is.
type Lane int

// The lanes.
const (
	Lease   Lane = iota // writes of leases: nothing else stands in front of them
	Watch               // reads of leases
	Durable             // writes that must survive a loss of power
	Relaxed             // writes that must survive a crash of the process
	Read
	lanes
)

func (l Lane) String() string {
	return [lanes]string{"lease", "watch", "durable", "relaxed", "read"}[l]
}

// Lanes lists all lanes.
func Lanes() []Lane { return []Lane{Lease, Watch, Durable, Relaxed, Read} }

// Use is how a program uses a database beside others.
type Use int

// The uses.
const (
	Single    Use = iota // a node without a cluster: nobody else, except Admin
	Clustered            // a node of a cluster: others of its kind, and Admin
	Admin                // a command of the operator that changes something: beside anybody
	Setup                // as Admin, and makes a database that is not there yet
	Look                 // a command of the operator that only reads: makes and migrates nothing
)

// Node reports whether a node uses the database, and not a command of the operator.
func (u Use) Node() bool { return u == Single || u == Clustered }

// ErrMissing says that nobody has made the database yet.
var ErrMissing = errors.New("it is not there yet, or empty: the first start of a node makes it, or the first account (user add)")

// Current decides for a command whether it may open a database whose schema is at the step
// at, and which pending steps would bring to that of this program: true, and it needs no
// change; false, and the command makes it. Otherwise an error says what to do: only a node
// migrates beside others, which is how a cluster is upgraded. nodes reports whether nodes
// use the database; it is asked only where that decides.
func (u Use) Current(at int64, pending int, nodes func() (bool, error)) (bool, error) {
	if pending == 0 {
		return true, nil
	}
	if at == 0 {
		if u != Setup {
			return false, ErrMissing
		}
		return false, nil
	}
	known := at + int64(pending)
	if u == Look {
		return false, fmt.Errorf("has schema %d, this teiserver needs %d: the next start of a node brings it there", at, known)
	}
	running, err := nodes()
	if err == nil && running {
		err = fmt.Errorf("has schema %d, this teiserver needs %d, and nodes run: upgrade one of them first, or use the teiserver that they run", at, known)
	}
	return false, err
}

// Tx runs statements inside a transaction.
type Tx interface {
	Run(ctx context.Context, calls ...statement.Call) error
}

// DB is a database.
type DB interface {
	// Run executes the calls in order in one transaction and one round trip.
	Run(ctx context.Context, lane Lane, calls ...statement.Call) error
	// Fenced counts up the writes of the fence's key and then executes the effects,
	// in one transaction and one round trip; registry.ErrFenced if the fence fails.
	Fenced(ctx context.Context, f registry.Fence, effects ...statement.Call) error
	// Save stores snapshots, each behind its own fence, as registry.Store has it.
	Save(ctx context.Context, batch []registry.Snapshot) (map[registry.Key]int64, error)
	// Transact runs work in a transaction and commits it if work returns nil. It
	// takes several round trips: not for rows that others wait for.
	Transact(ctx context.Context, lane Lane, work func(ctx context.Context, tx Tx) error) error
	// Violated names the unique column ("users.name_key") that err is about, or "".
	Violated(err error) string
	Ping(ctx context.Context) error
	// Lost gets an error if the right to use the database was lost to another.
	Lost() <-chan error
	// Describe names the database without secrets.
	Describe() string
	Close() error
}

// Bound gives a context without a deadline one of Patience.
func Bound(ctx context.Context) (context.Context, context.CancelFunc) { return bound(ctx, Patience) }

// migration is how long changes of the schema may take, the wait for another node that
// makes them included. A large database on a slow disk is no reason not to start.
const migration = time.Hour

// BoundMigration gives a context without a deadline one for changes of the schema.
func BoundMigration(ctx context.Context) (context.Context, context.CancelFunc) {
	return bound(ctx, migration)
}

func bound(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}
