package registry

import (
	"context"
	"errors"
	"fmt"
)

// Ownership is what a claim gives: the right to run a process under an epoch.
type Ownership struct {
	Key         Key
	Incarnation int64
	Epoch       int64
	Writes      int64  // durable writes so far, part of the fence
	Fresh       bool   // the key has never been owned, or its last owner closed it
	Snapshot    []byte // last snapshot, nil if there is none
}

// Fence identifies the owner in a durable write. The store begins every such
// write with: writes+1 where key, incarnation, epoch and writes are these. Zero
// rows means ErrFenced and nothing else of the transaction happens.
type Fence struct {
	Key         Key
	Incarnation int64
	Epoch       int64
	Writes      int64
	// Snapshot, if not nil, is the owner's state after the write, the applied command
	// ids in it. The store keeps it in the same transaction, so that effect, state and
	// ids agree for whoever owns the key next. Release and Save have their own.
	Snapshot []byte
}

// State of a row of the directory.
type State string

// The states.
const (
	Owned    State = "owned"
	Released State = "released" // handed back; the next claim takes it with epoch+1
	Closed   State = "closed"   // ended; the row stays so that its epoch never falls
)

// Owner is a row of the directory.
type Owner struct {
	Key         Key    `json:"key"`
	Node        string `json:"node"`
	Incarnation int64  `json:"incarnation"`
	Epoch       int64  `json:"epoch"`
	State       State  `json:"state"`
	Gone        bool   `json:"gone"`  // its incarnation has been condemned or has left
	Since       int64  `json:"since"` // unix milliseconds of the claim, by the store's clock
}

// Errors of a Store.
var (
	ErrFenced    = errors.New("registry: fenced: a newer owner or an unknown write")
	ErrLeaseLost = errors.New("registry: own lease is not valid")
)

// HeldError says that a living node owns the key. For whoever wanted the process
// to run this is success.
type HeldError struct{ Owner Owner }

func (e *HeldError) Error() string {
	return fmt.Sprintf("registry: %s is owned by %s at epoch %d", e.Owner.Key, e.Owner.Node, e.Owner.Epoch)
}

// Snapshot is one entry of a write-behind batch.
type Snapshot struct {
	Fence Fence
	Body  []byte
}

// MassClaim is how many keys should be given to TakeOver at once: a thousand in a few
// round trips, and with their snapshots well below the memory and time of one answer.
const MassClaim = 256

// Taken is what a take-over came to. A key that was given and is nowhere in it has no
// row, or was closed.
type Taken struct {
	Owned   []Ownership // taken, each with its epoch + 1 and its snapshot
	Held    []Owner     // owned by a living node
	Skipped []Key       // somebody is at work on the row: try again in a moment
}

// Store is the one authority on who owns what.
type Store interface {
	// Claim takes a key that is new, closed, released, owned by a gone incarnation,
	// or already the claimant's own (its last answer was lost): always epoch+1, in
	// one statement that also checks that the claimant's own lease is valid by the
	// store's clock. Otherwise *HeldError or ErrLeaseLost.
	Claim(ctx context.Context, key Key, incarnation int64) (Ownership, error)
	// TakeOver claims those of the keys that are released, owned by a gone incarnation,
	// or the claimant's own (the caller makes sure that it does not run them), as Claim
	// does: always epoch+1, with the claimant's lease checked in the same statement;
	// ErrLeaseLost if it is not valid. Keys without a row and closed ones stay as they
	// are. A row that somebody has locked is skipped, and delays no other. No key may be
	// given twice. It may be done in several transactions: with an error come those that
	// are known to be taken.
	TakeOver(ctx context.Context, keys []Key, incarnation int64) (Taken, error)
	// Release hands a key back with its last snapshot (nil keeps the stored one).
	Release(ctx context.Context, f Fence, snapshot []byte) error
	// CloseKey ends a key: the row and its epoch stay, the snapshot goes.
	CloseKey(ctx context.Context, f Fence) error
	// Lookup returns the row of a key; ok is false if it was never owned.
	Lookup(ctx context.Context, key Key) (o Owner, ok bool, err error)
	// Orphans returns rows that nobody runs: released, of gone incarnations, or of
	// the given incarnation (the caller compares with what it runs). Never closed ones.
	Orphans(ctx context.Context, incarnation int64, limit int) ([]Owner, error)
	// Owners lists all rows that are not closed, for operators.
	Owners(ctx context.Context) ([]Owner, error)
	// Save writes snapshots, each fenced by itself, and returns the new count of
	// writes for the keys that passed. Keys that did not pass are missing.
	Save(ctx context.Context, batch []Snapshot) (map[Key]int64, error)
}
