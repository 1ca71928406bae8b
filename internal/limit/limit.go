// Package limit says how often something may be done: so many at once, and as many
// again in a period, for each address or account.
//
// A Meter counts whatever has a key; Addresses count by address, so that nobody gains by
// having very many. They answer from memory and without waiting for anybody. What is kept is
// bounded: who has done nothing for the period is forgotten, and under an attack by more than
// there is room for those are forgotten who have used least. Times come from the caller.
package limit

import (
	"sync"
	"time"
)

// Rate is how often something may be done. With Most below one there is no limit.
type Rate struct {
	Most int           // at once, and in each Per
	Per  time.Duration // evenly spread: one is regained after a Most-th of it
}

// PerMinute is the rate of so many a minute.
func PerMinute(most int) Rate { return Rate{Most: most, Per: time.Minute} }

func (r Rate) none() bool { return r.Most < 1 || r.Per <= 0 }

func (r Rate) each() time.Duration { return max(1, r.Per/time.Duration(r.Most)) }

// room is how far ahead of the clock a key may be.
func (r Rate) room() time.Duration { return r.each() * time.Duration(r.Most-1) }

// keys is how many a meter knows, some 100 bytes each.
const keys = 100_000

// Meter counts what is done by key. The zero value has counted nothing. It is safe for
// concurrent use. All uses of a meter must have the same rate, but for a change of a
// setting.
type Meter struct {
	mu   sync.Mutex
	due  map[string]time.Time // when all that was done is regained
	most int                  // keys; 0: as many as usual
}

// Take does it once, and reports whether it may be done.
func (m *Meter) Take(key string, r Rate, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.none() {
		return true
	}
	due := m.at(key, now)
	if due.Sub(now) > r.room() {
		return false
	}
	m.put(key, due.Add(r.each()), now)
	return true
}

// Spent reports whether Take would say no.
func (m *Meter) Spent(key string, r Rate, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !r.none() && m.at(key, now).Sub(now) > r.room()
}

// Note counts what was done without having asked, here or on another node. However often
// that is, the key is in time again after one period.
func (m *Meter) Note(key string, r Rate, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.none() {
		return
	}
	due := m.at(key, now).Add(r.each())
	if latest := now.Add(r.Per); due.After(latest) {
		due = latest
	}
	m.put(key, due, now)
}

func (m *Meter) at(key string, now time.Time) time.Time {
	if due := m.due[key]; due.After(now) {
		return due
	}
	return now
}

func (m *Meter) put(key string, due, now time.Time) {
	if m.due == nil {
		m.due = map[string]time.Time{}
	}
	m.due[key] = due
	most := m.most
	if most == 0 {
		most = keys
	}
	if len(m.due) > most {
		m.prune(most*3/4, now)
	}
}

// prune forgets who has done nothing lately, and then who has used less than others.
func (m *Meter) prune(left int, now time.Time) {
	var sum time.Duration
	for key, due := range m.due {
		if ahead := due.Sub(now); ahead <= 0 {
			delete(m.due, key)
		} else {
			sum += ahead
		}
	}
	mean := sum / time.Duration(max(1, len(m.due)))
	for _, below := range []time.Duration{mean, 1 << 62} {
		for key, due := range m.due {
			if len(m.due) <= left {
				return
			}
			if due.Sub(now) <= below {
				delete(m.due, key)
			}
		}
	}
}
