package account

import (
	"sync"
	"time"
)

// The rules of how often one may try.
const (
	countLife  = 10 * time.Second // of the login counter, from the last counted attempt
	penalty    = 10               // what the counter is set to after a flood or a rename
	perWindow  = 4                // tries of a secret per window
	tryWindow  = time.Minute
	maxCounted = 100_000 // accounts remembered; beyond it the oldest memory is given up
)

// attempts counts logins per account: those of this node, and the wrong ones of which
// other nodes tell (TopicTried). No login waits for another node.
type attempts struct {
	most    int // accounts remembered
	mu      sync.Mutex
	counts  map[countKey]count
	windows map[windowKey]*window
}

// countKey is who logs in and from where, so that nobody is kept out by what others do
// elsewhere. What holds wherever the user is has no network.
type countKey struct {
	user    int64
	network string
}

type count struct {
	n    int
	last time.Time
}

// windowKey names what is tried: the password or a code of an account, for some from one
// network, see tries.
type windowKey struct {
	user int64
	what string
	ip   string // the network, by its limit.Key
}

// window holds the times of the last tries, oldest first after a wrap at next.
type window struct {
	times [perWindow]time.Time
	next  int
}

func newAttempts() *attempts {
	return &attempts{most: maxCounted, counts: map[countKey]count{}, windows: map[windowKey]*window{}}
}

// flooding reports whether a login of the user from a network must be refused because limit
// logins are counted already.
func (a *attempts) flooding(user int64, network string, limit int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range []countKey{{user, network}, {user: user}} {
		if c, ok := a.counts[key]; ok && now.Sub(c.last) < countLife && c.n >= limit {
			return true
		}
	}
	return false
}

// note counts a login of the user from a network.
func (a *attempts) note(user int64, network string, now time.Time) {
	a.add(countKey{user, network}, 1, now)
}

// punish makes the user wait for the counter's life before the next login, from wherever.
func (a *attempts) punish(user int64, now time.Time) { a.add(countKey{user: user}, penalty, now) }

func (a *attempts) add(key countKey, n int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counts[key]
	if now.Sub(c.last) >= countLife {
		c.n = 0
	}
	a.counts[key] = count{n: min(c.n+n, 1<<20), last: now}
	if len(a.counts) > a.most {
		prune(a.counts, a.most/2, func(c count) bool { return now.Sub(c.last) >= countLife })
	}
}

// spent reports whether the window's tries are used up.
func (a *attempts) spent(key windowKey, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, ok := a.windows[key]
	return ok && now.Sub(w.times[w.next]) < tryWindow
}

// try takes one try of the window and reports whether there was one.
func (a *attempts) try(key windowKey, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, ok := a.windows[key]
	if !ok {
		w = &window{}
		a.windows[key] = w
	}
	if now.Sub(w.times[w.next]) < tryWindow {
		return false
	}
	w.times[w.next] = now
	w.next = (w.next + 1) % len(w.times)
	if len(a.windows) > a.most {
		prune(a.windows, a.most/2, func(w *window) bool {
			return now.Sub(w.times[(w.next+len(w.times)-1)%len(w.times)]) >= tryWindow
		})
	}
	return true
}

// prune drops what is over, and then whatever until left are left: memory stays
// bounded even under an attack with very many accounts.
func prune[K comparable, V any](m map[K]V, left int, over func(V) bool) {
	for k, v := range m {
		if over(v) {
			delete(m, k)
		}
	}
	if len(m) <= left+left/2 {
		return // a quarter is free again: no need to forget anything that counts
	}
	for k := range m {
		if len(m) <= left {
			return
		}
		delete(m, k)
	}
}
