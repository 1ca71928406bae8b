package app

import (
	"context"

	"teiserver/internal/cluster/lease"
)

// A failover of the database, or a backup that was put back, begins another history of it,
// and this node goes on in that with its clients, see cluster.Node. What the services know
// of the store may be undone.

// onTimeline is told by the cluster.
func (s *Server) onTimeline(lease.Membership) {
	select {
	case s.timeline <- struct{}{}:
	default:
	}
}

// incarnation is under what the store knows this node now.
func (s *Server) incarnation() int64 { return s.node.Membership().Incarnation }

// followTimelines has the services begin anew with the store each time, until ctx ends.
func (s *Server) followTimelines(ctx context.Context) {
	for {
		select {
		case <-s.timeline:
		case <-ctx.Done():
			return
		}
		s.rejoined()
		s.caches.Void()
		s.clients.OnTimeline()
	}
}
