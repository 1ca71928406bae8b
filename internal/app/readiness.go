package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// readiness is why the node is not ready, empty if it is.
type readiness struct {
	mu  sync.Mutex
	why string
}

func (r *readiness) set(why string) {
	r.mu.Lock()
	r.why = why
	r.mu.Unlock()
}

func (r *readiness) get() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// What a node does that is not ready.
const (
	starting = "starting"
	stopping = "stopping"
	draining = "draining"
)

// notReady lists why this node should get no clients now: it would not log them in.
func (s *Server) notReady() []string {
	why := s.ready.get()
	if why == starting {
		return []string{why} // not all the rest is there
	}
	var reasons []string
	if why != "" {
		reasons = append(reasons, why)
	}
	if s.node != nil && !s.node.Trusted() {
		reasons = append(reasons, "the lease is not trusted: the database has not been reached in time")
	}
	if s.reach.lost.Load() {
		reasons = append(reasons, "the database does not answer")
	}
	return reasons
}

// How a node that is alone looks whether its database answers. One look that fails may be
// an answer that was lost.
const (
	reachEvery    = time.Second
	reachPatience = 3 * time.Second
	reachMisses   = 2
)

// reach is whether the database answers a node that has no lease which would say so.
type reach struct{ lost atomic.Bool }

func (r *reach) watch(ctx context.Context, ping func(context.Context) error, log *slog.Logger) {
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	for misses := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		look, cancel := context.WithTimeout(ctx, reachPatience)
		err := ping(look)
		cancel()
		if err == nil {
			misses = 0
			if r.lost.Swap(false) {
				log.Info("the database answers again")
			}
			continue
		}
		if misses++; misses >= reachMisses && ctx.Err() == nil && !r.lost.Swap(true) {
			log.Error("the database does not answer", "err", err)
		}
	}
}
