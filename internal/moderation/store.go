package moderation

import (
	"context"
	"errors"
	"time"

	"teiserver/internal/cluster/cache"
)

// Errors of a Store.
var (
	ErrNotFound = errors.New("moderation: not found")
	ErrOver     = errors.New("moderation: is over already")
	ErrDone     = errors.New("moderation: was done already")
)

// Cache tables: TableStanding by decimal id of the user, TableBans by KeyBans, TableBanned
// by KeyBanned.
const (
	TableStanding = "standing"
	TableBans     = "bans"
	TableBanned   = "banned"
	KeyBanned     = "all"
	KeyBans       = "all"
)

// Store keeps what moderators do. What changes a Standing or the bans adds rows to the
// change log in its transaction and returns them; entries are written in the transaction of
// what they tell of.
type Store interface {
	// Standing is never nil.
	Standing(ctx context.Context, user int64) (*Standing, error)
	Bans(ctx context.Context) (*Bans, error)

	// AddAction stores an action and returns it with its number and time.
	AddAction(ctx context.Context, a Action, e Entry) (Action, []cache.Change, error)
	// EndAction ends one before its time: ErrNotFound, ErrOver.
	EndAction(ctx context.Context, id, by int64, reason string, e Entry) (Action, []cache.Change, error)
	// EndExpired ends actions that have run out, each once, at most so many.
	EndExpired(ctx context.Context, most int) (ended []Action, changed []cache.Change, err error)
	// Actions lists those of a user, or of all with user 0, the newest first.
	Actions(ctx context.Context, q ActionQuery) ([]Action, error)

	AddReport(ctx context.Context, r Report) (Report, error)
	// ReportsSince counts what a user has reported in the last while.
	ReportsSince(ctx context.Context, reporter int64, age time.Duration) (int, error)
	// CloseReport notes which action came of it, 0 if none did: ErrNotFound, ErrOver.
	CloseReport(ctx context.Context, id, by, action int64, e Entry) (Report, error)
	Reports(ctx context.Context, q ReportQuery) ([]Report, error)

	// AddBan stores a ban; with a source its owner is banned too, by the action.
	AddBan(ctx context.Context, b Ban, source *Action, e Entry) (Ban, []cache.Change, error)
	RemoveBan(ctx context.Context, id, by int64, e Entry) (Ban, []cache.Change, error)
	BanList(ctx context.Context, all bool) ([]Ban, error)

	// MarkUser changes marks of an account.
	MarkUser(ctx context.Context, user int64, m Mark, e Entry) ([]cache.Change, error)

	// PutKeys notes by what accounts were seen.
	PutKeys(ctx context.Context, keys []Key) error
	// Keys lists what an account was seen by.
	Keys(ctx context.Context, user int64) ([]Key, error)
	// Kin lists the names of accounts that share a key with this one, or belong to the same person.
	Kin(ctx context.Context, user int64, most int) ([]string, error)
	// Match finds, for each of these users, the first ban that counts for it by a key and
	// that was not enacted on it before; nil for who has none. The ban has no lists.
	Match(ctx context.Context, users []int64) ([]*Ban, error)

	// Banned are the lists that count; BannedLists are the same for people.
	Banned(ctx context.Context) (*Banned, error)
	BannedLists(ctx context.Context) (domains []string, phrases []Phrase, err error)
	// AddDomains returns how many are new.
	AddDomains(ctx context.Context, domains []string, e Entry) (added int, changed []cache.Change, err error)
	RemoveDomain(ctx context.Context, domain string, e Entry) ([]cache.Change, error) // ErrNotFound
	// AddPhrase stores a phrase; of one that is there it stores the severity.
	AddPhrase(ctx context.Context, p Phrase, e Entry) (Phrase, []cache.Change, error)
	RemovePhrase(ctx context.Context, id int64, e Entry) ([]cache.Change, error) // ErrNotFound

	AddEntry(ctx context.Context, e Entry) error
	Entries(ctx context.Context, q EntryQuery) ([]Entry, error)
}

// Mark is what changes of an account; nil stays.
type Mark struct {
	Shadowbanned *bool
	Alt          *int64
	AltBan       int64 // goes with Alt
}

// ActionQuery says which actions to list, at most so many.
type ActionQuery struct {
	User int64 // 0: of all
	All  bool  // also those that are over
	Most int
}

// ReportQuery says which reports to list.
type ReportQuery struct {
	Target int64 // 0: about all
	All    bool  // also those that are closed
	Most   int
}

// EntryQuery says which entries to list.
type EntryQuery struct {
	User   int64  // who did it; 0: all
	Action string // empty: all
	Most   int
}

// Key is something by which the owner of an account may be known.
type Key struct {
	User  int64     `json:"user"`
	Kind  string    `json:"kind"`
	Value string    `json:"value"`
	At    time.Time `json:"at"` // when it was seen last
}

// The kinds of keys.
const (
	KeyAddress = "ip"
	KeyClient  = "client_app_hash"
	KeyMAC     = "chobby_mac_hash"
	KeySystem  = "chobby_sysinfo_hash"
)
