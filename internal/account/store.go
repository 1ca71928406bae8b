package account

import (
	"context"
	"errors"
	"maps"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/mail"
)

// Errors of a Store.
var (
	ErrNotFound   = errors.New("account: not found")
	ErrNameTaken  = errors.New("account: name taken")
	ErrEmailTaken = errors.New("account: e-mail taken")
	ErrConflict   = errors.New("account: changed meanwhile")
	ErrNoLease    = errors.New("account: the node that claims a session has no lease")
)

// Cache tables and their keys: TableUser by decimal id, TableName by lower-cased
// name, TableEmail by lower-cased address, TableRelations by decimal id.
const (
	TableUser      = "user"
	TableName      = "user_name"
	TableEmail     = "user_email"
	TableRelations = "relations"
)

// Store keeps users. Every change adds rows to the change log in its transaction
// and returns them, so that the caller can announce them.
type Store interface {
	UserByID(ctx context.Context, id int64) (*User, error)
	// UserIDByName and UserIDByEmail compare case-insensitively.
	UserIDByName(ctx context.Context, name string) (int64, error)
	UserIDByEmail(ctx context.Context, email string) (int64, error)
	// InsertUser stores a new user under u.ID. Of two at once with one name or
	// address exactly one succeeds; the other gets ErrNameTaken or ErrEmailTaken.
	InsertUser(ctx context.Context, u *User, with ...With) ([]cache.Change, error)
	// UpdateUser replaces the row if its version is still u.Version, else ErrConflict.
	// A rename logs the old and the new name. Another address or password, or the mark of
	// a forgotten user, takes an open link for a new password away.
	UpdateUser(ctx context.Context, u *User, with ...With) ([]cache.Change, error)
	// NoteLogin records the facts of a login without touching the version.
	NoteLogin(ctx context.Context, id int64, at time.Time, ip, client, lobbyHash string) error
	CountUsers(ctx context.Context) (int64, error)
	// PutReset lets who knows a text of this digest set the password of u once, for a
	// while. False if there is one already; ErrConflict if the version of the user is not
	// u.Version any more: the letter might go to an address that is not the user's.
	PutReset(ctx context.Context, u *User, digest string, life time.Duration, with With) (bool, error)
	// FindReset returns whose it is; ErrNotFound if it is unknown or over. An update uses
	// it up (With.Reset).
	FindReset(ctx context.Context, digest string) (user int64, err error)
}

// With is what is stored in the transaction of a change of a user: all of it, or nothing.
type With struct {
	Letters []mail.Letter
	// Reset is the digest of a link for a new password of this user that the update uses
	// up: ErrNotFound if it is not there, or over.
	Reset string
	Act   *Act
}

// Act is what the audit log says of a change.
type Act struct {
	Action  string
	User    int64  // who did it; 0: the operator, or the server
	By      string // who the operator was
	Details map[string]any
}

// with returns the act with more details; the caller's stays as it is. No act stays none.
func (a *Act) with(key string, value any) *Act {
	if a == nil {
		return nil
	}
	c := *a
	c.Details = maps.Clone(a.Details)
	if c.Details == nil {
		c.Details = map[string]any{}
	}
	c.Details[key] = value
	return &c
}

// Claim is a session: the right to be the one connection of a user. Its epoch
// rises with every claim; the newest wins.
type Claim struct {
	User        int64
	Epoch       int64
	Node        string
	Incarnation int64
}

// SessionStore keeps who is logged in where.
type SessionStore interface {
	// ClaimSession takes the user's session for a node, with epoch+1, and returns it
	// with the claim it replaces (Epoch 0 if there was none). A node whose lease is not
	// valid, by the store's clock, gets ErrNoLease: nobody would see its session, and
	// that of a living node would end for it.
	ClaimSession(ctx context.Context, user int64, node string, incarnation int64) (now, before Claim, err error)
	// KeepSessions has claims of this node that were made in an earlier history of the store
	// go on in this one, with their epochs, which are below all that it gives. Of a user who
	// has a newer one that stays. ErrNoLease as above.
	KeepSessions(ctx context.Context, node string, incarnation int64, held []Claim) error
	// Sessions returns the claims of one incarnation that are the newest of their users.
	Sessions(ctx context.Context, incarnation int64) ([]Claim, error)
}
