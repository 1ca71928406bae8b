package cluster

import (
	"sync"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/meter"
)

// lookSoonFor: what is not taken over by then is stuck, and looking more often than every
// second would only cost the store.
const lookSoonFor = 10 * time.Second

// ended measures how long the keys of a node that has ended stay without an owner:
// from when this node saw its end until a sweep finds none of them.
type ended struct {
	times *meter.Durations

	mu    sync.Mutex          // guards what follows
	known map[int64]int64     // life of each member, by incarnation
	since map[int64]time.Time // incarnations that ended with keys left, as far as is known
}

func newEnded() ended {
	return ended{times: meter.New(meter.Slow), known: map[int64]int64{}, since: map[int64]time.Time{}}
}

// members takes in who is there, and returns whose life is over. A node that goes on
// under another incarnation has not ended.
func (e *ended) members(nodes []lease.Node) (gone []int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := make(map[int64]int64, len(nodes))
	lives := make(map[int64]bool, len(nodes))
	for _, n := range nodes {
		now[n.Incarnation], lives[n.Life] = n.Life, true
	}
	for inc, life := range e.known {
		if _, there := now[inc]; !there && !lives[life] {
			e.since[inc] = time.Now()
			gone = append(gone, life)
		}
	}
	e.known = now
	return gone
}

// swept takes in a complete read of what nobody runs. It reports whether it is worth
// looking again soon.
func (e *ended) swept(rows []registry.Owner, kinds map[string]*process.Kind) (again bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.since) == 0 {
		return false
	}
	left := map[int64]bool{}
	for _, r := range rows {
		k := kinds[r.Key.Kind]
		if r.Gone && r.State == registry.Owned && k != nil && k.Scope != process.PerNode {
			left[r.Incarnation] = true
		}
	}
	for inc, since := range e.since {
		if !left[inc] {
			e.times.Since(since)
			delete(e.since, inc)
			continue
		}
		again = again || time.Since(since) < lookSoonFor
	}
	return again
}
