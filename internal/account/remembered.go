package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// How long and how many right passwords are remembered.
const (
	rememberFor   = 10 * time.Minute
	maxRemembered = 20_000
)

// remembered knows which passwords were found right a short while ago, so that a user
// who comes back after a lost connection costs no hash. It never leaves the node:
// after the death of another one its users pay the hash again.
//
// What is kept is a MAC, under a key that only this process has and never writes, of
// the user, the stored hash and what the client sent. So a password that was changed
// is forgotten by itself, and only right ones are here: nobody learns from a fast
// answer what the answer does not say.
type remembered struct {
	most int
	key  [sha256.Size]byte

	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

func newRemembered() *remembered {
	r := &remembered{most: maxRemembered, until: map[[sha256.Size]byte]time.Time{}}
	_, _ = rand.Read(r.key[:]) // never fails
	return r
}

// mark is what is kept of a right password. Each part has its length before it, so
// that no two logins have one mark.
func (r *remembered) mark(user int64, stored, sent string) (mark [sha256.Size]byte) {
	h := hmac.New(sha256.New, r.key[:])
	var b []byte
	b = binary.BigEndian.AppendUint64(b, uint64(user)) //nolint:gosec // a number for a number
	b = binary.BigEndian.AppendUint64(b, uint64(len(stored)))
	h.Write(b)
	h.Write([]byte(stored))
	h.Write([]byte(sent))
	h.Sum(mark[:0])
	return mark
}

// has reports whether this was found right within the last minutes.
func (r *remembered) has(user int64, stored, sent string, now time.Time) bool {
	mark := r.mark(user, stored, sent)
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[mark]
	return ok && now.Before(until)
}

// add remembers a password that was found right.
func (r *remembered) add(user int64, stored, sent string, now time.Time) {
	mark := r.mark(user, stored, sent)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until[mark] = now.Add(rememberFor)
	if len(r.until) > r.most {
		prune(r.until, r.most/2, func(until time.Time) bool { return !now.Before(until) })
	}
}
