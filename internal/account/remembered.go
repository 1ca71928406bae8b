package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"sync"
	"time"
)

// maxRemembered bounds the marks that a node keeps, of all nodes: a few megabytes.
const maxRemembered = 100_000

// mark stands for a right password: a MAC, under a key that is never written, of the
// user, the name, the stored hash and what the client sent. So it is forgotten by
// itself when the user gets another password or another name, and who holds it and
// the key learns nothing without the stored hash.
type mark [sha256.Size]byte

// remembered knows which passwords were found right a short while ago, so that a user
// who comes back after a lost connection costs no hash. Only right ones are here:
// nobody learns from a fast answer what the answer does not say.
//
// It spares the hash and nothing else: the account is read from the store at every
// login, the tries are counted before, and whatever else refuses a login still does.
// It is in memory only; sharing brings it to the other nodes. docs/adr/0007 says what
// that costs.
type remembered struct {
	most int
	key  [sha256.Size]byte

	mu    sync.Mutex
	life  time.Duration // 0: nothing is remembered
	until map[mark]time.Time
	mine  map[int64]own // users whose password was found right here
	fresh []mark        // of them, those that the others do not know yet
	tell  chan struct{} // there are some; nil: there are no others
}

// own is a user who has logged in here.
type own struct {
	mark mark
	at   time.Time
}

func newRemembered() *remembered {
	r := &remembered{most: maxRemembered, until: map[mark]time.Time{}, mine: map[int64]own{}}
	_, _ = rand.Read(r.key[:]) // never fails
	return r
}

// mark is what is kept of a right password. Each part has its length before it, so
// that no two logins have one mark.
func (r *remembered) mark(u *User, sent string) (m mark) {
	h := hmac.New(sha256.New, r.key[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(u.ID))) //nolint:gosec // a number for a number
	for _, part := range []string{u.Name, u.Password} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write([]byte(sent))
	h.Sum(m[:0])
	return m
}

// keepFor sets how long passwords are remembered, those that are as well. 0 forgets all.
func (r *remembered) keepFor(life time.Duration, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if life < r.life {
		latest := now.Add(life)
		for m, until := range r.until {
			if until.After(latest) {
				r.until[m] = latest
			}
		}
	}
	if r.life = life; life == 0 {
		clear(r.until)
		clear(r.mine)
		r.fresh = nil
	}
}

// has reports whether this was found right within the last minutes, here or on
// another node. If so the user counts as one of this node.
func (r *remembered) has(user int64, m mark, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[m]
	if !ok || !now.Before(until) {
		return false
	}
	r.note(user, m, now)
	return true
}

// add remembers a password that was found right.
func (r *remembered) add(user int64, m mark, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == 0 {
		return
	}
	r.put(m, now.Add(r.life), now)
	r.note(user, m, now)
	if r.tell == nil || len(r.fresh) >= r.most {
		return
	}
	r.fresh = append(r.fresh, m)
	select {
	case r.tell <- struct{}{}:
	default:
	}
}

func (r *remembered) note(user int64, m mark, now time.Time) {
	r.mine[user] = own{m, now}
	if len(r.mine) > r.most {
		prune(r.mine, r.most*2/3, func(o own) bool { return now.Sub(o.at) >= r.life })
	}
}

func (r *remembered) put(m mark, until, now time.Time) {
	if until.After(r.until[m]) {
		r.until[m] = until
	}
	if len(r.until) > r.most {
		prune(r.until, r.most*2/3, func(until time.Time) bool { return !now.Before(until) })
	}
}

// learn remembers what another node has found right. Nothing is believed for longer
// than what is found here.
func (r *remembered) learn(marks []mark, until, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if latest := now.Add(r.life); until.After(latest) {
		until = latest
	}
	if !now.Before(until) {
		return
	}
	for _, m := range marks {
		r.put(m, until, now)
	}
}

// extend remembers on for whom here reports that they are still logged in, forgets who
// the others are whose time is over, and returns the marks of the first.
func (r *remembered) extend(here func(user int64) bool, now time.Time) []mark {
	r.mu.Lock()
	users := maps.Clone(r.mine)
	r.mu.Unlock()
	maps.DeleteFunc(users, func(user int64, _ own) bool { return !here(user) })

	r.mu.Lock()
	defer r.mu.Unlock()
	marks := make([]mark, 0, len(users))
	for user, o := range r.mine {
		if _, online := users[user]; online && r.life > 0 {
			r.put(o.mark, now.Add(r.life), now)
			marks = append(marks, o.mark)
		} else if now.Sub(o.at) >= r.life {
			delete(r.mine, user)
		}
	}
	maps.DeleteFunc(r.until, func(_ mark, until time.Time) bool { return !now.Before(until) })
	return marks
}

// take returns what the others do not know yet.
func (r *remembered) take() []mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	marks := r.fresh
	r.fresh = nil
	return marks
}
