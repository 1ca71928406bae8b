package roster

import "teiserver/internal/lobby"

// Summaries are the lobbies that are shown, as this node knows them, in order.
func (r *Roster) Summaries() []lobby.Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]lobby.Summary, 0, len(r.state.open))
	for _, l := range r.state.open {
		sum := l.sum
		sum.Info, sum.Seats = l.info, l.seats
		list = append(list, sum)
	}
	return list
}
