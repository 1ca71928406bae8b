package cache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var errReadOnly = errors.New("the table is not written through the cache")

// Put writes a value: to the store, to this node's cache, then the others are told.
func (t *Table[K, V]) Put(ctx context.Context, key K, value V) error {
	if t.o.Save == nil {
		return t.readOnly("put", key)
	}
	return t.write("put", key, func() (V, []Change, bool, error) {
		changes, err := t.o.Save(ctx, key, value)
		return value, changes, true, err
	})
}

// InsertNew writes a value if the key has none, and reports whether it did. Of all
// callers on all nodes one wins: the store decides.
func (t *Table[K, V]) InsertNew(ctx context.Context, key K, value V) (bool, error) {
	if t.o.Insert == nil {
		return false, t.readOnly("insert", key)
	}
	won := false
	err := t.write("insert", key, func() (V, []Change, bool, error) {
		changes, ok, err := t.o.Insert(ctx, key, value)
		won = ok && err == nil
		return value, changes, won, err
	})
	return won, err
}

// Update changes a value in the store, not in the cache: change gets what is stored
// there, on this node only, perhaps several times. An error of change is returned
// and nothing is written. It returns the new value.
func (t *Table[K, V]) Update(ctx context.Context, key K, change func(V) (V, error)) (V, error) {
	var now V
	if t.o.Modify == nil {
		return now, t.readOnly("update", key)
	}
	err := t.write("update", key, func() (V, []Change, bool, error) {
		v, changes, err := t.o.Modify(ctx, key, change)
		if err == nil {
			now = v
		}
		return v, changes, true, err
	})
	return now, err
}

// Delete removes a value.
func (t *Table[K, V]) Delete(ctx context.Context, key K) error {
	if t.o.Remove == nil {
		return t.readOnly("delete", key)
	}
	return t.write("delete", key, func() (none V, _ []Change, _ bool, _ error) {
		changes, err := t.o.Remove(ctx, key)
		return none, changes, false, err
	})
}

func (t *Table[K, V]) readOnly(what string, key K) error {
	return fmt.Errorf("%s %s %s: %w", what, t.name, t.o.KeyText(key), errReadOnly)
}

// write runs a write of the store and lets the caches follow it. store returns the
// value that the key has now, if it is known.
func (t *Table[K, V]) write(what string, key K, store func() (value V, changes []Change, known bool, err error)) error {
	w, _ := t.begin(key)
	value, changes, known, err := store()
	if err != nil {
		// It may have been committed all the same: what we have is in doubt, and the log
		// will tell everybody. The value is asked for again.
		t.mu.Lock()
		t.kept.remove(key)
		w.changes++
		t.end(key, w)
		t.mu.Unlock()
		return fmt.Errorf("%s %s %s: %w", what, t.name, t.o.KeyText(key), err)
	}
	t.caches.apply(changes)
	t.follow(key, w, value, known, t.versionOf(changes, key))
	t.caches.tell(changes)
	return nil
}

// versionOf is the version that this write gave to the key, 0 if none.
func (t *Table[K, V]) versionOf(changes []Change, key K) int64 {
	text, version := t.o.KeyText(key), int64(0)
	for _, ch := range changes {
		if ch.Table == t.name && ch.Key == text {
			version = max(version, ch.Version)
		}
	}
	return version
}

// follow keeps what was written, unless a newer version of it was heard of while
// we wrote: versions come from one counter, so newer is newer on every node.
func (t *Table[K, V]) follow(key K, w *work, value V, known bool, version int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.end(key, w)
	if version == 0 {
		t.kept.remove(key) // nothing was written, so what we believed may be wrong
		return
	}
	if !known || w.version > version || !t.caches.fresh() {
		return
	}
	if e := t.kept.peek(key); e != nil && e.version > version {
		return
	}
	t.kept.put(&entry[K, V]{key: key, value: value, version: version, at: time.Now()})
}
