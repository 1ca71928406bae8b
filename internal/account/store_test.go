package account

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/mail"
)

// memoryStore is a Store of a test.
type memoryStore struct {
	mu       sync.Mutex
	users    map[int64]*User
	version  int64
	log      []cache.Change
	reads    int // of single users
	finds    int // of ids, by name or address
	noted    map[int64]loginNote
	letters  []mail.Letter
	acts     []Act
	resets   map[string]int64 // by digest
	broken   error            // every call fails with it
	conflict int              // so many updates meet a conflict
	between  func()           // runs before an insert or update, for races
	notedCh  chan int64
}

func newMemoryStore() *memoryStore {
	return &memoryStore{users: map[int64]*User{}, noted: map[int64]loginNote{}, resets: map[string]int64{}, notedCh: make(chan int64, 100)}
}

func (m *memoryStore) UserByID(_ context.Context, id int64) (*User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.broken != nil {
		return nil, m.broken
	}
	if u, ok := m.users[id]; ok {
		return u, nil
	}
	return nil, ErrNotFound
}

func (m *memoryStore) find(f func(u *User) bool) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finds++
	if m.broken != nil {
		return 0, m.broken
	}
	for id, u := range m.users {
		if f(u) {
			return id, nil
		}
	}
	return 0, ErrNotFound
}

func (m *memoryStore) UserIDByName(_ context.Context, name string) (int64, error) {
	return m.find(func(u *User) bool { return strings.EqualFold(u.Name, name) })
}

func (m *memoryStore) UserIDByEmail(_ context.Context, email string) (int64, error) {
	return m.find(func(u *User) bool { return strings.EqualFold(u.Email, email) })
}

// put stores a user if its name and address are free.
func (m *memoryStore) put(u *User, with ...With) ([]cache.Change, error) {
	for id, other := range m.users {
		if id != u.ID && strings.EqualFold(other.Name, u.Name) {
			return nil, ErrNameTaken
		}
		if id != u.ID && strings.EqualFold(other.Email, u.Email) {
			return nil, ErrEmailTaken
		}
	}
	var changes []cache.Change
	row := func(table, key string) {
		m.version++
		changes = append(changes, cache.Change{Version: m.version, Table: table, Key: key})
	}
	if old, ok := m.users[u.ID]; ok && !strings.EqualFold(old.Name, u.Name) {
		row(TableName, strings.ToLower(old.Name))
	}
	row(TableName, strings.ToLower(u.Name))
	row(TableEmail, strings.ToLower(u.Email))
	row(TableUser, strconv.FormatInt(u.ID, 10))
	c := u.clone()
	c.Version = m.version
	m.users[u.ID] = c
	m.log = append(m.log, changes...)
	m.keep(with...)
	return changes, nil
}

// The change log, as package cache reads it.

func (m *memoryStore) Changes(_ context.Context, after int64, limit int) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var tail []cache.Change
	for _, c := range m.log {
		if c.Version > after && len(tail) < limit {
			tail = append(tail, c)
		}
	}
	return tail, m.broken
}

func (m *memoryStore) LastChange(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version, m.broken
}

func (m *memoryStore) TrimChanges(context.Context, int64) error { return nil }

// PutReset implements Store.
func (m *memoryStore) PutReset(_ context.Context, u *User, digest string, _ time.Duration, with With) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users[u.ID].Version != u.Version {
		return false, ErrConflict
	}
	for _, user := range m.resets {
		if user == u.ID {
			return false, m.broken
		}
	}
	m.resets[digest] = u.ID
	m.keep(with)
	return true, m.broken
}

// FindReset implements Store.
func (m *memoryStore) FindReset(_ context.Context, digest string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	user, ok := m.resets[digest]
	if !ok {
		return 0, ErrNotFound
	}
	return user, m.broken
}

func (m *memoryStore) keep(with ...With) {
	for _, w := range with {
		m.letters = append(m.letters, w.Letters...)
		if w.Act != nil {
			m.acts = append(m.acts, *w.Act)
		}
	}
}

// mailed takes the letters that were stored since the last time.
func (m *memoryStore) mailed() []mail.Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.letters
	m.letters = nil
	return all
}

func (m *memoryStore) InsertUser(_ context.Context, u *User, with ...With) ([]cache.Change, error) {
	m.race()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	if _, dup := m.users[u.ID]; dup {
		return nil, errors.New("id used twice")
	}
	return m.put(u, with...)
}

func (m *memoryStore) UpdateUser(ctx context.Context, u *User, with ...With) ([]cache.Change, error) {
	m.race()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	if m.conflict > 0 {
		m.conflict--
		return nil, ErrConflict
	}
	now, ok := m.users[u.ID]
	if !ok || now.Version != u.Version {
		return nil, ErrConflict
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, w := range with {
		if w.Reset != "" && m.resets[w.Reset] != u.ID {
			return nil, ErrNotFound
		}
	}
	changes, err := m.put(u, with...)
	if err == nil && (now.Password != u.Password || now.Email != u.Email) {
		maps.DeleteFunc(m.resets, func(_ string, user int64) bool { return user == u.ID })
	}
	return changes, err
}

// race lets something else happen first, once.
func (m *memoryStore) race() {
	m.mu.Lock()
	f := m.between
	m.between = nil
	m.mu.Unlock()
	if f != nil {
		f()
	}
}

func (m *memoryStore) NoteLogin(ctx context.Context, id int64, at time.Time, ip, client, hash string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.broken != nil {
		return m.broken
	}
	m.noted[id] = loginNote{at, ip, client, hash}
	if u, ok := m.users[id]; ok {
		c := u.clone()
		c.LastLogin, c.LastIP, c.Client, c.LobbyHash = at, ip, client, hash
		m.users[id] = c
	}
	m.notedCh <- id
	return nil
}

func (m *memoryStore) CountUsers(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.users)), nil
}

func (m *memoryStore) breakWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}
