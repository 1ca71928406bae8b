package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Candidate is a node that wants to join.
type Candidate struct {
	Name      string
	Address   string // where other nodes reach its bus; empty for a single node
	Version   string
	BootID    string        // of the host, and which folder on it is the node's
	Proof     bool          // the lock on that folder is ours: a namesake with the same boot id is dead
	ClusterID string        // expected; empty on first contact
	TTL       time.Duration // 0: without end, for a node that is alone in its store
	Memory    Memory        // what the node remembers of the store from before
	// Life is that of a node which goes on from the timeline before; 0: a node that begins.
	Life int64
}

// Node is a row of the node table.
type Node struct {
	Name        string        `json:"name"`
	Incarnation int64         `json:"incarnation"`
	State       string        `json:"state"` // serving, draining, left, gone
	Address     string        `json:"address"`
	Version     string        `json:"version"`
	Renewal     int64         `json:"renewal"`
	Left        time.Duration `json:"left"` // of the lease, by the store's clock; negative when expired
	TTL         time.Duration `json:"ttl"`
	Hears       []string      `json:"hears"` // the nodes it hears on the bus
	Clients     int           `json:"clients"`
	Processes   int           `json:"processes"`
	// Life is the incarnation with which the node began. It goes on with its clients
	// when the store comes to another timeline, where it gets another incarnation.
	Life int64  `json:"life"`
	Note string `json:"note,omitempty"` // what it does instead of serving, in its own words
	// Awaited is a node that lived on the timeline before and may come to this one yet. No
	// row says so: it is what the reader remembers.
	Awaited bool `json:"-"`
	// Timeline is the newest one of the store when the row was read; 0: the store is on one
	// that nobody has joined yet, and what the row says may be undone.
	Timeline int64 `json:"-"`
}

// Report is what a node tells with each renewal.
type Report struct {
	Hears     []string
	Clients   int
	Processes int
	Serving   bool
	Note      string // see Node
}

// Membership is what Join gives.
type Membership struct {
	Incarnation int64
	ClusterID   string    // made at first start, the same for all nodes of one store
	Now         time.Time // of the store, see Renewed
	Timeline    Timeline
	Hold        time.Duration // how long this node must not claim anything yet
}

// Renewed is what a renewal gives.
type Renewed struct {
	// Now is the time of day by a clock that all nodes of the store share, read within
	// the renewal (PostgreSQL: the server's; SQLite: the host's). Times in the states of
	// processes come from it; leases do not.
	Now time.Time
	// Drain is what the operator wants: that this node hands everything over and takes
	// nothing.
	Drain bool
}

// Errors of a Store.
var (
	ErrCondemned  = errors.New("lease: condemned: this incarnation is gone")
	ErrNameInUse  = errors.New("lease: another live node has this name")
	ErrNotExpired = errors.New("lease: not expired, or renewed meanwhile")
	ErrNoNode     = errors.New("lease: no live node is named")
	ErrLate       = errors.New("lease: nobody waits for this node on the new timeline any more")

	// ErrTimeline is an ErrCondemned: the store is not the one that was joined, so that
	// what it said before may be undone. Nobody who lived before may act.
	ErrTimeline = fmt.Errorf("%w: the database went to another timeline", ErrCondemned)
)

// Store keeps the leases. Its own clock decides (PostgreSQL: clock_timestamp of
// the server; SQLite: boot time and boot id of the host, which nobody sets).
type Store interface {
	// Join gives a new incarnation, a number that only rises, with a lease of TTL.
	// A live namesake: ErrNameInUse, unless it shares the boot id and Proof is set
	// (then it is condemned in the same transaction). One whose lease has run out may
	// renew no more, but its keys stay its own until it is condemned: perhaps it is
	// the store's clock that jumped.
	//
	// The first to join a store that is not what it was (a standby took over that may lack
	// the last commits, a backup was put back, or the candidate remembers more than the
	// store knows) begins a new timeline in the same transaction: whoever lives is gone,
	// and incarnations, epochs and numbers go on above all that the store may have given.
	// Who joins soon after that is told to Hold, so that nobody claims what somebody of
	// the timeline before may still trust to own. As long a Life may go on; later it is
	// ErrLate. An earlier row of the same life is no namesake: its answer was lost.
	//
	// On a store that is not what it was every statement of a lease fails, claims and
	// sequences included, until somebody has joined.
	Join(ctx context.Context, c Candidate) (Membership, error)
	// Renew extends the lease by its TTL from now. A condemned or absent row:
	// ErrCondemned; a store on another timeline: ErrTimeline.
	Renew(ctx context.Context, incarnation int64, r Report) (Renewed, error)
	// Nodes lists every row that is not older than a day, living ones first.
	Nodes(ctx context.Context) ([]Node, error)
	// SetDrain notes for the newest living node of this name what the operator wants;
	// its next renewal tells it. A new life begins without it. ErrNoNode if none lives.
	SetDrain(ctx context.Context, name string, drain bool) error
	// Condemn sets victim to gone if its lease has expired by the store's clock and
	// its renewal number is the given one, and the lease of self is valid. Else ErrNotExpired.
	Condemn(ctx context.Context, self, victim, renewal int64) error
	// Leave marks the own row as left (its keys may be claimed at once).
	Leave(ctx context.Context, incarnation int64) error
}
