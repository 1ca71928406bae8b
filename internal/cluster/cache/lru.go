package cache

import "time"

// entry is a value, or the knowledge that there is none.
type entry[K comparable, V any] struct {
	key     K
	value   V
	absent  bool
	version int64 // of the write that made it, 0 for one that was loaded
	at      time.Time

	newer, older *entry[K, V]
}

func (e *entry[K, V]) result() (V, error) {
	if e.absent {
		var none V
		return none, ErrAbsent
	}
	return e.value, nil
}

// lru is a bounded map: beyond size, the least recently used entry goes. Entries
// are replaced, never changed, but for their place in the row.
type lru[K comparable, V any] struct {
	size    int
	entries map[K]*entry[K, V]
	ends    entry[K, V] // ends.older is the newest, ends.newer the oldest
}

func (l *lru[K, V]) init(size int) {
	l.size = size
	l.entries = map[K]*entry[K, V]{}
	l.ends.newer, l.ends.older = &l.ends, &l.ends
}

func (l *lru[K, V]) peek(key K) *entry[K, V] { return l.entries[key] }

// get is peek that counts as use.
func (l *lru[K, V]) get(key K) *entry[K, V] {
	e := l.entries[key]
	if e != nil {
		l.unlink(e)
		l.link(e)
	}
	return e
}

func (l *lru[K, V]) put(e *entry[K, V]) {
	l.remove(e.key)
	l.entries[e.key] = e
	l.link(e)
	if len(l.entries) > l.size {
		l.remove(l.ends.newer.key)
	}
}

func (l *lru[K, V]) remove(key K) {
	if e := l.entries[key]; e != nil {
		delete(l.entries, key)
		l.unlink(e)
	}
}

func (l *lru[K, V]) link(e *entry[K, V]) {
	e.newer, e.older = &l.ends, l.ends.older
	e.older.newer, l.ends.older = e, e
}

func (l *lru[K, V]) unlink(e *entry[K, V]) {
	e.newer.older, e.older.newer = e.older, e.newer
	e.newer, e.older = nil, nil
}
