package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"teiserver/internal/cluster/cache"
)

// userCacheSize holds everybody who is online in a large community, and those
// they talk about; a user is about half a kilobyte.
const userCacheSize = 50_000

// userMaxAge bounds how long the facts that logins note without a row in the
// change log (last login, lobby hash) may be old.
const userMaxAge = 10 * time.Minute

// lookup finds users through the caches of this node. Values are loaded when they
// are asked for; a change on any node discards them here within about a second.
type lookup struct {
	store  Store
	caches *cache.Caches
	users  *cache.Table[int64, *User]
	names  *cache.Table[string, int64]
	emails *cache.Table[string, int64]
}

func newLookup(store Store, caches *cache.Caches) *lookup {
	l := &lookup{store: store, caches: caches}
	if caches == nil {
		return l
	}
	text := func(s string) string { return s }
	same := func(s string) (string, error) { return s, nil }
	l.users = cache.NewTable(caches, TableUser, cache.TableOptions[int64, *User]{
		Load:     func(ctx context.Context, id int64) (*User, error) { return absent(store.UserByID(ctx, id)) },
		KeyText:  func(id int64) string { return strconv.FormatInt(id, 10) },
		ParseKey: func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) },
		Size:     userCacheSize,
		MaxAge:   userMaxAge,
		Purpose:  "users; a stale one shows an old name or role for a second, logins read the store",
	})
	l.names = cache.NewTable(caches, TableName, cache.TableOptions[string, int64]{
		Load:     func(ctx context.Context, name string) (int64, error) { return absent(store.UserIDByName(ctx, name)) },
		KeyText:  text,
		ParseKey: same,
		Size:     userCacheSize,
		Purpose:  "lower-cased name to id; a stale one finds a renamed user by the old name for a second",
	})
	l.emails = cache.NewTable(caches, TableEmail, cache.TableOptions[string, int64]{
		Load:     func(ctx context.Context, email string) (int64, error) { return absent(store.UserIDByEmail(ctx, email)) },
		KeyText:  text,
		ParseKey: same,
		Size:     userCacheSize / 10,
		Purpose:  "lower-cased address to id; the store decides when an address is taken",
	})
	return l
}

// absent tells the cache that there is no such user, which it may remember.
func absent[T any](v T, err error) (T, error) {
	if errors.Is(err, ErrNotFound) {
		return v, cache.ErrAbsent
	}
	return v, err
}

// found turns both ways to say "none" into the zero value without an error.
func found[T any](v T, err error, what string, key any) (T, error) {
	var none T
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, ErrNotFound) || errors.Is(err, cache.ErrAbsent):
		return none, nil
	default:
		return none, fmt.Errorf("look up %s %v: %w", what, key, err)
	}
}

func (l *lookup) user(ctx context.Context, id int64) (*User, error) {
	if l.caches == nil {
		u, err := l.store.UserByID(ctx, id)
		return found(u, err, "user", id)
	}
	u, err := l.users.GetOrLoad(ctx, id)
	return found(u, err, "user", id)
}

// cached returns the user of a name if it is known without the store.
func (l *lookup) cached(name string) (*User, bool) {
	if l.caches == nil {
		return nil, false
	}
	id, ok := l.names.Get(strings.ToLower(name))
	if !ok {
		return nil, false
	}
	return l.users.Get(id)
}

// longestName is how long names are at most: the maximum of account.max_name_length. What
// is longer, or has what no name has, is asked for by who tries things out, and is not
// looked up.
const longestName = 64

func (l *lookup) idByName(ctx context.Context, name string) (int64, error) {
	if utf8.RuneCountInString(name) > longestName || strings.ContainsRune(name, 0) {
		return 0, nil
	}
	name = strings.ToLower(name)
	if l.caches == nil {
		id, err := l.store.UserIDByName(ctx, name)
		return found(id, err, "name", name)
	}
	id, err := l.names.GetOrLoad(ctx, name)
	return found(id, err, "name", name)
}

func (l *lookup) idByEmail(ctx context.Context, email string) (int64, error) {
	email = strings.ToLower(email)
	if l.caches == nil {
		id, err := l.store.UserIDByEmail(ctx, email)
		return found(id, err, "address of user", "")
	}
	id, err := l.emails.GetOrLoad(ctx, email)
	return found(id, err, "address of user", "")
}

// stored reads a user by name past the caches. Logins use it: a ban, a rename or
// a new password counts from the moment it is stored, on every node.
func (l *lookup) stored(ctx context.Context, name string) (*User, error) {
	id, err := l.store.UserIDByName(ctx, strings.ToLower(name))
	if id, err = found(id, err, "name", name); err != nil || id == 0 {
		return nil, err
	}
	u, err := l.store.UserByID(ctx, id)
	return found(u, err, "user", id)
}

// noted discards a cached user whose lobby hash a login has changed: that write is
// not in the change log, and hosts ask for the hash right after a login.
func (l *lookup) noted(id int64, lobbyHash string) {
	if l.caches == nil {
		return
	}
	if u, ok := l.users.Get(id); ok && u.LobbyHash == lobbyHash {
		return
	}
	l.caches.Announce([]cache.Change{{Table: TableUser, Key: strconv.FormatInt(id, 10)}})
}

func (l *lookup) announce(changes []cache.Change) {
	if l.caches != nil {
		l.caches.Announce(changes)
	}
}
