package feed

// Figures are what /metrics shows of a hub.
type Figures struct {
	Publishers int   // feeds of this node
	Replicas   int   // feeds that somebody here follows
	Views      int64 // fetched from other nodes, views or only the events that were missed
	Gaps       int64 // followers that had missed something and had to fetch again
	Panics     int64 // of followers; each is in the log
}

// Figures counts.
func (h *Hub) Figures() Figures {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Figures{Publishers: len(h.publishers), Replicas: len(h.replicas), Views: h.views.Load(), Gaps: h.gaps.Load(), Panics: h.panics.Load()}
}
